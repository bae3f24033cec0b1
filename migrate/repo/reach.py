"""What a script runs when it is started, followed by name through local modules: near enough to say whether it trains, never a wrong
parse."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import cast

from migrate.repo import imports
from migrate.repo import outline as outlines
from migrate.repo.candidates import THIN
from migrate.repo.outline import IMPORTED, Body, Outline
from migrate.repo.parsing import parse
from migrate.repo.tree import Tree

LIMIT = 40  # files opened for one script, nearest first
SPECIAL = ("__init__", "__call__", "__post_init__", "__enter__", "training_step", "setup")
CHOOSERS = frozenset({"globals", "locals", "eval", "getattr", "Fire"})
_EMPTY = Outline()
_TRAINING = re.compile(rb"[^e][Tt]rain|backward\(|\.fit|\.learn\(|inimize\(|apply_gradients|ptimizer|\.step\(")
STEP_NAMES = re.compile(r"train(?!ing_phase|able)|optim|update|minimi|(?<!global_)step|solver", re.IGNORECASE)


def outline_of(tree: Tree, path: str) -> Outline:
    """The outline of a file of the tree, read once; an empty one when it cannot be parsed, or holds no word of training."""
    known = tree.memory.setdefault("outline", {})
    if path not in known:
        try:
            source = tree.read(path)
            known[path] = _EMPTY if is_opaque(path, source) else outlines.read(parse(source))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            known[path] = _EMPTY
    return cast(Outline, known[path])


def is_opaque(path: str, source: bytes) -> bool:
    """Whether a file is not looked into when others reach it: it holds no word of training."""
    return not path.endswith("/__init__.py") and len(source) > THIN and _TRAINING.search(source) is None


class Reach:
    """The bodies of code that start from one script, as (file, key of the body)."""

    def __init__(self, tree: Tree, path: str) -> None:
        self.tree = tree
        self.path = path
        self.dirs = list(imports.search_dirs(tree, path))
        self.files: dict[str, None] = {}
        self.seen: dict[tuple[str, str], None] = {}
        self.attributes: set[str] = set()
        self.classes: dict[tuple[str, str], None] = {}
        self._methods: dict[str, list[tuple[str, str]]] = {}  # of the classes in use, by name
        self.methods_named: set[str] = set()
        self._waiting: deque[tuple[str, str]] = deque()
        self._local: dict[str, frozenset[str]] = {}

    def outline(self, path: str) -> Outline:
        return outline_of(self.tree, path)

    def bodies(self) -> Iterator[tuple[str, str, Body]]:
        for path, key in self.seen:
            yield path, key, self.outline(path).bodies[key]

    @cached_property
    def optimises(self) -> bool:
        """Whether parameters are stepped: asked when all is followed."""
        if any(act.method == "step" for _, _, body in self.bodies() for act in body.acts):
            return True
        if any({"grad", "parameters"} <= body.attributes for _, _, body in self.bodies()):
            return True  # by hand: `for p in model.parameters(): p.add_(p.grad, alpha=-lr)`
        return any(
            "optim" in name.lower() or name in {"SGD", "Adam", "AdamW"}
            for _, _, body in self.bodies()
            for name in body.attributes | body.names
        )

    @cached_property
    def runs_training(self) -> bool:
        """Whether a session is asked to run something named for training."""
        return any(act.method == "run" and STEP_NAMES.search(act.words) for _, _, body in self.bodies() for act in body.acts)

    def run(self, starts: Iterable[str]) -> None:
        """Follows everything that the bodies ``starts`` of the script reach."""
        for key in starts:
            self._add(self.path, key)
        while self._waiting:
            path, key = self._waiting.popleft()
            own = self.outline(path)
            body = own.bodies[key]
            if key != IMPORTED or path == self.path:
                self._follow(path, own, body)

    def _follow(self, path: str, own: Outline, body: Body) -> None:
        """Reaches what one body uses. What a module runs when it is imported is looked at, not followed: it leads through libraries."""
        for name in body.names if own.stars else body.names & own.known:
            self._name(path, name)
        for name in body.dotted:
            if name.partition(".")[0] in own.imported:
                self._dotted(path, name)
        for text in body.strings:
            self._text(path, text)
        if body.names & CHOOSERS or "Fire" in body.attributes:
            self._choose(path, body)
        if "run" in body.attributes and any(name.endswith("app.run") for name in body.dotted):
            self._add(path, "main")
        self._note(body.attributes)

    def local_names(self, path: str) -> frozenset[str]:
        """Imported names of a file that mean files of the repository."""
        if path not in self._local:
            own = self.outline(path)
            self._local[path] = frozenset(name for name in own.imported if self._target(path, name) is not None)
        return self._local[path]

    def inherited(self, path: str, name: str, depth: int = 0) -> frozenset[str]:
        """Dotted names of the library classes that the class ``name``, as the file ``path`` calls it, inherits from."""
        own = self.outline(path)
        if name in own.bases and depth < 8:
            return frozenset(base for each in own.bases[name] for base in self.inherited(path, each, depth + 1))
        first, _, rest = name.partition(".")
        if first not in own.imported:
            return frozenset()
        target = self._target(path, first)
        module, level, member = own.imported[first]
        if target is not None:
            file, symbol = target
            wanted = symbol or rest
            return self.inherited(file, wanted, depth + 1) if wanted and depth < 8 and (file, wanted) != (path, name) else frozenset()
        library = ".".join(part for part in (module, member, rest) if part)
        return frozenset({library}) if depth and not level else frozenset()

    def _add(self, path: str, key: str) -> None:
        own = self.outline(path)
        if key not in own.bodies or (path, key) in self.seen:
            return
        if path not in self.files:
            if len(self.files) >= LIMIT:
                return
            self.files[path] = None
            self.dirs += [folder for folder in imports.added_dirs(self.tree, path) if folder not in self.dirs]
            if path != self.path:
                self._add(path, IMPORTED)
        self.seen[path, key] = None
        self._waiting.append((path, key))
        if key in own.methods:
            self._class(path, key)
        for decorated, names in own.decorators.items():
            if key == outlines.RUNNING and any(name.endswith((".automain", ".main", ".command", ".callback")) for name in names):
                self._add(path, decorated)

    def _class(self, path: str, name: str) -> None:
        own = self.outline(path)
        self.classes[path, name] = None
        self.methods_named |= own.methods[name]
        for method in own.methods[name]:
            self._methods.setdefault(method, []).append((path, f"{name}.{method}"))
            if method in SPECIAL or method in self.attributes:
                self._add(path, f"{name}.{method}")
        for base in own.bases[name]:
            self._dotted(path, base) if "." in base else self._name(path, base)

    def _note(self, attributes: set[str]) -> None:
        fresh = attributes - self.attributes
        self.attributes |= fresh
        for name in fresh & self._methods.keys():
            for path, key in list(self._methods[name]):
                self._add(path, key)

    def _choose(self, path: str, body: Body) -> None:
        """Code that picks functions by their names may run any of the file; with getattr, any method of the classes in use."""
        own = self.outline(path)
        if body.names & {"globals", "locals", "eval"} or "Fire" in body.attributes | body.names:
            for key in own.bodies:
                if key not in {outlines.RUNNING, IMPORTED} and "." not in key:
                    self._add(path, key)
        if "getattr" in body.names or "Fire" in body.attributes | body.names:
            for file, name in list(self.classes):
                self._note({method for method in self.outline(file).methods[name] if "train" in method or "fit" in method})

    def _name(self, path: str, name: str) -> None:
        own = self.outline(path)
        if name in own.bodies:
            self._add(path, name)
        elif name in own.imported:
            target = self._target(path, name)
            if target is not None:
                self._symbol(*target)
        else:
            for module, level in own.stars:
                file = imports.resolve(self.tree, path, module, level, self.dirs)
                if file is not None:
                    self._symbol(file, name)

    def _text(self, path: str, text: str) -> None:
        """A text that names a function or class of the repository: configurations build objects from such."""
        module, _, member = text.rpartition(".")
        file = imports.resolve(self.tree, path, module, 0, self.dirs)
        if file is not None and member in self.outline(file).bodies:
            self._symbol(file, member)

    def _target(self, path: str, name: str) -> tuple[str, str | None] | None:
        """(file, member or None) that an imported name means, None for a library."""
        module, level, member = self.outline(path).imported[name]
        if member is not None:
            below = imports.resolve(self.tree, path, f"{module}.{member}" if module else member, level, self.dirs)
            if below is not None:
                return below, None
        file = imports.resolve(self.tree, path, module, level, self.dirs)
        return (file, member) if file is not None else None

    def _symbol(self, path: str, name: str | None, depth: int = 0) -> None:
        """Reaches ``name`` of the file ``path``, through re-exports; a module by itself only runs its import code."""
        if path not in self.files and len(self.files) >= LIMIT:
            return
        if name is None:
            self._add(path, IMPORTED)
            return
        own = self.outline(path)
        self._add(path, IMPORTED)
        if name in own.bodies:
            self._add(path, name)
        elif depth < 6 and name in own.imported:
            target = self._target(path, name)
            if target is not None:
                self._symbol(*target, depth=depth + 1)
        elif depth < 6:
            for module, level in own.stars:
                file = imports.resolve(self.tree, path, module, level, self.dirs)
                if file is not None and file != path:
                    self._symbol(file, name, depth + 1)

    def _dotted(self, path: str, name: str) -> None:
        """``module.function`` and ``package.module.function``."""
        first, *rest = name.split(".")
        own = self.outline(path)
        if first not in own.imported or not rest:
            return
        module, level, member = own.imported[first]
        whole = ".".join(part for part in (module, member) if part)
        for count in range(len(rest) - 1, -1, -1):
            inner = ".".join([whole, *rest[:count]]) if whole else ".".join(rest[:count])
            file = imports.resolve(self.tree, path, inner or None, level, self.dirs)
            if file is not None:
                self._symbol(file, rest[count])
                return
