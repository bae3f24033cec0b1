"""Paths that stand in a file: ``for line in open("train.txt"): Image.open(line.split()[0])``."""

from __future__ import annotations

import ast

from migrate.facts.choices import self_attributes
from migrate.facts.program import Module, Program
from migrate.facts.scopes import Binding, Scope

LISTED = "its path stands in a file that is read: the paths in that list have to be those of the job, below /opt/ml/input/data/CHANNEL"
MOST_STEPS = 12
PIECES = {"split", "rsplit", "strip", "rstrip", "lstrip", "replace", "decode", "tolist", "copy"}
LINES = {"readlines", "readline", "read", "splitlines"}
SAME = {"list", "sorted", "tuple", "enumerate", "reversed", "iter", "next", "str", "zip", "set"}


def is_listed(program: Program, module: Module, node: ast.expr, steps: int = 0) -> bool:
    """Whether an expression is a line of a file that the program reads, a part of one, or a list of them."""
    if steps > MOST_STEPS:
        return False
    if isinstance(node, ast.Subscript):
        return is_listed(program, module, node.value, steps + 1)
    if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        return is_listed(program, module, node.elt, steps + 1)
    if isinstance(node, ast.Call):
        return _of_call(program, module, node, steps)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return any(is_listed(program, module, value, steps + 1) for _, value in self_attributes(module).get(node.attr, ()))
    found = module.scope(node).lookup(node.id) if isinstance(node, ast.Name) else None
    if found is None or not isinstance(node, ast.Name):
        return False
    return any(_of_binding(program, module, found[0], binding, node.id, steps) for binding in found[1])


def _of_call(program: Program, module: Module, call: ast.Call, steps: int) -> bool:
    if isinstance(call.func, ast.Attribute):
        base = call.func.value
        if call.func.attr in LINES and (_is_file(program, module, base) or is_listed(program, module, base, steps + 1)):
            return True
        return call.func.attr in PIECES and is_listed(program, module, base, steps + 1)
    named = isinstance(call.func, ast.Name) and call.func.id in SAME and call.args
    return bool(named) and is_listed(program, module, call.args[0], steps + 1)


def _of_binding(program: Program, module: Module, scope: Scope, binding: Binding, name: str, steps: int) -> bool:
    if binding.kind == "param":
        function = program.function_of(scope.node)
        sites = program.calls_of.get(id(scope.node), []) if function is not None else []
        given = [(site.module, program.argument(function, site.call, name)) for site in sites] if function is not None else []
        return any(value is not None and is_listed(program, home, value, steps + 1) for home, value in given)
    if binding.value is None or binding.kind not in ("assign", "for"):
        return False
    if binding.kind == "for" and _is_file(program, module, binding.value):
        return True
    return is_listed(program, module, binding.value, steps + 1)


def _is_file(program: Program, module: Module, node: ast.expr) -> bool:
    """Whether an expression is a file that is open for reading."""
    if isinstance(node, ast.Call):
        name = program.qualified(module, node.func)
        return name in ("open", "io.open", "codecs.open") or (isinstance(node.func, ast.Attribute) and node.func.attr == "open")
    found = module.scope(node).lookup(node.id) if isinstance(node, ast.Name) else None
    values = [b.value for b in found[1] if b.kind in ("with", "assign") and not b.index] if found is not None else []
    return bool(values) and all(isinstance(value, ast.Call) and _is_file(program, module, value) for value in values)


__all__ = ["LISTED", "is_listed"]
