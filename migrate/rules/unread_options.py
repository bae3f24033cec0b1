"""Options that the source does not tell.

What it finds
    Options that a library or unknown code puts on the parser, or whose name is only made when the script runs.

Why it matters on SageMaker
    Such options can be set by hyperparameters once the call that parses is mended, but they are not in the launcher's list, and
    their defaults are not known here.

Fix and its safety
    None is needed for the script. Add the hyperparameters that you use to the job's settings by hand.

Source
    argparse, ``add_argument``: https://docs.python.org/3/library/argparse.html#the-add-argument-method
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM214"
READ = ("argparse", "HfArgumentParser")


def check(context: Context) -> Iterator[Finding]:
    for place, reason in context.arguments.unknown if context.arguments.cli in READ else ():
        message = "some options of this parser are not in the launcher's list of hyperparameters"
        yield Finding(CODE, "unread-options", place, "note", message, "none", reason)


_TRAINER = """\
import argparse
from framework import Trainer

parser = argparse.ArgumentParser()
parser = Trainer.add_argparse_args(parser)
args = parser.parse_args()
"""

EXAMPLES = (Example(before=_TRAINER, after=_TRAINER),)

UNTOUCHED = (
    """\
import argparse


def add_options(parser):
    for name, value in {"lr": 0.1, "steps": 10}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    return parser


args = add_options(argparse.ArgumentParser()).parse_args()
""",
)
