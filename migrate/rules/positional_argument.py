"""A positional argument.

What it finds
    ``add_argument("data")``: an argument without a leading dash.

Why it matters on SageMaker
    Hyperparameters always arrive as ``--name value``. Nothing can fill a positional argument, and a required one ends the job
    with exit code 2.

Fix and its safety
    Safe. The ``add_argument`` call stays; the call that parses takes its argv from the support module, which under SageMaker
    builds the command line with the parser's own actions, and elsewhere hands back ``sys.argv[1:]``. The value is the
    hyperparameter named as the argument.

Source
    CONTRACT: each form was run under sagemaker-training 5.1.4 (``mapping.to_cmd_args``) and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.hooks import option_finding, pending
from migrate.rules.model import Finding

CODE = "SM204"


def check(context: Context) -> Iterator[Finding]:
    for option in context.arguments.options if pending(context) else ():
        if option.positional and option.action != "subcommand":
            yield option_finding(
                context,
                (CODE, "positional-argument"),
                option,
                "error",
                f"nothing can fill the positional argument {option.dest}: hyperparameters arrive as --name value",
            )


EXAMPLES = (
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("data", help="folder of images")
parser.add_argument("-b", type=int)
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("data", help="folder of images")
parser.add_argument("-b", type=int)
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="a")
args = parser.parse_args()
""",
)
