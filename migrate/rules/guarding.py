"""What the rules of EC2's habits share: a call that is left out on SageMaker and stays what it is elsewhere."""

from __future__ import annotations

import ast

from migrate.edits.imports import local_name
from migrate.edits.model import Edit, Guard
from migrate.facts.habits.calls import HabitCall
from migrate.facts.habits.commands import Command, ends_machine, find_commands
from migrate.facts.habits.transfers import find_transfers, kept
from migrate.facts.model import Span
from migrate.facts.program import Module
from migrate.rules.base import Context

ON_SAGEMAKER = "SM_MODEL_DIR"  # the toolkit and the v3 drivers set it in each container (CONTRACT)
NOTHING = {"sync", "sleep", "echo", "wait", "true"}  # what may stand beside those
GIVES_CODE = {"os.system", "subprocess.call", "subprocess.check_call"}  # what they give is 0 where all went well


def is_statement(module: Module, call: ast.Call) -> bool:
    """Whether nothing is done with what the call gives."""
    return isinstance(module.parent(call), ast.Expr)


def in_text(module: Module, node: ast.AST) -> bool:
    """Whether it stands inside an f-string, which is no place to edit."""
    parent = module.parent(node)
    while parent is not None and not isinstance(parent, (ast.stmt, ast.JoinedStr)):
        parent = module.parent(parent)
    return isinstance(parent, ast.JoinedStr)


def otherwise_of(run: HabitCall) -> str | None:
    """What stands for the value of a call that is left out: None where that is not known, or the call is no place to edit."""
    if in_text(run.module, run.call):
        return None
    if is_statement(run.module, run.call):
        return "None"
    return "0" if run.name in GIVES_CODE else None


def guard(context: Context, module: Module, call: ast.Call, variable: str = ON_SAGEMAKER, otherwise: str = "None") -> tuple[Edit, ...]:
    """The edits that leave ``call`` out where ``variable`` is set."""
    span = Span.of(call)
    name, needed = local_name(module.tree, module.path, "os", before=span)
    edits: list[Edit] = [needed] if needed is not None else []
    return (*edits, Guard(module.path, span, f'"{variable}" not in {name}.environ', otherwise))


def left_out(context: Context, command: Command) -> bool:
    """Whether the call that runs ``command`` does nothing but what a job has no use for: copies of results, and the machine's end."""
    kept_ones = {id(t.command) for t in find_transfers(context.program, context.arguments) if t.command and kept(t, context.paths)}
    beside = [c for c in find_commands(context.program, context.arguments) if c.run is command.run]
    return all(ends_machine(c) or id(c) in kept_ones or c.name in NOTHING for c in beside)
