"""A job that SageMaker would refuse, or whose container would die at its start.

What it finds
    The ``create_training_job`` request of an entry point, as the launchers would send it, breaks a limit of the service model (a pattern,
    a length, a count, a range, an enum) or a rule that spans several members: more than 18 channels beside the two that SDK v3 adds,
    names that make no variable, managed spot without a longest wait.

Why it matters on SageMaker
    botocore checks required members and types alone: the request would be refused only when it is sent, and a name that the container's
    shell file cannot carry ends the job minutes later, on a machine that is paid for.

Fix and its safety
    None. The fault lies in what the script asks for as a whole, and its author has to choose: fewer channels by putting data sets below
    one root, or another name.

Source
    botocore's service model of SageMaker (``tools/extract_service_model.py``); the API reference of CreateTrainingJob:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import Place, Span
from migrate.job.describe import describe
from migrate.job.infer import infer
from migrate.job.request import problems_of
from migrate.repo.entries import Entry
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM801"


def check(context: Context) -> Iterator[Finding]:
    path = context.program.entry
    # The framework decides only the image, which is none of the script's faults.
    entry = Entry(path, "pytorch", None, tuple(context.program.modules), (), context.as_module)
    point = describe(entry, context.program, context.arguments, context.paths, ())
    for problem in problems_of(infer(point)):
        reason = "it follows from all that the script asks for; what to change is its author's choice"
        yield Finding(
            CODE, "refused-request", Place(path, Span(1, 0, 1, 0)), "error", f"the job would be refused: {problem}", "none", reason, 2
        )


def _script(count: int) -> str:
    lines = ["import argparse", "", "import numpy as np", "", "parser = argparse.ArgumentParser()"]
    lines += [f'parser.add_argument("--part{number}", default="/mnt/part{number}")' for number in range(count)]
    lines += ["args = parser.parse_args()"]
    lines += [f'part{number} = np.load(args.part{number} + "/x.npy")' for number in range(count)]
    return "\n".join(lines) + "\n"


EXAMPLES = (Example(before=_script(19), after=_script(19)),)
UNTOUCHED = (_script(18),)
