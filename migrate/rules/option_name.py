"""An option that no hyperparameter key can spell.

What it finds
    An option whose spellings are only single-dash (``-b``, ``-lr``), or whose long spelling differs from its dest.

Why it matters on SageMaker
    The toolkit writes ``-b`` for a one-letter key and ``--key`` for any other, the v3 drivers always ``--key``. So ``-b`` cannot
    be set by v3, ``-lr`` by neither, and a key spelt as the dest (``learning_rate``) does not reach ``--learning-rate``.

Fix and its safety
    Safe. The ``add_argument`` call stays; the call that parses takes its argv from the support module, which under SageMaker
    builds the command line with the parser's own actions, and elsewhere hands back ``sys.argv[1:]``. Dashes and underscores are
    then the same, and the dest serves as a key.

Source
    CONTRACT: each form was run under sagemaker-training 5.1.4 (``mapping.to_cmd_args``) and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.hooks import option_finding, pending, spelling
from migrate.rules.model import Finding

CODE = "SM209"


FLAGS = ("store_true", "store_false", "store_const", "append_const", "count", "BooleanOptionalAction")  # SM201


def check(context: Context) -> Iterator[Finding]:
    for option in context.arguments.options if pending(context) else ():
        if option.options and option.action not in FLAGS and f"--{option.dest}" not in option.options:
            yield option_finding(
                context,
                (CODE, "option-name"),
                option,
                "warning",
                f"a hyperparameter named {option.dest} does not reach {spelling(option)}",
            )


EXAMPLES = (
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("-b", "--batch-size", type=int, default=32)
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("-b", "--batch-size", type=int, default=32)
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
    Example(
        before="""\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("-lr", type=float, default=0.1)
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("-lr", type=float, default=0.1)
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--batch_size", type=int, default=32)
args = parser.parse_args()
""",
)
