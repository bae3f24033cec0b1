"""Training that one process spreads over the GPUs of the machine.

What it finds
    ``torch.nn.DataParallel`` on no list of devices. Told once an entry point.

Why it matters on SageMaker
    It cuts each batch into as many pieces as the instance has GPUs: with another instance type the pieces, and what batch normalisation
    sees of them, have another size.

Fix and its safety
    None: it works. An instance type with as many GPUs as the EC2 machine has gives the same; DistributedDataParallel, started by torchrun,
    uses several GPUs better.

Source
    PyTorch: https://docs.pytorch.org/docs/stable/generated/torch.nn.DataParallel.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM605"
PARALLEL = ("torch.nn.DataParallel", "torch.nn.parallel.DataParallel", "torch.nn.parallel.data_parallel.DataParallel")


def check(context: Context) -> Iterator[Finding]:
    found = _first(context.program)
    if found is not None:
        module, call = found
        message = "DataParallel cuts each batch into as many pieces as the instance has GPUs"
        reason = "it works; an instance type with as many GPUs as the EC2 machine gives the same results"
        yield Finding(CODE, "data-parallel", module.place(call), "note", message, "none", reason, 1)


def _first(program: Program) -> tuple[Module, ast.Call] | None:
    for module in program.modules.values():
        for call in module.calls_named("DataParallel"):
            if len(call.args) != 1 or any(k.arg == "device_ids" for k in call.keywords):
                continue
            if program.qualified(module, call.func) in PARALLEL and is_alive(program, module, call):
                return module, call
    return None


SOURCE = """\
import torch

model = torch.nn.DataParallel(torch.nn.Linear(1, 1)).cuda()
other = torch.nn.DataParallel(torch.nn.Linear(1, 1)).cuda()
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (
    """\
import torch
from torch.nn.parallel import DistributedDataParallel

model = DistributedDataParallel(torch.nn.Linear(1, 1), device_ids=[rank()])
other = torch.nn.DataParallel(model, device_ids=[0])
if isinstance(model, torch.nn.DataParallel):
    model = model.module
""",
)
