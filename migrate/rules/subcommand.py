"""Subcommands.

What it finds
    ``add_subparsers`` and the options of its parsers.

Why it matters on SageMaker
    The subcommand is a word without a name. Hyperparameters are names with values, so neither the subcommand nor its options can
    be given.

Fix and its safety
    Safe. The ``add_argument`` call stays; the call that parses takes its argv from the support module, which under SageMaker
    builds the command line with the parser's own actions, and elsewhere hands back ``sys.argv[1:]``. The subcommand is the
    hyperparameter named as its ``dest``, or ``command``.

Source
    CONTRACT: each form was run under sagemaker-training 5.1.4 (``mapping.to_cmd_args``) and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.hooks import option_finding, pending
from migrate.rules.model import Finding

CODE = "SM205"


def check(context: Context) -> Iterator[Finding]:
    for option in context.arguments.options if pending(context) else ():
        if option.action == "subcommand":
            names = ", ".join(str(name) for name in option.choices or ())
            message = f"the subcommand ({names}) is a word without a name, which no hyperparameter can give; the key {option.dest} will"
            yield option_finding(context, (CODE, "subcommand"), option, "error", message)


EXAMPLES = (
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="task")
fit = commands.add_parser("fit")
fit.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="task")
fit = commands.add_parser("fit")
fit.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--task", choices=["fit", "test"], default="fit")
args = parser.parse_args()
""",
)
