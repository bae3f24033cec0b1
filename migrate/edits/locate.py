"""Find the nodes that edits speak of, in one walk that goes only where they can be."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrate.edits.encoding import Text
from migrate.edits.errors import EditError
from migrate.facts.model import Span
from migrate.repo import parsing

# The parts of an f-string have no true positions before Python 3.12, and quotes of their own rules: only the whole can be replaced.
_NO_WAY_IN = tuple(kind for kind in (getattr(ast, name, None) for name in ("JoinedStr", "TemplateStr")) if kind)


@dataclass(frozen=True)
class Found:
    """A node and where it hangs: ``parent.field``, or ``parent.field[index]`` when that is a list."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None

    @property
    def siblings(self) -> list[ast.stmt]:
        """The statements of the suite that holds this statement."""
        suite = getattr(self.parent, self.field)
        assert isinstance(suite, list)
        return suite

    def put(self, node: ast.AST) -> None:
        """Hang ``node`` there instead."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            self.put_several([node])

    def put_several(self, nodes: Sequence[ast.AST]) -> None:
        """Hang ``nodes`` there instead, in the list that it hangs in. Others may have moved it meanwhile."""
        hanging = getattr(self.parent, self.field)
        place = next(place for place, node in enumerate(hanging) if node is self.node)
        hanging[place : place + 1] = nodes


def parse(text: str, path: str) -> ast.Module:
    """``ast.parse`` whose every failure is an EditError, and which warns of nothing."""
    try:
        return parsing.parse(text)
    except SyntaxError as error:
        raise EditError(path, f"no Python that this Python reads: {error.msg}, line {error.lineno}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise EditError(path, f"no Python that this Python reads: {error}") from error


def offsets(text: Text, span: Span, path: str) -> tuple[int, int]:
    """``span`` as offsets into ``text.utf8``. Raises EditError when it lies outside of the file."""
    try:
        start = text.lines[span.line - 1] + span.column
        end = text.lines[span.end_line - 1] + span.end_column
    except IndexError:
        raise EditError(path, f"line {span.end_line} is beyond its end") from None
    if not 0 <= start <= end <= len(text.utf8):
        raise EditError(path, f"line {span.line}, column {span.column} is beyond its end")
    return start, end


def first_line(node: ast.stmt) -> int:
    """The line on which a statement begins, with its decorators."""
    decorators: Sequence[ast.expr] = getattr(node, "decorator_list", ())
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


class Nodes:
    """The outermost expression and the statement at each of ``spans``."""

    def __init__(self, tree: ast.Module, spans: Iterable[Span]) -> None:
        self.expressions: dict[Span, Found] = {}
        self.statements: dict[Span, Found] = {}
        self._wanted = set(spans)
        self._lines = [(span.line, span.end_line) for span in self._wanted]
        if self._wanted:
            self._walk(tree)

    def _walk(self, tree: ast.Module) -> None:
        todo: list[ast.AST] = [tree]
        while todo:
            parent = todo.pop()
            for field, value in ast.iter_fields(parent):
                for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                    if isinstance(node, ast.AST) and self._look(Found(node, parent, field, index)):
                        todo.append(node)

    def _look(self, found: Found) -> bool:
        """Note a wanted node; whether to look inside it."""
        node = found.node
        if isinstance(node, ast.stmt):
            first, last = first_line(node), node.end_lineno or 0
            if not any(first <= end and start <= last for start, end in self._lines):
                return False
            if (span := Span.of(node)) in self._wanted:
                self.statements.setdefault(span, found)
        elif isinstance(node, ast.expr):
            if (span := Span.of(node)) in self._wanted:
                self.expressions.setdefault(span, found)  # parents come first, so the outermost of those with this span stays
            return not isinstance(node, _NO_WAY_IN)
        return True
