"""Options that are read as a path, and whose file only the user knows: ``--resume``, ``--annotations`` without a default."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.model import Option
from migrate.facts.program import Module, Program
from migrate.facts.uses import Origin, PathUse

MOST_STEPS = 4  # functions followed from a read to the tests around its calls


def is_for_the_user(origin: Origin) -> bool:
    """Whether an origin is an option that names nothing until it is given, and that is read."""
    option = origin.option
    empty = option is not None and option.default_known and option.default in (None, "", False)
    return empty and option is not None and not option.choices and bool(origin.acts() & {"read", "list"})


def always_read(program: Program, option: Option, uses: list[PathUse]) -> list[PathUse]:
    """The reads that no test of the option itself stands around: without the option, the script fails there."""
    if any(isinstance(n.ctx, ast.Store) and n.attr == option.dest for m in program.modules.values() for n in m.nodes.of(ast.Attribute)):
        return []  # the script gives it a value where it has none
    reads = [use for use in uses if use.act in ("read", "list")]
    return [use for use in reads if not any(_asks(test, option.dest) for test in _tests(program, use.module, use.call, 0))]


def _tests(program: Program, module: Module, node: ast.AST, steps: int) -> Iterator[ast.expr]:
    """The tests on which it hangs whether ``node`` runs; where a function has several calls, those around any of them."""
    child, parent = node, module.parent(node)
    while parent is not None and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
        if isinstance(parent, (ast.If, ast.IfExp, ast.While)) and child is not parent.test:
            yield parent.test
        elif isinstance(parent, ast.BoolOp):
            yield from (value for value in parent.values if value is not child)
        for _, block in ast.iter_fields(parent):
            if isinstance(block, list) and isinstance(child, ast.stmt) and any(s is child for s in block):
                yield from (s.test for s in block[: block.index(child)] if isinstance(s, (ast.If, ast.Assert)))
        child, parent = parent, module.parent(parent)
    scope = module.scope(node).function()
    if scope is None or steps >= MOST_STEPS:
        return
    for site in program.calls_of.get(id(scope.node), []):
        yield from _tests(program, site.module, site.call, steps + 1)


def _asks(test: ast.expr, dest: str) -> bool:
    return any(
        (isinstance(n, ast.Attribute) and n.attr == dest) or (isinstance(n, ast.Name) and n.id == dest) or _is_key(n, dest)
        for n in ast.walk(test)
    )


def _is_key(node: ast.AST, dest: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == dest


__all__ = ["always_read", "is_for_the_user"]
