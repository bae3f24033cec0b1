"""Training that a framework runs by itself: ``model.fit`` of Keras, ``trainer.fit`` of Lightning, ``trainer.train`` of transformers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.notes import once
from migrate.facts.program import Module, Program
from migrate.facts.reach import dormant
from migrate.facts.training.extent import extent_of
from migrate.facts.training.loops import Act, Loop, callers, chains
from migrate.facts.training.makers import Made, Makers, live_calls


@dataclass(frozen=True, eq=False)
class Managed:
    """One call of a framework's own training. ``made`` is what the object that trains was made by; empty where that is not known."""

    module: Module
    call: ast.Call
    target: ast.Attribute  # ``model.fit``
    made: tuple[Made, ...]

    def given(self, name: str) -> ast.expr | None:
        """The keyword argument of this name."""
        return next((k.value for k in self.call.keywords if k.arg == name), None)


def trained(program: Program, methods: frozenset[str]) -> Iterator[Managed]:
    """Every call, in code that may run, of a method of these names on an object; without those that were given to the support module."""
    makers = Makers(program)
    for module, call in live_calls(program, *methods):
        if isinstance(call.func, ast.Attribute) and _is_run(program, module, call):
            yield Managed(module, call, call.func, tuple(makers.of(module, call.func.value)))


def _is_run(program: Program, module: Module, node: ast.AST) -> bool:
    """Whether a way of calls leads here from what runs. By its name alone a ``main`` of another script would count too."""
    scope = module.scope(node).function()
    function = program.function_of(scope.node) if scope is not None else None
    todo, seen = [function] if function is not None else [], set[int]()
    if function is None:
        return True
    while todo:
        function = todo.pop()
        if function.owner is not None or (
            function.module is program.main and (function.node.name == "main" or function.node.decorator_list)
        ):
            return True
        seen.add(id(function.node))
        for home, point in callers(program, function):
            outer = home.scope(point).function()
            caller = program.function_of(outer.node) if outer is not None else None
            if id(point) in dormant(home, program):
                continue
            if caller is None:
                return True
            if id(caller.node) not in seen:
                todo.append(caller)
    return False


@once
def imports_of(program: Program) -> set[str]:
    """The first names of everything that the program imports from libraries, as it is imported: ``tensorflow.keras`` too."""
    return set().union(*(_imports_of(module) for module in program.modules.values()))


@once
def _imports_of(module: Module) -> set[str]:
    found = {alias.name for node in module.nodes.of(ast.Import) for alias in node.names}
    for node in module.nodes.of(ast.ImportFrom):
        if node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def repeated(program: Program, managed: Managed) -> Loop | None:
    """The loop that runs this training again and again on an object that was made before the loop."""
    for chain in chains(program, Act(managed.module, managed.call)):
        for loop in chain:
            extent = extent_of(program, loop)
            if extent.roots(managed.module, managed.target.value):
                return loop
    return None


def called(program: Program, *names: str) -> tuple[Module, ast.Call] | None:
    """A call of a library function whose dotted name starts with one of ``names`` (``horovod.``) or ends with it (``.TPUStrategy``)."""
    for module in program.modules.values():
        for call in module.calls() if any(n.endswith(".") for n in names) else program.calls_of_library(module, names):
            name = program.qualified(module, call.func) or ""
            if ".py:" not in name and any(name.startswith(n) if n.endswith(".") else name.endswith(n) for n in names):
                return module, call
    return None


def cli_calls(program: Program, name: str) -> Iterator[tuple[Module, ast.Call]]:
    """The calls of a library's class that trains once it is made, or of a local class that inherits from it: ``LightningCLI``."""
    if not any(name in module.text for module in program.modules.values()):
        return
    makers = Makers(program)
    classes = {name, *(cls.node.name for cls in program.classes)}
    for module, call in live_calls(program, *program.written(*classes)):
        if any(made.call is call and made.name.endswith("." + name) for made in makers.of(module, call)) and _is_run(program, module, call):
            yield module, call
