"""A Lightning ``Trainer.fit`` that starts from its first epoch after an interruption.

What it finds
    ``fit`` of a Lightning ``Trainer`` (``lightning``, ``pytorch_lightning``), also of one that is made by ``from_argparse_args``, and
    ``LightningCLI``, which calls it by itself.

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; a job also ends at its runtime limit. Of the first
    machine's disk nothing is left but the checkpoint folder, which SageMaker carries over.

Fix and its safety
    Safe. ``trainer.fit(...)`` becomes ``lightning_fit(trainer.fit)(...)``. Where no checkpoints are made (on EC2, unless
    ``SM_CHECKPOINT_DIR`` is set) ``lightning_fit`` hands back ``trainer.fit`` itself. Else the Trainer gets one callback more, which
    saves Lightning's own checkpoint and the random state between epochs; a start later on is given it as ``ckpt_path``
    (``resume_from_checkpoint`` before Lightning 1.5), which counts for more than a ``ckpt_path`` of the script's own: that is where the
    interrupted run had begun. A fit that was over is not run again. The script's own ``ModelCheckpoint`` stays as it is; its best value
    and its files travel along.
    A resumed run ends with the same bits as one that was not interrupted (seen with Lightning 2.6): epochs, optimizers, plateau
    schedules, early stopping, shuffle order, dropout. An epoch that was begun is done again from its start. Under DDP every process goes
    on with the random state of the first.
    ``LightningCLI`` calls ``fit`` by itself: one line before it, ``resume_cli(LightningCLI)``, lets the trainer that it makes go on.
    Not done, with the reason: a ``LightningCLI`` that is no plain name. With strategies that spread the model over processes (FSDP,
    DeepSpeed) fit starts from the beginning, and says so.

Source
    CONTRACT: what survives a spot interruption. Lightning: ``Trainer.fit(ckpt_path=)``, "Save and load training progress"; its checkpoints
    hold no random state, and its ``last.ckpt`` is made before plateau schedules have moved.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.model import Insert, Replace
from migrate.facts.model import Span
from migrate.facts.program import Module
from migrate.facts.training.makers import is_support
from migrate.facts.training.managed import Managed, cli_calls, imports_of, trained
from migrate.rules.base import Context, Example
from migrate.rules.hooks import segment, support_name
from migrate.rules.model import Finding

CODE = "SM311"
NAME = "unresumed-lightning-fit"
RESUMES = "resume_cli"
HOMES = ("lightning.", "pytorch_lightning.")


def check(context: Context) -> Iterator[Finding]:
    program = context.program
    if not any(name.split(".")[0] in ("lightning", "pytorch_lightning") for name in imports_of(program)):
        return
    message = "this fit starts from the beginning after an interruption"
    for module, call in cli_calls(program, "LightningCLI"):
        if not _only_makes(call) and not _is_resumed(module, call):
            yield _cli(context, module, call, message)
    for fit in trained(program, frozenset({"fit"})):
        if not _is_lightning(context, fit):
            continue
        name, imports = support_name(context, fit.module, "lightning_fit", Span.of(fit.call))
        edit = Replace(fit.module.path, Span.of(fit.target), f"{name}({segment(fit.module, fit.target)})")
        told = f"{message}; the checkpoint folder lets it go on"
        yield Finding(CODE, NAME, fit.module.place(fit.call), "warning", told, "safe", None, 1, (*imports, edit))


def _only_makes(call: ast.Call) -> bool:
    """Whether the script calls ``cli.trainer.fit`` itself."""
    return any(k.arg == "run" and isinstance(k.value, ast.Constant) and k.value.value is False for k in call.keywords)


def _is_resumed(module: Module, call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    lines = [c for c in module.calls() if is_support(module, c, RESUMES)]
    scope = module.scope(call).function()
    return any(module.scope(c).function() is scope and [ast.unparse(a) for a in c.args] == [name] for c in lines)


def _cli(context: Context, module: Module, call: ast.Call, message: str) -> Finding:
    """The line before a LightningCLI."""
    name = ast.unparse(call.func)
    if not name.replace(".", "").isidentifier():
        reason = "LightningCLI calls fit by itself, and its class has no name here: give it one, or call cli.trainer.fit (run=False)"
        return Finding(CODE, NAME, module.place(call), "warning", message, "none", reason, effort=2)
    resume, imports = support_name(context, module, RESUMES, Span.of(call))
    line = Insert(module.path, Span.of(module.statement(call)), f"{resume}({name})")
    told = f"{message}; the checkpoint folder lets it go on"
    return Finding(CODE, NAME, module.place(call), "warning", told, "safe", None, 1, (*imports, line))


def _is_lightning(context: Context, fit: Managed) -> bool:
    """By what made the object; where that is not known, by the name of a trainer or an argument that only Lightning takes."""
    if fit.made:
        return any(made.name.startswith(HOMES) and "Trainer" in made.name for made in fit.made)
    if context.program.callees(fit.module, fit.call):
        return False
    last = fit.target.value.attr if isinstance(fit.target.value, ast.Attribute) else ast.unparse(fit.target.value)
    return last.lower().endswith("trainer") or any(k.arg in ("datamodule", "ckpt_path", "train_dataloaders") for k in fit.call.keywords)


EXAMPLES = (
    Example(
        before="""\
