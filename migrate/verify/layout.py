"""The scratch folder of one run: /opt/ml as the container has it, a copy of the repo in it, a home and a temporary folder of its own."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import UserError
from migrate.job.serialise import Container, Style, code_dir, config_files

# Left behind by verify itself; it is not part of what is verified.
PROOF = "sagemaker_job/verify.json"
DRILL_PROOF = "sagemaker_job/drill.json"
PAGE = "sagemaker_job/MIGRATION.md"
_VENDORED = {".git", ".hg", ".svn", "__pycache__", ".venv", "venv", "node_modules", ".tox", ".mypy_cache", ".pytest_cache", ".migrate"}


@dataclass(frozen=True)
class Layout:
    """Where everything lies. ``base`` is the scratch's /opt/ml; ``top`` holds it and all the rest of this run."""

    top: Path
    style: Style

    @property
    def base(self) -> Path:
        return self.top / "opt" / "ml"

    @property
    def code(self) -> Path:
        return Path(code_dir(self.base.as_posix(), self.style))

    @property
    def data(self) -> Path:
        return self.base / "input" / "data"

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def checkpoints(self) -> Path:
        return self.base / "checkpoints"

    @property
    def home(self) -> Path:
        return self.top / "home"

    @property
    def temporary(self) -> Path:
        return self.top / "tmp"

    @property
    def watch(self) -> Path:
        """What watches the run: the probe and what it notes, stand-ins for programs. No part of what a container has."""
        return self.top / "watch"

    @property
    def root(self) -> Path:
        """Where what a script writes to other absolute paths lands, in an engine with a root file system of its own."""
        return self.top / "root"

    @property
    def inside(self) -> Inside:
        """The same places, for an engine that leaves paths as they are."""
        return Inside(self.base, self.home, self.temporary, self.watch, self.style)

    @property
    def kept(self) -> tuple[Path, ...]:
        """What SageMaker keeps when the job ends: two archives, the synced checkpoints, and the text of a failure.

        ``success`` is the toolkit's own mark of a good end, and no loss.
        """
        output = self.base / "output"
        return (self.model, output / "data", self.checkpoints, output / "failure", output / "success")


@dataclass(frozen=True)
class Inside:
    """Where the script finds the places of a Layout."""

    base: Path
    home: Path
    temporary: Path
    watch: Path
    style: Style

    @property
    def code(self) -> Path:
        return Path(code_dir(self.base.as_posix(), self.style))

    @property
    def data(self) -> Path:
        return self.base / "input" / "data"

    @property
    def checkpoints(self) -> Path:
        return self.base / "checkpoints"


def repo_files(root: Path) -> tuple[str, ...]:
    """The files that would travel: tracked, and untracked but not ignored; without git, all but vendored folders. POSIX, sorted."""
    try:
        listed = subprocess.run(
            ["git", "-C", os.fspath(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
            capture_output=True,
            check=True,
        ).stdout
        names = [os.fsdecode(name) for name in listed.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = _walk(root)
    return tuple(sorted(name for name in names if name not in (PROOF, DRILL_PROOF, PAGE) and (root / name).is_file()))


def _walk(root: Path) -> list[str]:
    out = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _VENDORED and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))]
        out += [os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/") for name in files]
    return out


def prepare(layout: Layout, hyperparameters: Mapping[str, object], container: Container, keep: bool = False) -> None:
    """Make the folders, empty but for the configuration files. The code and the channels that are there stay.

    ``keep`` leaves the checkpoint folder as it is: another start of the same job.
    """
    for folder in (layout.home, layout.temporary, layout.root, layout.model, layout.base / "output", layout.base / "input" / "config"):
        remove(folder)
    if not keep:
        remove(layout.checkpoints)
    for folder in (layout.home, layout.temporary, layout.watch, *layout.kept[:3], layout.base / "input" / "config", layout.data):
        folder.mkdir(parents=True, exist_ok=True)
    (layout.home / ".cache").mkdir()
    if layout.style == "v3":
        (layout.data / "sm_drivers").mkdir(exist_ok=True)
    for name, text in config_files(hyperparameters, container, layout.style).items():
        (layout.base / "input" / "config" / name).write_text(text, encoding="utf-8")


def copy_files(root: Path, files: Iterable[str], to: Path) -> None:
    """Copy files with their modes and times into a folder made anew.

    A link that stays inside the repo stays a link, any other becomes what it points at.
    """
    real = root.resolve()
    remove(to)
    to.mkdir(parents=True)
    for name in files:
        source, target = root / name, to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        inside = source.is_symlink() and not os.path.isabs(os.readlink(source)) and source.resolve().is_relative_to(real)
        shutil.copy2(source, target, follow_symlinks=not inside)


def fill_channel(name: str, source: Path, layout: Layout, limit: int) -> Path:
    """Copy a channel's data into the run, read-only, so that nothing the script does can reach the data itself.

    Raises UserError where the data is not there or is larger than ``limit`` bytes.
    """
    if not source.exists():
        raise UserError(f"channel {name}: no such file or folder: {source}")
    size = _size(source, limit)
    if size > limit:
        raise UserError(f"channel {name}: {source} holds more than {limit / 2**30:.1f} GiB; verify runs on a copy: give a sample of it")
    target = layout.data / name
    remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=False, ignore_dangling_symlinks=True)
    else:
        target.mkdir()
        shutil.copy2(source, target / source.name)
    _make_read_only(target)
    return target


def whole(source: Path) -> bool:
    """Whether it is a folder that no link leads out of, so that it is the same wherever it is mounted."""
    real = source.resolve()
    for folder, folders, files in os.walk(real):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink() and (os.path.isabs(os.readlink(path)) or not path.resolve().is_relative_to(real)):
                return False
    return real.is_dir()


def move_channel(filled: Path, target: Path) -> None:
    """Hand a filled channel on to another run. A folder that is read-only cannot be moved, except by root."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.chmod(filled, stat.S_IMODE(filled.stat().st_mode) | 0o200)
    filled.rename(target)
    _chmod(os.fspath(target), ~0o222)


def _size(source: Path, limit: int) -> int:
    if source.is_file():
        return source.stat().st_size
    total = 0
    for folder, _, files in os.walk(source, followlinks=True):
        for name in files:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except OSError:
                continue
        if total > limit:
            break
    return total


def _make_read_only(folder: Path) -> None:
    for path, _, files in os.walk(folder, topdown=False):
        for name in files:
            _chmod(os.path.join(path, name), ~0o222)
        _chmod(path, ~0o222)


def _chmod(path: str, mask: int) -> None:
    os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) & mask)


def remove(path: Path) -> None:
    """Remove a file or a whole folder, read-only parts too."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        for folder, _, _ in os.walk(path):
            os.chmod(folder, 0o700)
        shutil.rmtree(path)


def discard(top: Path, keep: tuple[str, ...] = ()) -> None:
    """Remove a scratch folder, but for the names in ``keep`` at its top."""
    if not top.exists():
        return
    for child in top.iterdir():
        if child.name not in keep:
            remove(child)
    if not any(top.iterdir()):
        top.rmdir()
