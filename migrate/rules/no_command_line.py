"""Settings that only an editor can change.

What it finds
    A script without a command line whose settings are constants: at module top, under the main guard, or as attributes of a
    configuration class, in the entry and in the configuration modules that it loads.

Why it matters on SageMaker
    A job's settings are its hyperparameters. A constant cannot be set by one, so that each trial needs another copy of the code,
    and a path stays that of the EC2 machine.

Fix and its safety
    Safe. Each constant takes its value from an option whose default is the constant's own; a path takes its default from
    SageMaker's variable. The script goes on ignoring what else stands on its command line, and a module that is imported reads
    none.

Source
    CONTRACT: hyperparameters as argv, run under sagemaker-training 5.1.4 and the drivers of sagemaker 3.27.0.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.imports import local_name
from migrate.edits.model import Edit, Insert, Replace
from migrate.facts.constants import Constant, find_constants, option_of
from migrate.facts.counts import variable_of
from migrate.facts.model import Span
from migrate.facts.program import Module, Program
from migrate.rules.base import Context, Example
from migrate.rules.fixed_count import count_code
from migrate.rules.hooks import blank_lines, support_name
from migrate.rules.model import Finding

CODE = "SM210"


def check(context: Context) -> Iterator[Finding]:
    if context.arguments.cli != "constants":
        return
    by_file: dict[str, list[Constant]] = {}
    for constant in find_constants(context.program):
        by_file.setdefault(constant.place.path, []).append(constant)
    for path, constants in by_file.items():
        names = ", ".join(constant.name for constant in constants[:4]) + (" ..." if len(constants) > 4 else "")
        what = "is a constant" if len(constants) == 1 else f"are {len(constants)} constants"
        message = f"{names} {what} that no hyperparameter can set"
        edits = _edits(context, context.program.modules[path], constants)
        yield Finding(CODE, "no-command-line", constants[0].place, "warning", message, "safe", edits=edits)


def _edits(context: Context, module: Module, constants: list[Constant]) -> tuple[Edit, ...]:
    first = _top_statement(module, min(constant.place.span for constant in constants))
    before = Span.of(first)
    argparse, needed = local_name(module.tree, module.path, "argparse", before=before)
    edits: list[Edit] = [needed] if needed else []
    argv, added = support_name(context, module, "script_argv", before)
    edits += added
    function, settings = _free(context.program, "parse_settings"), _free(context.program, "settings")
    lines = [*blank_lines(module, first), f"def {function}():", f"    parser = {argparse}.ArgumentParser(allow_abbrev=False)"]
    for constant in constants:
        default, more = _default(context, module, constant, before)
        edits += more
        lines.append(f"    parser.add_argument({_arguments(constant, default)})")
        edits.append(Replace(module.path, constant.value_span, f"{settings}.{constant.dest}"))
    lines += [f"    return parser.parse_known_args({argv}(parser, __name__))[0]", "", "", f"{settings} = {function}()", "", ""]
    lines += [""] * isinstance(first, (ast.ClassDef, ast.FunctionDef))
    edits.append(Insert(module.path, before, "\n".join(lines)))
    return tuple(edits)


def _default(context: Context, module: Module, constant: Constant, before: Span) -> tuple[str, list[Edit]]:
    """The default's code: the constant's own, or for a path or a count the environment's variable before it."""
    redirect = context.paths.redirect_at(module.path, constant.value_span)
    variable = variable_of(option_of(constant))
    if redirect is None and variable is None:
        return constant.code, []
    name, needed = local_name(module.tree, module.path, "os", before=before)
    code = redirect.code(name) if redirect is not None else count_code(constant.value, variable or "", name)
    return code, [needed] if needed else []


def _arguments(constant: Constant, default: str) -> str:
    if constant.type == "bool":
        return f'"{constant.option}", type=lambda text: text.lower() == "true", default={default}'
    kind = f", type={constant.type}" if constant.type else ""
    return f'"{constant.option}"{kind}, default={default}'


def _top_statement(module: Module, span: Span) -> ast.stmt:
    """The statement of the module's own body that holds ``span``."""
    return next(node for node in module.tree.body if node.lineno <= span.line <= (node.end_lineno or node.lineno))


def _free(program: Program, name: str) -> str:
    """``name``, or with an underscore where some module of the program already means something by it (a star import carries names)."""
    used = {node.id for module in program.modules.values() for node in module.nodes.of(ast.Name)}
    used |= {bound for module in program.modules.values() for scope in module.names.scopes.values() for bound in scope.bindings}
    while name in used:
        name = f"_{name}"
    return name


EXAMPLES = (
    Example(
        before="""\
import numpy as np

# Settings
EPOCHS = 10
LEARNING_RATE = 1e-3  # for Adam
AUGMENT = True
NUM_WORKERS = 4
DATA_FILE = "/home/ubuntu/data/train.npy"

data = np.load(DATA_FILE)
for epoch in range(EPOCHS):
    print(epoch, LEARNING_RATE, AUGMENT, NUM_WORKERS, data.shape)
""",
        after="""\
import argparse
import os
import numpy as np
from sagemaker_support import script_argv


def parse_settings():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--augment", type=lambda text: text.lower() == "true", default=True)
    parser.add_argument("--num-workers", type=int, default=min(4, int(os.environ.get("SM_NUM_CPUS", 4))))
    parser.add_argument("--data-file", default=os.path.join(os.environ.get("SM_CHANNEL_TRAINING", "/home/ubuntu/data"), "train.npy"))
    return parser.parse_known_args(script_argv(parser, __name__))[0]


settings = parse_settings()

# Settings
EPOCHS = settings.epochs
LEARNING_RATE = settings.learning_rate  # for Adam
AUGMENT = settings.augment
NUM_WORKERS = settings.num_workers
DATA_FILE = settings.data_file

data = np.load(DATA_FILE)
for epoch in range(EPOCHS):
    print(epoch, LEARNING_RATE, AUGMENT, NUM_WORKERS, data.shape)
""",
    ),
    Example(
        before="""\
class Config:
    lr = 0.1
    hidden = 128


print(Config.lr, Config.hidden)
""",
        after="""\
import argparse
from sagemaker_support import script_argv


def parse_settings():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--hidden", type=int, default=128)
    return parser.parse_known_args(script_argv(parser, __name__))[0]


settings = parse_settings()


class Config:
    lr = settings.lr
    hidden = settings.hidden


print(Config.lr, Config.hidden)
""",
    ),
)

UNTOUCHED = (
    """\
best = 0
for epoch in range(3):
    best = max(best, epoch)
print(best)
""",
    """\
import sys

EPOCHS = int(sys.argv[1])
print(EPOCHS)
""",
    """\
import argparse

EPOCHS = 10
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
print(EPOCHS, args.lr)
""",
)
