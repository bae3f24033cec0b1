"""Where a program trains: the loops around each training act, from the innermost out, across the calls that lead there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.program import Function, Module, Program
from migrate.facts.reach import dormant, is_alive, reached, started_outside
from migrate.facts.training.graphs import tensorflow_steps
from migrate.facts.training.jax_steps import jax_gradients, jax_steps
from migrate.facts.training.objects import kinds_of

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
    """A call that trains: ``loss.backward()``, ``accelerator.backward(loss)``, ``session.run(train_op)``."""

    module: Module
    call: ast.Call


def acts(program: Program) -> list[Act]:
    """Every backward pass in the code that may run, and where there is none to be seen, the steps of optimizers; what a loop of
    Chainer, scikit-learn or TensorFlow trains with."""
    found = _calls_of(program, ("backward", "manual_backward")) or [
        act for act in _calls_of(program, ("step",)) if isinstance(act.module.parent(act.call), ast.Expr)
    ]
    if any("chainer" in module.text or "sklearn" in module.text or "nnx" in module.text for module in program.modules.values()):
        kinds = kinds_of(program)
        wanted = {"update": "optimizer", "partial_fit": "estimator"}
        for act in _calls_of(program, tuple(wanted)):
            assert isinstance(act.call.func, ast.Attribute)
            if kinds.of(act.module, act.call.func.value) == wanted[act.call.func.attr]:
                found.append(act)
    found += [Act(module, call) for module, call in (tensorflow_steps(program) | jax_steps(program) | jax_gradients(program)).values()]
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
        for call in module.calls_named(*names):
            if not isinstance(call.func, ast.Attribute) or id(call) in asleep:
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


def callers(program: Program, function: Function) -> list[tuple[Module, ast.AST]]:
    """Where ``function`` is run from: its calls, and, for one that is handed on (a closure, a hook), the places that name it."""
    by_function: dict[int, list[tuple[Module, ast.AST]]] = program.notes.setdefault("callers", {})
    known = by_function.get(id(function.node))
    if known is None:
        known = by_function[id(function.node)] = list(_callers(program, function))
    return known


def _callers(program: Program, function: Function) -> Iterator[tuple[Module, ast.AST]]:
    sites = program.calls_of.get(id(function.node), [])
    if function.owner is not None:
        own = kinds_of(program)
        sites = [site for site in sites if own.is_run_by(function, site.module, site.call)]
    yield from ((site.module, site.call) for site in sites if is_alive(program, site.module, site.call))
    if sites:
        return
    cls = program.class_of(function.owner) if function.owner is not None else None
    if cls is None:
        yield from _names_of(program, function)
        return
    kinds, family = kinds_of(program), {id(relative.node) for relative in program.family(cls)}
    for module in program.modules.values():
        for call in module.calls() if function.node.name == "__call__" else module.calls_named(function.node.name):
            target = _receiver(call, function.node.name)
            if target is not None and is_alive(program, module, call) and not program.callees(module, call):
                if any(id(found.node) in family for found in kinds.classes(module, target)):
                    yield module, call


def _receiver(call: ast.Call, method: str) -> ast.expr | None:
    """The object whose ``method`` a call may run: ``x`` of ``x.method()``, and of ``x()``."""
    if method == "__call__":
        return call.func if isinstance(call.func, (ast.Name, ast.Attribute)) else None
    return call.func.value if isinstance(call.func, ast.Attribute) and call.func.attr == method else None


def _names_of(program: Program, function: Function) -> Iterator[tuple[Module, ast.AST]]:
    """The places that name a function other than to call it."""
    for module in program.modules.values():
        for node in _read_as(module, function.node.name):
            if is_alive(program, module, node):
                if any(d is function for d in program.definitions(module, node)):
                    yield module, node


def _read_as(module: Module, name: str) -> list[ast.Name]:
    """The places of a module that read a name."""
    by_name: dict[str, list[ast.Name]] | None = module.notes.get("names read")
    if by_name is None:
        by_name = module.notes["names read"] = {}
        for node in module.nodes.of(ast.Name):
            if isinstance(node.ctx, ast.Load):
                by_name.setdefault(node.id, []).append(node)
    return by_name.get(name, [])


def unfollowed(program: Program, loop: Loop) -> Function | None:
    """Where no way of calls is found that leads from the start of the script to ``loop``: the function that nothing is seen to call.
    Another loop may stand around what calls it."""
    todo, seen, strangers = [loop.function], set[int](), list[Function]()
    while todo:
        function = todo.pop()
        if function is None or started_outside(program, function):
            return None
        if id(function.node) in seen:
            continue
        seen.add(id(function.node))
        scopes = [module.scope(point).function() for module, point in callers(program, function)]
        todo += [program.function_of(scope.node) if scope is not None else None for scope in scopes]
        strangers += [] if scopes else [function]
    return strangers[0] if strangers else loop.function


def loops_around(module: Module, node: ast.AST) -> Iterator[LoopNode]:
    """The loop statements around ``node`` within its function, innermost first. The iterable itself is not inside."""
    child, current = node, module.parent(node)
    while current is not None and not isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
        if isinstance(current, (ast.For, ast.AsyncFor)) and any(child is s for s in current.body):
            yield current
        elif isinstance(current, ast.While) and any(child is s for s in current.body):
            yield current
        child, current = current, module.parent(current)
