"""What the repo's requirements ask for beyond the official image."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from migrate.job.distributions import distributions_of
from migrate.job.images import Image
from migrate.job.wheels import why_no_wheel
from migrate.repo.requirements import EXPORTED

# The framework itself and what is built against it: another copy from PyPI would take the place of the image's own build.
_FRAMEWORKS = re.compile(
    r"torch(vision|audio)?|tensorflow(-cpu|-gpu|-estimator)?|tf-nightly|mxnet(-cu\d+\w*)?|chainer|cupy(-cuda\d+\w*)?"
    r"|sagemaker-training|nvidia-[\w-]+"
)
# Copies of modules of Python's own, for versions that no image has; some of them break the Pythons of today.
_STANDARD = frozenset("argparse asynchat asyncore configparser dataclasses distutils enum34 functools32 futures imp typing wsgiref".split())
_STANDARD |= {name.strip("_").replace("_", "-").lower() for name in sys.stdlib_module_names}
_RENAMED = {"sklearn": "scikit-learn", "pil": "pillow", "bs4": "beautifulsoup4"}
_RENAMED |= dict.fromkeys(("opencv", "opencv3", "opencv4", "py-opencv", "cv2"), "opencv-python")
# What a list that conda wrote holds and pip cannot install: PyPI has no such name, or one that refuses (pytorch).
_OF_CONDA = frozenset(
    """
    python pytorch pytorch-gpu pytorch-cpu pytorch-cuda pytorch-mutex cudatoolkit cudnn nccl mkl mkl-service blas openblas libgcc-ng
    libstdcxx-ng libffi openssl zlib tk xz readline ncurses ca-certificates python-abi intel-openmp ffmpeg freetype jpeg libpng libtiff
    """.split()
)
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


@dataclass(frozen=True)
class Split:
    """What becomes of a repo's requirements: lines that pip adds to the image, lines that it has, and what was changed, in words.

    ``unknown`` are imported modules of which nobody knows the package, and ``added`` packages that are imported and declared nowhere.
    """

    needed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


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


def split(lines: Sequence[str], image: Image | None, modules: Iterable[str] = (), elsewhere: Sequence[str] = ()) -> Split:
    """What pip has to add for ``lines`` and for the ``modules`` that are imported. ``elsewhere`` are lines of other files: they give the
    version of what is imported and stands in none of ``lines``."""
    lines, notes = _mended(lines)
    needed, dropped = missing(lines, image)
    kept, without = _installable(needed, image)
    found = Split(kept, dropped, (*notes, *without))
    return found if image is None else _with_modules(found, image, modules, lines, elsewhere)


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
        elif is_framework(package, image) or (package in image.present and not re.search(r"[=<>~@!\[]", line.split(";")[0])):
            dropped.append(line)
        else:
            needed.append(line)
    return tuple(needed), tuple(dropped)


def is_framework(package: str, image: Image) -> bool:
    """Whether a package is the framework of the image, or built against it: another framework beside it is the repo's own."""
    if not _FRAMEWORKS.fullmatch(package):
        return False
    if package.startswith(("nvidia-", "sagemaker-")):
        return True
    if package.startswith("cupy"):
        return image.framework == "chainer"
    other = "pytorch" if package.startswith("torch") else "tensorflow" if package.startswith("t") else package.partition("-")[0]
    return other in image.repository


def _mended(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``lines`` without copies of Python's own modules, and with the names that PyPI has today."""
    kept: list[str] = []
    notes: list[str] = []
    for line in lines:
        package = package_of(line)
        if package in _OF_CONDA:
            notes.append(f"{line} is left out: conda has it, and pip has nothing of that name to install")
        elif package in _STANDARD:
            notes.append(f"{line} is left out: Python has it itself")
        elif package in _RENAMED:
            kept.append(_RENAMED[package])
            notes.append(f"{line} is written as {_RENAMED[package]}: PyPI has it under that name")
        else:
            kept.append(line)
    return tuple(kept), tuple(notes)


def _installable(needed: Sequence[str], image: Image | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``needed`` without pins that the image's Python has no wheel for, where the image has that package in a version of its own."""
    kept: list[str] = []
    notes: list[str] = []
    for line in needed:
        package, version = package_of(line), pin_of(line)
        why = why_no_wheel(package, version, image.python) if image and package and version else None
        if why is None or image is None:
            kept.append(line)
        elif package in image.present:
            notes.append(f"{line} is left out, and the image's own version holds: {why}")
        else:
            kept.append(line)
            notes.append(f"{line} has to be built from source in the job, which may fail: {why}")
    return tuple(kept), tuple(notes)


def _with_modules(found: Split, image: Image, modules: Iterable[str], lines: Sequence[str], elsewhere: Sequence[str]) -> Split:
    declared = {package_of(line) for line in (*lines, *image.extra)}
    written = {str(package_of(line)): line for line in reversed(elsewhere)}
    sources = any(package_of(line) is None for line in lines)  # a line that names no package may bring any module
    needed, added, unknown, notes = list(found.needed), [], [], list(found.notes)
    for module in modules:
        normalised = re.sub(r"[-_.]+", "-", module).lower()
        packages = distributions_of(module) or ((normalised,) if normalised in written else ())
        if not packages:
            if not sources and normalised not in declared | image.present:
                unknown.append(module)
        elif declared.isdisjoint(packages) and not is_framework(packages[0], image):
            line = next((written[name] for name in packages if name in written), packages[0])
            if image.present.isdisjoint(packages) or _is_another(line, image):
                kept, without = _installable((line,), image)
                needed += kept
                notes += without
                if line == packages[0]:
                    added.append(line)
    return replace(found, needed=tuple(needed), notes=tuple(notes), added=tuple(added), unknown=tuple(unknown))


def _is_another(line: str, image: Image) -> bool:
    """Whether a line pins a version that is not the one which the image is known to have."""
    version, known = pin_of(line), image.contents
    own = known.packages.get(str(package_of(line))) if known is not None else None
    return version is not None and own != version


def pinned(lines: Sequence[str], package: str) -> str | None:
    """The version that a requirement line gives ``package`` with ``==`` or ``~=``; None where none does."""
    for line in lines:
        version = pin_of(line, "[=~]=")
        if version is not None and package_of(line) == package:
            return version
    return None


def bounds_of(lines: Sequence[str], package: str) -> str:
    """The specifier that a requirement line gives ``package`` where it pins nothing: ``>=1.4,<2``; empty where none does."""
    for line in lines:
        found = re.search(r"[<>!][^;#]*", line)
        if found and package_of(line) == package:
            return re.sub(r"\s+", "", found.group())
    return ""


def pin_of(line: str, operator: str = "==") -> str | None:
    """The version that a requirement line pins; None where it pins none."""
    found = re.search(rf"{operator}=?\s*([0-9][\w.]*)", line.split(";")[0])
    return found.group(1).rstrip(".") if found else None


def _other_names(package: str | None) -> set[str | None]:
    """The names that a package goes by on PyPI: ``pytorch-lightning`` is what ``lightning`` was called before 2."""
    return {package, "pytorch-lightning"} if package == "lightning" else {package}


@lru_cache(maxsize=1 << 12)
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
        elif exported := EXPORTED.fullmatch(line):  # of these pip has had only its own, which conda calls pypi
            lines += [f"{exported.group(1)}=={exported.group(2)}"] if exported.group(3).startswith("pypi") else []
        elif line:
            lines.append(line)
    return lines
