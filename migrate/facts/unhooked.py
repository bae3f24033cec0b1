"""A script as it was before an earlier ``apply`` gave its loops a keeper, so that a second scan sees what the first one saw.

``keeper.epochs(x)`` goes over ``x``, ``keeper.turn() and test`` tests ``test``, and ``a, b = keeper.restore(...)`` gives names what they
had (on EC2, and at a job's first start): for what a script reads, writes and carries they say nothing. Nodes are left out and none is
moved, so every span stays that of the file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.nodes import walk

TURNS = ("epochs", "batches")


def unhooked(tree: ast.Module) -> frozenset[int]:
    """Takes the keeper out of ``tree``. Returns the ids of the loops that have one."""
    keepers = {
        alias.asname or alias.name
        for node in walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("sagemaker_support")
        for alias in node.names
        if alias.name == "keeper"
    }
    kept: set[int] = set()
    for body in _bodies(tree) if keepers else ():
        body[:] = [statement for statement in body if not _restores(statement, keepers)] or body
        for statement in body:
            if isinstance(statement, ast.For | ast.AsyncFor | ast.While) and _unwrapped(statement, keepers):
                kept.add(id(statement))
    return frozenset(kept)


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in list(walk(tree)):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                yield body


def _method(node: ast.AST | None, keepers: set[str]) -> str | None:
    """The name of the keeper's method that ``node`` calls."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        return node.func.attr if node.func.value.id in keepers else None
    return None


def _restores(statement: ast.stmt, keepers: set[str]) -> bool:
    return isinstance(statement, ast.Expr | ast.Assign) and _method(statement.value, keepers) == "restore"


def _unwrapped(loop: ast.For | ast.AsyncFor | ast.While, keepers: set[str]) -> bool:
    asked = _Unwrap(keepers)
    if isinstance(loop, ast.While):
        loop.test = asked.visit(loop.test)
    else:
        loop.iter = asked.visit(loop.iter)
    return asked.found


class _Unwrap(ast.NodeTransformer):
    def __init__(self, keepers: set[str]) -> None:
        self.keepers = keepers
        self.found = False

    def visit_Call(self, node: ast.Call) -> ast.expr:
        method = _method(node, self.keepers)
        if method in TURNS and node.args:
            self.found = True
            return self._kept(node.args[0])
        if method == "turn":
            self.found = True
            return ast.copy_location(ast.Constant(True), node)
        return self._kept(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        rest = [value for value in node.values if _method(value, self.keepers) != "turn"]
        if len(rest) == len(node.values) or not isinstance(node.op, ast.And) or not rest:
            return self._kept(node)
        self.found = True
        node.values = rest
        return self._kept(rest[0] if len(rest) == 1 else node)

    def _kept(self, node: ast.expr) -> ast.expr:
        self.generic_visit(node)
        return node
