"""What a repository says that it needs: requirements files, environment.yml, setup.py, setup.cfg, pyproject.toml, Pipfile, lock files,
Dockerfiles. Nothing is run."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from migrate.repo import dockerfile
from migrate.repo.parsing import parse
from migrate.repo.tree import Tree

# framework -> names of its distributions, the one that gives the version first
DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "pytorch": ("torch", "pytorch", "pytorch-cpu", "pytorch-gpu"),
    "lightning": ("torch", "pytorch"),
    "transformers": ("transformers",),
    "accelerate": ("torch", "pytorch"),
    "chainer": ("chainer",),
    "keras": ("tensorflow", "tensorflow-gpu", "tensorflow-cpu", "keras"),
    "tensorflow": ("tensorflow", "tensorflow-gpu", "tensorflow-cpu"),
    "mxnet": ("mxnet", "mxnet-cu112", "mxnet-cu110", "mxnet-cu102", "mxnet-cu101", "mxnet-cu100", "mxnet-cu92", "mxnet-cu90"),
    "jax": ("jax", "jaxlib"),
    "sklearn": ("scikit-learn", "sklearn"),
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
}
# conda's name -> PyPI's, where they differ and scripts use it
CONDA_NAMES: Mapping[str, str] = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "opencv": "opencv-python",
    "py-opencv": "opencv-python",
    "matplotlib-base": "matplotlib",
    "pytables": "tables",
    "tensorflow-base": "tensorflow",
    "msgpack-python": "msgpack",
    "py-xgboost": "xgboost",
}
_LINE = re.compile(r"^([A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?\s*(?:@\s*(\S+)|([=<>!~][^;#]*))?\s*(;.*)?$")
EXPORTED = re.compile(r"([A-Za-z0-9_][\w.-]*)=([^=\s]+)=([\w.]+)")  # a line of ``conda list --export``: name=version=build
_VERSION = re.compile(r"(===?|~=|>=|<=|>|<|!=)\s*v?([\w.*+!-]+)")
_FILE = re.compile(r"(?:^|[-_.])(?:requirements?|reqs)(?:[-_.][\w.-]*)?\.(?:txt|in|pip)$|^requirements/", re.IGNORECASE)
_CONDA = re.compile(r"^(?:conda[-_.]?)?(?:environment|env)(?:[-_.][\w.-]*)?\.ya?ml$", re.IGNORECASE)
_NOT_MAIN = re.compile(r"dev|test|doc|lint|ci\b|build", re.IGNORECASE)


@dataclass(frozen=True)
class Requirement:
    """One declared package: ``name`` normalised as PEP 503 does, ``specifier`` such as ``==1.4.0`` or ``""``, ``text`` as written, and
    where."""

    name: str
    specifier: str
    text: str
    path: str
    line: int
    extras: tuple[str, ...] = ()
    url: str | None = None
    marker: str | None = None
    conda: bool = False  # a package of conda's, whose names are not all those of PyPI

    @property
    def version(self) -> str | None:
        """The version that is pinned, or the one that ``~=`` names; None where only a bound is given."""
        found = dict(reversed(_VERSION.findall(self.specifier)))
        for operator in ("==", "===", "~="):
            if operator in found:
                return found[operator].removesuffix(".*").rstrip(".*") or None
        return None

    @property
    def bounds(self) -> str:
        """The specifier where it pins nothing (``>=1.4,<2``), as PEP 440 writes it; else empty."""
        return "" if self.version is not None else ",".join(f"{o}{v.rstrip('.*')}" for o, v in _VERSION.findall(self.specifier))

    @property
    def plain(self) -> str:
        """The line as pip takes it, with PyPI's name."""
        if self.url is not None:
            return self.text
        name = CONDA_NAMES.get(self.name, self.name) if self.conda else self.name
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        # conda's 3.4.2 is any build of it, and OpenCV's wheels have a fourth number
        loose = self.conda and re.fullmatch(r"==\d+(\.\d+)?(\.\d+)?" if name == "opencv-python" else r"==\d+(\.\d+)?", self.specifier)
        spec = f"{self.specifier}.*" if loose else self.specifier
        return f"{name}{extras}{spec}" + (f"; {self.marker}" if self.marker else "")


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_line(text: str, path: str, line: int) -> Requirement | None:
    """One line of a requirements file; None for a comment, an option or what names no package."""
    body = re.sub(r"(?:^|\s)#.*$", "", text).strip()
    if body.startswith(("-e ", "--editable ", "git+", "http:", "https:")):
        egg = re.search(r"#egg=([\w.-]+)", text) or re.search(r"/([\w.-]+?)(?:\.git)?(?:@[\w./-]+)?$", body)
        return Requirement(normal(egg.group(1)), "", body, path, line, url=body.split()[-1]) if egg and "+" in body else None
    exported = EXPORTED.fullmatch(body)
    if exported is not None:
        return Requirement(
            normal(exported.group(1)), f"=={exported.group(2)}", body, path, line, conda=not exported.group(3).startswith("pypi")
        )
    body = re.sub(r"\s+--(?:hash|config-settings|global-option).*$", "", body).rstrip("\\ ")
    match = _LINE.match(body)
    if match is None:
        return None
    name, extras, url, specifier, marker = match.groups()
    parts = tuple(part.strip() for part in (extras or "[]")[1:-1].split(",") if part.strip())
    spec = re.sub(r"\s+", "", specifier or "")
    if spec.startswith("=") and not spec.startswith("=="):
        spec = "=" + spec  # conda writes one equals sign
        spec = "==" + spec[2:].split("=")[0]  # and a build after the second
    return Requirement(normal(name), spec, body, path, line, parts, url, marker[1:].strip() if marker else None)


