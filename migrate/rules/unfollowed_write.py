"""A write whose place could not be found out.

What it finds
    A call that writes a file, whose path starts at something that is not known from the source, or that cannot be redirected
    without a change on EC2.

Why it matters on SageMaker
    If the path lies outside /opt/ml/model, /opt/ml/output/data and /opt/ml/checkpoints, what is written is lost when the job ends.

Fix and its safety
    None: a guess could change what the script does on EC2. The reason names what defeated it; ``migrate verify`` shows whether a
    file is lost.

Source
    CreateTrainingJob, OutputDataConfig: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_OutputDataConfig.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.model import Finding
from migrate.rules.redirecting import named

CODE = "SM105"


def check(context: Context) -> Iterator[Finding]:
    for left in context.paths.left:
        if left.act == "write" and left.loses:
            yield Finding(
                CODE,
                "unfollowed-write",
                left.place,
                "warning",
                f"what is written to {named(left.text)} may be lost",
                "none",
                left.reason,
                2,
            )


SOURCE = """\
import json

settings = json.loads(input())
with open(settings["out"], "w") as out:
    out.write("1.0")
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (
    """\
with open("scores.txt", "w") as out:
    out.write("1.0")
""",
)
