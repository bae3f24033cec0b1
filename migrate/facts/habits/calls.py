"""Which calls of a program are habits of an EC2 machine. The table is data: ``calls.txt``."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import cast

from migrate.facts.notes import once
from migrate.facts.program import Module, Program, is_main_guard
from migrate.facts.reach import is_alive

GUARDS = "SM_"  # how SageMaker's variables begin


@dataclass(frozen=True, eq=False)
class HabitCall:
    """One call of the table in code that may run. ``name`` is its dotted name, ``.name`` for a method of an object."""

    module: Module
    call: ast.Call
    name: str
    habit: str

    @property
    def guarded(self) -> bool:
        """Whether it asks for a variable of SageMaker's before it runs: an earlier apply, or a person, has seen to it."""
        return is_guarded(self.module, self.call)


@cache
def table() -> dict[str, str]:
    """The habit of each dotted name, and of each ``.method``."""
    text = resources.files("migrate.facts.habits").joinpath("calls.txt").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {row[0]: row[1] for row in rows}


@cache
def _last_names() -> frozenset[str]:
    return frozenset(name.rpartition(".")[2] for name in table())


def habit_calls(program: Program, *habits: str) -> list[HabitCall]:
    """The calls of these habits, in the order of the files and lines."""
    return [call for call in _find(program) if call.habit in habits]


@once  # every rule of the habits asks
def _find(program: Program) -> list[HabitCall]:
    found: list[HabitCall] = []
    for module in program.modules.values():
        for call in sorted(_candidates(module), key=lambda c: (c.lineno, c.col_offset)):
            name = _name(program, module, call)
            if name is not None and is_alive(program, module, call):
                found.append(HabitCall(module, call, name, table()[name]))
    return found


def _candidates(module: Module) -> list[ast.Call]:
    """The calls of one file that may be in the table, by their last names alone."""
    found: list[ast.Call] | None = module.notes.get("habits")
    if found is None:
        last = _last_names() | module.renamed()
        found = module.calls_among(last)
        module.notes["habits"] = found
    return found


def last_name(called: ast.expr) -> str:
    """The last part of a dotted name; empty for what is none."""
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _name(program: Program, module: Module, call: ast.Call) -> str | None:
    name = program.qualified(module, call.func)
    if name is not None and name in table():
        return name
    method = f".{last_name(call.func)}"
    if method in table() and isinstance(call.func, ast.Attribute) and not program.callees(module, call):
        return method
    return None


def is_conditional(module: Module, node: ast.AST) -> bool:
    """Whether it depends on a condition inside its own function, or in an error's handler, that it runs; the block of the start is none."""
    child, parent = node, module.parent(node)
    while parent is not None and not isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        if isinstance(parent, (ast.If, ast.IfExp)) and child is not parent.test and not is_main_guard(cast(ast.stmt, parent)):
            return True
        if isinstance(parent, ast.ExceptHandler) or (isinstance(parent, ast.BoolOp) and child is not parent.values[0]):
            return True
        child, parent = parent, module.parent(parent)
    return False


def is_guarded(module: Module, node: ast.AST) -> bool:
    """Whether ``node`` stands under a condition on a variable of SageMaker's."""
    child, parent = node, module.parent(node)
    while parent is not None:
        test = parent.test if isinstance(parent, (ast.If, ast.IfExp)) else parent.values[0] if isinstance(parent, ast.BoolOp) else None
        if test is not None and test is not child and _asks_for_sagemaker(test):
            return True
        child, parent = parent, module.parent(parent)
    return False


def _asks_for_sagemaker(test: ast.expr) -> bool:
    names = (node.value for node in ast.walk(test) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return any(name.startswith(GUARDS) for name in names)
