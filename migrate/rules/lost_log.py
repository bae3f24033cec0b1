"""A log that is written where SageMaker does not keep it.

What it finds
    A path that ends in a log writer: ``logging.FileHandler``, ``SummaryWriter``, ``CSVLogger``, TensorBoard callbacks and the
    others of the table.

Why it matters on SageMaker
    What a job prints is kept in CloudWatch, but its log files in the working folder are lost.

Fix and its safety
    Safe. The path goes below ``SM_OUTPUT_DATA_DIR`` where that is set, and keeps its EC2 value, to the byte, where it is not. A
    ``SummaryWriter()`` with no
    folder gets the variable, which is None on EC2: the library's own default. Where a model is saved below the writer's folder
    (``writer.log_dir``), both go to ``SM_MODEL_DIR``.

Source
    SageMaker training toolkit, ``SM_OUTPUT_DATA_DIR``: https://github.com/aws/sagemaker-training-toolkit#sm_output_data_dir
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.model import Finding
from migrate.rules.redirecting import redirected

CODE = "SM104"


def check(context: Context) -> Iterator[Finding]:
    yield from redirected(context, CODE, "lost-log", ("log",), "warning", "a log goes to {path}, where the job loses it; {env} is kept")


EXAMPLES = (
    Example(
        before="""\
import logging

logging.basicConfig(filename="train.log", level=logging.INFO)
""",
        after="""\
import logging
import os

logging.basicConfig(filename=os.path.join(os.environ.get("SM_OUTPUT_DATA_DIR", ""), "train.log"), level=logging.INFO)
""",
    ),
    Example(
        before="""\
from torch.utils.tensorboard import SummaryWriter

writer = SummaryWriter()
""",
        after="""\
import os
from torch.utils.tensorboard import SummaryWriter

writer = SummaryWriter(os.environ.get("SM_OUTPUT_DATA_DIR"))
""",
    ),
)

UNTOUCHED = (
    """\
import logging

logging.basicConfig(level=logging.INFO)
""",
)
