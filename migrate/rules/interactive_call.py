"""A call that waits for a person, or shows something to one.

What it finds
    ``input()``, ``getpass`` and shells that ask; ``breakpoint()`` and ``pdb.set_trace()``; OpenCV's windows (``imshow``, ``waitKey``);
    ``plt.show()``. In code that may run, told once a file.

Why it matters on SageMaker
    Nobody sits there. A question ends the job with EOFError, a debugger with BdbQuit, a window with an error, since there is no display.
    ``plt.show()`` shows nothing, and the picture is gone.

Fix and its safety
    Safe for OpenCV's windows that come on no condition: they are left out where ``SM_MODEL_DIR`` is set, and ``waitKey`` gives -1 there,
    which says that no key was pressed. A loop that only a key ends is left as it is. None for all others.

Source
    OpenCV, high-level GUI: https://docs.opencv.org/4.x/d7/dfc/group__highgui.html; Python, ``input``:
    https://docs.python.org/3/library/functions.html#input
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.habits.calls import HabitCall, habit_calls, is_conditional
from migrate.facts.program import Module
from migrate.rules.base import Context, Example
from migrate.rules.guarding import guard, in_text, is_statement
from migrate.rules.model import Finding
from migrate.rules.together import by_file

CODE = "SM406"
NAME = "interactive-call"
TELLS = {
    "ask": ("waits for a person to type, whom a job does not have", "take the answer as an option, so that it can be a hyperparameter"),
    "debug": ("stops in a debugger, which ends a job", "it may mark an error; take it out where it does not"),
    "window": ("opens a window or waits for a key in one, and a job has no display", "leave it out where SM_MODEL_DIR is set"),
    "show": ("shows a picture to nobody, and keeps none", "nothing fails; savefig keeps the picture"),
}


def check(context: Context) -> Iterator[Finding]:
    told: list[tuple[HabitCall, str]] = []
    for run in habit_calls(context.program, *TELLS):
        if run.guarded:
            continue
        otherwise = _otherwise(run)
        if otherwise is None:
            told.append((run, run.habit))
            continue
        message = f"{_spelt(run)} {TELLS['window'][0]}"
        edits = guard(context, run.module, run.call, otherwise=otherwise)
        yield Finding(CODE, NAME, run.module.place(run.call), "error", message, "safe", None, 1, edits)
    always = {(id(run.call)) for run, _ in told if not is_conditional(run.module, run.call)}
    for (habit, spelt, sure), place, others in by_file((r.module, r.call, (h, _spelt(r), id(r.call) in always)) for r, h in told):
        what, reason = TELLS[habit]
        severity = "note" if habit == "show" or not sure else "error"
        on = "" if sure else ", where its condition holds"
        yield Finding(CODE, NAME, place, severity, f"{spelt} {what}{on}{others}", "none", reason, 1)


def _spelt(run: HabitCall) -> str:
    return f"{ast.unparse(run.call.func)}()"


def _otherwise(run: HabitCall) -> str | None:
    """What stands for a window's call that is left out; None where it is only told."""
    if run.habit != "window" or in_text(run.module, run.call) or is_conditional(run.module, run.call):
        return None
    if run.name.startswith("cv2.waitKey"):
        return None if _is_in_while(run.module, run.call) else "-1"
    return "None" if is_statement(run.module, run.call) else None


def _is_in_while(module: Module, node: ast.AST) -> bool:
    parent = module.parent(node)
    while parent is not None and not isinstance(parent, (ast.FunctionDef, ast.While)):
        parent = module.parent(parent)
    return isinstance(parent, ast.While)


_BEFORE = """\
import cv2

for image in images():
    cv2.imshow("batch", image)
    if cv2.waitKey(1) == 27:
        break
    train(image)
cv2.destroyAllWindows()
"""
_NOTED = """\
import pdb

import matplotlib.pyplot as plt

if input("start? [y/n] ") != "y":
    raise SystemExit
for loss in train():
    if loss != loss:
        pdb.set_trace()
    plt.plot(loss)
    plt.show()
plt.show()
"""

EXAMPLES = (
    Example(
        before=_BEFORE,
        after="import os\n"
        + _BEFORE.replace("    cv2.imshow(", '    if "SM_MODEL_DIR" not in os.environ:\n        cv2.imshow(')
        .replace("cv2.waitKey(1) ==", '(cv2.waitKey(1) if "SM_MODEL_DIR" not in os.environ else -1) ==')
        .replace("cv2.destroyAllWindows", 'if "SM_MODEL_DIR" not in os.environ:\n    cv2.destroyAllWindows'),
    ),
    Example(before=_NOTED, after=_NOTED),
)

UNTOUCHED = (
    """\
import matplotlib.pyplot as plt


def input(shape):
    return shape


x = input((3, 4))
plt.plot(x)
plt.savefig("x.png")
plt.imshow(x)
""",
    """\
def ask():
    return input("never asked")


if __name__ == "not main":
    pass
""",
)
