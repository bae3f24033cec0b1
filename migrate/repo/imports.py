"""Which local file an import means, and all local files that a script needs."""

from __future__ import annotations

import ast
import os
import posixpath
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from migrate.repo import syspath
from migrate.repo.parsing import parse
from migrate.repo.tree import Tree

CLOSURE_LIMIT = 160  # files; past it a script is the front of a library, and the files nearest to it are what it sets up
CLOSURE_BYTES = 1_000_000  # of source, about 25,000 lines: the same for the size of the files
# A repository may hold the source of one of these; to the scripts beside it, it is still the installed library.
LIBRARIES = frozenset(
    """
    torch torchvision torchaudio tensorflow keras chainer chainerx chainermn cupy lightning pytorch_lightning
    transformers accelerate datasets mxnet gluon jax jaxlib flax optax sklearn xgboost lightgbm catboost numpy scipy
    pandas matplotlib timm
    """.split()
)
_START = re.compile(rb"^[ \t]*(?:(?:from|import)[ \t.(\\]|.*\bimport_module[ \t]*\(|.*[:;][ \t]*(?:from|import)[ \t])", re.MULTILINE)
_IMPORT, _FROM = re.compile(rb"import"), re.compile(rb"from")
_LATER = re.compile(rb"[:;][ \t]*((?:from|import)[ \t][^\n]*)")
_BY_NAME = re.compile(rb"import_module[ \t]*\([ \t]*f?[\"']([\w.]+)([^\n)]*)")
_NAME_END = re.compile(rb"(\w+)[\"'][ \t]*(?:,|$)")
ANY = "<any>"  # the name of a module that is put together when the program runs
MOST_BY_NAME = 60


@dataclass(frozen=True)
class Import:
    """One import statement: ``from <level dots><module> import <names>``; ``names`` is empty for ``import module``."""

    module: str | None
    level: int
    names: tuple[str, ...] = ()


def resolve(tree: Tree, from_path: str, module: str | None, level: int, search_dirs: Iterable[str]) -> str | None:
    """The file of ``tree`` that ``from_path`` means by ``module`` (with ``level`` leading dots); None for a library or a folder without
    a file.

    A package is its ``__init__.py``. ``search_dirs`` are the folders of ``sys.path``, relative to the root, in their order.
    """
    parts = (module or "").split(".") if module else []
    if level:
        folder = posixpath.dirname(from_path)
        for _ in range(level - 1):
            if not folder:
                return None
            folder = posixpath.dirname(folder)
        return _file(tree, folder, parts)
    if not parts or parts[0] not in tree.modules:
        return None
    for number, folder in enumerate(search_dirs):
        found = _file(tree, folder, parts)
        if found is not None:
            return None if parts[0] in LIBRARIES and _shadows(tree, from_path, folder, parts[0], first=number == 0) else found
    return None


def _shadows(tree: Tree, from_path: str, folder: str, name: str, first: bool) -> bool:
    """Whether the name of a library, found in ``folder``, is for ``from_path`` still the library: it is neither inside that package nor
    beside it, nor a package in the folder of the script (the ``first`` that is searched), which Python finds before all others, nor in
    one that ``from_path`` itself puts on ``sys.path``."""
    if (first or folder in added_dirs(tree, from_path)) and _file(tree, folder, [name]) is not None:
        return False
    package = posixpath.join(folder, name)
    beside = posixpath.dirname(from_path) == folder and from_path != f"{package}.py"
    return not beside and not from_path.startswith(f"{package}/")


def _file(tree: Tree, folder: str, parts: list[str]) -> str | None:
    path = "/".join([folder, *parts] if folder else parts)
    if parts:
        if f"{path}.py" in tree.names:
            return f"{path}.py"
        if not tree.links:
            return f"{path}/__init__.py" if f"{path}/__init__.py" in tree.names else None
    for _ in range(8):  # a link may lead to a link
        for candidate in ([f"{path}.py"] if parts else []) + [f"{path}/__init__.py" if path else "__init__.py"]:
            if candidate in tree.names:
                return candidate
            if candidate in tree.links and tree.links[candidate] in tree.names:
                return tree.links[candidate]
        moved = _through_link(tree, path)
        if moved is None:
            return None
        path = moved
    return None


def _through_link(tree: Tree, path: str) -> str | None:
    """``path`` with the first folder that is a link replaced by what it means."""
    if not tree.links:
        return None
    steps = path.split("/")
    for i in range(1, len(steps) + 1):
        head = "/".join(steps[:i])
        if head in tree.links:
            return "/".join([tree.links[head], *steps[i:]])
    return None


def read_imports(source: bytes) -> tuple[Import, ...]:
    """The imports of a file, at any depth, found by their lines: a tenth of the time of parsing it whole.

    Text in a docstring that looks like an import is taken for one; it seldom means a local file, and a file too many does no harm.
    """
    found: list[Import] = []
    for start in _starts(source):
        text = _statement(source, start)
        by_name = _BY_NAME.search(text)
        if by_name is not None:
            found.append(_by_name(by_name))
        texts = [text] if text.lstrip().startswith((b"from", b"import")) else [later.group(1) for later in _LATER.finditer(text)]
        for piece in texts:
            found += _parse_statement(piece)
    return tuple(dict.fromkeys(found))


def _starts(source: bytes) -> list[int]:
    """Where the lines begin that may hold an import: of all lines, those with one of its words, which are found faster than a pattern."""
    lines = {source.rfind(b"\n", 0, word.start()) + 1 for words in (_IMPORT, _FROM) for word in words.finditer(source)}
    return sorted(line for line in lines if _START.match(source, line))


