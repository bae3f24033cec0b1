"""A GPU that is named by its number on the EC2 machine.

What it finds
    ``"cuda:3"``, ``.cuda(3)``, ``CUDA_VISIBLE_DEVICES`` set to GPUs other than the first, ``device_ids=[0, 1, 2, 3]``, and options whose
    default is such a device (``--device cuda:1``, ``--gpu_id 2``).

Why it matters on SageMaker
    Which GPU was free on a shared machine says nothing of a job's, which begin at 0. A number that is not there ends the job, or, in
    ``CUDA_VISIBLE_DEVICES``, hides all GPUs: the job then trains on the CPU and says nothing.

Fix and its safety
    Safe where the script names one GPU: it is the first one where ``SM_NUM_GPUS`` is set. As many GPUs as ``CUDA_VISIBLE_DEVICES`` names
    become the first ones, and a list of devices ends where the instance's GPUs do. Without the variable all stays as it was.
    None where code names several: its parts are meant to lie on different GPUs, and the instance has to have that many.

Source
    SageMaker training toolkit, ``SM_NUM_GPUS``: https://github.com/aws/sagemaker-training-toolkit#sm_num_gpus; CUDA, environment variables:
    https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#env-vars
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrate.edits.imports import local_name
from migrate.edits.model import Edit, Replace
from migrate.facts.devices import DEVICE, Named, find_named, index_options, uses_first_gpu
from migrate.facts.model import Option, Place, Span
from migrate.facts.program import Module
from migrate.rules.base import Context, Example
from migrate.rules.guarding import in_text
from migrate.rules.hooks import expression_at, segment, spelling
from migrate.rules.model import Finding
from migrate.rules.together import by_file

CODE = "SM601"
NAME = "fixed-device"
VARIABLE = "SM_NUM_GPUS"


def check(context: Context) -> Iterator[Finding]:
    named = find_named(context.program)
    yield from (_visible(context, one) for one in named if one.kind == "visible" and not one.first_ones)
    yield from (_list(context, one) for one in named if one.kind == "list" and one.numbers != (0,))
    options = [(option, index) for option, index in index_options(context.arguments) if not _follows(context, option)]
    single = [one for one in named if one.kind in ("device", "number")]
    numbers = {one.numbers[0] for one in single} | {index for _, index in options}
    if not numbers - {0}:
        return
    if len(numbers) > 1 or (single and uses_first_gpu(context.program)):
        yield from _several(single, max(numbers))
        return
    yield from (_single(context, one) for one in single)
    if context.arguments.cli == "argparse":
        for option, index in options:
            if option.default_span is not None:
                what = f"{spelling(option)} is GPU {index} by default"
                yield _finding(context, option.place, option.default_span, _first(option.default, index), what)


def _follows(context: Context, option: Option) -> bool:
    """Whether the default asks for the variable already."""
    module, span = context.program.modules[option.place.path], option.default_span
    return span is not None and VARIABLE in ast.unparse(expression_at(module, span))


def _single(context: Context, one: Named) -> Finding:
    value = one.node.value if isinstance(one.node, ast.Constant) else None
    return _mend(context, one, _first(value, one.numbers[0]), f"the code takes GPU {one.numbers[0]}")


def _first(value: object, index: int) -> str:
    """The code for the first GPU, in the form that ``value`` has."""
    return repr(DEVICE.sub(r"\g<before>0", value)).replace("'", '"') if isinstance(value, str) else "0"


def _visible(context: Context, one: Named) -> Finding:
    first = ",".join(str(number) for number in range(len(one.numbers)))
    return _mend(context, one, f'"{first}"', f"CUDA_VISIBLE_DEVICES is {','.join(map(str, one.numbers))} here")


def _list(context: Context, one: Named) -> Finding:
    what = f"the devices {', '.join(map(str, one.numbers))} are named here"
    if not one.first_ones:
        count = len(one.numbers)
        return _mend(context, one, f'list(range({count}))[: int({{os}}.environ["{VARIABLE}"])]', what)
    module, span = one.module, Span.of(one.node)
    name, needed = local_name(module.tree, module.path, "os", before=span)
    code = f'{segment(module, one.node)}[: int({name}.environ.get("{VARIABLE}", {len(one.numbers)}))]'
    return _with(module.place(one.node), what, (*([needed] if needed else []), Replace(module.path, span, code)))


def _mend(context: Context, one: Named, first: str, what: str) -> Finding:
    if in_text(one.module, one.node):
        return Finding(
            CODE, NAME, one.module.place(one.node), "warning", f"{what}, whatever the instance has", "none", "it stands in a text"
        )
    return _finding(context, one.module.place(one.node), Span.of(one.node), first, what)


def _finding(context: Context, place: Place, span: Span, first: str, what: str) -> Finding:
    module: Module = context.program.modules[place.path]
    name, needed = local_name(module.tree, module.path, "os", before=span)
    old = expression_at(module, span)
    code = f'{re.sub("{os}", name, first)} if "{VARIABLE}" in {name}.environ else {segment(module, old)}'
    return _with(place, what, (*([needed] if needed is not None else []), Replace(module.path, span, code)))


def _with(place: Place, what: str, edits: tuple[Edit, ...]) -> Finding:
    return Finding(CODE, NAME, place, "error", f"{what}, whatever the instance has", "safe", None, 1, edits)


def _several(single: list[Named], highest: int) -> Iterator[Finding]:
    for _, place, others in by_file((one.module, one.node, "") for one in single if one.numbers[0] > 0):
        message = f"the code names several GPUs by their numbers, up to {highest}{others}"
        reason = f"where its parts are meant to lie on different ones, the instance needs at least {highest + 1} GPUs"
        yield Finding(CODE, NAME, place, "warning", message, "none", reason, 3)


EXAMPLES = (
    Example(
        before="""\
