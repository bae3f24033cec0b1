"""``async`` as a name, which no Python since 3.7 reads.

What it finds
    ``target.cuda(async=True)``, or any other use of ``async`` as a name, in a script or a module that it imports.

Why it matters on SageMaker
    The word is a keyword since Python 3.7: a newer Python ends the job with a SyntaxError before it has read the first line. The official
    images of PyTorch 1.2 and later, and of TensorFlow 2 and later, have Python 3.7 or newer.

Fix and its safety
    None is made. PyTorch calls it ``non_blocking`` since 0.4, and a script that is rewritten no longer runs with the PyTorch that it was
    written for. Where the job runs on PyTorch 0.4.1 or later, rename it by hand; everything else in the file is migrated as usual.

Source
    https://docs.python.org/3/whatsnew/3.7.html: async and await are reserved keywords. PyTorch 0.4.0 release notes: the argument ``async``
    of ``cuda()`` and ``copy_()`` is ``non_blocking`` now.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.repo.parsing import STAND_IN
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM901"
NAME = "async-as-name"
MESSAGE = "async is a keyword since Python 3.7: a newer Python cannot read this file"
REASON = "PyTorch 0.4 and later call it non_blocking, earlier ones do not: rename it when the job runs on a later one"


def check(context: Context) -> Iterator[Finding]:
    for module in context.program.modules.values():
        if "async" in module.text:
            nodes = [node for node in module.nodes.among(ast.keyword, ast.Name, ast.Attribute, ast.arg) if STAND_IN in _names(node)]
            for node in nodes:
                assert isinstance(node, (ast.keyword, ast.Name, ast.Attribute, ast.arg))
                yield Finding(CODE, NAME, module.place(node), "error", MESSAGE, "none", REASON, 1)


def _names(node: ast.AST) -> tuple[object, ...]:
    return getattr(node, "arg", None), getattr(node, "id", None), getattr(node, "attr", None)


SOURCE = """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=3)
args = parser.parse_args()


def copy(target, **options):
    return target, options


for _ in range(args.rounds):
    print(copy(1, async=True))
"""
EXAMPLES = (Example(before=SOURCE, after=SOURCE),)
UNTOUCHED = (
    """\
import asyncio


async def fetch(number):
    return number


async def main():
    async with asyncio.Lock():
        print(await fetch(3), "async = 3")


asyncio.run(main())
""",
)
