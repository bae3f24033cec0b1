"""A JAX loop written by hand that starts from the beginning after an interruption.

What it finds
    Loops around ``optax.apply_updates``, or around ``apply_gradients`` of a Flax ``TrainState``.

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; of the first machine's disk nothing is left but the
    checkpoint folder.

Fix and its safety
    None yet. By hand: save parameters, the optimizer's state, the random key and the place in the training behind each turn, with
    ``orbax.checkpoint.CheckpointManager`` or ``flax.serialization.to_bytes``, into the checkpoint folder; before the loop, look there
    for the newest ones.

Source
    Flax: "Save and load checkpoints"; Orbax: ``CheckpointManager``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.training.loops import Act, Loop, chains
from migrate.facts.training.makers import live_calls
from migrate.facts.training.managed import imports_of
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM315"
NAME = "unresumed-jax-loop"
REASON = "not built yet: save parameters, optimizer state and random key in the checkpoint folder; `migrate rules SM315` tells how"


def check(context: Context) -> Iterator[Finding]:
    program = context.program
    if not {"jax", "flax", "optax"} & {name.split(".")[0] for name in imports_of(program)}:
        return
    loops: dict[int, Loop] = {}
    for module, call in live_calls(program):
        name = program.qualified(module, call.func) or ""
        flax = isinstance(call.func, ast.Attribute) and call.func.attr == "apply_gradients" and any(k.arg == "grads" for k in call.keywords)
        if flax or (name.startswith("optax.") and name.endswith(".apply_updates")):
            for chain in chains(program, Act(module, call)):
                loops.update((id(loop.node), loop) for loop in chain[-1:])
    for loop in loops.values():
        message = "this loop starts from the beginning after an interruption"
        yield Finding(CODE, NAME, loop.module.place(loop.node), "warning", message, "none", REASON, effort=3)


_LOOP = """\
import jax
import optax

parameters = {"w": jax.numpy.ones(3)}
optimizer = optax.adam(0.1)
state = optimizer.init(parameters)
for step in range(10):
    gradients = jax.grad(lambda p: (p["w"] ** 2).sum())(parameters)
    updates, state = optimizer.update(gradients, state)
    parameters = optax.apply_updates(parameters, updates)
"""

EXAMPLES = (Example(before=_LOOP, after=_LOOP),)

UNTOUCHED = (
    """\
import jax

for step in range(3):
    print(jax.grad(lambda x: x**2)(float(step)))
""",
)