import argparse

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--device", default="cuda:1")
args = parser.parse_args()
device = torch.device("cuda:1" if torch.cuda.is_available() else "cpu")
model = model.cuda(1).to(args.device)
""",
        after="""\
import argparse
import os

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--device", default="cuda:0" if "SM_NUM_GPUS" in os.environ else "cuda:1")
args = parser.parse_args()
device = torch.device(("cuda:0" if "SM_NUM_GPUS" in os.environ else "cuda:1") if torch.cuda.is_available() else "cpu")
model = model.cuda(0 if "SM_NUM_GPUS" in os.environ else 1).to(args.device)
""",
    ),
    Example(
        before="""\
import os

os.environ["CUDA_VISIBLE_DEVICES"] = "2,3"
import torch

model = torch.nn.DataParallel(model, device_ids=[0, 1])
other = torch.nn.DataParallel(other, [2, 3])
""",
        after="""\
import os

os.environ["CUDA_VISIBLE_DEVICES"] = "0,1" if "SM_NUM_GPUS" in os.environ else "2,3"
import torch

model = torch.nn.DataParallel(model, device_ids=[0, 1][: int(os.environ.get("SM_NUM_GPUS", 2))])
other = torch.nn.DataParallel(other, list(range(2))[: int(os.environ["SM_NUM_GPUS"])] if "SM_NUM_GPUS" in os.environ else [2, 3])
""",
    ),
    Example(
        before="""\
from torch.nn import DataParallel


def work(gpus, batch):
    model = DataParallel(net(), device_ids=gpus)
    train(model, batch // len(gpus))


devices = [0, 1, 2, 3]
work(devices, 64)
""",
        after="""\
import os
from torch.nn import DataParallel


def work(gpus, batch):
    model = DataParallel(net(), device_ids=gpus)
    train(model, batch // len(gpus))


devices = [0, 1, 2, 3][: int(os.environ.get("SM_NUM_GPUS", 4))]
work(devices, 64)
""",
    ),
    Example(
        before="""\
encoder = encoder.cuda(0)
decoder = decoder.cuda(1)
""",
        after="""\
encoder = encoder.cuda(0)
decoder = decoder.cuda(1)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse
import os

import torch

os.environ["CUDA_VISIBLE_DEVICES"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = "0,1,2,3"  # what is not there is passed over
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
parser = argparse.ArgumentParser()
parser.add_argument("--gpu", type=int, default=1)  # it may mean yes
parser.add_argument("--gpu_id", type=int, default=0)
parser.add_argument("--device", default="cuda")
args = parser.parse_args()
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
model = torch.nn.DataParallel(model.cuda(), device_ids=[0])
if device == "cuda:1":
    print("cuda:2 is elsewhere")
""",
)
