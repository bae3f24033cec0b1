"""The secrets that a program takes from its environment, or from the support module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrate.facts.notes import once
from migrate.facts.program import Module, Program
from migrate.facts.secrets.code import secrets_of
from migrate.facts.secrets.texts import names_a_secret

ENVIRONMENT = ("os.environ.get", "os.getenv")


def variable_of(name: str) -> str:
    """The variable, and the secret, that stands for what the code calls ``name``."""
    return re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).strip("_").upper()


def reads_of_secrets(program: Program, module: Module) -> Iterator[tuple[ast.Call | ast.Subscript, str]]:
    """Each place where a module asks its environment for a secret, with the variable."""
    for node, name in _asked_for(module):
        if isinstance(node, ast.Call):
            if program.qualified(module, node.func) in ENVIRONMENT:
                yield node, name
        elif program.qualified(module, node.value) == "os.environ":
            yield node, name


@once
def _asked_for(module: Module) -> list[tuple[ast.Call | ast.Subscript, str]]:
    """The calls that may read a variable, and the subscripts that read something, by the name of a secret."""
    found: list[tuple[ast.Call | ast.Subscript, str]] = []
    for call in module.calls_named("get", "getenv"):
        name = _secret_name(call.args[0]) if 0 < len(call.args) < 3 and not call.keywords else None
        if name:
            found.append((call, name))
    for node in module.nodes.of(ast.Subscript):
        name = _secret_name(node.slice) if isinstance(node.ctx, ast.Load) else None
        if name:
            found.append((node, name))
    return found


@once
def secret_names(program: Program) -> tuple[str, ...]:
    """The secrets that the job may want to read, by name: those that the program reads, and those that it holds and should read."""
    names = set[str]()
    for module in program.modules.values():
        names |= {name for _, name in reads_of_secrets(program, module)}
        for call in module.calls_named("get_secret"):
            if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
                names.add(call.args[0].value)
        names |= {variable_of(secret.name) for secret in secrets_of(module) if secret.literal and secret.name}
    return tuple(sorted(name for name in names if name.isidentifier() and not name.startswith(("AWS_", "SM_"))))


def _secret_name(node: ast.expr) -> str | None:
    name = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
    return name if name and names_a_secret(name) and not name.startswith(("AWS_", "SM_")) else None
