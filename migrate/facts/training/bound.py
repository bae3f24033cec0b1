"""How the objects of a loop are spelled before it, where some settings of the script leave them out: unbound, or None.

``optimizer`` under ``if args.use_optimizer:`` has no value in every run. Where the loop uses it only under a test of the same setting,
naming it outside would end the script with a NameError that it did not have.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.program import Class, Module, Program
from migrate.facts.scopes import Binding, Scope
from migrate.facts.training.carried import Turn
from migrate.facts.training.extent import Extent, Root
from migrate.facts.training.objects import Kinds

MOST_STEPS = 4  # functions followed from a use to the tests around its calls


class Bound:
    """Looks at one loop."""

    def __init__(self, program: Program, kinds: Kinds, extent: Extent) -> None:
        self.program, self.kinds, self.extent, self.loop = program, kinds, extent, extent.loop
        self.module = extent.loop.module
        self._certain = self._before_loop()
        self._uses: list[tuple[Module, ast.expr, set[Root]]] | None = None

    def spelled(self, text: str) -> str:
        """``text``, a name or a chain of attributes, so that it gives None where the run has no such object."""
        name, *rest = text.split(".")
        source = self.name(name)
        for place, attribute in enumerate(rest):
            base = ".".join([name, *rest[:place]])
            sure = source == base and self._has(base, attribute, f"{base}.{attribute}")
            source = f"{source}.{attribute}" if sure else f'getattr({source}, "{attribute}", None)'
        return source

    def name(self, name: str) -> str:
        """``name``, or an expression for it where it may have no value at the loop."""
        found = self.module.scope(self.loop.node).lookup(name)
        if found is None or self._is_certain(name, found[0]):
            return name
        before = [b for b in found[1] if not self.extent._inside(b)]
        tests = {test for binding in before for test in self._tests(self.module, binding.node, leaving=False)}
        guarded = self._guarded(name, {part for test in tests for part in _parts(test)}, handed_on=True)
        if not guarded and self._is_read_first(name, found[1]):
            return name
        (one,) = tests if len(tests) == 1 else (None,)
        if one is not None and self._stays(one, before):
            return f"{name} if {ast.unparse(one)} else None"
        return f'{"locals" if found[0] is self._own() else "globals"}().get("{name}")'

    def _is_read_first(self, name: str, bindings: list[Binding]) -> bool:
        """Whether the first turn reads it before any branch of the turn assigns it, and would fail if it had no value before."""
        loop = self.loop.node
        if not any(self.extent._inside(binding) for binding in bindings):
            return True
        if isinstance(loop, ast.While) and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(loop.test)):
            return True
        target = loop.target if isinstance(loop, (ast.For, ast.AsyncFor)) else None
        given = {n.id for n in ast.walk(target) if isinstance(n, ast.Name)} if target is not None else set()
        return name in Turn(lambda call: set(), lenient=True).block(loop.body, given).exposed

    def certainly(self, name: str) -> bool:
        """Whether ``name`` has a value in every run that comes to the loop, as far as can be told."""
        return self.name(name) == name

    # -- names -------------------------------------------------------------------------------------------------------------------------

    def _own(self) -> Scope:
        return self.module.scope(self.loop.node).function() or self.module.names.root

    def _is_certain(self, name: str, scope: Scope) -> bool:
        if any(name in {t.id for t in node.targets if isinstance(t, ast.Name)} for node in self.module.nodes.of(ast.Delete)):
            return False
        if scope is self._own():
            return name in self._certain
        return any(name in names for names in (_always(scope), _always(self.module.names.root)))

    def _before_loop(self) -> set[str]:
        """The names that are assigned on every way to the loop."""
        known: set[str] = {name for name, found in self._own().bindings.items() if any(b.kind == "param" for b in found)}
        turn = Turn(lambda call: set())
        steps: list[tuple[ast.AST, ast.AST]] = []
        child: ast.AST = self.loop.node
        while (parent := self.module.parent(child)) is not None and child is not self._own().node:
            steps.append((parent, child))
            child = parent
        for parent, child in reversed(steps):
            if isinstance(parent, (ast.For, ast.AsyncFor)):
                known |= {n.id for n in ast.walk(parent.target) if isinstance(n, ast.Name)}
            if isinstance(parent, (ast.With, ast.AsyncWith)):
                known |= {n.id for i in parent.items if i.optional_vars for n in ast.walk(i.optional_vars) if isinstance(n, ast.Name)}
            for _, block in ast.iter_fields(parent):
                if isinstance(block, list) and any(s is child for s in block) and isinstance(child, ast.stmt):
                    known |= turn.block(block[: block.index(child)], known).assigned or set()
        return known

    # -- tests -------------------------------------------------------------------------------------------------------------------------

    def _guarded(self, text: str, settings: set[str], handed_on: bool = False) -> bool:
        """Whether every use of an object in the turns stands under a test of one of ``settings``.

        ``handed_on``: to be an argument is a use too, which it is of a name without a value, and is not of None.
        """
        uses = [(m, node) for m, node, roots in self._all_uses() if Root(text) in roots and (handed_on or not _is_argument(m, node))]
        return all(any(_parts(test) & settings for test in self._around(module, node, 0)) for module, node in uses)

    def _all_uses(self) -> list[tuple[Module, ast.expr, set[Root]]]:
        if self._uses is None:
            self._uses = [
                (module, node, self.extent.roots(module, node))
                for module, node in self.extent.nodes()
                if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load)
            ]
        return self._uses

    def _around(self, module: Module, node: ast.AST, steps: int) -> Iterator[ast.expr]:
        """The tests on which it hangs whether ``node`` runs in a turn."""
        yield from self._tests(module, node)
        scope = module.scope(node).function()
        if scope is None or steps >= MOST_STEPS or id(scope.node) not in self.extent.functions:
            return
        for site in self.extent.sites.get(id(scope.node), []):
            yield from self._around(site.module, site.call, steps + 1)

    def _tests(self, module: Module, node: ast.AST, leaving: bool = True) -> Iterator[ast.expr]:
        """The tests around ``node`` in its function; ``leaving``: and those before it that leave the function or the turn."""
        child, parent = node, module.parent(node)
        while parent is not None and child is not self.loop.node and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if isinstance(parent, (ast.If, ast.IfExp, ast.While)) and child is not parent.test:
                yield parent.test
            elif isinstance(parent, ast.BoolOp):
                yield from (value for value in parent.values if value is not child)
            for _, block in ast.iter_fields(parent):
                if leaving and isinstance(block, list) and isinstance(child, ast.stmt) and any(s is child for s in block):
                    yield from (s.test for s in block[: block.index(child)] if isinstance(s, ast.If) and _leaves(s.body))
            child, parent = parent, module.parent(parent)

    def _stays(self, test: ast.expr, bindings: list[Binding]) -> bool:
        """Whether a test can be asked once more at the loop: it has no effect, and nothing that it reads has changed since."""
        if not all(isinstance(n, (ast.Name, ast.Attribute, ast.Load, ast.Not, ast.UnaryOp)) for n in ast.walk(test)):
            return False
        if any(_in_else(self.module, b.node, test) for b in bindings):
            return False
        attributes = {n.attr for n in ast.walk(test) if isinstance(n, ast.Attribute)}
        stored = {n.attr for n in self.module.nodes.of(ast.Attribute) if isinstance(n.ctx, ast.Store)}
        names = [n.id for n in ast.walk(test) if isinstance(n, ast.Name)]
        scope = self.module.scope(self.loop.node)
        return not attributes & stored and all((f := scope.lookup(n)) is not None and len(f[1]) == 1 for n in names)

    # -- attributes --------------------------------------------------------------------------------------------------------------------

    def _has(self, base: str, attribute: str, text: str) -> bool:
        """Whether the object ``base`` is there and has the attribute, in every run that uses it unasked."""
        expression = self.extent.placed(base)
        if self._may_be_none(expression) and self._guarded(text, {base.rsplit(".", 1)[-1]}):
            return False
        classes = self.kinds.classes(self.module, expression)
        return bool(classes) and all(self._sets(cls, attribute) for cls in classes)

    def _may_be_none(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            owners = self.kinds.classes(self.module, node.value)
            return any(holds_none(v) for o in owners for _, v in self.kinds.assigned(o, node.attr))
        if not isinstance(node, ast.Name) or node.id in ("self", "cls"):
            return False
        found = self.module.scope(self.loop.node).lookup(node.id)
        return found is not None and any(b.kind == "param" or (b.kind == "assign" and holds_none(b.value)) for b in found[1])

    def _sets(self, cls: Class, attribute: str) -> bool:
        """Whether every object of the class has the attribute from the start: its class, or what makes it, sets it whatever the settings.

        The line is read on EC2 too, where an attribute that is not there yet would end the script.
        """
        init = next((m for m in cls.node.body if isinstance(m, (ast.FunctionDef, ast.AsyncFunctionDef)) and m.name == "__init__"), None)
        for member in cls.node.body:
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                if member.name == attribute:
                    return True
            elif any(isinstance(n, ast.Name) and n.id == attribute and isinstance(n.ctx, ast.Store) for n in ast.walk(member)):
                return True
        if init is not None and any(_stores(statement, attribute) for statement in _straight(init.body)):
            return True
        handed_up = init is None or any(
            isinstance(n, ast.Attribute) and n.attr == "__init__" for statement in _straight(init.body) for n in ast.walk(statement)
        )
        return handed_up and any(self._sets(base, attribute) for base in self.program.bases(cls))


def _always(scope: Scope) -> set[str]:
    """The names that the code of a scope has assigned on every way to its end; the block of the script's start counts as run."""
    body = scope.node.body if isinstance(scope.node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)) else []
    statements = [s for one in body for s in (one.body if _is_start(one) and isinstance(one, ast.If) else [one])]
    known = {name for name, found in scope.bindings.items() if any(b.kind in ("param", "function", "class", "import") for b in found)}
    turn = Turn(lambda call: set())
    for statement in statements:
        known |= turn.block([statement], known).assigned or set()
    return known


