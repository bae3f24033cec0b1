"""A read of data whose place could not be found out.

What it finds
    A call that reads data, whose path starts at something that is not known from the source.

Why it matters on SageMaker
    Data outside a channel is not there.

Fix and its safety
    None: the reason names what defeated it. ``migrate verify`` shows reads of EC2 paths and channels that nobody reads.

Source
    CreateTrainingJob, InputDataConfig: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Channel.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.model import Finding
from migrate.rules.redirecting import named

CODE = "SM106"


def check(context: Context) -> Iterator[Finding]:
    for left in context.paths.left:
        if left.act in ("read", "list") and left.kind == "data" and not left.loses:
            yield Finding(CODE, "unfollowed-read", left.place, "note", f"data is read from {named(left.text)}", "none", left.reason, 1)


SOURCE = """\
import json
import numpy as np

settings = json.loads(input())
np.load(settings["data"])
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (
    """\
import numpy as np

np.load("/home/ubuntu/data/train.npy")
""",
)
