"""A host name that decides what a script does.

What it finds
    ``socket.gethostname()``, ``platform.node()`` or ``os.uname()`` that is compared, looked up, or tested by how it begins.

Why it matters on SageMaker
    The hosts of a job are called algo-1, algo-2, ...: none of the branches for machines of one's own is taken, or the wrong one.

Fix and its safety
    None: which branch the job needs, only its author knows.

Source
    SageMaker training toolkit, ``SM_CURRENT_HOST``: https://github.com/aws/sagemaker-training-toolkit#sm_current_host
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.habits.calls import habit_calls
from migrate.facts.program import Module
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding
from migrate.rules.together import by_file

CODE = "SM409"
TESTS = {"startswith", "endswith", "find", "match", "search"}
PASSES = {"lower", "upper", "strip", "split", "nodename"}


def check(context: Context) -> Iterator[Finding]:
    found = [run for run in habit_calls(context.program, "host") if not run.guarded and _decides(run.module, run.call)]
    for name, place, others in by_file((run.module, run.call, run.name) for run in found):
        message = f"{name}() decides what is done; a job's hosts are called algo-1, algo-2, ...{others}"
        yield Finding(CODE, "host-name-check", place, "warning", message, "none", "which branch the job needs, only its author knows", 2)


def _decides(module: Module, node: ast.expr) -> bool:
    """Whether a value is compared or looked up, itself or under the name that it gets."""
    parent = module.parent(node)
    if isinstance(parent, ast.Compare):
        return True
    if isinstance(parent, ast.Subscript):
        return parent.slice is node or _decides(module, parent)
    if isinstance(parent, ast.Attribute):
        outer = module.parent(parent)
        called = outer if isinstance(outer, ast.Call) and outer.func is parent else None
        return parent.attr in TESTS or (parent.attr in PASSES and _decides(module, called or parent))
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
        name, scope = parent.targets[0].id, module.scope(parent)
        uses = [n for n in module.nodes.of(ast.Name) if n.id == name and isinstance(n.ctx, ast.Load)]
        return any(_decides(module, use) for use in uses if (found := module.scope(use).lookup(name)) and found[0] is scope)
    return False


SOURCE = """\
import os
import socket

host = socket.gethostname().split(".")[0]
root = "/data" if host.startswith("gpu") else "/mnt/data"
if os.uname().nodename == "trainer-3":
    root = "/scratch"
workers = {"gpu-1": 8, "gpu-2": 16}[socket.gethostname()]
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (
    """\
import socket
from datetime import datetime

run = datetime.now().strftime("%b%d_%H-%M-%S") + "_" + socket.gethostname()
print("runs on", socket.gethostname())
if run == "":
    raise SystemExit
""",
)
