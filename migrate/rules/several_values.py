"""An option that takes several values.

What it finds
    An option with ``nargs`` of a number, ``"+"``, ``"*"``, ``"?"`` or ``REMAINDER``, or with ``action="append"`` or ``"extend"``.

Why it matters on SageMaker
    A list arrives as one text, ``'[1, 2, 3]'``: an int or float list ends the job with exit code 2, a list of strings becomes one
    string that looks like a list.

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

CODE = "SM203"


def check(context: Context) -> Iterator[Finding]:
    for option in context.arguments.options if pending(context) else ():
        if not option.positional and (option.nargs not in (None, "?") or option.action in ("append", "extend")):
            yield option_finding(
                context,
                (CODE, "several-values"),
                option,
                "error",
                f"{spelling(option)} takes several values; SageMaker passes the list as one text",
            )


EXAMPLES = (
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--sizes", type=int, nargs="+", default=[64, 64])
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("--sizes", type=int, nargs="+", default=[64, 64])
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--tag", action="append")
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("--tag", action="append")
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--size", type=int, default=64)
args = parser.parse_args()
""",
)
