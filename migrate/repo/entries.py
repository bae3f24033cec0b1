"""Entry points: the scripts of a repository that train, in their own code or through local modules."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import cast

from migrate.repo import acts, candidates, imports, outline, requirements
from migrate.repo.outline import IMPORTED, RUNNING, Act, Outline
from migrate.repo.parsing import parse
from migrate.repo.reach import Reach, is_opaque
from migrate.repo.spread import spread
from migrate.repo.tests import is_smoke_test, is_test
from migrate.repo.tree import Tree
from migrate.repo.unreadable import reason_of

_NAMED_TRAIN = re.compile(r"^(?:train|finetune|pretrain)|_train\.py$", re.IGNORECASE)
_WORK = re.compile(r"train|fit|main|run|learn|optimi|solve|go\b|experiment|start|launch|cli\b|app\b|exec|loop", re.IGNORECASE)
_SCRIPT = re.compile(r"[\w.-]+\s*=\s*[\"']?\s*([\w.]+)\s*:\s*(\w+)")


TOGETHER = 40  # files that a process takes at a time
ALONE = 200  # files that one process goes through sooner than two


@dataclass(frozen=True)
class Entry:
    """A training script. ``closure`` holds its local files, itself first; ``search_dirs`` are the folders its imports resolve from,
    relative to the root.

    ``as_module``: it has relative imports, so it is started as ``python -m``. ``function`` is what a console script calls in it, where
    nothing in the file does: started by itself, it would train nothing.
    """

    path: str
    framework: str
    framework_version: str | None
    closure: tuple[str, ...]
    search_dirs: tuple[str, ...]
    as_module: bool = False
    function: str | None = None


@dataclass(frozen=True)
class Entries:
    """What was found: the entry points by path, and files that look like training scripts but cannot be read, each with the reason."""

    entries: tuple[Entry, ...]
    unreadable: tuple[tuple[str, str], ...]


def find_entries(tree: Tree, processes: int = 1) -> Entries:
    """The entry points of ``tree``. Nothing of the repository is run."""
    named = console_scripts(tree)
    paths = [tree.only] if tree.only is not None else tree.python_files
    parts = [paths[start : start + TOGETHER] for start in range(0, len(paths), TOGETHER)]

    def some(number: int) -> list[tuple[str, Entry | None, str | None]]:
        return [(path, *_look(tree, path, named.get(path))) for path in parts[number]]

    found = [each for part in spread(some, len(parts), processes if len(paths) > ALONE else 1) for each in part]
    entries = tuple(entry for _, entry, _ in found if entry is not None)
    return Entries(entries, tuple((path, reason) for path, _, reason in found if reason is not None))


def _look(tree: Tree, path: str, function: str | None) -> tuple[Entry | None, str | None]:
    try:
        source = tree.read(path)
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"
    if (
        function is None
        and tree.only is None
        and (is_test(path, source) or not candidates.may_train(source) or _is_package_file(path, source))
    ):
        return None, None
    try:
        module = parse(source)
        own = outline.read(module)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return None, reason_of(source, error)
    outlines = tree.memory.setdefault("outline", {})
    outlines[path] = own
    found = _entry(tree, path, function, module, own)
    if is_opaque(path, source):
        del outlines[path]  # to the files that are looked at later it is what it was to the earlier ones
    return found, None


def _entry(tree: Tree, path: str, function: str | None, module: ast.Module, own: Outline) -> Entry | None:
    if function is None and tree.only is None and _defines_only(tree, path, own):
        return None
    framework = framework_of(tree, path, function)
    if framework is None or (function is None and tree.only is None and is_smoke_test(tree, path, own)):
        return None
    files, dirs = imports.closure(tree, path)
    version = requirements.framework_version(tree, path, framework)
    called = function if function is not None and function not in own.bodies[RUNNING].names else None
    return Entry(path, framework, version, files, dirs, called is not None or _needs_module(module, own), called)


def _is_package_file(path: str, source: bytes) -> bool:
    """Files that are imported or run by tools, never by a person who trains."""
    name = posixpath.basename(path)
    return name in {"setup.py", "conftest.py"} or name == "__init__.py" and b"__main__" not in source


def _defines_only(tree: Tree, path: str, own: Outline) -> bool:
    """Whether a member of a package, without a main guard, only sets things up when it is imported: no act, no call named for work."""
    if own.guarded or posixpath.join(posixpath.dirname(path), "__init__.py") not in tree.names:
        return False
    body = own.bodies[RUNNING]
    return not body.acts and not any(_WORK.search(name) and not name.isupper() for name in body.names | body.attributes)


def _needs_module(module: ast.Module, own: Outline) -> bool:
    relative = any(isinstance(node, ast.ImportFrom) and node.level for node in module.body)
    return relative and not any(
        isinstance(node, ast.Name) and node.id == "__package__" and isinstance(node.ctx, ast.Store) for node in ast.walk(module)
    )


def framework_of(tree: Tree, path: str, function: str | None = None) -> str | None:
    """The framework that the script at ``path`` trains with; None when it does not train. ``function`` is what a console script calls in
    it."""
    starts = [IMPORTED, function] if function is not None else [RUNNING]
    reach = Reach(tree, path)
    reach.run(starts)
    return _judge(reach)


def _judge(reach: Reach) -> str | None:
    libraries = frozenset(name for path in reach.files for name in reach.outline(path).libraries)
    sure: set[str] = set()
    likely: set[str] = set()
    for path, key, body in reach.bodies():
        own = reach.outline(path)
        local = reach.local_names(path)
        for act in body.acts:
            made = acts.origin(own, act, local, partial(reach.inherited, path))
            found = acts.framework_of(act, made, libraries)
            if found is not None and _counts(reach, path, key, act, made, libraries, found[0]):
                (sure if found[1] else likely).add(found[0])
    found_names = sure or likely or _by_name(reach, libraries)
    return next((name for name in acts.ORDER if name in found_names), None)


def _by_name(reach: Reach, libraries: frozenset[str]) -> set[str]:
    """For a script that is named for training, steps an optimiser, and hides the rest behind what only a run can tell."""
    if not _NAMED_TRAIN.search(posixpath.basename(reach.path)) or not reach.optimises:
        return set()
    return {acts.PACKAGES[name] for name in libraries if name in acts.PACKAGES} - {"sklearn"}


def _counts(reach: Reach, path: str, key: str, act: Act, made: acts.Made, libraries: frozenset[str], framework: str) -> bool:
    """Whether a training act that is reached also says that the script trains."""
    if framework == "pytorch" and act.method in acts.GRADIENTS:
        return reach.optimises  # gradients alone also explain or attack a model
    if framework == "jax":
        return reach.optimises or bool(libraries & {"optax", "flax", "equinox", "haiku"})
    own = key.rpartition(".")[2]
    if act.method in reach.methods_named and not made.libraries and act.method in {"train", "fit", "run", "learn"}:
        return act.method == own  # the method of a local class, followed by itself
    if act.method in acts.TENSORFLOW and path != reach.path and (own == "__init__" or own.startswith(("build", "_build", "create"))):
        return reach.runs_training  # a graph that holds its training step; sampling from it builds the same graph
    return True


def console_scripts(tree: Tree) -> dict[str, str]:
    """Files that a console script starts, with the function it calls, from pyproject.toml, setup.cfg and setup.py."""
    found: dict[str, str] = {}
    for path in tree.files:
        if posixpath.basename(path) not in {"pyproject.toml", "setup.cfg", "setup.py"}:
            continue
        for module, function in _declared_scripts(tree, path):
            folder = posixpath.dirname(path)
            dirs = [folder, posixpath.join(folder, "src")]
            file = imports.resolve(tree, path, module, 0, dirs)
            if file is not None:
                found[file] = function
    return found


def _declared_scripts(tree: Tree, path: str) -> Iterator[tuple[str, str]]:
    try:
        text = tree.read(path).decode("utf-8", "replace")
    except OSError:
        return
    if path.endswith(".py"):
        at = text.find("console_scripts")
        part = text[at : at + 8000] if at != -1 else ""
    elif path.endswith(".cfg"):
        part = text.partition("console_scripts")[2].partition("\n[")[0]
    else:
        part = "".join(text.partition(head)[2].partition("\n[")[0] for head in ("[project.scripts]", "[tool.poetry.scripts]"))
    for match in _SCRIPT.finditer(part):
        yield cast("tuple[str, str]", match.groups())