def declared(tree: Tree, entry_path: str) -> list[Requirement]:
    """What the files near ``entry_path`` declare: its own folder first, then the folders above, up to the root."""
    found: list[Requirement] = []
    folder = posixpath.dirname(entry_path)
    while True:
        for path in files_in(tree, folder):
            found += read(tree, path)
        if not folder:
            return found
        folder = posixpath.dirname(folder)


def files_in(tree: Tree, folder: str) -> list[str]:
    """The files of one folder that declare packages, those that do so most plainly first."""
    prefix = f"{folder}/" if folder else ""
    names = cast("dict[str, list[str]]", tree.memory.setdefault("declaring", {}))
    if not names:
        names[""] = []
        for path in tree.files:
            name = posixpath.basename(path)
            base = posixpath.dirname(path)
            if posixpath.basename(base) == "requirements" and name.endswith((".txt", ".in")):
                names.setdefault(posixpath.dirname(base), []).append(path)
            elif _FILE.search(name) or _CONDA.match(name) or name in {"setup.py", "setup.cfg", "pyproject.toml", "Pipfile"}:
                names.setdefault(base, []).append(path)
            elif dockerfile.is_one(name):
                names.setdefault(base, []).append(path)
    found = names.get(prefix.rstrip("/"), [])
    return sorted(found, key=lambda path: (bool(_NOT_MAIN.search(posixpath.basename(path))), _rank(path), len(path), path))


def _rank(path: str) -> int:
    name = posixpath.basename(path)
    if dockerfile.is_one(name):
        return 3
    return 0 if name.endswith((".txt", ".in", ".pip")) else 1 if name.endswith((".yml", ".yaml")) else 2


def read(tree: Tree, path: str) -> list[Requirement]:
    """What one file declares. A file that cannot be read declares nothing."""
    known = tree.memory.setdefault("requirements", {})
    if path not in known:
        try:
            known[path] = _read(path, tree.read(path).decode("utf-8-sig", "replace"))
        except OSError:
            known[path] = []
    return cast("list[Requirement]", known[path])


def _read(path: str, text: str) -> list[Requirement]:
    name = posixpath.basename(path)
    if name == "setup.py":
        return _setup(path, text)
    if name == "setup.cfg":
        match = re.search(r"^install_requires\s*=(.*(?:\n[ \t]+.*)*)", text, re.MULTILINE)
        return _lines(path, match.group(1), text.count("\n", 0, match.start()) + 1) if match else []
    if name in {"pyproject.toml", "Pipfile"}:
        return _toml(path, text)
    if dockerfile.is_one(name):
        return _docker(path, text)
    if name.endswith((".yml", ".yaml")):
        return _conda(path, text)
    return _lines(path, text, 1)


def _lines(path: str, text: str, first: int) -> list[Requirement]:
    found = [parse_line(line, path, number) for number, line in enumerate(text.splitlines(), first)]
    return [each for each in found if each is not None]


def _conda(path: str, text: str) -> list[Requirement]:
    """The list below ``dependencies:`` and the one below ``pip:`` in it; a small reader is enough for what conda writes."""
    found: list[Requirement] = []
    inside, pip = False, -1  # how far the list of pip's lines is indented
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"^\w", line):
            inside = line.startswith("dependencies")
        item = re.match(r"^(\s*)-\s+[\"']?([^\"'#]+)", line)
        if not inside or item is None:
            continue
        indent, word = len(item.group(1)), item.group(2).strip()
        if word == "pip:":
            pip = indent
        elif not word.endswith(":"):
            pip = -1 if indent <= pip else pip
            each = parse_line(word.rpartition("::")[2] if pip < 0 else word, path, number)
            found += [replace(each, conda=pip < 0)] if each is not None else []
    return found


def _docker(path: str, text: str) -> list[Requirement]:
    """What a Dockerfile installs by name with pip or conda, and the framework of the image that it starts from."""
    found: list[Requirement] = []
    for each in dockerfile.installed(text):
        read = parse_line(each.word, path, each.line)
        found += [replace(read, conda=each.tool == "conda")] if read is not None and each.tool in ("pip", "conda") else []
    return found


