"""A whole pickle that ``torch.load`` refuses since PyTorch 2.6.

What it finds
    ``torch.load`` without ``weights_only``, where the job has PyTorch 2.6 or newer and what is loaded is more than tensors: the result is
    used as a model, or the script saves a whole object (``torch.save(model, ...)``), or a dictionary that holds the parsed options.

Why it matters on SageMaker
    PyTorch 2.6 turned the default of ``weights_only`` from False to True. The load ends with an UnpicklingError: at the start of the job,
    or when it comes back after an interruption.

Fix and its safety
    Safe where the repo asks for PyTorch 1.13 or newer: there ``weights_only=False`` is what the default was. Older versions do not know
    the argument, so that there is no fix where the repo allows them. Load only files that you trust.

Source
    https://docs.pytorch.org/docs/stable/notes/serialization.html#torch-load-with-weights-only-true
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrate.edits.model import AddArgument
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive
from migrate.job.held import has_version
from migrate.job.wanted import Wanted
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM512"
NAME = "pickled-load"
AS_A_MODEL = frozenset({"eval", "train", "parameters", "named_parameters", "modules", "state_dict"})


def check(context: Context) -> Iterator[Finding]:
    wanted = context.wanted
    if wanted is None or not has_version(wanted, "torch", ">=2.6"):
        return
    program = context.program
    loads = [(module, call) for module in program.modules.values() for call in _calls(program, module, "torch.load")]
    loads = [(module, call) for module, call in loads if not _told(call)]
    whole = bool(loads) and any(_saves_whole(program, m, c) for m in program.modules.values() for c in _calls(program, m, "torch.save"))
    safe = _since_1_13(wanted)
    for module, call in loads:
        if whole or _is_a_model(module, call):
            message = "torch.load refuses whole pickles since PyTorch 2.6, and more than tensors is loaded here"
            edits = (AddArgument(module.path, module.place(call).span, "weights_only=False"),) if safe else ()
            reason = (
                None if safe else "weights_only=False does it, but PyTorch before 1.13, which the repo allows, does not know the argument"
            )
            yield Finding(CODE, NAME, module.place(call), "error", message, "safe" if safe else "none", reason, 1, edits)


def _calls(program: Program, module: Module, name: str) -> list[ast.Call]:
    if b"torch" not in module.source:
        return []
    named = module.calls_named(name.rpartition(".")[2])
    return [call for call in named if program.qualified(module, call.func) == name and is_alive(program, module, call)]


def _told(call: ast.Call) -> bool:
    return any(keyword.arg in (None, "weights_only", "pickle_module") for keyword in call.keywords)


def _since_1_13(wanted: Wanted) -> bool:
    """Whether every PyTorch that the repo allows knows ``weights_only``."""
    if wanted.version is not None:
        return _numbers(wanted.version) >= (1, 13)
    lower = re.search(r">=?\s*([\d.]+)", wanted.told.bounds)
    return lower is not None and _numbers(lower.group(1)) >= (1, 13)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _is_a_model(module: Module, call: ast.Call) -> bool:
    """Whether the result is used as a module: its methods are called, at once or by the name that it gets."""
    parent = module.parent(call)
    if isinstance(parent, ast.Attribute):
        return parent.attr in AS_A_MODEL
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1 or not isinstance(parent.targets[0], ast.Name):
        return False
    name, scope = parent.targets[0].id, module.scope(call)
    uses = [node for node in module.nodes.of(ast.Attribute) if _id(node.value) == name and module.scope(node) is scope]
    called = any(_id(other.func) == name and module.scope(other) is scope for other in module.calls())
    return called or any(node.attr in AS_A_MODEL for node in uses)


def _saves_whole(program: Program, module: Module, call: ast.Call) -> bool:
    """Whether something is saved that is no state: a module itself, or a dictionary with the parsed options in it."""
    if not call.args:
        return False
    saved = call.args[0]
    if isinstance(saved, ast.Dict):
        return any(_is_options(module, value) for value in saved.values)
    return isinstance(saved, ast.Name) and _is_module(module, saved)


def _is_options(module: Module, value: ast.expr) -> bool:
    """Whether a name is what ``parse_args`` gave."""
    return any(isinstance(made, ast.Call) and _last(made.func) in ("parse_args", "parse_known_args") for made in _made(module, value))


def _is_module(module: Module, value: ast.expr) -> bool:
    """Whether a name is trained as a module in this file: its parameters are asked for."""
    name = _id(value)
    return any(node.attr == "parameters" and _id(node.value) == name for node in module.nodes.of(ast.Attribute))


def _made(module: Module, value: ast.expr) -> Iterator[ast.expr]:
    for node in module.nodes.of(ast.Assign):
        if isinstance(value, ast.Name) and any(_id(target) == value.id for target in node.targets):
            yield node.value


def _id(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def _last(node: ast.expr) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else _id(node)


SOURCE = """\
import torch

model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model(torch.ones(1)).sum().backward()
optimizer.step()
torch.save(model, "model.pt")
best = torch.load("model.pt")
"""

EXAMPLES = (
    Example(before=SOURCE, after=SOURCE),
    Example(
        before=SOURCE,
        after=SOURCE.replace('load("model.pt")', 'load("model.pt", weights_only=False)'),
        others={"requirements.txt": "torch>=2.0\n"},
    ),
)

UNTOUCHED = (
    SOURCE.replace("torch.save(model,", "torch.save(model.state_dict(),"),
    SOURCE.replace('load("model.pt")', 'load("model.pt", weights_only=False)'),
    """\
import torch

model = torch.nn.Linear(1, 1)
model.load_state_dict(torch.load("model.pt"))
state = torch.load("state.pt")
epoch = state["epoch"]
model(torch.ones(1)).sum().backward()
""",
)
