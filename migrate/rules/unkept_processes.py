"""Training spread over processes with ChainerMN that starts from the beginning after an interruption.

What it finds
    A Chainer trainer that runs in a program which makes a ChainerMN communicator: with ChainerMN's own multi-node checkpointer, which
    saves into the output folder unless it is told another one, or without any.

Why it matters on SageMaker
    Managed spot stops the machines of a job at any moment and starts it again on others; nothing is left but the checkpoint folder.

Fix and its safety
    Safe, where the script has the checkpointer and asks it for what was saved (``maybe_load``): its ``path`` becomes the checkpoint
    folder where there is one, and stays what it was elsewhere (None: the trainer's own folder).
    None where there is no checkpointer: each process has a state of its own, and which objects make it up only the author knows.

Source
    Chainer 7.8.1, ``chainermn/extensions/checkpoint.py``: ``create_multi_node_checkpointer(name, comm, cp_interval, gc_interval, path)``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.model import AddArgument, Edit, Replace
from migrate.facts.model import Span
from migrate.facts.program import Module
from migrate.facts.training.makers import imports_library, is_support, live_calls
from migrate.facts.training.trainers import spread_over_processes, trainer_runs
from migrate.rules.base import Context, Example
from migrate.rules.hooks import segment, support_name
from migrate.rules.model import Finding

CODE = "SM321"
NAME = "unkept-processes"
MESSAGE = "this training over several processes starts from the beginning after an interruption"
MAKER = "create_multi_node_checkpointer"
PATH = 4  # its place among the maker's parameters


def check(context: Context) -> Iterator[Finding]:
    runs = trainer_runs(context.program)
    if not runs or not spread_over_processes(context.program):
        return
    makers = _checkpointers(context) if imports_library(context.program, "maybe_load") else []
    for module, call in makers:
        path = next((k.value for k in call.keywords if k.arg == "path"), call.args[PATH] if len(call.args) > PATH else None)
        if path is None or not any(is_support(module, n, "checkpoint_folder") for n in ast.walk(path) if isinstance(n, ast.Call)):
            yield _finding(context, module, call, path)
    for run in runs if not makers else []:
        reason = (
            "each process has a state of its own; ChainerMN's create_multi_node_checkpointer keeps it, and its maybe_load goes on from it"
        )
        yield Finding(CODE, NAME, run.module.place(run.call), "warning", MESSAGE, "none", reason, effort=3)


def _checkpointers(context: Context) -> list[tuple[Module, ast.Call]]:
    program = context.program
    return [(m, c) for m, c in live_calls(program, *program.written(MAKER)) if (program.qualified(m, c.func) or "").endswith(MAKER)]


def _finding(context: Context, module: Module, call: ast.Call, path: ast.expr | None) -> Finding:
    place = module.place(call)
    folder, imports = support_name(context, module, "checkpoint_folder", place.span)
    edit: Edit
    if path is None:
        edit = AddArgument(module.path, place.span, f"path={folder}()")
    else:
        given = "" if isinstance(path, ast.Constant) and path.value is None else f" or {segment(module, path)}"
        edit = Replace(module.path, Span.of(path), f"{folder}(){given}")
    return Finding(CODE, NAME, place, "warning", MESSAGE, "safe", None, 1, (*imports, edit))


_BEFORE = """\
import chainer
import chainermn


def main(args, model, updater, optimizer):
    comm = chainermn.create_communicator(args.communicator)
    trainer = chainer.training.Trainer(updater, (args.epoch, 'epoch'), out=args.out)
    checkpointer = chainermn.create_multi_node_checkpointer(name='mnist', comm=comm)
    checkpointer.maybe_load(trainer, optimizer)
    trainer.extend(checkpointer, trigger=(1, 'epoch'))
    trainer.run()


main(*arguments())
"""

EXAMPLES = (
    Example(
        before=_BEFORE,
        after=_BEFORE.replace("comm=comm)", "comm=comm, path=checkpoint_folder())").replace(
            "import chainermn\n", "import chainermn\nfrom sagemaker_support import checkpoint_folder\n"
        ),
    ),
    Example(
        before=_BEFORE.replace("comm=comm)", "comm=comm, path=args.keep)"),
        after=_BEFORE.replace("comm=comm)", "comm=comm, path=checkpoint_folder() or args.keep)").replace(
            "import chainermn\n", "import chainermn\nfrom sagemaker_support import checkpoint_folder\n"
        ),
    ),
)

UNTOUCHED = (
    """\
import chainer

trainer = chainer.training.Trainer(updater(), (10, "epoch"))
trainer.run()
""",
    """\
from mpi4py import MPI

comm = MPI.COMM_WORLD.create_communicator()
""",
)
