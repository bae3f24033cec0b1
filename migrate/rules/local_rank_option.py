"""A rank that the script waits for on its command line.

What it finds
    An option ``--local_rank`` in a script that joins a process group.

Why it matters on SageMaker
    A job starts its processes by torchrun, which sets ``LOCAL_RANK`` in the environment and gives no option, unlike
    ``torch.distributed.launch`` of old. Every process would take the default, and so the same GPU, or train alone.

Fix and its safety
    Safe. The default is ``LOCAL_RANK`` where that and ``SM_HOSTS`` are set, which is on SageMaker only; elsewhere it is what it was, and a
    launcher that gives the option is followed in both. An option that is required is so where ``SM_HOSTS`` is not set.

Source
    PyTorch, torchrun, "Transitioning from torch.distributed.launch to torchrun": https://docs.pytorch.org/docs/stable/elastic/run.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.imports import local_name
from migrate.edits.model import AddArgument, Edit, Replace
from migrate.facts.model import Option
from migrate.facts.processes import find_processes
from migrate.facts.rendezvous import is_local_rank
from migrate.rules.base import Context, Example
from migrate.rules.hooks import expression_at, segment, spelling
from migrate.rules.model import Finding

CODE = "SM604"


def check(context: Context) -> Iterator[Finding]:
    if context.arguments.cli != "argparse":
        return
    options = [option for option in context.arguments.options if is_local_rank(option)]
    found = find_processes(context.program) if options else None
    if found is not None and found.kind == "torchrun":
        yield from (_finding(context, option) for option in options if not _follows(context, option))


def _follows(context: Context, option: Option) -> bool:
    """Whether the default asks for the variable already."""
    module, span = context.program.modules[option.place.path], option.default_span
    return span is not None and "LOCAL_RANK" in ast.unparse(expression_at(module, span))


def _finding(context: Context, option: Option) -> Finding:
    module, span = context.program.modules[option.place.path], option.default_span
    name, needed = local_name(module.tree, module.path, "os", before=span or option.place.span)
    old = segment(module, expression_at(module, span)) if span is not None else "None"
    if isinstance(option.default, int):
        code = f'int({name}.environ.get("LOCAL_RANK", {old})) if "SM_HOSTS" in {name}.environ else {old}'
    else:  # the script is not one of several
        code = f'int({name}.environ["LOCAL_RANK"]) if "SM_HOSTS" in {name}.environ and "LOCAL_RANK" in {name}.environ else {old}'
    edit: Edit = Replace(module.path, span, code) if span is not None else AddArgument(module.path, option.place.span, f"default={code}")
    edits: list[Edit] = [needed] if needed is not None else []
    if option.required and option.required_span is not None:
        edits.append(Replace(module.path, option.required_span, f'"SM_HOSTS" not in {name}.environ'))
    message = f"{spelling(option)} is not given by torchrun, which sets LOCAL_RANK instead: all processes would be the same"
    return Finding(CODE, "local-rank-option", option.place, "error", message, "safe", None, 1, (*edits, edit))


_BEFORE = """\
import argparse
import os

import torch.distributed as dist

parser = argparse.ArgumentParser()
parser.add_argument("--local_rank", type=int, default=-1)
args = parser.parse_args()
if args.local_rank != -1:
    dist.init_process_group("nccl")
"""

_REQUIRED = _BEFORE.replace("default=-1", "required=True")

EXAMPLES = (
    Example(
        before=_BEFORE,
        after=_BEFORE.replace("default=-1", 'default=int(os.environ.get("LOCAL_RANK", -1)) if "SM_HOSTS" in os.environ else -1'),
    ),
    Example(
        before=_BEFORE.replace(", default=-1", ""),
        after=_BEFORE.replace(
            "default=-1",
            'default=int(os.environ["LOCAL_RANK"]) if "SM_HOSTS" in os.environ and "LOCAL_RANK" in os.environ else None',
        ),
    ),
    Example(
        before=_REQUIRED,
        after=_REQUIRED.replace(
            "required=True",
            'required="SM_HOSTS" not in os.environ,'
            ' default=int(os.environ["LOCAL_RANK"]) if "SM_HOSTS" in os.environ and "LOCAL_RANK" in os.environ else None',
        ),
    ),
)


UNTOUCHED = (
    _BEFORE.replace('dist.init_process_group("nccl")', "pass"),
    _BEFORE.replace("default=-1", 'default=int(os.environ.get("LOCAL_RANK", -1))'),
    _BEFORE.replace("--local_rank", "--rank").replace("args.local_rank", "args.rank"),
)
