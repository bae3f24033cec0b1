"""A Chainer trainer that starts from the beginning after an interruption.

What it finds
    ``trainer.run()`` of a Chainer trainer with nothing before it that finds the newest checkpoint by itself: one that takes no
    snapshots, one that resumes only where a person names the snapshot (``--resume``), or one whose snapshots load themselves, but from
    the output folder, which does not outlive an interruption.

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine, with the same command line; of the first machine's
    disk nothing is left but the checkpoint folder. A snapshot also lacks the random state of Python and NumPy (the order of the next
    epoch, dropout), the settings of an optimizer that were changed while it ran, and what an extension or trigger without
    ``serialize`` knows, such as ``EarlyStoppingTrigger``: a run that is gone on with from it ends otherwise than one that was not stopped.

Fix and its safety
    Safe. One line before ``trainer.run()``. It does something only where ``SM_CHECKPOINT_DIR`` is set (the launcher sets it) or
    SageMaker's own checkpoint folder is there. Then the trainer is saved as it serializes itself, with what a snapshot lacks, after the
    first iteration and later at a pace that costs less than 1 % of the time, and gone on from. Snapshots that the script takes itself
    stay what they are: they travel with the checkpoint as all output does.
    A run on the CPU with ``SerialIterator`` ends with the same bytes as one that was not stopped. Not restored, so that a resumed run
    differs in them: the random state of a GPU (CuPy cannot tell it), numbers that are drawn in worker processes
    (``MultiprocessIterator`` with random transforms, ``MultiprocessParallelUpdater``), and the next epoch's order where such an
    iterator has drawn it ahead.
    Not done, with the reason: training spread over processes with ChainerMN, and a trainer that runs in a function which a library calls.

Source
    Chainer 7.8.1, ``chainer/training/trainer.py`` (``serialize``, ``run``) and ``extensions/_snapshot.py`` (``autoload`` looks in
    ``trainer.out``); the drill in ``tests/runtime/test_chainer.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.edits.model import Insert
from migrate.facts.model import Span
from migrate.facts.training.trainers import RESUMES, TrainerRun, spread_over_processes, trainer_runs
from migrate.rules.base import Context, Example
from migrate.rules.hooks import support_name
from migrate.rules.model import Finding

CODE = "SM320"
NAME = "unresumed-trainer"
SPREAD = (
    "ChainerMN spreads the training over processes, each with a state of its own: take its create_multi_node_checkpointer, "
    "whose maybe_load goes on by itself"
)


def check(context: Context) -> Iterator[Finding]:
    runs = [run for run in trainer_runs(context.program) if not run.resumed]
    if runs and spread_over_processes(context.program):
        return  # SM321 tells of these
    for run in runs:
        yield _finding(context, run)


def _finding(context: Context, run: TrainerRun) -> Finding:
    module = run.module
    place = module.place(run.call)
    message = "this trainer starts from the beginning after an interruption; the checkpoint folder lets it go on"
    if run.refused is not None:
        return Finding(CODE, NAME, place, "warning", message, "none", run.refused, effort=3)
    resume, imports = support_name(context, module, RESUMES, place.span)
    line = Insert(module.path, Span.of(module.statement(run.call)), f"{resume}({run.receiver})")
    return Finding(CODE, NAME, place, "warning", message, "safe", None, 1, (*imports, line))


_BEFORE = """\
import chainer
from chainer import training
from chainer.training import extensions


def main(args, model, train, optimizer):
    train_iter = chainer.iterators.SerialIterator(train, args.batchsize)
    updater = training.updaters.StandardUpdater(train_iter, optimizer)
    trainer = training.Trainer(updater, (args.epoch, 'epoch'), out=args.out)
    trainer.extend(extensions.snapshot(), trigger=(1, 'epoch'))
    if args.resume:
        chainer.serializers.load_npz(args.resume, trainer)

    # Run the training
    trainer.run()


main(*arguments())
"""

EXAMPLES = (
    Example(
        before=_BEFORE,
        after=_BEFORE.replace(
            "from chainer.training import extensions\n",
            "from chainer.training import extensions\nfrom sagemaker_support import resume_trainer\n",
        ).replace("    # Run the training\n", "    resume_trainer(trainer)\n    # Run the training\n"),
    ),
    Example(
        before="""\
from chainer.training import Trainer, make_extension
import job

class Patient(Trainer):
    pass


def build(updater):
    return job.updater(updater), Patient(updater, (10, "epoch"))


updater, patient = build(job.updater())
patient.run()
""",
        after="""\
from chainer.training import Trainer, make_extension
import job
from sagemaker_support import resume_trainer

class Patient(Trainer):
    pass


def build(updater):
    return job.updater(updater), Patient(updater, (10, "epoch"))


updater, patient = build(job.updater())
resume_trainer(patient)
patient.run()
""",
    ),
)

UNTOUCHED = (
    """\
import chainer


class Trainer:
    def run(self):
        pass


trainer = Trainer()
trainer.run()
""",
    """\
from chainer import training
from sagemaker_support import resume_trainer

trainer = training.Trainer(updater(), (10, "epoch"))
resume_trainer(trainer)
trainer.run()
""",
    """\
import subprocess
import chainer

subprocess.run(["ls"])
""",
)
