"""A flag that takes no value.

What it finds
    An option with ``store_true``, ``store_false``, ``store_const``, ``append_const``, ``count`` or ``BooleanOptionalAction``.

Why it matters on SageMaker
    A hyperparameter always arrives as a name and a text: ``--amp True`` (toolkit) or ``--amp true`` (v3). The flag takes no
    value, so argparse ends the job with exit code 2.

Fix and its safety
    Safe. The ``add_argument`` call stays; the call that parses takes its argv from the support module, which under SageMaker
    builds the command line with the parser's own actions, and elsewhere hands back ``sys.argv[1:]``.

Source
    CONTRACT: each form was run under sagemaker-training 5.1.4 (``mapping.to_cmd_args``) and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.hooks import option_finding, pending, spelling
from migrate.rules.model import Finding

CODE = "SM201"


FLAGS = ("store_true", "store_false", "store_const", "append_const", "count", "BooleanOptionalAction")


def check(context: Context) -> Iterator[Finding]:
    for option in context.arguments.options if pending(context) else ():
        if option.action in FLAGS:
            yield option_finding(
                context,
                (CODE, "boolean-flag"),
                option,
                "error",
                f"{spelling(option)} takes no value; SageMaker passes it one, and argparse ends the job",
            )


EXAMPLES = (
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--amp", action="store_true")
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("--amp", action="store_true")
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--no-bias", dest="bias", action="store_false")
parser.add_argument("-v", action="count", default=0)
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("--no-bias", dest="bias", action="store_false")
parser.add_argument("-v", action="count", default=0)
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", action="store", type=float, default=0.1)
args = parser.parse_args()
""",
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--amp", action="store_true")
args = parser.parse_args([])
""",
)
