"""Processes that talk to each other by a library for GPUs alone.

What it finds
    ``init_process_group("nccl")`` with the backend in the code, on no condition. Told once an entry point.

Why it matters on SageMaker
    nccl needs a GPU for each process. On an instance without, or in more processes than it has, the job ends at its start.

Fix and its safety
    None: on instances with GPUs it is right. ``gloo`` runs on CPUs.

Source
    PyTorch, distributed backends: https://docs.pytorch.org/docs/stable/distributed.html#backends
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.habits.calls import is_conditional
from migrate.facts.reach import is_alive
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM606"


def check(context: Context) -> Iterator[Finding]:
    program = context.program
    for module in program.modules.values():
        for call in module.calls_named("init_process_group") if "nccl" in module.text else []:
            if not _is_nccl(call) or is_conditional(module, call):
                continue
            if program.qualified(module, call.func) == "torch.distributed.init_process_group" and is_alive(program, module, call):
                message = "the backend nccl needs a GPU for each process: the job cannot run on an instance without"
                reason = "it is right on instances with GPUs; gloo runs on CPUs"
                yield Finding(CODE, "gpu-backend", module.place(call), "note", message, "none", reason, 1)
                return


def _is_nccl(call: ast.Call) -> bool:
    given = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "backend"), None)
    return isinstance(given, ast.Constant) and given.value == "nccl"


SOURCE = """\
import torch.distributed as dist

dist.init_process_group(backend="nccl")
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (
    """\
import torch
import torch.distributed as dist

if torch.cuda.is_available():
    dist.init_process_group("nccl")
else:
    dist.init_process_group("gloo")
dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
""",
)
