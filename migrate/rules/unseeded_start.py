"""Data that are shuffled or split at random before the training loop, with no seed.

What it finds
    ``random.shuffle``, ``numpy.random.permutation``, ``random_split``, ``train_test_split`` and their like, in code that runs before a
    training loop which goes on after an interruption, in a script that sets no seed.

Why it matters on SageMaker
    After an interruption the script starts again from its first line: the data fall into other parts than before, and what was
    validated with is now trained on. The loop goes on as if nothing had happened.

Fix and its safety
    None: a seed would change what the script does on EC2. Set one at its start, or keep the split in a file.

Source
    A run: a script without a seed, killed and gone on with, had other sentences in its validation part.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive
from migrate.facts.training.extent import extent_of
from migrate.facts.training.resume import kept_loops
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM303"
NAME = "unseeded-start"
DRAWS = {
    "random.shuffle": None,
    "random.sample": None,
    "numpy.random.shuffle": None,
    "numpy.random.permutation": None,
    "torch.randperm": "generator",
    "torch.utils.data.random_split": "generator",
    "torch.utils.data.dataset.random_split": "generator",
    "sklearn.model_selection.train_test_split": "random_state",
}
# By name alone: what sets all seeds is often a function of the script's own.
SEEDS = {"seed", "manual_seed", "seed_everything", "set_seed", "set_random_seed", "seed_all", "setup_seed", "fix_seed", "init_seeds"}


def check(context: Context) -> Iterator[Finding]:
    program = context.program
    draws = [
        (module, call)
        for module in program.modules.values()
        for call in program.calls_of_library(module, DRAWS)
        if _draws(program, module, call)
    ]
    if not draws or any(module.calls_named(*SEEDS) for module in program.modules.values()):
        return
    loops = kept_loops(program)
    inside = {id(node) for loop in loops for _, node in extent_of(program, loop).nodes()}
    for module, call in draws if loops else ():
        if id(call) not in inside:
            name = ast.unparse(call.func)
            message = f"{name} runs before the training loop with no seed: after an interruption it gives something else"
            reason = "a seed would change what the script does on EC2: set one at its start, or keep the result in a file"
            yield Finding(CODE, NAME, module.place(call), "warning", message, "none", reason, 2)


def _draws(program: Program, module: Module, call: ast.Call) -> bool:
    name = program.qualified(module, call.func)
    if name not in DRAWS or not is_alive(program, module, call):
        return False
    given = next((k.value for k in call.keywords if k.arg is not None and k.arg == DRAWS[name]), None)
    return given is None or (isinstance(given, ast.Constant) and given.value is None)


SOURCE = """\
import random
import torch

rows = list(range(100))
random.shuffle(rows)
train, valid = rows[:80], rows[80:]
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    random.shuffle(train)
    for row in train:
        optimizer.zero_grad()
        model(torch.tensor([float(row)])).mean().backward()
        optimizer.step()
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (
    SOURCE.replace("rows = list", "random.seed(0)\nrows = list"),
    SOURCE.replace("random.shuffle(rows)\n", ""),
    """\
import torch
from torch.utils.data import random_split

train, valid = random_split(range(100), [80, 20], generator=torch.Generator().manual_seed(1))
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    optimizer.zero_grad()
    model(torch.ones(1)).mean().backward()
    optimizer.step()
""",
)
