"""The secrets that a program takes from its environment, or from the support module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrate.facts.program import Module, Program
from migrate.facts.secrets.code import secrets_of
from migrate.facts.secrets.texts import names_a_secret

ENVIRONMENT = ("os.environ.get", "os.getenv")


def variable_of(name: str) -> str:
    """The variable, and the secret, that stands for what the code calls ``name``."""
    return re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).strip("_").upper()


def reads_of_secrets(program: Program, module: Module) -> Iterator[tuple[ast.Call | ast.Subscript, str]]:
    """Each place where a module asks its environment for a secret, with the variable."""
    for call in module.calls_named("get", "getenv"):
        if 0 < len(call.args) < 3 and not call.keywords and program.qualified(module, call.func) in ENVIRONMENT:
            name = _secret_name(call.args[0])
            if name:
                yield call, name
    for node in module.nodes.of(ast.Subscript):
        name = _secret_name(node.slice)
        if name and isinstance(node.ctx, ast.Load) and program.qualified(module, node.value) == "os.environ":
            yield node, name


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
