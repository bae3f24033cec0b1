"""A result that is written where SageMaker does not keep it.

What it finds
    A path that ends in a call which writes: ``open(..., "w")``, ``to_csv``, ``savefig``, ``np.save``, ``makedirs`` and the others
    of the table.

Why it matters on SageMaker
    The working folder goes with the job. What is below /opt/ml/output/data is packed into output.tar.gz.

Fix and its safety
    Safe. The path goes below ``SM_OUTPUT_DATA_DIR`` where that is set, and keeps its EC2 value, to the byte, where it is not.

Source
    SageMaker training toolkit, ``SM_OUTPUT_DATA_DIR``: https://github.com/aws/sagemaker-training-toolkit#sm_output_data_dir
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.model import Finding
from migrate.rules.redirecting import redirected

CODE = "SM103"


def check(context: Context) -> Iterator[Finding]:
    yield from redirected(context, CODE, "lost-output", ("data",), "error", "{path} is written where the job loses it; {env} is kept")


EXAMPLES = (
    Example(
        before="""\
import os

os.makedirs("results", exist_ok=True)
with open("results/scores.txt", "w") as out:
    out.write("1.0")
""",
        after="""\
import os

os.makedirs(os.path.join(os.environ.get("SM_OUTPUT_DATA_DIR", ""), "results"), exist_ok=True)
with open(os.path.join(os.environ.get("SM_OUTPUT_DATA_DIR", ""), "results/scores.txt"), "w") as out:
    out.write("1.0")
""",
    ),
)

UNTOUCHED = (
    """\
import os
import tempfile

folder = tempfile.mkdtemp()
with open(os.path.join(folder, "scratch.txt"), "w") as out:
    out.write("1.0")
""",
)
