"""An option whose type is ``bool``.

What it finds
    ``add_argument(..., type=bool)``.

Why it matters on SageMaker
    ``bool("False")`` is True, so every text but the empty one means True: under SageMaker ``False`` would silently train with
    True. EC2 has the same trap.

Fix and its safety
    Unsafe for EC2, which is why the option itself stays as it is: whoever passes ``--x False`` on EC2 gets True today. The fix is
    the call that parses: with it, a hyperparameter False arrives as False, and EC2 does what it did.

Source
    CONTRACT: each form was run under sagemaker-training 5.1.4 (``mapping.to_cmd_args``) and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import FOREIGN
from migrate.rules.base import Context, Example
from migrate.rules.hooks import option_finding, pending, spelling
from migrate.rules.model import Finding

CODE = "SM202"


def check(context: Context) -> Iterator[Finding]:
    for option in context.arguments.options if pending(context) else ():
        if option.type == "bool" and context.arguments.cli not in FOREIGN:  # absl reads the text false
            yield option_finding(
                context,
                (CODE, "bool-type"),
                option,
                "error",
                f"{spelling(option)} has type=bool, which takes the text False for True; on EC2 that stays as it is",
            )


EXAMPLES = (
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--amp", type=bool, default=True)
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("--amp", type=bool, default=True)
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--amp", type=lambda text: text == "true", default=True)
args = parser.parse_args()
""",
)
