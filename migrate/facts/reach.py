"""Which functions a program can run at all, by name: a function that nobody names cannot be what a script does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from migrate.facts.nodes import children
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


_KNOWN: WeakKeyDictionary[Program, set[int]] = WeakKeyDictionary()


def reached(program: Program) -> set[int]:
    """The ids of the nodes of all functions that may run, and of nothing else.

    Module-level code of every module runs, but for the ``__main__`` block of a module that is imported. A function may run once code
    that may run names it;
    a method also when its class is named and it is special, or when the class has a base from a library, which may call it.
    """
    found = _KNOWN.get(program)
    if found is None:
        found = _KNOWN[program] = _reached(program)
    return found


def _reached(program: Program) -> set[int]:
    found: set[int] = set()
    names: set[str] = set()
    for module in program.modules.values():
        names |= _names_of_top(module, module.path == program.entry)
    waiting = [function for function in program.functions if not _called_from_outside(program, function)]
    fresh = [function for function in program.functions if _called_from_outside(program, function)]
    while True:
        for function in fresh:
            found.add(id(function.node))
            names |= _names_of_function(function)
        fresh = []
        still: list[Function] = []
        for function in waiting:
            runs = function.node.name in names
            if not runs and function.owner is not None and function.owner.name in names:
                runs = function.node.name.startswith("__") or _has_library_base(program, function.module, function.owner)
            (fresh if runs else still).append(function)
        if not fresh:
            return found
        waiting = still


def _names_of_top(module: Module, is_entry: bool) -> frozenset[str]:
    """What the code names that runs when the module is started, or imported."""
    key = f"names of the top, {is_entry}"
    known: frozenset[str] | None = module.notes.get(key)
    if known is None:
        known = module.notes[key] = frozenset().union(*(_named(node) for node in _top_level(module, is_entry)))
    return known


def _names_of_function(function: Function) -> frozenset[str]:
    """What the body of a function and its defaults name."""
    by_id: dict[int, frozenset[str]] = function.module.notes.setdefault("names of functions", {})
    known = by_id.get(id(function.node))
    if known is None:
        arguments = function.node.args
        parts = [*function.node.body, *arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]
        known = by_id[id(function.node)] = frozenset().union(*(_named(node) for node in parts))
    return known


def _called_from_outside(program: Program, function: Function) -> bool:
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


def _named(node: ast.AST) -> set[str]:
    found = set()
    todo: list[ast.AST] = [node]
    while todo:
        current = todo.pop()
        if isinstance(current, ast.Name):
            found.add(current.id)
        elif isinstance(current, ast.Attribute):
            found.add(current.attr)
        elif isinstance(current, (ast.Import, ast.ImportFrom)):
            found |= {a.name.split(".")[-1] for a in current.names if a.asname}
        elif isinstance(current, ast.Constant) and isinstance(current.value, str) and current.value.isidentifier():
            found.add(current.value)  # getattr(module, "name"), registries, entry points by name
        if not isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef)):
            todo += children(current)
    return found


def _has_library_base(program: Program, module: Module, owner: ast.ClassDef) -> bool:
    cls = program.class_of(owner)
    bases = program.bases(cls) if cls is not None else []
    real = [b for b in owner.bases if not (isinstance(b, ast.Name) and b.id == "object")]
    return len(bases) < len(real) or any(_has_library_base(program, b.module, b.node) for b in bases)
