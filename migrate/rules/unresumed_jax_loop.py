"""Training with JAX that is one compiled call, and starts from the beginning after an interruption.

What it finds
    A loop of JAX's own (``jax.lax.scan``, ``fori_loop``, ``while_loop``) that trains and stands in no loop of Python; a step of training
    whose loop is not found. Loops of Python around steps of JAX are SM301's.

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; of the first machine's disk nothing is left but the
    checkpoint folder.

Fix and its safety
    None. While a compiled call runs, nobody can look at what it holds. Let a loop of Python run it in parts, each over some of the steps,
    and hand the carry from one to the next: SM301 keeps such a loop.

Source
    JAX: ``jax.lax.scan``, "Control flow and logical operators with JIT".
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.training.jax_steps import jax_steps
from migrate.facts.training.loops import Act, chains
from migrate.facts.training.resume import find_resumes
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM315"
NAME = "unresumed-jax-loop"
MESSAGE = "this training starts from the beginning after an interruption"
REASON = "no loop of Python is found around it, at whose turns it could be saved: run it in parts, and hand on what each gives"


def check(context: Context) -> Iterator[Finding]:
    program = context.program
    steps = list(jax_steps(program).values())
    if not steps or find_resumes(program) or any(any(chains(program, Act(module, call))) for module, call in steps):
        return
    module, call = steps[-1]
    yield Finding(CODE, NAME, module.place(call), "warning", MESSAGE, "none", REASON, effort=3)


_SCAN = """\
import jax
import optax

optimizer = optax.adam(0.1)


def step(carry, batch):
    parameters, state = carry
    gradients = jax.grad(loss)(parameters, batch)
    updates, state = optimizer.update(gradients, state)
    return (optax.apply_updates(parameters, updates), state), None


carry, _ = jax.lax.scan(step, start(), batches)
"""

EXAMPLES = (Example(before=_SCAN, after=_SCAN),)

UNTOUCHED = (
    """\
import jax

for step in range(3):
    print(jax.grad(lambda x: x**2)(float(step)))
""",
    """\
import jax
import optax

optimizer = optax.adam(0.1)
state = optimizer.init(parameters)
for step in range(3):
    gradients = jax.grad(loss)(parameters, step)
    updates, state = optimizer.update(gradients, state)
    parameters = optax.apply_updates(parameters, updates)
""",
)
