"""One parsed file of Python: its nodes, scopes and source. Reads source only; runs nothing."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from migrate.facts.model import Place, Span
from migrate.facts.nodes import Nodes
from migrate.facts.scopes import Binding, FunctionNode, Scope, ScopeBuilder
from migrate.facts.unhooked import unhooked
from migrate.repo.parsing import parse

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # a form feed ends no line of Python's


@dataclass(eq=False)
class Module:
    """One parsed file. ``path`` is POSIX, relative to the root."""

    path: str
    tree: ast.Module
    source: bytes
    names: ScopeBuilder
    text: str = ""  # the source decoded as Python decodes it
    notes: dict[str, Any] = field(default_factory=dict)  # what others have found out about this file alone, by who they are
    kept: frozenset[int] = frozenset()  # ids of the loops that an earlier apply gave a keeper, which ``tree`` does not show
    _guarded: set[int] | None = None

    def scope(self, node: ast.AST) -> Scope:
        """The scope in which ``node`` stands; the module's own for what is not visited, such as the annotation of an argument."""
        return self.names.scope(node)

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self.names.parent_of.get(id(node))

    def place(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg) -> Place:
        return Place(self.path, Span.of(node))

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """The source of a node, as ``ast.get_source_segment`` gives it."""
        lines: list[str] | None = self.notes.get("lines")
        if lines is None:
            lines = self.notes["lines"] = _LINE.findall(self.text)
        span = Span.of(node)
        several = [line.encode() for line in lines[span.line - 1 : span.end_line]]
        several[-1] = several[-1][: span.end_column]
        several[0] = several[0][span.column :]
        return b"".join(several).decode()

    def expressions(self, span: Span) -> list[ast.expr]:
        """The expressions that stand at ``span``, outermost first."""
        by_line: dict[int, list[ast.expr]] | None = self.notes.get("expressions")
        if by_line is None:
            by_line = self.notes["expressions"] = {}
            for node in self.nodes.order:
                if isinstance(node, ast.expr):
                    by_line.setdefault(node.lineno, []).append(node)
        return [node for node in by_line.get(span.line, ()) if Span.of(node) == span]

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement that holds ``node``."""
        current: ast.AST | None = node
        while current is not None and not isinstance(current, ast.stmt):
            current = self.parent(current)
        assert isinstance(current, ast.stmt)
        return current

    @property
    def nodes(self) -> Nodes:
        """Every node of the module, by kind."""
        return self.names.nodes

    def calls(self) -> list[ast.Call]:
        """Every call of the module."""
        return self.nodes.of(ast.Call)

    def calls_named(self, *names: str) -> list[ast.Call]:
        """The calls whose function is written with one of these last names, in order: ``step`` for ``step()`` and ``x.y.step()``."""
        return self.calls_among(names)

    def calls_among(self, *groups: Collection[str]) -> list[ast.Call]:
        """The calls whose function is written with a last name of one of these groups, in order."""
        by_name: dict[str, list[tuple[int, ast.Call]]] | None = self.notes.get("calls by name")
        if by_name is None:
            by_name = self.notes["calls by name"] = {}
            for number, call in enumerate(self.calls()):
                by_name.setdefault(last_name(call.func), []).append((number, call))
            self.notes["call names"] = frozenset(by_name)
        known = self.notes["call names"]
        wanted = set[str]().union(*(known.intersection(group) for group in groups))
        found = [numbered for name in wanted for numbered in by_name[name]]
        return [call for _, call in sorted(found, key=itemgetter(0))]

    def attributes_named(self, names: Collection[str]) -> list[ast.Attribute]:
        """The attributes with one of these names: ``x.save`` for ``save``, whether it is read, written or called."""
        by_name: dict[str, list[tuple[int, ast.Attribute]]] | None = self.notes.get("attributes by name")
        if by_name is None:
            by_name = self.notes["attributes by name"] = {}
            for number, node in enumerate(self.nodes.of(ast.Attribute)):
                by_name.setdefault(node.attr, []).append((number, node))
            self.notes["attribute names"] = frozenset(by_name)
        found = [numbered for name in self.notes["attribute names"].intersection(names) for numbered in by_name[name]]
        return [node for _, node in sorted(found, key=itemgetter(0))]

    def definitions(self) -> tuple[list[Function], list[Class]]:
        """The functions and classes that the module defines, at any depth."""
        known: tuple[list[Function], list[Class]] | None = self.notes.get("definitions")
        if known is None:
            functions, classes = list[Function](), list[Class]()
            for node in self.nodes.among(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    owner = self.parent(node)
                    functions.append(Function(self, node, owner if isinstance(owner, ast.ClassDef) else None))
                elif isinstance(node, ast.ClassDef):
                    classes.append(Class(self, node))
            known = self.notes["definitions"] = functions, classes
        return known

    def imported(self) -> list[tuple[str | None, int]]:
        """(module, level) of all that the import statements may load: each module, and each name that may be one."""
        found: list[tuple[str | None, int]] | None = self.notes.get("imported")
        if found is None:
            found = self.notes["imported"] = list(_imported(self.nodes.among(ast.Import, ast.ImportFrom)))
        return found

    def renamed(self) -> set[str]:
        """The names that imports give to what they import."""
        found: set[str] | None = self.notes.get("renamed")
        if found is None:
            statements = self.nodes.among(ast.Import, ast.ImportFrom)
            found = {a.asname for s in statements if isinstance(s, (ast.Import, ast.ImportFrom)) for a in s.names if a.asname}
            self.notes["renamed"] = found
        return found

    def forget(self) -> None:
        """Let go of the nodes and of all that was found out, for a module that is not asked any more: cycles keep the rest for a while."""
        self.notes.clear()
        self.names.forget()
        self.tree.body.clear()

    def guarded(self) -> set[int]:
        """The ids of all nodes of the ``__main__`` block, which runs only where the module is the script."""
        if self._guarded is None:
            self._guarded = {id(n) for s in self.tree.body if is_main_guard(s) for n in ast.walk(s)}
        return self._guarded


@dataclass(frozen=True, eq=False)
class Function:
    """A function or method defined in the program. ``owner`` is the class it is a method of."""

    module: Module
    node: FunctionNode
    owner: ast.ClassDef | None

    @property
    def scope(self) -> Scope:
        return self.module.names.scopes[id(self.node)]

    def parameters(self) -> list[str]:
        """Names of the parameters that a caller fills by position: self and cls of a method are left out."""
        args = [a.arg for a in [*self.node.args.posonlyargs, *self.node.args.args]]
        static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in self.node.decorator_list)
        return args[1:] if self.owner is not None and not static else args

    def default(self, name: str) -> ast.expr | None:
        """The default expression of a parameter."""
        arguments = self.node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        for argument, default in zip(reversed(positional), reversed(arguments.defaults), strict=False):
            if argument.arg == name:
                return default
        for argument, kw_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if argument.arg == name:
                return kw_default
        return None


@dataclass(frozen=True, eq=False)
class Class:
    """A class defined in the program."""

    module: Module
    node: ast.ClassDef


def last_name(expression: ast.expr) -> str:
    """The last name of a dotted name: ``step`` of ``x.y.step``; nothing for what has no name."""
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def _imported(statements: Iterable[ast.AST]) -> Iterator[tuple[str | None, int]]:
    for node in statements:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, 0
        elif isinstance(node, ast.ImportFrom):
            yield node.module, node.level
            for alias in node.names:
                yield (f"{node.module}.{alias.name}" if node.module else alias.name), node.level


def is_main_guard(statement: ast.stmt) -> bool:
    """Whether a statement is ``if __name__ == "__main__":``."""
    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Compare):
        return False
    sides = [statement.test.left, *statement.test.comparators]
    return any(isinstance(s, ast.Name) and s.id == "__name__" for s in sides) and any(
        isinstance(s, ast.Constant) and s.value == "__main__" for s in sides
    )


def is_starred(binding: Binding) -> bool:
    """Whether a name is bound by ``from x import *``."""
    return isinstance(binding.node, ast.ImportFrom) and binding.node.names[0].name == "*" and binding.name != "*"


def parse_module(path: str, source: bytes) -> Module:
    """Parse one file. Raises SyntaxError or ValueError (null bytes) as ``ast.parse`` does."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    try:
        return module_of(path, parse(source), source, source.decode(encoding))
    except RecursionError:
        raise ValueError("an expression nests too deep to be read") from None


def module_of(path: str, tree: ast.Module, source: bytes, text: str) -> Module:
    kept = unhooked(tree) if b"sagemaker_support" in source else frozenset()
    return Module(path, tree, source, ScopeBuilder(tree), text, kept=kept)