import pytorch_lightning as pl
from parts import Data, Net

trainer = pl.Trainer(max_epochs=10)
trainer.fit(Net(), datamodule=Data())
""",
        after="""\
import pytorch_lightning as pl
from parts import Data, Net
from sagemaker_support import lightning_fit

trainer = pl.Trainer(max_epochs=10)
lightning_fit(trainer.fit)(Net(), datamodule=Data())
""",
        others={"parts.py": "class Data: ...\nclass Net: ...\n"},
    ),
    Example(
        before="""\
from argparse import ArgumentParser

from lightning.pytorch import Trainer
from parts import Net


def main(args):
    trainer = Trainer.from_argparse_args(args)
    trainer.fit(Net(), ckpt_path=args.ckpt)


main(ArgumentParser().parse_args())
""",
        after="""\
from argparse import ArgumentParser

from lightning.pytorch import Trainer
from parts import Net
from sagemaker_support import lightning_fit


def main(args):
    trainer = Trainer.from_argparse_args(args)
    lightning_fit(trainer.fit)(Net(), ckpt_path=args.ckpt)


main(ArgumentParser().parse_args())
""",
        others={"parts.py": "class Net: ...\n"},
    ),
    Example(
        before="""\
from lightning.pytorch.cli import LightningCLI
from parts import Data, Net


class Cli(LightningCLI):
    def add_arguments_to_parser(self, parser):
        parser.link_arguments("data.width", "model.width")


if __name__ == "__main__":
    cli = Cli(Net, Data, seed_everything_default=1)
    print(cli.trainer.callback_metrics)
""",
        after="""\
from lightning.pytorch.cli import LightningCLI
from parts import Data, Net
from sagemaker_support import resume_cli


class Cli(LightningCLI):
    def add_arguments_to_parser(self, parser):
        parser.link_arguments("data.width", "model.width")


if __name__ == "__main__":
    resume_cli(Cli)
    cli = Cli(Net, Data, seed_everything_default=1)
    print(cli.trainer.callback_metrics)
""",
        others={"parts.py": "class Data: ...\nclass Net: ...\n"},
    ),
    Example(
        before="""\
from lightning.pytorch.cli import LightningCLI
from parts import Net

cli = LightningCLI(Net, run=False)
cli.trainer.fit(cli.model)
""",
        after="""\
from lightning.pytorch.cli import LightningCLI
from parts import Net
from sagemaker_support import lightning_fit

cli = LightningCLI(Net, run=False)
lightning_fit(cli.trainer.fit)(cli.model)
""",
        others={"parts.py": "class Net: ...\n"},
    ),
)

UNTOUCHED = (
    """\
from lightning.pytorch.cli import LightningCLI
import lightning

cli = LightningCLI(lightning.LightningModule, run=False)
print(cli.config)
""",
    """\
from lightning.pytorch.cli import LightningCLI
import lightning
from sagemaker_support import resume_cli

resume_cli(LightningCLI)
LightningCLI(lightning.LightningModule)
""",
    """\
import pytorch_lightning as pl
from sklearn.linear_model import LogisticRegression

LogisticRegression().fit([[1.0], [2.0]], [0, 1])
""",
    """\
import pytorch_lightning as pl
from sagemaker_support import lightning_fit

trainer = pl.Trainer(max_epochs=10)
lightning_fit(trainer.fit)(pl.LightningModule())
""",
)
