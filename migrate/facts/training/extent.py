"""What a loop runs: its body and the functions called from there; and what each name in them is at the loop itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.nodes import children
from migrate.facts.program import CallSite, Function, Module, Program
from migrate.facts.scopes import Binding, Scope
from migrate.facts.training.loops import Loop
from migrate.facts.training.objects import SAME_OBJECT, Kinds, kinds_of

MOST_STEPS = 12  # names followed in a row


@dataclass(frozen=True)
class Root:
    """An object that is alive when the loop begins. ``text`` is how the function of the loop spells it: ``model``, ``self.optimizer``.

    ``home`` is the module that holds it where that is a global of another module, which the loop cannot name. ``element``: it is
    something that a container holds, which has no name of its own; ``inner``: it is a part of that. ``text`` is the container's then.
    """

    text: str
    home: str | None = None
    element: bool = False
    inner: bool = False

    def attribute(self, name: str) -> Root:
        if self.element:
            return Root(self.text, self.home, True, True)
        if name == "module" or self.text.endswith(f".{name}"):  # an object of its own kind inside, and so on
            return self
        return Root(f"{self.text}.{name}", self.home)

    def one(self) -> Root:
        """An element of it."""
        return Root(self.text, self.home, True, self.inner)


class Extent:
    """The code that one loop runs in its turns."""

    def __init__(self, program: Program, kinds: Kinds, loop: Loop) -> None:
        self.program = program
        self.kinds = kinds
        self.loop = loop
        self.functions: dict[int, Function] = {}
        self.sites: dict[int, list[CallSite]] = {}
        self._nodes: list[tuple[Module, ast.AST]] = []
        self._passed: dict[tuple[int, str, int], set[Root]] = {}
        self._placed: dict[str, ast.expr] = {}
        self._fill()

    def nodes(self) -> list[tuple[Module, ast.AST]]:
        """Every node of the code, with its module; a nested function only where something in the extent calls or hands it on."""
        return self._nodes

    def _fill(self) -> None:
        todo: list[tuple[Module, list[ast.AST]]] = [(self.loop.module, list(self.loop.node.body))]
        if isinstance(self.loop.node, ast.While):
            todo[0][1].append(self.loop.node.test)
        while todo:
            module, roots = todo.pop()
            for node in _walk(roots):
                self._nodes.append((module, node))
                for function in self._runs(module, node):
                    if id(function.node) not in self.functions:
                        self.functions[id(function.node)] = function
                        todo.append((function.module, list(function.node.body)))

    def _runs(self, module: Module, node: ast.AST) -> Iterator[Function]:
        if isinstance(node, ast.Call):
            for function in self._called(module, node):
                self.sites.setdefault(id(function.node), []).append(CallSite(module, node))
                yield function
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):  # a closure that is handed on
            parent = module.parent(node)
            if isinstance(parent, (ast.Call, ast.keyword)) and getattr(parent, "func", None) is not node:
                for definition in self.program.definitions(module, node):
                    if isinstance(definition, Function):
                        yield definition

    def _called(self, module: Module, call: ast.Call) -> list[Function]:
        """What a call runs. A method that is found by its name alone has to be one of the object's class, where that is known."""
        found = [function for function in self.program.callees(module, call) if self.kinds.is_run_by(function, module, call)]
        return found or self._methods(module, call)

    def runs_own(self, module: Module, call: ast.Call) -> bool:
        """Whether a call runs a function of the program."""
        return bool(self._called(module, call))

    def _methods(self, module: Module, call: ast.Call) -> list[Function]:
        """The methods that ``meter.update()`` and ``meter()`` may run, by what made ``meter``."""
        found = [self.program.method(cls, "__call__") for cls in self.kinds.classes(module, call.func)]
        if isinstance(call.func, ast.Attribute):
            found += [self.program.method(cls, call.func.attr) for cls in self.kinds.classes(module, call.func.value)]
        return list({id(f.node): f for f in found if f is not None}.values())

    def placed(self, text: str) -> ast.expr:
        """An expression, as if it stood at the loop."""
        if text not in self._placed:
            self._placed[text] = ast.parse(text, mode="eval").body
            scope = self.loop.module.scope(self.loop.node)
            for node in ast.walk(self._placed[text]):
                self.loop.module.names.scope_of[id(node)] = scope
            self.loop.module.notes.setdefault("made", []).append(self._placed[text])  # scopes go by id: it lives as long as the module
        return self._placed[text]

    # -- what a name is at the loop ----------------------------------------------------------------------------------------------------

    def roots(self, module: Module, node: ast.expr, steps: int = 0) -> set[Root]:
        """The objects alive before the loop that ``node`` may be; empty for what a turn makes anew, and for what is not known."""
        if steps > MOST_STEPS:
            return set()
        if isinstance(node, ast.Name):
            return self._roots_of_name(module, node, steps + 1)
        if isinstance(node, ast.Attribute):
            if node.attr == "grad":  # the turn's own
                return set()
            inner = self._global_of_module(module, node)
            return {inner} if inner else {r.attribute(node.attr) for r in self.roots(module, node.value, steps + 1)}
        if isinstance(node, ast.Subscript):
            return {root.one() for root in self.roots(module, node.value, steps + 1)}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SAME_OBJECT:
            return self.roots(module, node.func.value, steps + 1)
        return set()

    def _global_of_module(self, module: Module, node: ast.Attribute) -> Root | None:
        name = self.program.qualified(module, node)
        if name is None or ".py:" not in name:
            return None
        path, _, rest = name.partition(".py:")
        return Root(rest, None if path + ".py" == self.loop.module.path else path + ".py") if rest else None

    def _roots_of_name(self, module: Module, node: ast.Name, steps: int) -> set[Root]:
        found = module.scope(node).lookup(node.id)
        if found is None:
            return set()
        scope, bindings = found
        if module is self.loop.module and self._is_outside(scope):
            before = [b for b in bindings if not self._inside(b)]
            inner = [b for b in bindings if self._inside(b)]
            if inner and all(b.kind in ("for", "with") for b in inner):  # what it was before the loop is over
                return self._aliases(module, inner, steps)
            kinds = {b.kind for b in before}
            if kinds and kinds <= {"function", "class"}:
                return set()
            if kinds and kinds <= {"import", "function", "class"}:
                return self._imported(module, bindings)
            if before:
                return {Root(node.id)}
            return self._aliases(module, bindings, steps)
        if scope.parent is None:
            if any(b.kind == "import" for b in bindings):
                return self._imported(module, bindings)
            return {Root(node.id, module.path)} if not any(b.kind in ("function", "class") for b in bindings) else set()
        function = self.program.function_of(scope.node)
        result = self._aliases(module, [b for b in bindings if b.kind != "param"], steps)
        if function is not None and any(b.kind == "param" for b in bindings):
            result = result | self.passed(function, node.id, steps)
        return result

    def _is_outside(self, scope: Scope) -> bool:
        """Whether a scope of the loop's module is the loop's own or one around it."""
        own: Scope | None = self.loop.module.scope(self.loop.node)
        while own is not None:
            if own is scope:
                return True
            own = own.parent
        return False

    def _inside(self, binding: Binding) -> bool:
        line = getattr(binding.node, "lineno", 0)
        return binding.kind != "param" and self.loop.node.lineno <= line <= (self.loop.node.end_lineno or line)

    def _imported(self, module: Module, bindings: list[Binding]) -> set[Root]:
        result: set[Root] = set()
        for binding in bindings:
            home = self.program.resolver(module.path, binding.module, binding.level) if binding.kind == "import" else None
            inner = self.program.modules[home].names.root.bindings.get(binding.name or "", []) if home in self.program.modules else []
            if home is not None and binding.name and any(b.kind in ("assign", "augmented", "with", "for") for b in inner):
                result.add(Root(binding.name, home))
        return result

    def _aliases(self, module: Module, bindings: list[Binding], steps: int) -> set[Root]:
        result: set[Root] = set()
        for binding in bindings:
            if binding.kind == "for" and binding.value is not None:
                element = _element(binding.value, binding.index)
                result |= {root.one() for root in self.roots(module, element, steps)} if element is not None else set()
            elif binding.kind == "assign" and binding.value is not None and not binding.index:
                result |= self.roots(module, binding.value, steps)
        return result

    def passed(self, function: Function, name: str, steps: int = 0) -> set[Root]:
        """What the calls in the extent pass for a parameter; for the first of a method, the object that it is called on."""
        key = id(function.node), name, steps
        known = self._passed.get(key)
        if known is None:
            known = self._passed[key] = self._find_passed(function, name, steps)
        return known

    def _find_passed(self, function: Function, name: str, steps: int) -> set[Root]:
        result: set[Root] = set()
        for site in self.sites.get(id(function.node), []):
            if function.owner is not None and name == _first_parameter(function):
                if isinstance(site.call.func, ast.Attribute):
                    result |= self._receiver(site, steps)
                elif isinstance(site.call.func, ast.Name):
                    result |= self.roots(site.module, site.call.func, steps)
                continue
            argument = self.program.argument(function, site.call, name)
            if argument is not None:
                result |= self.roots(site.module, argument, steps)
        return result

    def _receiver(self, site: CallSite, steps: int) -> set[Root]:
        assert isinstance(site.call.func, ast.Attribute)
        value = site.call.func.value
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "super":
            scope = site.module.scope(site.call).function()
            own = self.program.function_of(scope.node) if scope is not None else None
            first = _first_parameter(own) if own is not None else None
            if own is None or first is None:
                return set()
            if self.loop.function is own:
                return {Root(first)}
            return self.passed(own, first, steps)
        return self.roots(site.module, value, steps)


