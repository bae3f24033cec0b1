"""Names of one module: which scope a node stands in, and what each name is bound to there."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migrate.facts.nodes import Nodes, children

ScopeNode = (
    ast.Module
    | ast.FunctionDef
    | ast.AsyncFunctionDef
    | ast.ClassDef
    | ast.Lambda
    | ast.ListComp
    | ast.SetComp
    | ast.DictComp
    | ast.GeneratorExp
)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_HOLDERS = (  # of statements
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.ExceptHandler,
    ast.Match,
    ast.match_case,
    getattr(ast, "TryStar", ast.Try),  # from Python 3.11 on
)
_BINDING = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.NamedExpr)


@dataclass(frozen=True)
class Binding:
    """One way a name gets a value.

    ``kind``: assign (``value``; ``index`` is the position in an unpacked tuple), augmented, param, for (an element of ``value``),
    with, import, function, class, other. For an import, ``module`` / ``name`` / ``level`` are those of the statement.
    """

    kind: str
    node: ast.AST
    value: ast.expr | None = None
    index: tuple[int, ...] = ()
    module: str | None = None
    name: str | None = None
    level: int = 0


@dataclass(eq=False)
class Scope:
    """A module, class, function, lambda or comprehension."""

    node: ScopeNode
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)  # names declared global or nonlocal here

    @property
    def is_function(self) -> bool:
        return isinstance(self.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))

    @property
    def is_class(self) -> bool:
        return isinstance(self.node, ast.ClassDef)

    def function(self) -> Scope | None:
        """The nearest enclosing function, itself included; None at module or class level."""
        scope: Scope | None = self
        while scope is not None and not isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            scope = scope.parent
        return scope

    def enclosing_class(self) -> Scope | None:
        """The class whose method (or body) this scope belongs to."""
        scope: Scope | None = self
        while scope is not None and not scope.is_class:
            scope = scope.parent
        return scope

    def lookup(self, name: str) -> tuple[Scope, list[Binding]] | None:
        """The scope that binds ``name`` as Python would find it from here, with its bindings; None for builtins and unknown names."""
        scope: Scope | None = self
        first = True
        while scope is not None:
            visible = first or not scope.is_class
            if visible and name in scope.bindings and name not in scope.outer:
                return scope, scope.bindings[name]
            first = False
            scope = scope.parent
        return None


class ScopeBuilder:
    """Finds the scopes of a module and what each binds. ``scope_of`` (by id of node) holds statements and the parts of an expression that
    stand in another scope than the expression itself; any other node stands in the scope of what is around it: see ``scope``.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.nodes = Nodes(tree)
        self.parent_of = self.nodes.parents
        self.root = Scope(tree, None)
        self.scope_of: dict[int, Scope] = {id(tree): self.root}
        self.scopes: dict[int, Scope] = {id(tree): self.root}
        self._scope = self.root
        self._open = self._ways_to_scopes()
        self._declares = bool(self.nodes.of(ast.Global) or self.nodes.of(ast.Nonlocal))
        self._forget_types()
        for child in tree.body:
            self._down(child)
        self._open.clear()

    def scope(self, node: ast.AST) -> Scope:
        """The scope in which ``node`` stands; the module's own for what is not visited, such as the annotation of an argument."""
        current: ast.AST | None = node
        while current is not None:
            found = self.scope_of.get(id(current))
            if found is not None:
                self.scope_of[id(node)] = found
                return found
            current = self.parent_of.get(id(current))
        return self.root

    def forget(self) -> None:
        """Let go of all nodes."""
        self.scope_of.clear()
        self.scopes.clear()
        self.root.bindings.clear()
        self.nodes.forget()

    def _ways_to_scopes(self) -> set[int]:
        """The ids of all nodes around a node that makes a scope or binds a name, inside statements: the rest need not be visited."""
        found: set[int] = set()
        for node in self.nodes.among(*_BINDING):
            current: ast.AST | None = node
            while current is not None and id(current) not in found:
                found.add(id(current))
                current = self.parent_of.get(id(current))
        return found

    def _forget_types(self) -> None:
        """Annotations of arguments and type parameters are in no scope of the module's own running."""
        nodes = self.nodes
        skipped: list[ast.AST | None] = [argument.annotation for argument in nodes.of(ast.arg)]
        for owner in (*nodes.of(ast.FunctionDef), *nodes.of(ast.AsyncFunctionDef), *nodes.of(ast.ClassDef)):
            skipped += getattr(owner, "type_params", ())
        for root in skipped:
            for node in ast.walk(root) if root is not None else ():
                self.parent_of.pop(id(node), None)

    def _down(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            self.scope_of[id(node)] = self._scope
        elif id(node) not in self._open and not isinstance(node, _HOLDERS):
            return
        method = getattr(self, "visit_" + type(node).__name__, None)
        if method is None:
            self._children(node)
        else:
            method(node)

    def _children(self, node: ast.AST) -> None:
        if isinstance(node, _HOLDERS) or id(node) in self._open:
            for child in children(node):
                self._down(child)

    def _inside(self, node: ast.AST) -> None:
        """A part of an expression that stands in the scope which that expression makes."""
        self.scope_of[id(node)] = self._scope
        self._down(node)

    def bind(self, name: str, binding: Binding) -> None:
        scope = self._scope
        if name in scope.outer:
            owner: Scope | None = scope.parent
            while owner is not None and (owner.is_class or (owner.parent is not None and name not in owner.bindings)):
                owner = owner.parent
            scope = owner or self.root
        scope.bindings.setdefault(name, []).append(binding)

    def _bind_target(self, target: ast.expr, kind: str, node: ast.AST, value: ast.expr | None, index: tuple[int, ...] = ()) -> None:
        if isinstance(target, ast.Name):
            self.bind(target.id, Binding(kind, node, value, index))
        elif isinstance(target, (ast.Tuple, ast.List)):
            same = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts) and kind == "assign" and not index
            for position, element in enumerate(target.elts):
                if same and isinstance(value, (ast.Tuple, ast.List)):
                    self._bind_target(element, kind, node, value.elts[position])
                else:
                    self._bind_target(element, kind, node, value, (*index, position))
        elif isinstance(target, ast.Starred):
            self._bind_target(target.value, "other", node, value, index)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._bind_target(target, "assign", node, node.value)
        self._children(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._bind_target(node.target, "assign", node, node.value)
        elif isinstance(node.target, ast.Name):
            self.bind(node.target.id, Binding("other", node))
        self._children(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._bind_target(node.target, "augmented", node, node.value)
        self._children(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._bind_target(node.target, "assign", node, node.value)
        self._children(node)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._bind_target(node.target, "for", node, node.iter)
        self._children(node)

    visit_AsyncFor = visit_For

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            if item.optional_vars is not None:
                self._bind_target(item.optional_vars, "with", node, item.context_expr)
        self._children(node)

    visit_AsyncWith = visit_With

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name, Binding("other", node))
        self._children(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            local = alias.asname or alias.name.split(".")[0]
            module = alias.name if alias.asname else alias.name.split(".")[0]
            self.bind(local, Binding("import", node, module=module))
            if not alias.asname and "." in alias.name:  # `import a.b` also loads a.b
                self.bind(local, Binding("import", node, module=module))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name, Binding("import", node, module=node.module, name=alias.name, level=node.level))

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self._scope.outer.update(node.names)

    visit_Nonlocal = visit_Global

    def _function(self, node: FunctionNode | ast.Lambda) -> None:
        outer = self._scope
        arguments = node.args
        if not isinstance(node, ast.Lambda):
            self.bind(node.name, Binding("function", node))
            for decorator in node.decorator_list:
                self._down(decorator)
            if node.returns is not None:
                self._down(node.returns)
        for default in [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]:
            self._down(default)
        scope = Scope(node, outer)
        self.scopes[id(node)] = scope
        self._scope = scope
        for argument in all_arguments(arguments):
            self.scope_of[id(argument)] = scope
            self.bind(argument.arg, Binding("param", argument))
        if self._declares and not isinstance(node, ast.Lambda):
            for statement in ast.walk(node):  # global statements hold for the whole function wherever they stand
                if isinstance(statement, (ast.Global, ast.Nonlocal)):
                    scope.outer.update(statement.names)
        if isinstance(node, ast.Lambda):
            self._inside(node.body)
        else:
            for child in node.body:
                self._down(child)
        self._scope = outer

    visit_FunctionDef = _function
    visit_AsyncFunctionDef = _function
    visit_Lambda = _function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bind(node.name, Binding("class", node))
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self._down(part)
        outer = self._scope
        self._scope = Scope(node, outer)
        self.scopes[id(node)] = self._scope
        for child in node.body:
            self._down(child)
        self._scope = outer

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        outer = self._scope
        self._down(node.generators[0].iter)
        self._scope = Scope(node, outer)
        self.scopes[id(node)] = self._scope
        for position, generator in enumerate(node.generators):
            self._bind_target(generator.target, "for", generator, generator.iter)
            self._inside(generator.target)
            if position:
                self._inside(generator.iter)
            for condition in generator.ifs:
                self._inside(condition)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for part in parts:
            self._inside(part)
        self._scope = outer

    visit_ListComp = _comprehension
    visit_SetComp = _comprehension
    visit_DictComp = _comprehension
    visit_GeneratorExp = _comprehension


def all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    """Every parameter of a function, in order; ``*args`` and ``**kwargs`` last."""
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    found += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return found
