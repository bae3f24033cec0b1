"""A parser that is given a list of its own.

What it finds
    ``parser.parse_args([...])`` where the list is not the process's argv.

Why it matters on SageMaker
    Hyperparameters arrive on the process's argv, which such a call never looks at: the settings stay what the list says.

Fix and its safety
    None: the list may be meant. Where it was a way to run in a notebook, take it out, and the call is mended like any other.

Source
    argparse, ``ArgumentParser.parse_args``: https://docs.python.org/3/library/argparse.html#argparse.ArgumentParser.parse_args
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM213"


def check(context: Context) -> Iterator[Finding]:
    for site in context.arguments.sites:
        if site.argv == "other":
            reason = "an explicit list is left alone: only its writer knows whether it is meant"
            message = f"{site.receiver_text}.{site.method} reads a list of its own; no hyperparameter reaches it"
            yield Finding(CODE, "explicit-argv", site.place, "warning", message, "none", reason, 2)


_LIST = """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args(["--lr", "0.2"])
"""

EXAMPLES = (Example(before=_LIST, after=_LIST),)

UNTOUCHED = (
    """\
import argparse
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args(sys.argv[1:])
""",
)
