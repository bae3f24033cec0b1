"""What the files around a script say of the machine that it was made for: packages, Python, CUDA, operating system."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from migrate.repo import dockerfile
from migrate.repo.requirements import Requirement, asked, declared, files_in, load_toml, poetry_specifier
from migrate.repo.tree import Tree

_CUDA_TAG = re.compile(r"(?:\+|/whl/|-cuda|-cu)(?:cu)?(\d{2,3})\b")
_EXTENSION = re.compile(rb"\bext_modules\s*=|\bcythonize\(|\bCUDAExtension\(|\bCppExtension\(")


@dataclass(frozen=True)
class Told:
    """Something that a file says, and where. A version of Python is a specifier (``==3.6``, ``>=3.8``)."""

    value: str
    path: str
    line: int


@dataclass(frozen=True)
class Surroundings:
    """``declared`` is in the order of :func:`migrate.repo.requirements.declared`; ``system`` is such as ``ubuntu18.04``; ``apt`` are the
    packages that Dockerfiles add to it, ``extensions`` the folders whose setup.py compiles something."""

    declared: tuple[Requirement, ...] = ()
    python: Told | None = None
    cuda: Told | None = None
    system: Told | None = None
    apt: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()


def look_around(tree: Tree, entry_path: str) -> Surroundings:
    """What is said near ``entry_path``, the nearest folder first."""
    every = tuple(declared(tree, entry_path))
    files = list(_dockerfiles(tree, entry_path))
    bases = [(path, *found) for path, text in files if (found := dockerfile.base(text)) is not None]
    python = asked(every, ("python",))
    return Surroundings(
        every,
        Told(python.specifier, python.path, python.line) if python is not None else _python_of_files(tree, entry_path),
        next(_cuda(every, bases), None),
        next((told for base in bases if (told := system_of(*base)) is not None), None),
        tuple(dict.fromkeys(each.word for _, text in files for each in dockerfile.installed(text) if each.tool == "apt")),
        _extensions(tree),
    )


def _dockerfiles(tree: Tree, entry_path: str) -> Iterator[tuple[str, str]]:
    texts = cast("dict[str, str]", tree.memory.setdefault("dockerfiles", {}))
    for folder in _folders(entry_path):
        for path in files_in(tree, folder):
            if dockerfile.is_one(posixpath.basename(path)):
                if path not in texts:
                    texts[path] = tree.read(path).decode("utf-8", "replace")
                yield path, texts[path]


def _extensions(tree: Tree) -> tuple[str, ...]:
    """The folders whose setup.py builds an extension module."""
    known = cast("dict[str, tuple[str, ...]]", tree.memory.setdefault("extensions", {}))
    if "" not in known:
        scripts = [path for path in tree.python_files if posixpath.basename(path) == "setup.py"]
        known[""] = tuple(posixpath.dirname(path) or "." for path in scripts if _EXTENSION.search(tree.read(path)))
    return known[""]


def _folders(path: str) -> Iterator[str]:
    folder = posixpath.dirname(path)
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _python_of_files(tree: Tree, entry_path: str) -> Told | None:
    """The Python of .python-version, runtime.txt, Pipfile, pyproject.toml or setup.py."""
    known = cast("dict[str, Told | None]", tree.memory.setdefault("python", {}))
    for folder in _folders(entry_path):
        for name in (".python-version", "runtime.txt", "Pipfile", "pyproject.toml", "setup.cfg", "setup.py"):
            path = posixpath.join(folder, name)
            if path in tree.names and path not in known:
                known[path] = _python_in(name, path, tree.read(path).decode("utf-8", "replace"))
            if known.get(path) is not None:
                return known[path]
    return None


def _python_in(name: str, path: str, text: str) -> Told | None:
    if name in (".python-version", "runtime.txt"):
        match = re.match(r"(?:python-|cpython-)?(3\.\d+)", text.strip())
        return Told(f"=={match.group(1)}", path, 1) if match else None
    match = re.search(r"(?:python_requires|requires-python|python_version|python)\s*=\s*[\"']?([\^~<>=!.,\d* ]+)", text)
    if match is None or (name == "pyproject.toml" and load_toml(text) is None):
        return None
    value = match.group(1).strip()
    return Told(poetry_specifier(value), path, text.count("\n", 0, match.start()) + 1) if re.search(r"\d", value) else None


def _cuda(every: tuple[Requirement, ...], bases: list[tuple[str, str, int]]) -> Iterator[Told]:
    for each in every:
        if each.name in ("cudatoolkit", "pytorch-cuda", "cuda-toolkit") and each.version:
            yield Told(".".join(each.version.split(".")[:2]), each.path, each.line)
        match = _CUDA_TAG.search(each.text) if each.name.startswith(("torch", "cupy", "mxnet", "jax")) else None
        if match and (len(match.group(1)) == 3 or match.group(1)[0] in "89"):  # cuda12 names no minor version
            yield Told(f"{match.group(1)[:-1]}.{match.group(1)[-1]}", each.path, each.line)
    for path, image, line in bases:
        match = re.search(r"cuda:?(\d+\.\d+)", image)
        if match:
            yield Told(match.group(1), path, line)


def system_of(path: str, image: str, line: int) -> Told | None:
    """The operating system that the name of a base image tells."""
    match = re.search(r"ubuntu:?(\d\d\.\d\d)", image)
    return Told(f"ubuntu{match.group(1)}", path, line) if match else None