def extent_of(program: Program, loop: Loop) -> Extent:
    """The extent of a loop; made once."""
    by_loop: dict[int, Extent] = program.notes.setdefault("extents", {})
    known = by_loop.get(id(loop.node))
    if known is None:
        known = by_loop[id(loop.node)] = Extent(program, kinds_of(program), loop)
    return known


def _first_parameter(function: Function) -> str | None:
    arguments = [*function.node.args.posonlyargs, *function.node.args.args]
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in function.node.decorator_list)
    return arguments[0].arg if arguments and function.owner is not None and not static else None


def _element(iterable: ast.expr, index: tuple[int, ...]) -> ast.expr | None:
    """What holds the elements that a loop's target gets: ``b`` for the second name of ``for x, y in zip(a, b)``."""
    if not isinstance(iterable, ast.Call):
        return iterable
    name = (
        iterable.func.id if isinstance(iterable.func, ast.Name) else iterable.func.attr if isinstance(iterable.func, ast.Attribute) else ""
    )
    if name in ("zip", "enumerate") and index:
        place = index[0] if name == "zip" else 0 if index[0] == 1 else -1
        return _element(iterable.args[place], index[1:]) if 0 <= place < len(iterable.args) else None
    if name in ("reversed", "list", "tuple", "sorted", "tqdm", "trange") and iterable.args:
        return _element(iterable.args[0], index)
    if isinstance(iterable.func, ast.Attribute) and (name == "values" or (name == "items" and index[:1] == (1,))):
        return iterable.func.value
    return iterable


def _walk(roots: list[ast.AST]) -> Iterator[ast.AST]:
    """Every node below ``roots``; the bodies of functions and classes defined there are left out."""
    todo = list(roots)
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        todo += children(node)
