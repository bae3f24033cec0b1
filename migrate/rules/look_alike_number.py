"""A text that looks like a number or a boolean.

What it finds
    A text option whose choices or default read as a number, true, false or null: ``choices=["1.10", "1.9"]``.

Why it matters on SageMaker
    The v3 drivers parse such texts: ``"1.10"`` arrives as ``1.1`` and ``"1e3"`` as ``1000.0``, which is not among the choices, or
    another text than was given.

Fix and its safety
    Safe. The ``add_argument`` call stays; the call that parses takes its argv from the support module, which under SageMaker
    builds the command line with the parser's own actions, and elsewhere hands back ``sys.argv[1:]``. The text is taken from the
    job's own hyperparameters.json, as it was given.

Source
    CONTRACT: each form was run under sagemaker-training 5.1.4 (``mapping.to_cmd_args``) and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.hooks import option_finding, pending, spelling
from migrate.rules.model import Finding

CODE = "SM207"


def _changes(value: object) -> bool:
    """Whether the drivers write the text otherwise than it was given."""
    if not isinstance(value, str):
        return False
    try:
        return json.dumps(json.loads(value)) != value or value in ("true", "false", "null")
    except ValueError:
        return False


def check(context: Context) -> Iterator[Finding]:
    for option in context.arguments.options if pending(context) else ():
        if (
            option.type in (None, "str")
            and option.action == "store"
            and any(_changes(value) for value in (*(option.choices or ()), option.default))
        ):
            yield option_finding(
                context,
                (CODE, "look-alike-number"),
                option,
                "warning",
                f"a value of {spelling(option)} looks like a number; SageMaker may change its text",
            )


EXAMPLES = (
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--release", choices=["1.9", "1.10"], default="1.9")
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("--release", choices=["1.9", "1.10"], default="1.9")
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--release", choices=["v1", "v2"], default="v1")
parser.add_argument("--lr", type=float, default=1e-3)
args = parser.parse_args()
""",
)
