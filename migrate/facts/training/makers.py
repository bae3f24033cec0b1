"""Which call of a library made an object: names, attributes, parameters and returned values are followed back to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.flow import returns_of
from migrate.facts.program import Class, Function, Module, Program
from migrate.facts.reach import dormant, reached
from migrate.facts.training.objects import SAME_OBJECT, kinds_of

MOST_STEPS = 10


@dataclass(frozen=True, eq=False)
class Made:
    """A call that makes an object: ``name`` is the library's dotted name; for a class of the program, that of a base of it."""

    module: Module
    call: ast.Call
    name: str


class Makers:
    """Answers for one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.kinds = kinds_of(program)

    def of(self, module: Module, node: ast.expr, steps: int = 0) -> list[Made]:
        """Every call that may have made the object ``node``; empty where nothing is known."""
        return list({id(made.call): made for made in self._of(module, node, steps)}.values())

    def _of(self, module: Module, node: ast.expr, steps: int) -> Iterator[Made]:
        if steps > MOST_STEPS:
            return
        if isinstance(node, ast.Call):
            yield from self._of_call(module, node, (), steps)
        elif isinstance(node, ast.Name):
            yield from self._of_name(module, node, steps)
        elif isinstance(node, ast.Attribute):
            for cls in self.kinds.classes(module, node.value):
                for home, value in self.kinds.assigned(cls, node.attr):
                    yield from self._of(home, value, steps + 1)
        elif isinstance(node, ast.IfExp):
            yield from self._of(module, node.body, steps + 1)
            yield from self._of(module, node.orelse, steps + 1)

    def _of_name(self, module: Module, node: ast.Name, steps: int) -> Iterator[Made]:
        found = module.scope(node).lookup(node.id)
        for binding in found[1] if found is not None else []:
            if binding.kind in ("assign", "with") and binding.value is not None:
                yield from self._element(module, binding.value, binding.index, steps)
            elif binding.kind == "import":
                path = self.program.resolver(module.path, binding.module, binding.level)
                home = self.program.modules.get(path or "")
                for inner in home.names.root.bindings.get(binding.name or "", []) if home is not None else []:
                    if home is not None and inner.kind == "assign" and inner.value is not None:
                        yield from self._element(home, inner.value, inner.index, steps)
            elif binding.kind == "param" and found is not None:
                function = self.program.function_of(found[0].node)
                for site in self.program.calls_of.get(id(found[0].node), []) if function is not None else []:
                    argument = self.program.argument(function, site.call, node.id) if function is not None else None
                    if argument is not None:
                        yield from self._of(site.module, argument, steps + 1)

    def _element(self, module: Module, value: ast.expr, index: tuple[int, ...], steps: int) -> Iterator[Made]:
        if not index:
            yield from self._of(module, value, steps + 1)
        elif isinstance(value, (ast.Tuple, ast.List)) and index[0] < len(value.elts):
            yield from self._element(module, value.elts[index[0]], index[1:], steps + 1)
        elif isinstance(value, ast.Call):
            yield from self._of_call(module, value, index, steps)

    def _of_call(self, module: Module, node: ast.Call, index: tuple[int, ...], steps: int) -> Iterator[Made]:
        local = self.program.definitions(module, node.func) or self.program.callees(module, node)
        for definition in local:
            if isinstance(definition, Class):
                yield from (Made(module, node, name) for name in self._bases(definition, steps))
            elif isinstance(definition, Function) and definition.node.name != "__init__":
                for returned in returns_of(definition):
                    yield from self._element(definition.module, returned, index, steps + 1)
        name = self.program.qualified(module, node.func)
        if name is not None and ".py:" not in name and not index:
            yield Made(module, node, name)
        elif not local and isinstance(node.func, ast.Attribute) and node.func.attr in SAME_OBJECT:
            yield from self._of(module, node.func.value, steps + 1)

    def _bases(self, cls: Class, steps: int) -> Iterator[str]:
        """The library's names of the bases of a class."""
        if steps > MOST_STEPS:
            return
        for base in cls.node.bases:
            name = self.program.qualified(cls.module, base)
            if name is not None and ".py:" not in name:
                yield name
        for inner in self.program.bases(cls):
            yield from self._bases(inner, steps + 1)


def live_calls(program: Program, *names: str) -> Iterator[tuple[Module, ast.Call]]:
    """Every call in code that may run; of ``names`` those alone whose function is written with one of these last names."""
    alive = reached(program)
    for module in program.modules.values():
        asleep = dormant(module, program)
        for call in module.calls_named(*names) if names else module.calls():
            function = module.scope(call).function()
            if id(call) not in asleep and (function is None or id(function.node) in alive):
                yield module, call


def imports_library(program: Program, library: str) -> bool:
    """Whether a module of the program imports ``library``, or something of it: a cheap look before a thorough one."""
    by_library: dict[str, bool] = program.notes.setdefault("imports", {})
    if library not in by_library:
        by_library[library] = any(library in module.text for module in program.modules.values())
    return by_library[library]


def is_support(module: Module, call: ast.Call, name: str) -> bool:
    """Whether ``call`` calls the function ``name`` of the support file."""
    if not isinstance(call.func, ast.Name):
        return False
    found = module.scope(call).lookup(call.func.id)
    return found is not None and any(
        b.kind == "import" and b.name == name and (b.module or "").endswith("sagemaker_support") for b in found[1]
    )


def handed_on(program: Program, module: Module, node: ast.AST) -> bool:
    """Whether the function around ``node`` is called by a library alone, which decides how often: an objective, a callback."""
    scope = module.scope(node).function()
    function = program.function_of(scope.node) if scope is not None else None
    seen: set[int] = set()
    while function is not None and id(function.node) not in seen:
        seen.add(id(function.node))
        sites = program.calls_of.get(id(function.node), [])
        if not sites:
            return function.owner is None and _is_named(function)
        outer = sites[0].module.scope(sites[0].call).function()
        function = program.function_of(outer.node) if outer is not None else None
    return False


def _is_named(function: Function) -> bool:
    """Whether the module names the function other than to call it."""
    return any(
        isinstance(node.ctx, ast.Load)
        and node.id == function.node.name
        and isinstance(function.module.parent(node), (ast.Call, ast.keyword))
        for node in function.module.nodes.of(ast.Name)
    )
