"""``loss.data[0]``: an index into a number, which PyTorch refuses since 0.5.

What it finds
    ``x.data[0]`` where ``x`` is a loss: its name says so, or it was made by ``.mean()``, ``.sum()`` or a criterion. Only where the job has
    PyTorch 1.0 or newer.

Why it matters on SageMaker
    Until 0.3 a loss was a vector of one element. Now it is a number, and the index ends the job with an IndexError, at the first line that
    is logged.

Fix and its safety
    To look at where the repo asks for PyTorch 0.4 or newer: ``.item()`` gives the number there, but where it runs on EC2 as it is, what is
    called a loss may hold several. Before 0.4 there is no ``.item()`` of a variable, so that there is no fix where the repo allows that.

Source
    https://pytorch.org/blog/pytorch-0_4_0-migration-guide/ ("What about .data?", "Accumulating losses")
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrate.edits.model import Replace
from migrate.facts.program import Module
from migrate.facts.reach import is_alive
from migrate.job.held import has_version
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM513"
NAME = "zero-dim-index"
MAKERS = frozenset({"mean", "sum", "criterion", "criterium", "loss_fn", "loss_func", "loss_function"})


def check(context: Context) -> Iterator[Finding]:
    wanted = context.wanted
    if wanted is None or not has_version(wanted, "torch", ">=1.0"):
        return
    lowest = wanted.version or next(iter(re.findall(r">=?\s*([\d.]+)", wanted.told.bounds)), "0")
    safe = tuple(int(number) for number in re.findall(r"\d+", lowest)[:2]) >= (0, 4)
    for module in context.program.modules.values():
        if b".data[0]" not in module.source:
            continue
        for node in module.nodes.of(ast.Subscript):
            owner = _indexed(node)
            if owner is None or not _is_loss(module, owner) or not is_alive(context.program, module, node):
                continue
            place = module.place(node)
            message = f"{ast.unparse(node)} indexes a number, which PyTorch refuses since 0.5"
            edits = (Replace(module.path, place.span, f"{module.segment(owner)}.item()"),) if safe else ()
            reason = ".item() does it since PyTorch 0.4, and the repo does not say that EC2 has that"
            if safe:
                reason = ".item() is the same for a number alone: a loss of several elements is indexed rightly, also today"
            yield Finding(CODE, NAME, place, "error", message, "unsafe" if safe else "none", reason, 1, edits)


def _indexed(node: ast.Subscript) -> ast.expr | None:
    """``x`` of ``x.data[0]``, where it is read."""
    index, value = node.slice, node.value
    zero = isinstance(index, ast.Constant) and index.value == 0 and not isinstance(index.value, bool)
    if not zero or not isinstance(node.ctx, ast.Load) or not isinstance(value, ast.Attribute) or value.attr != "data":
        return None
    return value.value


def _is_loss(module: Module, owner: ast.expr) -> bool:
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    if re.search(r"(?:^|_)(?:loss|err)(?:_|\d|$)|[Ll]oss$", name):
        return True
    made = [node.value for node in module.nodes.of(ast.Assign) if name and any(_id(target) == name for target in node.targets)]
    return bool(made) and all(_makes_a_number(each) for each in made)


def _makes_a_number(value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    function = value.func
    name = function.attr if isinstance(function, ast.Attribute) else _id(function) or ""
    return name in MAKERS and (name not in ("mean", "sum") or not (value.args or value.keywords))


def _id(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


SOURCE = """\
import torch

model = torch.nn.Linear(1, 1)
loss = model(torch.ones(1)).sum()
loss.backward()
print("loss", loss.data[0])
first = model.weight.data[0]
"""

EXAMPLES = (
    Example(before=SOURCE, after=SOURCE),
    Example(before=SOURCE, after=SOURCE.replace("loss.data[0]", "loss.item()"), others={"requirements.txt": "torch>=1.0\n"}),
)

UNTOUCHED = (
    """\
import torch

weight = torch.nn.Linear(1, 1).weight
rows = weight.mean(dim=0)
print(weight.data[0], rows.data[0])
""",
)
