"""An option whose default is None.

What it finds
    An option without a default, or with ``default=None``, that takes a value.

Why it matters on SageMaker
    A hyperparameter None arrives as ``''`` (toolkit) or ``null`` (v3): a number ends the job with exit code 2, a text is no
    longer None, so ``if args.x is None`` and ``if args.x`` take the other way.

Fix and its safety
    Safe. The ``add_argument`` call stays; the call that parses takes its argv from the support module, which under SageMaker
    builds the command line with the parser's own actions, and elsewhere hands back ``sys.argv[1:]``. None then means "not given".

Source
    CONTRACT: each form was run under sagemaker-training 5.1.4 (``mapping.to_cmd_args``) and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import Option
from migrate.rules.base import Context, Example
from migrate.rules.hooks import option_finding, pending, spelling
from migrate.rules.model import Finding

CODE = "SM206"


def _takes_value(option: Option) -> bool:
    return not option.positional and not option.required and option.action == "store" and option.nargs in (None, "?")


def check(context: Context) -> Iterator[Finding]:
    for option in context.arguments.options if pending(context) else ():
        if _takes_value(option) and option.default_known and option.default is None:
            yield option_finding(
                context,
                (CODE, "none-default"),
                option,
                "note",
                f"{spelling(option)} is None when it is left out; a hyperparameter None would arrive as a text",
            )


EXAMPLES = (
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--resume", default=None)
parser.add_argument("--seed", type=int)
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("--resume", default=None)
parser.add_argument("--seed", type=int)
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--resume", default="")
parser.add_argument("--seed", type=int, required=True)
args = parser.parse_args()
""",
)
