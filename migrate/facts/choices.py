"""What a name that is called may stand for, where it is given one of several functions or classes.

``make = A if big else B``, ``make = {"a": A, "b": B}[name]``, and the same by ``if`` and ``else``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.facts.program import Module

MOST_STEPS = 5  # names followed in a row
_DISPLAYS = (ast.Dict, ast.List, ast.Tuple)
MAY_CHOOSE = (ast.Name, ast.Attribute, ast.IfExp, ast.BoolOp, ast.Subscript, ast.Call)


def choices(module: Module, called: ast.expr, steps: int = 0) -> list[ast.expr]:
    """The names (``A``, ``library.B``) that ``called`` may stand for; empty where it is no choice, or not all of it is known."""
    found: list[ast.expr] = []
    for one in given(module, called):
        if not isinstance(one, MAY_CHOOSE) or steps > MOST_STEPS:
            return []
        deeper = choices(module, one, steps + 1)
        if deeper:
            found += deeper
        elif isinstance(one, (ast.Name, ast.Attribute)):
            found.append(one)
        else:
            return []
    return found


def given(module: Module, called: ast.expr) -> list[ast.expr]:
    """One step of it."""
    if isinstance(called, ast.IfExp):
        return [called.body, called.orelse]
    if isinstance(called, ast.BoolOp):
        return list(called.values)
    if isinstance(called, ast.Subscript):
        return _values(module, called.value)
    if isinstance(called, ast.Call):
        picks = isinstance(called.func, ast.Attribute) and called.func.attr == "get" and called.args
        return [*_values(module, called.func.value), *called.args[1:]] if picks and isinstance(called.func, ast.Attribute) else []
    return list(_assigned(module, called))


def _values(module: Module, base: ast.expr) -> list[ast.expr]:
    """What a dictionary or a list holds, where it is written out, and what is stored in it: ``SETS["a"] = A``."""
    displays = [base] if isinstance(base, _DISPLAYS) else list(_assigned(module, base))
    held = [_held(display) for display in displays]
    if not held or any(values is None for values in held):
        return []
    stored = _stored(module, base.id) if isinstance(base, ast.Name) else []
    return [value for values in held for value in values or []] + stored


def _held(display: ast.expr) -> list[ast.expr] | None:
    if isinstance(display, ast.Dict):
        return display.values
    if isinstance(display, (ast.List, ast.Tuple)):
        return display.elts
    is_dict = isinstance(display, ast.Call) and isinstance(display.func, ast.Name) and display.func.id == "dict" and not display.args
    return [keyword.value for keyword in display.keywords] if is_dict and isinstance(display, ast.Call) else None


def _stored(module: Module, name: str) -> list[ast.expr]:
    found: list[ast.expr] = []
    for node in module.nodes.of(ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id == name:
                found += [value for value in (node.value,) if isinstance(value, MAY_CHOOSE)]
    return found


def _assigned(module: Module, node: ast.expr) -> Iterator[ast.expr]:
    """All that a name, or an attribute of ``self``, is given in this module; nothing where it gets a value otherwise too."""
    if isinstance(node, ast.Name):
        found = module.scope(node).lookup(node.id)
        bindings = found[1] if found is not None else []
        if all(b.kind == "assign" and not b.index for b in bindings):
            yield from (b.value for b in bindings if b.value is not None)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        own = module.scope(node).enclosing_class()
        for target, value in self_attributes(module).get(node.attr, ()):
            if module.scope(target).enclosing_class() is own:
                yield value


def self_attributes(module: Module) -> dict[str, list[tuple[ast.Attribute, ast.expr]]]:
    """What the module gives attributes of ``self``, by name."""
    known: dict[str, list[tuple[ast.Attribute, ast.expr]]] | None = module.notes.get("attributes of self")
    if known is None:
        known = module.notes["attributes of self"] = {}
        for node in module.nodes.of(ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
                    known.setdefault(target.attr, []).append((target, node.value))
    return known


def chosen_names(module: Module, defined: set[str]) -> set[str]:
    """The last names of what a module gives one of these functions or classes: ``make`` of ``make = A``."""
    found: set[str] = set()
    for node in module.nodes.of(ast.Assign):
        leaves = _leaves(node.value)
        if any((n.id if isinstance(n, ast.Name) else n.attr) in defined for n in leaves):
            found |= {t.id if isinstance(t, ast.Name) else t.attr for t in node.targets if isinstance(t, (ast.Name, ast.Attribute))}
    return found


def _leaves(value: ast.expr) -> list[ast.Name | ast.Attribute]:
    if isinstance(value, (ast.Name, ast.Attribute)):
        return [value]
    parts: list[ast.expr] = []
    if isinstance(value, _DISPLAYS):
        parts = value.values if isinstance(value, ast.Dict) else value.elts
    elif isinstance(value, (ast.IfExp, ast.BoolOp)):
        parts = [value.body, value.orelse] if isinstance(value, ast.IfExp) else value.values
    elif isinstance(value, ast.Subscript):
        parts = [value.value]
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "get":
        parts = [value.func.value]
    return [leaf for part in parts for leaf in _leaves(part)]


__all__ = ["choices", "chosen_names", "given", "self_attributes"]
