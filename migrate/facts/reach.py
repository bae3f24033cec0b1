"""Which functions a program can run at all, by name: a function that nobody names cannot be what a script does."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from migrate.facts.nodes import children
from migrate.facts.notes import once
from migrate.facts.program import Function, Module, Program, is_main_guard

PLAIN_DECORATORS = {
    "property",
    "staticmethod",
    "classmethod",
    "setter",
    "no_grad",
    "inference_mode",
    "abstractmethod",
    "wraps",
    "cached_property",
    "contextmanager",
    "function",
    "script",
    "lru_cache",
    "cache",
}


Said = tuple[frozenset[str], frozenset[str]]
"""Attributes, texts, and names that are imported under another name; and names that stand bare."""


@once
def reached(program: Program) -> set[int]:
    """The ids of the nodes of all functions that may run, and of nothing else.

    Module-level code of every module runs, but for the ``__main__`` block of a module that is imported. A function may run once code
    that may run names it;
    a method also when its class is named and it is special, or when the class has a base from a library, which may call it.
    """
    found: set[int] = set()
    named = _Named()
    for module in program.modules.values():
        named.add(module, _said_at_top(program, module, module.path == program.entry))
    chosen = any(_chooses_by_text(module) for module in program.modules.values())
    fresh = [function for function in program.functions if started_outside(program, function) and _outer(program, function) is None]
    at_once = {id(function.node) for function in fresh}
    waiting = [function for function in program.functions if id(function.node) not in at_once]
    while True:
        for function in fresh:
            found.add(id(function.node))
            named.add(function.module, _said_by_function(program, function))
        fresh = []
        still: list[Function] = []
        for function in waiting:
            outer = _outer(program, function)
            runs = named.has(function.module, function.node, function.node.name)
            if function.owner is not None and function.node.name == "__init__" and not chosen:  # which every derived class names
                runs = bool(function.owner.decorator_list)
            elif outer is not None and started_outside(program, function):
                runs = id(outer.node) in found
            if not runs and function.owner is not None and named.has(function.module, function.owner, function.owner.name):
                runs = function.node.name.startswith("__") or _has_library_base(program, function.module, function.owner)
            (fresh if runs else still).append(function)
        if not fresh:
            return found
        waiting = still


def _outer(program: Program, function: Function) -> Function | None:
    """The function in which one is defined."""
    scope = function.module.scope(function.node)
    around = scope.parent.function() if scope.node is function.node and scope.parent is not None else scope.function()
    return program.function_of(around.node) if around is not None else None


def _chooses_by_text(module: Module) -> bool:
    """Whether a module gets classes by names that it makes or reads: ``getattr(models, args.arch)``."""
    known: bool | None = module.notes.get("chooses by text")
    if known is None:
        known = module.notes["chooses by text"] = any(
            isinstance(call.func, ast.Attribute) or len(call.args) < 2 or not isinstance(call.args[1], ast.Constant)
            for call in module.calls_named("getattr", "import_module", "__import__", "globals", "eval", "exec", "__subclasses__", "locate")
            if not (isinstance(call.func, ast.Attribute) and call.func.attr == "eval")  # a model's
        ) or any(isinstance(n.value, ast.Attribute) and n.value.attr == "__dict__" for n in module.nodes.of(ast.Subscript))
    return known


def _said_at_top(program: Program, module: Module, is_entry: bool) -> Said:
    """What the code names that runs when the module is started, or imported."""
    libraries = _libraries(program, module)
    key = f"names of the top, {is_entry}, {sorted(libraries)}"
    known: Said | None = module.notes.get(key)
    if known is None:
        known = module.notes[key] = _all_said(_top_level(module, is_entry), libraries)
    return known


def _said_by_function(program: Program, function: Function) -> Said:
    """What the body of a function and its defaults name."""
    libraries = _libraries(program, function.module)
    by_id: dict[int, Said] = function.module.notes.setdefault(f"names of functions, {sorted(libraries)}", {})
    known = by_id.get(id(function.node))
    if known is None:
        arguments = function.node.args
        parts = [*function.node.body, *arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]
        known = by_id[id(function.node)] = _all_said(parts, libraries)
    return known


def _libraries(program: Program, module: Module) -> frozenset[str]:
    """The names of a module that ``import`` alone binds, to libraries: what stands below them is nothing of the program's."""
    bound: dict[str, str] = {}
    for node in module.nodes.of(ast.Import):
        for alias in node.names:
            bound[alias.asname or alias.name.partition(".")[0]] = alias.name
    only = (name for name in bound if {each.kind for each in module.names.root.bindings.get(name, ())} == {"import"})
    homes = {name: (bound[name].partition(".")[0], bound[name]) for name in only}
    return frozenset(name for name, own in homes.items() if all(program.resolver(module.path, each, 0) is None for each in own))


