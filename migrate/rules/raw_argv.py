"""A command line that is read by number.

What it finds
    ``sys.argv[1]`` and its like, in a script that has no parser.

Why it matters on SageMaker
    Hyperparameters arrive as ``--name value``, so ``sys.argv[1]`` is the text ``--epochs``, not its value.

Fix and its safety
    Safe. A parser gives each position the name of the variable that it goes to, and ``sys.argv`` is put in that order under
    SageMaker. Elsewhere it stays as it is: the same arguments mean the same, and a missing one fails as it did. A position that is
    a folder of data, or of results, is SageMaker's own folder where the job does not say another.

Source
    CONTRACT: hyperparameters as argv, run under sagemaker-training 5.1.4 and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.imports import local_name
from migrate.edits.model import Edit, Insert
from migrate.facts.model import Option, Span
from migrate.facts.program import Module
from migrate.rules.base import Context, Example
from migrate.rules.hooks import blank_lines, support_name
from migrate.rules.model import Finding
from migrate.rules.no_command_line import _free

CODE = "SM211"
BARE = r'prefix_chars="\0", add_help=False'  # only positions: -1e-5 is a value, and no text begins with a null


def check(context: Context) -> Iterator[Finding]:
    options = context.arguments.options
    if context.arguments.cli != "sys.argv" or not options or _is_done(context.program.main):
        return
    edits, reason = _edits(context, options)
    names = ", ".join(option.dest for option in options)
    message = f"the settings are read from sys.argv by number ({names}); hyperparameters arrive as --name value"
    fix = "none" if reason else "safe"
    yield Finding(CODE, "raw-argv", options[0].place, "error", message, fix, reason, 1 if edits else 3, edits)


def _is_done(main: Module) -> bool:
    """Whether ``sys.argv[1:] = ...`` already stands in the script."""
    targets = [target for node in ast.walk(main.tree) if isinstance(node, ast.Assign) for target in node.targets]
    return any(isinstance(target, ast.Subscript) and ast.unparse(target.value).endswith("sys.argv") for target in targets)


def _edits(context: Context, options: tuple[Option, ...]) -> tuple[tuple[Edit, ...], str | None]:
    main = context.program.main
    read = [option.place.span for option in options if option.place.path == main.path]
    if len(read) < len(options):
        return (), "sys.argv is read in another file than the entry point"
    first = _insertion(main)
    if first is None:
        return (), "sys.argv is read before the imports end"
    before = Span.of(first)
    edits: list[Edit] = []
    names = {}
    folders = {id(redirect.option): redirect for redirect in context.paths.redirects if redirect.option is not None}
    for name in ("argparse", "os", "sys") if folders else ("argparse", "sys"):
        names[name], needed = local_name(main.tree, main.path, name, before=before)
        edits += [needed] if needed else []
    argv, added = support_name(context, main, "sagemaker_argv", before)
    edits += added
    function = _free(context.program, "name_arguments")
    lines = [*blank_lines(main, first), f"def {function}():", f"    parser = {names['argparse']}.ArgumentParser({BARE})"]
    for option in options:
        kind = f", type={option.type}" if option.type else ""
        nargs = ', nargs="?"' if option.nargs or id(option) in folders else ""
        default = f", default={folders[id(option)].code(names['os'])}" if id(option) in folders else ""
        lines.append(f'    parser.add_argument("{option.dest}"{kind}{nargs}{default})')
    lines += ["    return parser", "", "", f"{names['sys']}.argv[1:] = {argv}({function}())", "", ""]
    edits.append(Insert(main.path, before, "\n".join(lines)))
    return tuple(edits), None


def _insertion(main: Module) -> ast.stmt | None:
    """The first statement after the leading imports; None where sys.argv is read before it."""
    for statement in main.tree.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not docstring and not isinstance(statement, (ast.Import, ast.ImportFrom)):
            return statement
    return None


EXAMPLES = (
    Example(
        before="""\
import sys

epochs = int(sys.argv[1])
model_file = sys.argv[2]
print(epochs, model_file)
""",
        after="""\
import argparse
import sys
from sagemaker_support import sagemaker_argv


def name_arguments():
    parser = argparse.ArgumentParser(prefix_chars="\\0", add_help=False)
    parser.add_argument("epochs", type=int)
    parser.add_argument("model_file")
    return parser


sys.argv[1:] = sagemaker_argv(name_arguments())

epochs = int(sys.argv[1])
model_file = sys.argv[2]
print(epochs, model_file)
""",
    ),
    Example(
        before="""\
import os
import sys

import numpy as np

data_dir, epochs = sys.argv[1], int(sys.argv[2])
print(epochs, np.load(os.path.join(data_dir, "x.npy")))
""",
        after="""\
import argparse
import os
import sys

import numpy as np
from sagemaker_support import sagemaker_argv


def name_arguments():
    parser = argparse.ArgumentParser(prefix_chars="\\0", add_help=False)
    parser.add_argument("data_dir", nargs="?", default=os.environ.get("SM_CHANNEL_TRAINING"))
    parser.add_argument("epochs", type=int)
    return parser


sys.argv[1:] = sagemaker_argv(name_arguments())

data_dir, epochs = sys.argv[1], int(sys.argv[2])
print(epochs, np.load(os.path.join(data_dir, "x.npy")))
""",
    ),
)

UNTOUCHED = (
    """\
import sys

print(sys.argv[0])
""",
    """\
import argparse
import sys

parser = argparse.ArgumentParser()
args = parser.parse_args([])
print(len(sys.argv), args)
""",
)
