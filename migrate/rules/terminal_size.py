"""The size of a terminal, asked for where there may be none.

What it finds
    ``os.popen("stty size").read().split()`` and ``os.get_terminal_size()``, as progress bars ask, in code that may run and does not
    expect them to fail.

Why it matters on SageMaker
    A job has no terminal: ``stty`` prints nothing, so there is nothing to take apart, and ``get_terminal_size`` raises OSError. Often
    that is at the import of a file with helpers, and the job ends before it has begun.

Fix and its safety
    Safe: 24 rows of 80 columns where ``SM_MODEL_DIR`` is set, the very call elsewhere. Told only where it is not seen what is done with
    the text.

Source
    Python, ``os.get_terminal_size``: https://docs.python.org/3/library/os.html#os.get_terminal_size; a run: ``not enough values to
    unpack (expected 2, got 0)``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrate.facts.habits.calls import HabitCall, habit_calls
from migrate.facts.program import Module
from migrate.rules.base import Context, Example
from migrate.rules.guarding import guard, in_text
from migrate.rules.model import Finding

CODE = "SM410"
NAME = "terminal-size"
ASKS = re.compile(r"\s*(stty\s+size|tput\s+(cols|lines))\b")
MESSAGE = "asks for the size of a terminal, and a job has none: it ends there"


def check(context: Context) -> Iterator[Finding]:
    for run in habit_calls(context.program, "shell", "terminal"):
        if run.guarded or not _asks(run) or _expects_failure(run.module, run.call):
            continue
        call, otherwise = _whole(run)
        place = run.module.place(run.call)
        if otherwise is None or in_text(run.module, call):
            reason = "what is made of its text is not seen: give it a size where SM_MODEL_DIR is set"
            yield Finding(CODE, NAME, place, "error", f"{ast.unparse(run.call.func)}() {MESSAGE}", "none", reason, 1)
            continue
        edits = guard(context, run.module, call, otherwise=otherwise)
        yield Finding(CODE, NAME, place, "error", f"{ast.unparse(run.call.func)}() {MESSAGE}", "safe", None, 1, edits)


def _asks(run: HabitCall) -> bool:
    if run.habit == "terminal":
        return True
    first = run.call.args[0] if run.name == "os.popen" and run.call.args else None
    return isinstance(first, ast.Constant) and isinstance(first.value, str) and ASKS.match(first.value) is not None


def _whole(run: HabitCall) -> tuple[ast.Call, str | None]:
    """The call to be guarded, with what stands for it: ``popen(...).read()``, ``.read().split()``, or the size itself."""
    if run.habit == "terminal":
        owner = run.call.func.value if isinstance(run.call.func, ast.Attribute) else None
        return run.call, f"{ast.unparse(owner)}.terminal_size((80, 24))" if isinstance(owner, ast.Name) else None
    command = run.call.args[0].value  # type: ignore[attr-defined]
    text = "24 80" if "size" in command else "80" if "cols" in command else "24"
    read = _method(run.module, run.call, "read")
    if read is None:
        return run.call, None
    split = _method(run.module, read, "split")
    if split is None:
        return read, f'"{text}"'
    return split, "[" + ", ".join(f'"{part}"' for part in text.split()) + "]" if not split.args else None


def _method(module: Module, value: ast.Call, name: str) -> ast.Call | None:
    """The call of the method ``name`` of what ``value`` gives."""
    attribute = module.parent(value)
    call = module.parent(attribute) if isinstance(attribute, ast.Attribute) and attribute.attr == name else None
    return call if isinstance(call, ast.Call) and call.func is attribute else None


def _expects_failure(module: Module, node: ast.AST) -> bool:
    """Whether a ``try`` around it catches what it raises."""
    parent = module.parent(node)
    while parent is not None and not isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
        if isinstance(parent, ast.Try) and parent.handlers and any(node is s for s in parent.body):
            return True
        node, parent = parent, module.parent(parent)
    return False


_BEFORE = """\
import os

_, width = os.popen("stty size", "r").read().split()
height = os.get_terminal_size().lines
"""

EXAMPLES = (
    Example(
        before=_BEFORE,
        after=_BEFORE.replace(
            'os.popen("stty size", "r").read().split()',
            'os.popen("stty size", "r").read().split() if "SM_MODEL_DIR" not in os.environ else ["24", "80"]',
        ).replace(
            "os.get_terminal_size().", '(os.get_terminal_size() if "SM_MODEL_DIR" not in os.environ else os.terminal_size((80, 24))).'
        ),
    ),
)

UNTOUCHED = (
    """\
import os
import shutil

width = shutil.get_terminal_size().columns
try:
    rows, width = os.popen("stty size").read().split()
except ValueError:
    width = 80
files = os.popen("ls data").read().split()
""",
)