def _setup(path: str, text: str) -> list[Requirement]:
    try:
        module = parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    lists = {
        node.targets[0].id: node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
    }
    found: list[Requirement] = []
    for node in ast.walk(module):
        if isinstance(node, ast.keyword) and node.arg == "install_requires":
            value = lists.get(node.value.id, node.value) if isinstance(node.value, ast.Name) else node.value
            for part in ast.walk(value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    found += _lines(path, part.value, part.lineno)
    return found


def _toml(path: str, text: str) -> list[Requirement]:
    data = load_toml(text)
    if data is None:
        return []
    project, poetry = _table(data, "project"), _table(data, "tool", "poetry", "dependencies")
    found: list[Requirement] = []
    for item in project.get("dependencies", []) if isinstance(project.get("dependencies"), list) else []:
        found += _lines(path, str(item), _line_of(text, str(item)))
    for name, value in [*poetry.items(), *_table(data, "packages").items()]:
        version = value if isinstance(value, str) else value.get("version", "") if isinstance(value, dict) else ""
        spec = poetry_specifier(str(version))
        if name != "python":
            found.append(Requirement(normal(name), spec, f"{name}{spec}", path, _line_of(text, name)))
    return found


def poetry_specifier(version: str) -> str:
    """Poetry's and Pipenv's way to write a version as PEP 440 has it: ``^1.4`` is ``>=1.4,<2``, ``~1.4`` is ``>=1.4,<1.5``."""
    parts = []
    for part in re.split(r"\s*,\s*", version.strip()):
        caret = re.fullmatch(r"([\^~])\s*(\d+(?:\.\d+)*)", part)
        if caret is not None:
            numbers = [int(number) for number in caret.group(2).split(".")]
            place = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1) if caret.group(1) == "^" else min(1, len(numbers) - 1)
            upper = [*numbers[:place], numbers[place] + 1]
            parts.append(f">={caret.group(2)},<{'.'.join(map(str, upper))}")
        elif part not in ("", "*"):
            parts.append(f"=={part}" if part[0].isdigit() else part)
    return ",".join(parts)


def load_toml(text: str) -> dict[str, Any] | None:
    """The content of a TOML text, None when it is broken."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text).unwrap()
    except (TOMLKitError, ValueError):
        return None


def _table(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    current: Any = data
    for key in keys:
        current = current.get(key) if isinstance(current, Mapping) else None
    return current if isinstance(current, Mapping) else {}


def _line_of(text: str, part: str) -> int:
    at = text.find(part)
    return text.count("\n", 0, at) + 1 if at != -1 else 1


def framework_version(tree: Tree, entry_path: str, framework: str) -> str | None:
    """The version of ``framework`` that the files near the entry pin, as text (``1.4.0``), those that are locked first; None where they
    give no more than a bound."""
    names = DISTRIBUTIONS.get(framework, (framework,))
    found = locked(tree, entry_path)
    return next((found[name] for name in names if name in found), None) or version_of(declared(tree, entry_path), names)


def framework_bounds(tree: Tree, entry_path: str, framework: str) -> str:
    """The bounds that the files near the entry give ``framework`` (``>=1.4,<2``); empty where there are none."""
    return bounds_of(declared(tree, entry_path), DISTRIBUTIONS.get(framework, (framework,)))


def version_of(requirements: Iterable[Requirement], names: Iterable[str]) -> str | None:
    """The version of the first of ``names`` that is declared with one, where it is pinned."""
    found = asked(requirements, names)
    return found.version if found is not None else None


def bounds_of(requirements: Iterable[Requirement], names: Iterable[str]) -> str:
    """The bounds of the first of ``names`` that is declared with some; empty where it is pinned, or free."""
    found = asked(requirements, names)
    return found.bounds if found is not None else ""


def asked(requirements: Iterable[Requirement], names: Iterable[str]) -> Requirement | None:
    """What is declared of the first of ``names`` that is asked for in a version: in the nearest folder, and a pin before a bound there."""
    known = [each for each in requirements if each.specifier]
    for name in names:
        own = [each for each in known if each.name == name]
        if own:
            folder = posixpath.dirname(own[0].path)
            beside = [each for each in own if posixpath.dirname(each.path) == folder]
            return next((each for each in beside if each.version is not None), own[0])
    return None


def locked(tree: Tree, entry_path: str) -> dict[str, str]:
    """What the lock files (of Poetry, uv, PDM, Pipenv) nearest to the entry say: package to version."""
    folder = posixpath.dirname(entry_path)
    while True:
        found: dict[str, str] = {}
        for name in ("poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock"):
            path = posixpath.join(folder, name)
            if path in tree.names:
                found.update(_locked(tree, path))
        if found or not folder:
            return found
        folder = posixpath.dirname(folder)


_LOCKED = re.compile(r'^name = "([^"]+)"\nversion = "([^"]+)"', re.MULTILINE)
_LOCKED_PIPENV = re.compile(r'"([\w.-]+)": \{[^{}]*?"version": "==([^"]+)"', re.DOTALL)


def _locked(tree: Tree, path: str) -> dict[str, str]:
    known = cast("dict[str, dict[str, str]]", tree.memory.setdefault("locked", {}))
    if path not in known:
        try:
            text = tree.read(path).decode("utf-8", "replace").replace("\r\n", "\n")
        except OSError:
            text = ""
        pattern = _LOCKED_PIPENV if path.endswith("Pipfile.lock") else _LOCKED
        known[path] = {normal(name): version for name, version in pattern.findall(text)}
    return known[path]
