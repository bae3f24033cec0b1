"""Which version of a package a job has: what pip adds, else the image's own, else at most the last one that its Python has a wheel for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from migrate.job.requirements import package_of, pin_of
from migrate.job.wheels import last_wheel

if TYPE_CHECKING:
    from migrate.job.wanted import Wanted


def held(wanted: Wanted, package: str) -> str | None:
    """The version of ``package`` that the job of ``wanted`` has, or has at most; ``python`` is the image's. None: nobody knows."""
    image = wanted.image
    if image is None:
        return None
    if package == "python":
        return image.python
    if (package == "torch" and image.framework == "pytorch") or (package == "tensorflow" and image.framework == "tensorflow"):
        return image.version
    for line in wanted.split.needed:
        if package_of(line) == package:
            return pin_of(line) or _below(line) or last_wheel(package, image.python)
    if package == "keras":
        return _keras(image.version) if image.framework == "tensorflow" else None
    own = image.contents.packages.get(package) if image.contents is not None else None
    return own or last_wheel(package, image.python)


def has_version(wanted: Wanted, package: str, versions: str) -> bool:
    """Whether the job may have ``package`` in one of ``versions`` (``>=1.24,<2``)."""
    number = held(wanted, package)
    return number is not None and _is_within(number, versions)


@lru_cache(maxsize=1 << 12)
def _is_within(number: str, versions: str) -> bool:
    try:
        return SpecifierSet(versions).contains(Version(number))
    except (InvalidVersion, InvalidSpecifier):
        return False


def _below(line: str) -> str | None:
    """What a line's upper bound leaves at most: a version just below it."""
    found = re.search(r"<(=?)\s*([0-9.]+)", line.split(";")[0])
    if found is None:
        return None
    return found.group(2) if found.group(1) else f"{found.group(2).rstrip('.')}.dev0"


def _keras(tensorflow: str) -> str:
    """The Keras that comes with a TensorFlow: from 2.16 it is Keras 3 (https://github.com/tensorflow/tensorflow/releases/tag/v2.16.1)."""
    major, minor = (int(part) for part in tensorflow.split(".")[:2])
    return "3" if (major, minor) >= (2, 16) else tensorflow
