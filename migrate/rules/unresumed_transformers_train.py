"""A Hugging Face ``Trainer.train`` that starts from its first step after an interruption.

What it finds
    ``train`` of ``transformers.Trainer``, of the trainers of other libraries that inherit from it (``trl``, ``sentence_transformers``),
    and of the script's own subclasses.

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; a job also ends at its runtime limit. Of the first
    machine's disk nothing is left but the checkpoint folder, which SageMaker carries over. A Trainer saves as its arguments say, by
    default each 500 steps beside its model, and does not look for a checkpoint unless ``resume_from_checkpoint`` says so.

Fix and its safety
    Safe. ``trainer.train(...)`` becomes ``transformers_train(trainer.train)(...)``. Where no checkpoints are made (on EC2, unless
    ``SM_CHECKPOINT_DIR`` is set) ``transformers_train`` hands back ``trainer.train`` itself. Else the Trainer gets one callback more,
    which lets it write its own checkpoint (model, optimizer, schedule, random state) into the checkpoint folder, between epochs and by
    time within them; a start later on is given it as ``resume_from_checkpoint``, which counts for more than one of the script's own:
    that is where the interrupted run had begun. What the script's ``save_strategy`` writes into ``output_dir`` stays as it is and
    travels along, the best model too. A training that was over is not run again.
    A resumed run ends with the same bits as one that was not interrupted (seen with transformers 5.24): weights, logged losses, best
    model. Two things differ: where the data set draws random numbers in the main process (``dataloader_num_workers=0``), a run that is
    resumed within an epoch draws others, since the Trainer has read a batch ahead; and before transformers 5 the loss that is logged
    first counts only the steps since the resume.
    At run time it is refused, with a message, where several machines each hold a part of the model (FSDP, DeepSpeed).

Source
    CONTRACT: what survives a spot interruption. transformers: ``Trainer.train(resume_from_checkpoint=)``, ``TrainingArguments``
    (``save_strategy``, ``save_steps``).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.model import Replace
from migrate.facts.model import Span
from migrate.facts.training.managed import Managed, imports_of, trained
from migrate.rules.base import Context, Example
from migrate.rules.hooks import segment, support_name
from migrate.rules.model import Finding

CODE = "SM312"
NAME = "unresumed-transformers-train"
LIBRARIES = ("transformers", "trl", "sentence_transformers")


def check(context: Context) -> Iterator[Finding]:
    program = context.program
    if not any(name.split(".")[0] in LIBRARIES for name in imports_of(program)):
        return
    for train in trained(program, frozenset({"train"})):
        if not _is_trainer(context, train):
            continue
        name, imports = support_name(context, train.module, "transformers_train", Span.of(train.call))
        edit = Replace(train.module.path, Span.of(train.target), f"{name}({segment(train.module, train.target)})")
        message = "this training starts from the beginning after an interruption; the checkpoint folder lets it go on"
        yield Finding(CODE, NAME, train.module.place(train.call), "warning", message, "safe", None, 1, (*imports, edit))


def _is_trainer(context: Context, train: Managed) -> bool:
    """By what made the object; where that is not known, by the name of a trainer that the program has no method of."""
    if train.made:
        return any(made.name.split(".")[0] in LIBRARIES and made.name.endswith("Trainer") for made in train.made)
    target = train.target.value
    last = target.attr if isinstance(target, ast.Attribute) else ast.unparse(target)
    return last.lower().endswith("trainer") and not context.program.callees(train.module, train.call)


EXAMPLES = (
    Example(
        before="""\
from transformers import Trainer, TrainingArguments
from parts import data, model

trainer = Trainer(model=model, args=TrainingArguments("out"), train_dataset=data)
trainer.train()
trainer.save_model()
""",
        after="""\
from transformers import Trainer, TrainingArguments
from parts import data, model
from sagemaker_support import transformers_train

trainer = Trainer(model=model, args=TrainingArguments("out"), train_dataset=data)
transformers_train(trainer.train)()
trainer.save_model()
""",
        others={"parts.py": "data = []\nmodel = None\n"},
    ),
    Example(
        before="""\
import transformers


class Weighted(transformers.Trainer):
    def compute_loss(self, model, inputs):
        return model(**inputs).loss


def main(model, checkpoint=None):
    trainer = Weighted(model=model)
    result = trainer.train(resume_from_checkpoint=checkpoint)
    print(result.metrics)


main(None)
""",
        after="""\
import transformers
from sagemaker_support import transformers_train


class Weighted(transformers.Trainer):
    def compute_loss(self, model, inputs):
        return model(**inputs).loss


def main(model, checkpoint=None):
    trainer = Weighted(model=model)
    result = transformers_train(trainer.train)(resume_from_checkpoint=checkpoint)
    print(result.metrics)


main(None)
""",
    ),
)

UNTOUCHED = (
    """\
import torch
from transformers import AutoModel


class Trainer:
    def train(self, epochs):
        print(epochs)


model = AutoModel.from_pretrained("bert")
model.train()
trainer = Trainer()
trainer.train(3)
""",
    """\
from sagemaker_support import transformers_train
from transformers import Trainer

trainer = Trainer(model=None)
transformers_train(trainer.train)()
""",
)
