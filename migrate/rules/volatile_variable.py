"""``Variable(x, volatile=True)``, which PyTorch ignores since 0.4.

What it finds
    ``torch.autograd.Variable`` with ``volatile``, where the job has PyTorch 0.4 or newer.

Why it matters on SageMaker
    The argument has no effect any more: the graph of every evaluation is kept, and the GPU's memory fills up until the job dies.

Fix and its safety
    None: ``with torch.no_grad():`` around the evaluation does it, and is not there before 0.4.

Source
    https://pytorch.org/blog/pytorch-0_4_0-migration-guide/ ("Deprecation of volatile flag")
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.reach import is_alive
from migrate.job.held import has_version
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM516"
NAME = "volatile-variable"
REASON = (
    "with torch.no_grad(): around the evaluation does it, but not before PyTorch 0.4; which lines it has to hold is the author's to say"
)


def check(context: Context) -> Iterator[Finding]:
    wanted, program = context.wanted, context.program
    if wanted is None or not has_version(wanted, "torch", ">=0.4"):
        return
    for module in program.modules.values():
        if b"volatile" not in module.source:
            continue
        for call in module.calls():
            given = next((keyword.value for keyword in call.keywords if keyword.arg == "volatile"), None)
            if given is None or (isinstance(given, ast.Constant) and not given.value):
                continue
            if program.qualified(module, call.func) == "torch.autograd.Variable" and is_alive(program, module, call):
                message = "volatile has no effect since PyTorch 0.4: gradients are kept through the evaluation, until memory is full"
                yield Finding(CODE, NAME, module.place(call), "warning", message, "none", REASON, 2)


SOURCE = """\
import torch
from torch.autograd import Variable

model = torch.nn.Linear(1, 1)
out = model(Variable(torch.ones(1), volatile=True))
model(torch.ones(1)).sum().backward()
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (SOURCE.replace(", volatile=True", ""), SOURCE.replace("volatile=True", "volatile=False"))
