"""What a loop carries from one turn to the next in names: those that are assigned in a turn, and read before that in a later one, or
after the loop.

A turn is read in its order: what is read before it is certainly assigned is exposed. Loops inside a turn are taken to run at least once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from migrate.facts.nodes import children, walk
from migrate.facts.scopes import all_arguments

Reads = Callable[[ast.Call], set[str]]
"""The globals that the functions behind a call read and may read before they write them."""


@dataclass
class Flow:
    """``exposed`` are read before they are certainly assigned; ``assigned`` are certainly assigned where the code ends by itself, None
    where it never does (it returns, raises, or leaves the loop); ``left`` is what is assigned at each ``break``."""

    exposed: set[str] = field(default_factory=set)
    assigned: set[str] | None = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    left: list[set[str]] = field(default_factory=list)


class Turn:
    """Reads one turn of a loop.

    ``lenient``: what one branch assigns counts as assigned. For names without a value before the loop: a first turn that read one
    where no branch had assigned it would have failed.
    """

    def __init__(self, calls: Reads, lenient: bool = False) -> None:
        self.calls = calls
        self.lenient = lenient

    def block(self, statements: Iterable[ast.stmt], before: set[str]) -> Flow:
        """``before`` is what is certainly assigned already."""
        flow = Flow(assigned=set(before))
        for statement in statements:
            if flow.assigned is None:  # what stands behind a return is not reached
                break
            part = self.statement(statement, flow.assigned)
            flow.exposed |= part.exposed
            flow.written |= part.written
            flow.left += part.left
            flow.assigned = part.assigned
        return flow

    def statement(self, node: ast.stmt, before: set[str]) -> Flow:
        if isinstance(node, (ast.If,)):
            return self._either(node.test, [node.body, node.orelse], before)
        if isinstance(node, (ast.For, ast.AsyncFor)):
            return self._for(node, before)
        if isinstance(node, ast.While):
            return self._while(node, before)
        if isinstance(node, (ast.Try, *_TRY_STAR)):
            return self._try(node, before)  # type: ignore[arg-type]
        if isinstance(node, (ast.With, ast.AsyncWith)):
            return self._with(node, before)
        if isinstance(node, (ast.Return, ast.Raise)):
            flow = self._simple(node, before)
            flow.assigned = None
            return flow
        if isinstance(node, (ast.Break, ast.Continue)):
            return Flow(assigned=None, left=[set(before)])
        if isinstance(node, ast.Match):
            return self._either(node.subject, [*(case.body for case in node.cases), []], before)
        return self._simple(node, before)

    def _simple(self, node: ast.AST, before: set[str]) -> Flow:
        reads, writes = self._names(node)
        deleted = {n.id for t in node.targets for n in walk(t) if isinstance(n, ast.Name)} if isinstance(node, ast.Delete) else set()
        return Flow(reads - before, (before | writes) - deleted, set(writes))

    def _names(self, node: ast.AST) -> tuple[set[str], set[str]]:
        """Names read and written by an expression or a simple statement, what its calls read included."""
        reads: set[str] = set()
        writes: set[str] = set()
        own: set[str] = set()  # names of comprehensions and lambdas
        for inner in _parts(node):
            if isinstance(inner, ast.Name):
                (reads if isinstance(inner.ctx, (ast.Load, ast.Del)) else writes).add(inner.id)
            elif isinstance(inner, ast.Call):
                reads |= self.calls(inner)
            elif isinstance(inner, ast.comprehension):
                own |= {n.id for n in walk(inner.target) if isinstance(n, ast.Name)}
            elif isinstance(inner, ast.Lambda):
                own |= {a.arg for a in all_arguments(inner.args)}
            elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                writes.add(inner.name)
                reads |= _free(inner)
            elif isinstance(inner, (ast.Import, ast.ImportFrom)):
                writes |= {(alias.asname or alias.name).split(".")[0] for alias in inner.names}
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            reads.add(node.target.id)
        return reads - own, writes - own

    def _either(self, test: ast.expr, blocks: list[list[ast.stmt]], before: set[str]) -> Flow:
        first = self._simple(test, before)
        flow = Flow(first.exposed, None, first.written)
        for block in blocks:
            part = self.block(block, first.assigned or set())
            flow.exposed |= part.exposed
            flow.written |= part.written
            flow.left += part.left
            if part.assigned is not None:
                both = flow.assigned or set()
                flow.assigned = part.assigned if flow.assigned is None else both | part.assigned if self.lenient else both & part.assigned
        return flow

    def _for(self, node: ast.For | ast.AsyncFor, before: set[str]) -> Flow:
        first = self._simple(node.iter, before)
        targets = self._names(node.target)[1]
        body = self.block(node.body, (first.assigned or set()) | targets)
        after = self.block(node.orelse, first.assigned or set())
        known = (first.assigned or set()) | targets
        ends = [*body.left, *([body.assigned] if body.assigned is not None else [])]
        if ends:  # less what a turn deletes
            known = set.union(*ends) if self.lenient else set.intersection(*ends)
        return Flow(first.exposed | body.exposed | after.exposed, known, first.written | targets | body.written | after.written)

    def _while(self, node: ast.While, before: set[str]) -> Flow:
        first = self._simple(node.test, before)
        body = self.block(node.body, first.assigned or set())
        after = self.block(node.orelse, first.assigned or set())
        flow = Flow(first.exposed | body.exposed | after.exposed, first.assigned, first.written | body.written | after.written)
        if isinstance(node.test, ast.Constant) and node.test.value and body.left:  # left only by break
            flow.assigned = set.intersection(*body.left)
        return flow

    def _with(self, node: ast.With | ast.AsyncWith, before: set[str]) -> Flow:
        flow = Flow(assigned=set(before))
        for item in node.items:
            part = self._simple(item, flow.assigned or set())
            flow.exposed |= part.exposed
            flow.written |= part.written
            flow.assigned = part.assigned
        body = self.block(node.body, flow.assigned or set())
        return Flow(flow.exposed | body.exposed, body.assigned, flow.written | body.written, body.left)

    def _try(self, node: ast.Try, before: set[str]) -> Flow:
        body = self.block([*node.body, *node.orelse], before)
        ends = [body.assigned]
        flow = Flow(body.exposed, None, body.written, list(body.left))
        for handler in node.handlers:
            part = self.block(handler.body, before | ({handler.name} if handler.name else set()))
            flow.exposed |= part.exposed
            flow.written |= part.written
            flow.left += part.left
            ends.append(part.assigned)
        known = [end for end in ends if end is not None]
        flow.assigned = (set.union(*known) if self.lenient else set.intersection(*known)) if known else None
        last = self.block(node.finalbody, before)
        flow.exposed |= last.exposed
        flow.written |= last.written
        flow.left += last.left
        if flow.assigned is not None:
            flow.assigned = None if last.assigned is None else flow.assigned | last.assigned
        return flow


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_TRY_STAR: tuple[type, ...] = (ast.TryStar,) if hasattr(ast, "TryStar") else ()


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below ``node``; a function or class that is defined there is one node."""
    todo = [node]
    while todo:
        current = todo.pop()
        yield current
        if not isinstance(current, DEFINITIONS):
            todo += children(current)


def _free(definition: ast.AST) -> set[str]:
    """The names that the body of a function or class takes from around it."""
    names = [n for n in walk(definition) if isinstance(n, ast.Name)]
    own = {n.id for n in names if not isinstance(n.ctx, ast.Load)} | {n.arg for n in walk(definition) if isinstance(n, ast.arg)}
    return {n.id for n in names if isinstance(n.ctx, ast.Load)} - own
