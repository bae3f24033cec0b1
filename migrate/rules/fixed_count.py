"""A number of workers or GPUs that is fixed to those of the EC2 machine.

What it finds
    An option whose name says that it counts data-loading workers or GPUs, with a number above one as its default; and a data loader's
    ``num_workers`` above four. An index (``--gpu 0``) is no count, and one GPU is a choice, not a number of the machine's.

Why it matters on SageMaker
    The instance may have other numbers of CPUs and GPUs. More workers than CPUs slow a job down, and Docker's small shared memory kills
    it; a GPU that is not there ends it, and one that is not used costs money.

Fix and its safety
    Safe. Workers are capped by ``SM_NUM_CPUS`` and GPUs by ``SM_NUM_GPUS`` where these are set; without them the number is what it was. It
    never becomes more: on an instance with more GPUs give it as a hyperparameter.

Source
    SageMaker training toolkit, ``SM_NUM_CPUS`` and ``SM_NUM_GPUS``: https://github.com/aws/sagemaker-training-toolkit#sm_num_cpus
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.imports import local_name
from migrate.edits.model import Edit, Replace
from migrate.facts.counts import WorkerCount, variable_of, worker_counts
from migrate.facts.model import Option, Span
from migrate.rules.base import Context, Example
from migrate.rules.hooks import expression_at
from migrate.rules.model import Finding

CODE = "SM107"


def check(context: Context) -> Iterator[Finding]:
    yield from (_of_loader(context, count) for count in worker_counts(context.program))
    if context.arguments.cli == "constants":
        return  # SM210 makes options of them, with these defaults
    for option in context.arguments.options:
        variable = variable_of(option)
        if variable is not None and option.default_span is not None and not _follows(context, option, variable):
            yield _finding(context, option, variable)


def _of_loader(context: Context, count: WorkerCount) -> Finding:
    module, span = count.module, Span.of(count.node)
    name, needed = local_name(module.tree, module.path, "os", before=span)
    edits: list[Edit] = [needed] if needed is not None else []
    edits.append(Replace(module.path, span, count_code(count.value, "SM_NUM_CPUS", name)))
    message = f"a data loader has {count.value} workers, whatever the instance has (SM_NUM_CPUS)"
    return Finding(CODE, "fixed-count", module.place(count.node), "warning", message, "safe", None, 1, tuple(edits))


def _follows(context: Context, option: Option, variable: str) -> bool:
    """Whether the default asks for the variable already."""
    module = context.program.modules[option.place.path]
    assert option.default_span is not None
    return variable in ast.unparse(expression_at(module, option.default_span))


def count_code(default: object, variable: str, os_name: str) -> str:
    """The default that follows the instance, and is ``default`` where nothing tells what the instance has."""
    return f'min({default}, int({os_name}.environ.get("{variable}", {default})))'


def _finding(context: Context, option: Option, variable: str) -> Finding:
    path, span = option.place.path, option.default_span
    assert span is not None
    name, needed = local_name(context.program.modules[path].tree, path, "os", before=span)
    code = count_code(option.default, variable, name)
    edits: list[Edit] = [needed] if needed is not None else []
    edits.append(Replace(path, span, code))
    message = f"{option.options[-1]} is fixed to {option.default}, whatever the instance has ({variable})"
    return Finding(CODE, "fixed-count", option.place, "warning", message, "safe", None, 1, tuple(edits))


EXAMPLES = (
    Example(
        before="""\
import argparse
import os

from torch.utils.data import DataLoader

parser = argparse.ArgumentParser()
parser.add_argument("-j", "--workers", type=int, default=8)
parser.add_argument("--ngpu", type=int, default=4)
args = parser.parse_args()
train, valid = DataLoader(rows(), num_workers=16), DataLoader(others(), num_workers=4)
""",
        after="""\
import argparse
import os

from torch.utils.data import DataLoader

parser = argparse.ArgumentParser()
parser.add_argument("-j", "--workers", type=int, default=min(8, int(os.environ.get("SM_NUM_CPUS", 8))))
parser.add_argument("--ngpu", type=int, default=min(4, int(os.environ.get("SM_NUM_GPUS", 4))))
args = parser.parse_args()
train, valid = DataLoader(rows(), num_workers=min(16, int(os.environ.get("SM_NUM_CPUS", 16)))), DataLoader(others(), num_workers=4)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--gpu", type=int, default=0)
parser.add_argument("--workers", type=int, default=0)
parser.add_argument("--ngpu", type=int, default=1)
parser.add_argument("--n_gpu_hours", type=int, default=4)
args = parser.parse_args()
""",
)