def _by_name(match: re.Match[bytes]) -> Import:
    """``import_module("models." + name + "_model")``: any module of the package that ends so."""
    prefix = match.group(1).decode()
    if not prefix.endswith("."):
        return Import(prefix, 0)
    end = _NAME_END.search(match.group(2))
    return Import(prefix.rstrip("."), 0, (ANY + (end.group(1).decode() if end else ""),))


def _statement(source: bytes, start: int) -> bytes:
    """The logical line that starts at ``start``, with its continuation lines."""
    end = source.find(b"\n", start)
    end = len(source) if end == -1 else end
    line = source[start:end]
    if b"(" in line and b")" not in line:
        close = source.find(b")", end)
        return source[start : close + 1] if close != -1 else line
    while line.rstrip().endswith(b"\\") and end < len(source):
        following = source.find(b"\n", end + 1)
        end = len(source) if following == -1 else following
        line = source[start:end]
    return line


@lru_cache(maxsize=4096)
def _parse_statement(text: bytes) -> tuple[Import, ...]:
    try:
        module = parse(text.strip())
    except (SyntaxError, ValueError):
        return ()
    found = []
    for node in module.body:
        if isinstance(node, ast.Import):
            found += [Import(alias.name, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(Import(node.module, node.level, tuple(alias.name for alias in node.names)))
    return tuple(found)


def imports_of(tree: Tree, path: str) -> tuple[Import, ...]:
    """The imports of one file of the tree, read once. A file that cannot be read has none."""
    known = tree.memory.setdefault("imports", {})
    if path not in known:
        try:
            known[path] = read_imports(tree.read(path))
        except OSError:
            known[path] = ()
    return cast("tuple[Import, ...]", known[path])


def added_dirs(tree: Tree, path: str) -> tuple[str, ...]:
    """Folders of the tree that one file adds to ``sys.path``."""
    known = tree.memory.setdefault("syspath", {})
    if path not in known:
        known[path] = _added_dirs(tree, path)
    return cast("tuple[str, ...]", known[path])


def _added_dirs(tree: Tree, path: str) -> tuple[str, ...]:
    try:
        source = tree.read(path)
        if not syspath.mentions(source):
            return ()
        return tuple(folder for folder in syspath.added(parse(source), path) if folder in tree.folders)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def search_dirs(tree: Tree, path: str) -> tuple[str, ...]:
    """Where a script's absolute imports are looked for: its own folder, what it adds, then the folders it may be started from (each with
    its ``src``)."""
    own = posixpath.dirname(path)
    found = [own, *added_dirs(tree, path)]
    folder = own
    while True:
        found += [folder, posixpath.join(folder, "src")]
        if not folder:
            break
        folder = posixpath.dirname(folder)
    return tuple(each for each in dict.fromkeys(found) if each in tree.folders)


def local_files(tree: Tree, path: str, imported: Import, dirs: Iterable[str]) -> list[str]:
    """Every file that one import runs: the packages on the way, the module, and members that are modules."""
    found: list[str] = []
    dirs = tuple(dirs)
    parts = imported.module.split(".") if imported.module else []
    for count in range(1, len(parts) + 1):
        step = resolve(tree, path, ".".join(parts[:count]), imported.level, dirs)
        if step is not None:
            found.append(step)
    if not parts:
        package = resolve(tree, path, None, imported.level, dirs)
        found += [package] if package is not None else []
    for name in imported.names:
        if name.startswith(ANY):
            found += _members(tree, found[-1] if found else None, name.removeprefix(ANY))
        elif name != "*":
            member = resolve(tree, path, ".".join([*parts, name]), imported.level, dirs)
            found += [member] if member is not None else []
    return found


def _members(tree: Tree, package: str | None, end: str) -> list[str]:
    """The modules that stand directly in a package and whose names end with ``end``."""
    if package is None or not package.endswith("/__init__.py"):
        return []
    folder = package.removesuffix("__init__.py")
    inside = (name for name in tree.names if name.startswith(folder) and name.endswith(f"{end}.py"))
    return sorted(name for name in inside if "/" not in name.removeprefix(folder) and name != package)[:MOST_BY_NAME]


def _size(tree: Tree, path: str) -> int:
    try:
        return os.stat(os.path.join(tree.root, path)).st_size
    except OSError:
        return 0


def is_capped(tree: Tree, files: Collection[str]) -> bool:
    """Whether a closure reached its limit: then it lacks some of what its last files import."""
    return len(files) >= CLOSURE_LIMIT or sum(_size(tree, path) for path in files) > CLOSURE_BYTES


def closure(
    tree: Tree, entry: str, dirs: Iterable[str] | None = None, limit: int = CLOSURE_LIMIT
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The local files that ``entry`` needs, itself first, nearest first; and the search folders, with those that its modules add to
    ``sys.path``."""
    folders = list(search_dirs(tree, entry) if dirs is None else dirs)
    found = {entry: None}
    waiting = [entry]
    missing: list[tuple[str, Import]] = []
    size = 0
    while waiting and len(found) < limit:
        path = waiting.pop(0)
        size += _size(tree, path)
        if size > CLOSURE_BYTES and path != entry:
            break
        fresh = [folder for folder in added_dirs(tree, path) if folder not in folders]
        folders += fresh
        todo = [(path, imported) for imported in imports_of(tree, path)]
        if fresh:
            todo += missing
            missing = []
        for importer, imported in todo:
            files = local_files(tree, importer, imported, folders)
            if not files:
                missing.append((importer, imported))
            for file in files:
                if file not in found and len(found) < limit:
                    found[file] = None
                    waiting.append(file)
    return tuple(found), tuple(folders)
