"""A model that is written where SageMaker does not keep it.

What it finds
    A path that ends in a call which saves a model or a checkpoint: ``torch.save``, ``model.save``, ``save_npz`` and the others of
    the table.

Why it matters on SageMaker
    When the job ends, only /opt/ml/model, /opt/ml/output/data and /opt/ml/checkpoints are kept. A model saved in the working folder
    is lost.

Fix and its safety
    Safe. The path goes below ``SM_MODEL_DIR`` where that is set, and keeps its EC2 value, to the byte, where it is not. Weights
    that are only saved as
    checkpoints go there too, so that the model artifact is never empty.

Source
    CreateTrainingJob, OutputDataConfig; SageMaker training toolkit, ``SM_MODEL_DIR``:
    https://github.com/aws/sagemaker-training-toolkit#sm_model_dir
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.model import Finding
from migrate.rules.redirecting import redirected

CODE = "SM102"


def check(context: Context) -> Iterator[Finding]:
    yield from redirected(
        context, CODE, "lost-model", ("model", "checkpoint"), "error", "a model is saved to {path}, which the job loses; {env} is kept"
    )


EXAMPLES = (
    Example(
        before="""\
import torch

def save(model, epoch):
    torch.save(model.state_dict(), f"epoch_{epoch}.pt")
    torch.save(model.state_dict(), "/home/ubuntu/models/last.pt")

save(torch.nn.Linear(1, 1), 1)
""",
        after="""\
import os
import torch

def save(model, epoch):
    torch.save(model.state_dict(), os.path.join(os.environ.get("SM_MODEL_DIR", ""), f"epoch_{epoch}.pt"))
    torch.save(model.state_dict(), os.path.join(os.environ.get("SM_MODEL_DIR", "/home/ubuntu/models"), "last.pt"))

save(torch.nn.Linear(1, 1), 1)
""",
    ),
)

UNTOUCHED = (
    """\
import io
import torch

buffer = io.BytesIO()
torch.save({}, buffer)
""",
)
