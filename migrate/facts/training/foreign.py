"""Training by an engine of a library that is not known: ``engine.train(step, loader, epochs, optimizer)``."""

from __future__ import annotations

import ast

from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive
from migrate.facts.training.loops import acts
from migrate.facts.training.objects import kinds_of

NO_ENGINE = {
    "prepare",
    "initialize",
    "append",
    "extend",
    "add",
    "isinstance",
    "print",
    "type",
    "len",
    "id",
    "str",
    "repr",
    "getattr",
    "dict",
}


def foreign_training(program: Program) -> tuple[Module, ast.Call] | None:
    """The first call that hands an optimizer of PyTorch to a library, in a program that takes no step of its own; None where there is
    none. What is made of an optimizer (a schedule, a wrapper of it) trains nothing."""
    if not any("optim" in module.text and "torch" in module.text for module in program.modules.values()) or acts(program):
        return None
    kinds = kinds_of(program)
    for module in program.modules.values():
        for call in module.calls():
            last = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            named = [node for node in given if isinstance(node, (ast.Name, ast.Attribute))]
            if not named or last in NO_ENGINE or program.callees(module, call) or program.definitions(module, call.func):
                continue
            if kinds.of(module, call) is None and is_alive(program, module, call):
                if any(kinds.of(module, node) == "optimizer" for node in named):
                    return module, call
    return None


__all__ = ["foreign_training"]
