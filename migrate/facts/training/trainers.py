"""Chainer trainers: where they run, and what keeps a run from being gone on with."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from migrate.facts.program import Module, Program
from migrate.facts.training.makers import Makers, handed_on, imports_library, is_support, live_calls

RESUMES = "resume_trainer"


@dataclass(frozen=True, eq=False)
class TrainerRun:
    """A call of a trainer's ``run``. ``receiver`` is how the code spells the trainer; ``refused`` why nothing can be put before it."""

    module: Module
    call: ast.Call
    receiver: str
    refused: str | None = None
    resumed: bool = False


def trainer_runs(program: Program) -> list[TrainerRun]:
    """Every run of a Chainer trainer in code that may run."""
    if not imports_library(program, "chainer"):
        return []
    makers = Makers(program)
    return [
        _run(program, module, call)
        for module, call in live_calls(program, "run")
        if isinstance(call.func, ast.Attribute) and _is_trainer(makers, module, call.func.value)
    ]


def spread_over_processes(program: Program) -> bool:
    """Whether ChainerMN spreads the training over processes."""
    return imports_library(program, "create_communicator") and any(
        (program.qualified(module, call.func) or "").endswith("create_communicator")
        for module, call in live_calls(program, *program.written("create_communicator"))
    )


def _is_trainer(makers: Makers, module: Module, node: ast.expr) -> bool:
    return any(made.name.startswith("chainer.") and made.name.endswith(".Trainer") for made in makers.of(module, node))


def _run(program: Program, module: Module, call: ast.Call) -> TrainerRun:
    assert isinstance(call.func, ast.Attribute)
    receiver = ast.unparse(call.func.value)
    scope = module.scope(call).function()
    resumed = any(
        is_support(module, other, RESUMES)
        and module.scope(other).function() is scope
        and [ast.unparse(a) for a in other.args] == [receiver]
        for other in module.calls()
    )
    return TrainerRun(module, call, receiver, _refusal(program, module, call), resumed)


def _refusal(program: Program, module: Module, call: ast.Call) -> str | None:
    assert isinstance(call.func, ast.Attribute)
    if not ast.unparse(call.func.value).replace(".", "").isidentifier():
        return "the trainer has no name of its own where it runs"
    if not isinstance(module.parent(call), (ast.Expr, ast.Assign, ast.Return)):
        return "the call that trains is a part of a larger expression"
    if handed_on(program, module, call):
        return "a library calls the function that trains, as often as it decides: its runs cannot be told apart after an interruption"
    return None