def _all_said(nodes: Iterable[ast.AST], libraries: frozenset[str]) -> Said:
    anywhere: set[str] = set()
    bare: set[str] = set()
    for node in nodes:
        _named(node, anywhere, bare, libraries)
    return frozenset(anywhere), frozenset(bare)


class _Named:
    """The names that code which may run has said so far."""

    def __init__(self) -> None:
        self._anywhere: set[str] = set()  # attributes, texts, names that are imported under another name
        self._bare: dict[str, list[Module]] = {}  # names, with the modules that say them

    def add(self, module: Module, said: Said) -> None:
        anywhere, bare = said
        self._anywhere |= anywhere
        for name in bare:
            modules = self._bare.setdefault(name, [])
            if module not in modules:
                modules.append(module)

    def has(self, home: Module, definition: ast.AST, name: str) -> bool:
        """Whether a function or class of module ``home`` is named: by a bare name only where that can be it, not one's own."""
        if name in self._anywhere:
            return True
        saying = self._bare.get(name, ())
        if home.parent(definition) is not home.tree:
            return bool(saying)
        return any(module is home or not _defines(module, name) for module in saying)


def _defines(module: Module, name: str) -> bool:
    """Whether the module has a function or class of its own of that name, and nothing else under it."""
    kinds = {binding.kind for binding in module.names.root.bindings.get(name, ())}
    return bool(kinds) and kinds <= {"function", "class"}


def started_outside(program: Program, function: Function) -> bool:
    """Whether a library calls it: ``main`` of the entry (``tf.app.run()``), or a function handed to a decorator (hydra, click)."""
    if function.module.path == program.entry and function.owner is None and function.node.name == "main":
        return True
    by_id: dict[int, bool] = function.module.notes.setdefault("decorated", {})
    known = by_id.get(id(function.node))
    if known is None:
        last = [ast.unparse(d).split("(")[0].rsplit(".", 1)[-1] for d in function.node.decorator_list]
        known = by_id[id(function.node)] = any(name not in PLAIN_DECORATORS for name in last)
    return known


def dormant(module: Module, program: Program) -> set[int]:
    """The ids of the statements of a ``__main__`` block that does not run, since the module is imported."""
    if module.path == program.entry:
        return set()
    return module.guarded()


def is_alive(program: Program, module: Module, node: ast.AST) -> bool:
    """Whether code may run: it stands in a function that may, or at the top of a module and in no ``__main__`` block of an imported one."""
    scope = module.scope(node).function()
    return (scope is None or id(scope.node) in reached(program)) and id(node) not in dormant(module, program)


def _top_level(module: Module, is_entry: bool) -> Iterator[ast.AST]:
    todo: list[ast.stmt] = list(module.tree.body)
    while todo:
        statement = todo.pop()
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from statement.decorator_list
        elif isinstance(statement, ast.ClassDef):
            yield from [*statement.decorator_list, *statement.bases]
            todo += statement.body
        elif is_entry or not is_main_guard(statement):
            yield statement


def _named(node: ast.AST, anywhere: set[str], bare: set[str], libraries: frozenset[str]) -> None:
    """Note the names that ``node`` says in any way, and those that it says bare; not those of ``libraries``: ``json.load``."""
    todo: list[ast.AST] = [node]
    while todo:
        current = todo.pop()
        if isinstance(current, ast.Name):
            bare.add(current.id)
        elif isinstance(current, ast.Attribute):
            if not (isinstance(current.value, ast.Name) and current.value.id in libraries):
                anywhere.add(current.attr)
        elif isinstance(current, (ast.Import, ast.ImportFrom)):
            anywhere |= {a.name.split(".")[-1] for a in current.names if a.asname}
        elif isinstance(current, ast.Constant) and isinstance(current.value, str) and current.value.isidentifier():
            anywhere.add(current.value)  # getattr(module, "name"), registries, entry points by name
        if not isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef)):
            todo += children(current)


def _has_library_base(program: Program, module: Module, owner: ast.ClassDef) -> bool:
    cls = program.class_of(owner)
    bases = program.bases(cls) if cls is not None else []
    real = [b for b in owner.bases if not (isinstance(b, ast.Name) and b.id == "object")]
    return len(bases) < len(real) or any(_has_library_base(program, b.module, b.node) for b in bases)
