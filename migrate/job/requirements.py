"""What the repo's requirements ask for beyond the official image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from migrate.job.images import Image

# The framework itself and what is built against it: another copy from PyPI would take the place of the image's own build.
_FRAMEWORKS = re.compile(
    r"torch(vision|audio)?|tensorflow(-cpu|-gpu|-estimator)?|tf-nightly|mxnet(-cu\d+\w*)?|chainer|cupy(-cuda\d+\w*)?"
    r"|sagemaker-training|nvidia-[\w-]+"
)
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def read_requirements(root: Path, entry: str) -> tuple[str, ...]:
    """The lines of the requirements.txt nearest to ``entry`` or above it, with ``-r`` lines put in place.

    Comments and blank lines are left out; a file that cannot be read as UTF-8 counts as none.
    """
    folders = PurePosixPath(entry).parents
    for folder in folders:
        path = root / folder / "requirements.txt"
        if path.is_file():
            return tuple(_lines(path, root, set()))
    return ()


def missing(lines: Sequence[str], image: Image | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``lines`` as (what pip has to add, what the image has already).

    The framework is always the image's; another package is left to the image where the repo names no version of it.
    """
    if image is None:
        return tuple(lines), ()
    declared = {package_of(line) for line in lines}
    needed = [line for line in image.extra if declared.isdisjoint(_other_names(package_of(line)))]
    dropped: list[str] = []
    for line in lines:
        package = package_of(line)
        if package is None:
            needed.append(line)
        elif (_FRAMEWORKS.fullmatch(package) and _is_of(package, image)) or (
            package in image.present and not re.search(r"[=<>~@!\[]", line.split(";")[0])
        ):
            dropped.append(line)
        else:
            needed.append(line)
    return tuple(needed), tuple(dropped)


def _is_of(package: str, image: Image) -> bool:
    """Whether a framework's package is one of the image: another framework beside it is the repo's own."""
    other = "tensorflow" if package.startswith("t") and "torch" not in package else package.rstrip("0123456789").partition("-")[0]
    if other not in ("tensorflow", "mxnet", "chainer"):
        return True
    return other in image.repository or image.framework == other or (other == "tensorflow" and image.framework == "keras")


def pinned(lines: Sequence[str], package: str) -> str | None:
    """The version that a requirement line gives ``package`` with ``==`` or ``~=``; None where none does."""
    for line in lines:
        found = re.search(r"[=~]=\s*([0-9][\w.]*)", line.split(";")[0])
        if found and package_of(line) == package:
            return found.group(1).rstrip(".")
    return None


def _other_names(package: str | None) -> set[str | None]:
    return {"lightning", "pytorch-lightning"} if package == "lightning" else {package}


def package_of(line: str) -> str | None:
    """The normalised name of the package that a requirement line names; None for an option, a URL or a path."""
    found = _NAME.match(line)
    if found is None or line.lstrip().startswith(("-", ".", "/")) or re.match(r"\s*[a-z0-9+]+://|\s*\w+\+\w+:", line):
        return None
    return re.sub(r"[-_.]+", "-", found.group(1)).lower()


def _lines(path: Path, root: Path, seen: set[Path]) -> list[str]:
    resolved = path.resolve()
    if resolved in seen or not resolved.is_relative_to(root.resolve()) or not resolved.is_file():
        return []
    seen.add(resolved)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (UnicodeDecodeError, OSError):
        return []
    lines: list[str] = []
    for raw in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        include = re.fullmatch(r"(?:-r|--requirement)[ =]?\s*(\S+)", line)
        if include:
            lines += _lines(path.parent / include.group(1), root, seen)
        elif line:
            lines.append(line)
    return lines
