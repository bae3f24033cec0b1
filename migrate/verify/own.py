"""A module that was not found and is the repository's own: no package index has it, it is only not on Python's path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from migrate.verify.layout import Layout

_CODE = ("/opt/ml/input/data/code", "/opt/ml/code")  # where the SDK v3 drivers and the toolkit put the source


@dataclass(frozen=True)
class Own:
    """The package or file that a missing ``module`` begins with. ``folder`` is what has to be on the path, "" for the root; ``whole``
    says that the rest of the name is there too."""

    module: str
    path: str
    folder: str
    whole: bool

    @property
    def is_own(self) -> str:
        """What it is, in words."""
        top = self.module.partition(".")[0]
        if not self.whole:
            return f"{top} is the repository's own ({self.path}), and has no {self.module}: ignored by git, or made by a build?"
        return f"{top} is the repository's own ({self.path}), and {self.folder or 'the root'} is not on Python's path"

    def in_job(self) -> str:
        """What to do for the job."""
        path = ":".join(f"{code}/{self.folder}".rstrip("/") for code in _CODE)
        return f'{self.is_own}: PYTHONPATH = "{path}" in the job\'s environment (sagemaker_job/job.toml)' if self.whole else self.is_own

    def on_ec2(self, command: str) -> str:
        """What to do for the comparison with EC2, where it is installed or the machine's PYTHONPATH has it."""
        return f"{self.is_own}: --ec2-command 'PYTHONPATH={self.folder or '.'} {command}'" if self.whole else self.is_own


def find(module: str, files: Iterable[str]) -> Own | None:
    """The place of a module in the repo's files (relative, POSIX), the outermost one; None where none of Python's has its name.

    What lies in a package is imported by that one's name: a file like ``tools/wandb.py`` there is not what ``import wandb`` means.
    """
    top, *rest = module.split(".")
    places = set()
    names = {name for name in files if name.endswith(".py")}
    for name in names:
        parts = PurePosixPath(name).parts
        if parts[-1] == f"{top}.py":
            places.add((len(parts), name, "/".join(parts[:-1])))
        elif top in parts[:-1]:
            at = parts.index(top)
            places.add((at + 1, "/".join(parts[: at + 1]) + "/", "/".join(parts[:at])))
    _, path, folder = min((place for place in places if f"{place[2]}/__init__.py" not in names), default=(0, "", ""))
    if not path:
        return None
    inner = path + "/".join(rest)
    return Own(module, path, folder, not rest or any(name == f"{inner}.py" or name.startswith(f"{inner}/") for name in names))


def of_run(module: str, place: Layout) -> Own | None:
    """The same, in a run's copy of the code."""
    return find(module, _files(place.code))


def _files(code: Path) -> Iterable[str]:
    return (path.relative_to(code).as_posix() for path in code.rglob("*.py"))
