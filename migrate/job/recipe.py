"""How an image of one's own is built for a job: what is added to the official one, or a plain base where none runs today."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrate.job.distributions import distributions_of, system_packages
from migrate.job.images import Image, processor_of
from migrate.job.requirements import package_of

TOOLKIT = "sagemaker-training==5.1.4"  # what runs a script in containers that are no official ones; its C extension needs a compiler
# Packages that bring the library of another name, on older Ubuntus.
_SAME = {
    "libgl1": {"libgl1-mesa-glx", "libgl1-mesa-dev", "libgtk2.0-dev"},
    "libglib2.0-0": {"libglib2.0-dev", "libgtk2.0-dev", "libgtk2.0-0"},
}


@dataclass(frozen=True)
class Plain:
    """A base image that is no official one, and what makes a training container of it."""

    base: str
    system: tuple[str, ...]
    build: tuple[str, ...]  # for pip, first: the next ones are built with these
    packages: tuple[str, ...]  # for pip, before the repo's own
    why: str


# Chainer's last release on the last NumPy that it runs with; CuPy 12 is the last one that has all that it imports.
CHAINER = Plain(
    "nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04",
    ("build-essential", "python-is-python3", "python3-dev", "python3-pip"),
    ("setuptools==69.5.1", "wheel==0.45.1", "six==1.17.0", "numpy==1.23.5"),
    ("chainer==7.8.1", "cupy-cuda11x==12.3.0", TOOLKIT),
    "the official Chainer images are of 2018: Python 3.6, CUDA 9, and perhaps no longer in their registry. This one has Chainer's last "
    "release, 7.8.1, on Python 3.10 and CUDA 11.8. Chainer runs so on CPUs; with a GPU try a short job first",
)


@dataclass(frozen=True)
class Recipe:
    """What a Dockerfile does. ``plain`` is None for one on the official image; ``dnf``: the base is Amazon Linux, not Ubuntu.

    ``system`` are packages for apt or dnf, ``lacking`` those that Amazon Linux does not have; ``extensions`` are folders of the repo whose
    setup.py compiles something; ``asked`` what the repo's own Dockerfiles add to the system beyond this.
    """

    plain: Plain | None = None
    dnf: bool = False
    system: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def names(self) -> str:
        """The packages for apt or dnf, in one line."""
        return " ".join(self.system)


def recipe_of(
    image: Image, requirements: Sequence[str], modules: Iterable[str], extensions: Sequence[str] = (), apt: Sequence[str] = ()
) -> Recipe:
    """How the image of a job is built that needs ``requirements``, imports ``modules``, compiles ``extensions``, and whose own Dockerfiles
    add ``apt``."""
    plain = CHAINER if image.framework == "chainer" else None
    system = lacking_of_system(image if plain is None else None, requirements, modules)
    dnf = plain is None and _is_amazon(image)
    there, lacking = system_packages(system, dnf)
    have = _held(image) if plain is None else frozenset()
    wanted = [_named(name, image, plain) for name in there if not has_system(name, have)]
    if any("git+" in line for line in requirements) and "git" not in have:
        wanted.append("git")
    compiler = "gcc-c++" if dnf else "build-essential"
    if extensions and plain is None and not has_system(compiler, have):
        wanted.append(compiler)
    asked = tuple(name for name in apt if re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", name) and name not in {*wanted, *have})
    return Recipe(plain, dnf, tuple(dict.fromkeys(wanted)), tuple(lacking), tuple(extensions), asked)


def lacking_of_system(image: Image | None, requirements: Sequence[str], modules: Iterable[str]) -> list[str]:
    """The packages, of those that are installed or imported, whose system libraries the image is not known to have. What an image brings
    itself has what it needs."""
    packages = [name for line in requirements if (name := package_of(line)) is not None]
    packages += [names[0] for module in modules if (names := distributions_of(module)) and not set(names) & set(packages)]
    have, amazon = _held(image), _is_amazon(image)
    brought = image.present if image is not None and image.contents is not None else frozenset()
    wanted = {name: [each for part in system_packages([name], amazon) for each in part] for name in packages if name not in brought}
    return [name for name, every in wanted.items() if not all(has_system(each, have) for each in every)]


def _held(image: Image | None) -> frozenset[str]:
    return image.contents.system_packages if image is not None and image.contents is not None else frozenset()


def _named(name: str, image: Image, plain: Plain | None) -> str:
    """The name of a system package on the image's Ubuntu."""
    old = plain is None and image.contents is not None and image.contents.system == "ubuntu16.04"
    return "libgl1-mesa-glx" if old and name == "libgl1" else name


def has_system(name: str, have: frozenset[str]) -> bool:
    """Whether a system package is among ``have``, under its name or under one that older systems gave it."""
    return name in have or bool(_SAME.get(name, set()) & have)


def base_of(recipe: Recipe, image: Image, instance_type: str, region: str) -> str:
    """The whole address of what the Dockerfile starts from."""
    return recipe.plain.base if recipe.plain is not None else image.uri(region, processor_of(instance_type))


def _is_amazon(image: Image | None) -> bool:
    return image is not None and image.contents is not None and (image.contents.system or "").startswith("amzn")