def _is_start(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


def _straight(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run whenever the block does."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.With, ast.AsyncWith, ast.Try)):
            yield from _straight(statement.body)
        elif isinstance(statement, ast.If) and statement.orelse:
            first, second = list(_straight(statement.body)), list(_straight(statement.orelse))
            stored = {ast.unparse(t) for s in second if isinstance(s, ast.Assign) for t in s.targets}
            yield from (s for s in first if isinstance(s, ast.Assign) and any(ast.unparse(t) in stored for t in s.targets))


def _stores(statement: ast.stmt, attribute: str) -> bool:
    """Whether a statement gives the object that is made the attribute."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    stored = [n for t in targets if t is not None for n in ast.walk(t) if isinstance(n, ast.Attribute)]
    return any(n.attr == attribute and isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Name) for n in stored)


def _parts(test: ast.expr) -> set[str]:
    """What a test reads: names, the last names of attributes, and keys."""
    found: set[str] = set()
    for node in ast.walk(test):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found.add(repr(node.slice.value))
    inner = {n.value.id for n in ast.walk(test) if isinstance(n, (ast.Attribute, ast.Subscript)) and isinstance(n.value, ast.Name)}
    held = {n.value.attr for n in ast.walk(test) if isinstance(n, (ast.Attribute, ast.Subscript)) and isinstance(n.value, ast.Attribute)}
    return found - inner - held


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))


def _is_argument(module: Module, node: ast.expr) -> bool:
    """Whether it is only handed on: what the function does with it is looked at there. A method called on it is a use."""
    parent = module.parent(node)
    return isinstance(parent, ast.keyword) or (isinstance(parent, ast.Call) and parent.func is not node)


def _in_else(module: Module, node: ast.AST, test: ast.expr) -> bool:
    child, parent = node, module.parent(node)
    while parent is not None:
        if isinstance(parent, ast.If) and parent.test is test:
            return any(child is s for s in parent.orelse)
        child, parent = parent, module.parent(parent)
    return True


def holds_none(value: ast.expr | None) -> bool:
    if isinstance(value, ast.IfExp):
        return holds_none(value.body) or holds_none(value.orelse)
    return isinstance(value, ast.Constant) and value.value is None
