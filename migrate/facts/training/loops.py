"""Where a program trains: the loops around each training act, from the innermost out, across the calls that lead there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.program import Function, Module, Program
from migrate.facts.reach import dormant, reached
from migrate.facts.training.objects import Kinds

LoopNode = ast.For | ast.AsyncFor | ast.While
MOST_CALLS = 12  # calls followed from an act to the loop around it


@dataclass(frozen=True, eq=False)
class Loop:
    """One loop statement. ``function`` is the function that holds it; None at the top of a module."""

    module: Module
    node: LoopNode
    function: Function | None

    @property
    def line(self) -> int:
        return self.node.lineno


@dataclass(frozen=True, eq=False)
class Act:
    """A call that trains: ``loss.backward()``, ``accelerator.backward(loss)``."""

    module: Module
    call: ast.Call


def acts(program: Program) -> list[Act]:
    """Every backward pass in the code that may run, and where there is none to be seen, the steps of optimizers; what a loop of
    Chainer or scikit-learn trains with."""
    found = _calls_of(program, ("backward", "manual_backward")) or [
        act for act in _calls_of(program, ("step",)) if isinstance(act.module.parent(act.call), ast.Expr)
    ]
    if any("chainer" in module.text or "sklearn" in module.text for module in program.modules.values()):
        kinds = Kinds(program)
        wanted = {"update": "optimizer", "partial_fit": "estimator"}
        for act in _calls_of(program, tuple(wanted)):
            assert isinstance(act.call.func, ast.Attribute)
            if kinds.of(act.module, act.call.func.value) == wanted[act.call.func.attr]:
                found.append(act)
    return [act for act in found if not _trainer_calls(program, act)]


def _trainer_calls(program: Program, act: Act) -> bool:
    """Whether the act stands in an updater or an extension, which a Chainer trainer calls in a loop of its own."""
    scope = act.module.scope(act.call).function()
    function = program.function_of(scope.node) if scope is not None else None
    cls = program.class_of(function.owner) if function is not None and function.owner is not None else None
    return cls is not None and any(
        (program.qualified(relative.module, base) or "").startswith("chainer.training.")
        for relative in program.family(cls)
        for base in relative.node.bases
    )


def _calls_of(program: Program, names: tuple[str, ...]) -> list[Act]:
    alive = reached(program)
    found: list[Act] = []
    for module in program.modules.values():
        asleep = dormant(module, program)
        for call in module.calls():
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in names or id(call) in asleep:
                continue
            function = module.scope(call).function()
            if function is None or id(function.node) in alive:
                found.append(Act(module, call))
    return found


def chains(program: Program, act: Act) -> list[tuple[Loop, ...]]:
    """The loops around ``act``, innermost first; one chain for each way of calls that leads to it."""
    return _chains(program, act.module, act.call, (), frozenset())


def _chains(program: Program, module: Module, node: ast.AST, inner: tuple[Loop, ...], seen: frozenset[int]) -> list[tuple[Loop, ...]]:
    scope = module.scope(node).function()
    function = program.function_of(scope.node) if scope is not None else None
    loops = (*inner, *(Loop(module, loop, function) for loop in loops_around(module, node)))
    if function is None or id(function.node) in seen or len(seen) >= MOST_CALLS:
        return [loops]
    found: list[tuple[Loop, ...]] = []
    for caller, point in callers(program, function):
        found += _chains(program, caller, point, loops, seen | {id(function.node)})
    return found or [loops]


def callers(program: Program, function: Function) -> Iterator[tuple[Module, ast.AST]]:
    """Where ``function`` is run from: its calls, and, for one that is handed on (a closure, a hook), the places that name it."""
    sites = program.calls_of.get(id(function.node), [])
    alive = reached(program)
    for site in sites:
        scope = site.module.scope(site.call).function()
        if (scope is None or id(scope.node) in alive) and id(site.call) not in dormant(site.module, program):
            yield site.module, site.call
    if sites or function.owner is not None:
        return
    for node in function.module.nodes.of(ast.Name):
        if isinstance(node.ctx, ast.Load) and node.id == function.node.name:
            found = function.module.scope(node).lookup(node.id)
            if found is not None and any(b.node is function.node for b in found[1]):
                yield function.module, node


def loops_around(module: Module, node: ast.AST) -> Iterator[LoopNode]:
    """The loop statements around ``node`` within its function, innermost first. The iterable itself is not inside."""
    child, current = node, module.parent(node)
    while current is not None and not isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
        if isinstance(current, (ast.For, ast.AsyncFor)) and any(child is s for s in current.body):
            yield current
        elif isinstance(current, ast.While) and any(child is s for s in current.body):
            yield current
        child, current = current, module.parent(current)
