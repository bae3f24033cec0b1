"""Texts that are a part of a path and of an address as well: ``f"https://host/{root}/x.zip"`` and ``os.path.join(root, "x.zip")``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.locations import REMOTE
from migrate.facts.model import Span
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive
from migrate.facts.uses import Origin
from migrate.facts.values import Values

ADDRESSED = "it is a part of an address on the network too, which would change with it: give the path a name of its own"


def in_addresses(program: Program, values: Values, origins: list[Origin]) -> set[int]:
    """The ids of the origins that also stand in an address, behind its start."""
    literals: set[tuple[str, Span]] = set()
    options: set[int] = set()
    for module in program.modules.values():
        for node in _addresses(module) if "://" in module.text else ():
            if not is_alive(program, module, node):
                continue
            for value in values.of(module, node):
                for part in value[1:]:
                    if part.option is not None:
                        options.add(id(part.option))
                    elif part.kind == "literal" and part.node is not None and part.module is not None and not _spells(part.node):
                        literals.add((part.module.path, Span.of(part.node)))
    return {
        id(o)
        for o in origins
        if (o.option is not None and id(o.option) in options)
        or (o.kind == "literal" and o.node is not None and (o.module.path, Span.of(o.node)) in literals)
    }


def _addresses(module: Module) -> Iterator[ast.expr]:
    """The expressions that put an address together."""
    for node in module.nodes.among(ast.JoinedStr, ast.BinOp, ast.Call):
        first: ast.AST | None = None
        if isinstance(node, ast.JoinedStr) and node.values:
            first = node.values[0]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mod)):
            first = node.left
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            first = node.func.value
        if isinstance(node, ast.expr) and isinstance(first, ast.Constant) and isinstance(first.value, str) and REMOTE.match(first.value):
            yield node


def _spells(node: ast.expr) -> bool:
    """Whether a literal spells an address itself."""
    text = node.value if isinstance(node, ast.Constant) else ast.unparse(node).lstrip("frb'\"")
    return isinstance(text, str) and REMOTE.match(text) is not None


__all__ = ["ADDRESSED", "in_addresses"]
