"""A call that is made only on a condition: under an ``if`` where it is a statement of its own, in a conditional expression elsewhere."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from migrate.edits.locate import Found
from migrate.edits.model import Guard
from migrate.edits.statements import Placer


@dataclass
class If:
    """The ``if`` that a statement comes under: how the statement is indented, and by how much more it will be."""

    statement: Found
    guard: Guard
    indent: str
    unit: str
    newline: str
    node: ast.If | None = None

    def code(self, test: ast.expr, call: str) -> str:
        """The ``if`` and the call below it, from where the call begins now. ``call`` is its source, which may go over several lines."""
        assert isinstance(self.statement.node, ast.stmt)
        self.node = ast.If(test=test, body=[self.statement.node], orelse=[])
        lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", call)
        inner = "".join([lines[0], *(self.unit + line if line.strip() else line for line in lines[1:])])
        return f"if {self.guard.test}:{self.newline}{self.indent}{self.unit}{inner}"

    def hang(self) -> None:
        """Put it into the tree, once the statements beside it are there."""
        if self.node is not None:
            self.statement.put(self.node)


def as_if(placer: Placer, statement: Found, guard: Guard) -> If | None:
    """The ``if`` for a call that is the whole of ``statement``; None where it cannot come under one with no other byte changed."""
    node = statement.node
    if not isinstance(node, ast.Expr) or not placer.is_alone(node) or _is_text_over_lines(node):
        return None
    return If(statement, guard, placer.indent(node), placer.unit(node, statement), placer.newline(node))


def _is_text_over_lines(node: ast.stmt) -> bool:
    """Whether a text goes over several lines: its own lines may not be indented."""
    texts = (inner for inner in ast.walk(node) if isinstance(inner, (ast.Constant, ast.JoinedStr)))
    return any(text.lineno != text.end_lineno for text in texts)


def conditional(found: Found, test: ast.expr, otherwise: ast.expr) -> ast.IfExp:
    """Hang the conditional expression in the place of the call, and give it."""
    assert isinstance(found.node, ast.expr)
    new = ast.IfExp(test=test, body=found.node, orelse=otherwise)
    found.put(new)
    return new
