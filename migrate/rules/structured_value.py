"""An option that takes JSON or a dictionary.

What it finds
    An option whose type parses a structure: ``json.loads``, ``ast.literal_eval``, ``eval``, ``yaml.safe_load`` or a function
    named for it, or whose default is a dictionary.

Why it matters on SageMaker
    A dictionary arrives as ``a=1,b={'c': 2}`` from the toolkit, and as JSON from v3. Only one of them is what the option's type
    reads.

Fix and its safety
    Safe. The ``add_argument`` call stays; the call that parses takes its argv from the support module, which under SageMaker
    builds the command line with the parser's own actions, and elsewhere hands back ``sys.argv[1:]``.

Source
    CONTRACT: each form was run under sagemaker-training 5.1.4 (``mapping.to_cmd_args``) and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import Option
from migrate.rules.base import Context, Example
from migrate.rules.hooks import option_finding, pending, spelling
from migrate.rules.model import Finding

CODE = "SM208"


def _is_structure(option: Option) -> bool:
    kind = (option.type or "").lower()
    return any(word in kind for word in ("json", "literal_eval", "yaml", "dict")) or kind == "eval" or isinstance(option.default, dict)


def check(context: Context) -> Iterator[Finding]:
    for option in context.arguments.options if pending(context) else ():
        if _is_structure(option):
            yield option_finding(
                context,
                (CODE, "structured-value"),
                option,
                "warning",
                f"{spelling(option)} reads a structure, which the two ways into a container write differently",
            )


EXAMPLES = (
    Example(
        before="""\
import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--optimizer", type=json.loads, default={})
args = parser.parse_args()
print(args)
""",
        after="""\
import argparse
import json
from sagemaker_support import sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("--optimizer", type=json.loads, default={})
args = parser.parse_args(sagemaker_argv(parser))
print(args)
""",
    ),
)

UNTOUCHED = (
    """\
import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
""",
)
