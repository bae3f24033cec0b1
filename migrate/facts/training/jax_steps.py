"""The steps of JAX: the calls that turn what is trained into what it is afterwards.

JAX trains by values: ``params, state = step(params, state, batch)``. So a step is a call that is given a name and gives it anew, where a
gradient is taken behind it; or an update of a library: ``optax.apply_updates(params, updates)``, ``state.apply_gradients(grads=grads)``.
Of what flax.nnx changes in place, a step is ``optimizer.update(...)``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.nodes import walk
from migrate.facts.program import Function, Module, Program
from migrate.facts.reach import dormant, reached
from migrate.facts.training.objects import kinds_of

UPDATES = {"apply_updates", "apply_gradients"}
LOOPS = {"scan", "fori_loop", "while_loop"}  # of jax.lax: they run a step in turns of their own
COMPILE = {"jit", "pmap", "filter_jit", "filter_pmap", "partial", "shard_map", "checkify", "cached_partial", "vmap"}
GRADIENTS = {"grad", "value_and_grad", "filter_grad", "filter_value_and_grad", "jacrev", "jacfwd"}
HOMES = ("jax", "flax", "optax", "equinox")
MOST_CALLS = 6


def jax_steps(program: Program) -> dict[int, tuple[Module, ast.Call]]:
    """The calls, by id, that make a step of training with JAX, in code that may run."""
    known: dict[int, tuple[Module, ast.Call]] | None = program.notes.get("steps of JAX")
    if known is None:
        known = program.notes["steps of JAX"] = {id(call): (module, call) for module, call in _steps(program)} if uses_jax(program) else {}
    return known


def jax_gradients(program: Program) -> dict[int, tuple[Module, ast.Call]]:
    """The calls, by id, that give a gradient in code that may run: ``jax.grad(loss)(params)``, ``gradient(params)`` of what that made.

    One of a value that the turns give anew trains it, however they do that (``params = tree_map(...)``); another may be wanted for itself.
    """
    known: dict[int, tuple[Module, ast.Call]] | None = program.notes.get("gradients of JAX")
    if known is None:
        calls = live_calls(program) if uses_jax(program) else ()
        known = program.notes["gradients of JAX"] = {
            id(call): (module, call) for module, call in calls if _gives_gradient(module, call.func)
        }
    return known


def _gives_gradient(module: Module, function: ast.expr, steps: int = 0) -> bool:
    if steps > MOST_CALLS:  # a name may be made of itself: step = partial(step, ...)
        return False
    if isinstance(function, ast.Call):
        last = _last(function.func)
        return last in GRADIENTS or (last in COMPILE and any(_gives_gradient(module, a, steps + 1) for a in function.args))
    found = module.scope(function).lookup(function.id) if isinstance(function, ast.Name) else None
    values = [b.value for b in found[1] if b.kind == "assign" and b.value is not None] if found is not None else []
    return any(_gives_gradient(module, value, steps + 1) for value in values if isinstance(value, ast.Call))


def live_calls(program: Program) -> Iterator[tuple[Module, ast.Call]]:
    """Every call in code that may run."""
    alive = reached(program)
    for module in program.modules.values():
        asleep = dormant(module, program)
        for call in module.calls():
            function = module.scope(call).function()
            if id(call) not in asleep and (function is None or id(function.node) in alive):
                yield module, call


def uses_jax(program: Program) -> bool:
    named = (name for module in program.modules.values() for name, level in module.imported() if name and not level)
    return any(name.split(".")[0] in HOMES for name in named)


def _steps(program: Program) -> Iterator[tuple[Module, ast.Call]]:
    if not any(_takes_gradient(module.tree) for module in program.modules.values() if "grad" in module.text):
        return
    for module, call in live_calls(program):
        if _is_step(program, module, call):
            yield module, call


def _is_step(program: Program, module: Module, call: ast.Call) -> bool:
    last, name = _last(call.func), program.qualified(module, call.func) or ""
    if last in UPDATES:
        return name.startswith(HOMES) or any(k.arg == "grads" for k in call.keywords)
    if not _gives_anew(module, call):
        return False
    if name and ".py:" not in name and "." in name:
        return name.startswith("jax.lax.") and last in LOOPS and any(_trains(program, f, 0) for f in _given(program, module, call))
    functions = program.callees(module, call)
    return any(_trains(program, f, 0) for f in functions) if functions else _is_made_step(program, module, call.func)


def _is_made_step(program: Program, module: Module, function: ast.expr) -> bool:
    """Whether a call made a function that trains."""
    kinds = kinds_of(program)
    made: list[tuple[Module, ast.expr]] = []
    if isinstance(function, ast.Name):
        found = module.scope(function).lookup(function.id)
        made = [(module, b.value) for b in found[1] if b.kind == "assign" and b.value is not None] if found is not None else []
        made += kinds.arguments(found[0], function.id) if found is not None and any(b.kind == "param" for b in found[1]) else []
    elif isinstance(function, ast.Attribute):
        made = [pair for cls in kinds.classes(module, function.value) for pair in kinds.assigned(cls, function.attr)]
    return any(isinstance(value, ast.Call) and _makes_step(program, home, value) for home, value in made)


def _makes_step(program: Program, module: Module, call: ast.Call) -> bool:
    """``jax.jit(update)``, ``partial(jax.jit, ...)(update)``, ``make_step(model)``: what the made function does takes a gradient."""
    if isinstance(call.func, ast.Call) or _last(call.func) in COMPILE:
        given = _given(program, module, call)
        return any(_trains(program, one, 0) for one in given) or (not given and any(isinstance(a, ast.Attribute) for a in call.args))
    return any(_trains(program, one, 0) for one in program.callees(module, call))


def _given(program: Program, module: Module, call: ast.Call) -> list[Function]:
    """The functions of the program that a call is given, those inside a ``partial`` too."""
    inner = [a for one in call.args if isinstance(one, ast.Call) for a in one.args]
    return [d for a in [*call.args, *inner] for d in program.definitions(module, a) if isinstance(d, Function)]


def _gives_anew(module: Module, call: ast.Call) -> bool:
    """Whether a name, or an attribute, that the call is given gets a new value by it: ``params = step(params)``."""
    assigned = module.parent(call)
    if not isinstance(assigned, ast.Assign):
        return False
    targets = {ast.unparse(t) for one in assigned.targets for t in (one.elts if isinstance(one, (ast.Tuple, ast.List)) else [one])}
    given = [*call.args, *(k.value for k in call.keywords)]
    return any(isinstance(value, (ast.Name, ast.Attribute)) and ast.unparse(value) in targets for value in given)


def _trains(program: Program, function: Function, steps: int) -> bool:
    """Whether a gradient is taken in a function, or in what it calls."""
    known: dict[int, bool] = program.notes.setdefault("take gradients of JAX", {})
    if id(function.node) not in known:
        known[id(function.node)] = False  # while it is looked at: it may call itself
        known[id(function.node)] = _takes_gradient(function.node) or _calls_gradient(program, function, steps)
    return known[id(function.node)]


def _calls_gradient(program: Program, function: Function, steps: int) -> bool:
    calls = (n for n in walk(function.node) if isinstance(n, ast.Call)) if steps < MOST_CALLS else ()
    return any(
        _last(call.func) in UPDATES
        or any(_trains(program, f, steps + 1) for f in program.callees(function.module, call) if f is not function)
        for call in calls
    )


def _takes_gradient(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Call) and (_last(n.func) in GRADIENTS) for n in walk(node))


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
