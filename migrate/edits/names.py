"""Which names a file binds, where, and whether an import made them. Conservative: what is not surely an import of the thing is a clash."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from migrate.facts.model import Span
from migrate.facts.nodes import children

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_KINDS = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)]
_BINDS = (  # nodes that bind a name, or make a scope
    *(kind for kind in _KINDS if "name" in kind._fields and kind is not ast.alias),
    *(ast.Import, ast.ImportFrom, ast.NamedExpr, ast.arg, ast.Global, ast.Nonlocal, ast.MatchMapping, ast.Lambda),
    *_COMPREHENSIONS,
)


@dataclass(frozen=True)
class Target:
    """What an import means: a module, or a name of one. ``level`` counts leading dots."""

    module: str
    name: str | None = None
    level: int = 0

    def same(self, other: Target) -> bool:
        """``import a.b as x`` and ``from a import b as x`` make x mean the same."""
        return self == other or self._flat() == other._flat()

    def _flat(self) -> tuple[int, str]:
        return self.level, f"{self.module}:{self.name}" if self.name and self.name[0].isupper() else ".".join(
            filter(None, (self.module, self.name))
        )


@dataclass(frozen=True)
class Binding:
    """``target`` is None when anything but an import binds the name; ``direct``: a statement of the scope's own body, on no condition."""

    target: Target | None
    direct: bool = False
    end: tuple[int, int] = (0, 0)


@dataclass
class Scope:
    """A module, function, class or comprehension, and what it binds."""

    node: ast.AST
    parent: Scope | None
    names: dict[str, list[Binding]] = field(default_factory=dict)

    def bind(self, name: str, binding: Binding) -> None:
        self.names.setdefault(name, []).append(binding)

    @property
    def module(self) -> Scope:
        return self if self.parent is None else self.parent.module

    @property
    def function(self) -> Scope:
        """Where ``:=`` binds."""
        return self.parent.function if self.parent and isinstance(self.node, _COMPREHENSIONS) else self

    def holds(self, span: Span) -> bool:
        """Whether ``span`` stands in this scope's own code."""
        if self.parent is None:
            return True
        if isinstance(self.node, (*_FUNCTIONS, ast.ClassDef)):
            # Defaults, bases and decorators belong to the scope outside, but a scope too many only makes the answer more careful.
            own = Span.of(self.node)
        else:
            assert isinstance(self.node, ast.expr)
            own = Span.of(self.node)
        return (own.line, own.column) <= (span.line, span.column) and (span.end_line, span.end_column) <= (own.end_line, own.end_column)


class Names:
    """Every name of a file."""

    def __init__(self, tree: ast.Module) -> None:
        self.scopes: list[Scope] = []
        self.loads: set[str] = set()
        root = self._scope(ast.Module(tree.body, []), None)  # not the tree itself: it is kept for as long as the tree lives, no longer
        todo: list[tuple[ast.AST, Scope]] = [(node, root) for node in tree.body]
        while todo:
            node, scope = todo.pop()
            inner = self._bind(node, scope)
            todo += [(child, inner) for child in children(node)]

    @property
    def module(self) -> Scope:
        return self.scopes[0]

    def chain(self, span: Span | None) -> list[Scope]:
        """The scopes in which a name at ``span`` is looked up, innermost first."""
        if span is None:
            return [self.module]
        scopes = [scope for scope in reversed(self.scopes) if scope.holds(span)]
        scopes.sort(key=_depth, reverse=True)
        return [scope for index, scope in enumerate(scopes) if index == 0 or not isinstance(scope.node, ast.ClassDef)]

    def bindings(self, name: str) -> list[Binding]:
        """Every binding of ``name`` in the file."""
        return [binding for scope in self.scopes for binding in scope.names.get(name, ())]

    def _scope(self, node: ast.AST, parent: Scope | None) -> Scope:
        self.scopes.append(Scope(node, parent))
        return self.scopes[-1]

    def _bind(self, node: ast.AST, scope: Scope) -> Scope:
        """Note what ``node`` binds; the scope of its children."""
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self.loads.add(node.id)
            else:
                scope.bind(node.id, Binding(None))
            return scope
        return self._bind_other(node, scope) if isinstance(node, _BINDS) else scope

    def _bind_other(self, node: ast.AST, scope: Scope) -> Scope:
        other = Binding(None)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            _bind_import(node, scope)
        elif isinstance(node, ast.NamedExpr):
            scope.function.bind(node.target.id, other)
        elif isinstance(node, ast.arg):
            scope.bind(node.arg, other)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            for name in node.names:
                scope.module.bind(name, other)
                scope.bind(name, other)
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            scope.bind(node.name, other)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            scope.bind(node.rest, other)
        elif not isinstance(node, ast.alias) and isinstance(bound := getattr(node, "name", None), str):
            scope.bind(bound, other)  # except ... as name, case ... as name, type parameters
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef, *_COMPREHENSIONS)):
            return self._scope(node, scope)
        return scope


def _depth(scope: Scope) -> int:
    return 0 if scope.parent is None else 1 + _depth(scope.parent)


def _bind_import(node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    body = getattr(scope.node, "body", None)
    direct = isinstance(body, list) and any(node is statement for statement in body)
    end = (node.end_lineno or 0, node.end_col_offset or 0)
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            target = Target(node.module or "", alias.name, node.level)
        else:
            target = Target(alias.name if alias.asname else alias.name.partition(".")[0])
        if alias.name != "*":
            scope.bind(alias.asname or (alias.name if isinstance(node, ast.ImportFrom) else target.module), Binding(target, direct, end))


_KNOWN: WeakKeyDictionary[ast.Module, Names] = WeakKeyDictionary()


def names_of(tree: ast.Module) -> Names:
    """The names of ``tree``, which is not changed any more; found once per tree."""
    if tree not in _KNOWN:
        _KNOWN[tree] = Names(tree)
    return _KNOWN[tree]
