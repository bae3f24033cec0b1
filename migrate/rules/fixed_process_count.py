"""A number of processes that is fixed to the GPUs of the EC2 machine.

What it finds
    ``torch.multiprocessing.spawn(..., nprocs=8)`` and ``init_process_group(..., world_size=8)`` with a number above one that stands in the
    code, itself or under a name, in a script whose processes talk by nccl: each has a GPU.

Why it matters on SageMaker
    On an instance with fewer GPUs the processes that find none end the job, or all wait for processes that do not come.

Fix and its safety
    Safe where the script starts its processes itself and each place says the same number: it is capped by ``SM_NUM_GPUS`` where that is
    set, and at least one. It never becomes more. None where only ``world_size`` is there: how many processes there are is then said by what
    starts them, or where the places differ.

Source
    SageMaker training toolkit, ``SM_NUM_GPUS``: https://github.com/aws/sagemaker-training-toolkit#sm_num_gpus
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.edits.imports import local_name
from migrate.edits.model import Edit, Replace
from migrate.facts.model import Span
from migrate.facts.program import Program
from migrate.facts.rendezvous import ProcessCount, process_counts
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM603"
NAME = "fixed-process-count"
MIXED = "the number stands in several places, and not the same in each"
WAITS = "torchrun sets WORLD_SIZE, and each process its RANK: leave world_size out, or read it there"


def check(context: Context) -> Iterator[Finding]:
    counts = process_counts(context.program) if _one_for_each_gpu(context.program) else []
    if not counts:
        return
    starts, values = any(count.starts for count in counts), {count.value for count in counts}
    first = next((count for count in counts if count.starts), counts[0])
    place = first.module.place(first.node)
    what = f"{first.value} processes are started" if starts else f"{first.value} processes are waited for"
    message = f"{what}, whatever the instance has (SM_NUM_GPUS)"
    if not starts or len(values) > 1 or context.arguments.cli == "constants":
        reason = WAITS if not starts else MIXED if len(values) > 1 else "the number may become an option of its own"
        yield Finding(CODE, NAME, place, "error", message, "none", reason, 2)
        return
    edits = tuple(edit for count in counts for edit in _edits(count))
    yield Finding(CODE, NAME, place, "error", message, "safe", None, 1, edits)


def _one_for_each_gpu(program: Program) -> bool:
    """Whether processes stand for GPUs: they talk by nccl, and have no parts to play as those of ``torch.distributed.rpc`` have."""
    texts = [module.text for module in program.modules.values()]
    return any("nccl" in text for text in texts) and not any("rpc" in text for text in texts)


def _edits(count: ProcessCount) -> Iterator[Edit]:
    module, span = count.module, Span.of(count.node)
    name, needed = local_name(module.tree, module.path, "os", before=span)
    if needed is not None:
        yield needed
    yield Replace(module.path, span, f'min({count.value}, int({name}.environ.get("SM_NUM_GPUS", {count.value})) or 1)')


_WAITING = """\
import os

import torch.distributed as dist

dist.init_process_group("nccl", world_size=8, rank=int(os.environ["RANK"]))
"""

EXAMPLES = (
    Example(
        before="""\
import argparse

import torch.distributed as dist
import torch.multiprocessing as mp


def work(rank):
    dist.init_process_group("nccl", init_method=HERE, rank=rank, world_size=8)


if __name__ == "__main__":
    argparse.ArgumentParser().parse_args()
    mp.spawn(work, nprocs=8)
""",
        after="""\
import argparse
import os

import torch.distributed as dist
import torch.multiprocessing as mp


def work(rank):
    dist.init_process_group("nccl", init_method=HERE, rank=rank, world_size=min(8, int(os.environ.get("SM_NUM_GPUS", 8)) or 1))


if __name__ == "__main__":
    argparse.ArgumentParser().parse_args()
    mp.spawn(work, nprocs=min(8, int(os.environ.get("SM_NUM_GPUS", 8)) or 1))
""",
    ),
    Example(before=_WAITING, after=_WAITING),
)

UNTOUCHED = (
    """\
import torch.distributed.rpc as rpc
import torch.multiprocessing as mp

rpc.init_rpc("worker", backend="nccl")
mp.spawn(work, nprocs=3)  # one serves, two train
""",
    """\
import torch.distributed as dist
import torch.multiprocessing as mp

dist.init_process_group("gloo", world_size=4)
mp.spawn(work, nprocs=4)  # on the CPU
""",
    """\
import torch
import torch.multiprocessing as mp
import torch_xla.distributed.xla_multiprocessing as xmp

mp.spawn(work, nprocs=torch.cuda.device_count())
mp.spawn(work, nprocs=1)
xmp.spawn(work, nprocs=8)  # the cores of a TPU
""",
)
