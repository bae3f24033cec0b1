"""Where a program uses names of libraries that somebody asks for: ``tensorflow.Session``, ``numpy.float``."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrate.facts.notes import once
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive


@dataclass(frozen=True, eq=False)
class Use:
    """One use of ``name`` (dotted, as it is asked for): an expression, or the import statement that names it."""

    module: Module
    node: ast.expr | ast.stmt
    name: str


def uses(program: Program, wanted: Mapping[str, object]) -> Iterator[Use]:
    """Every use of a name of ``wanted`` in code that may run. A name that ends in ``.*`` stands for all below it."""
    plain = {name.removesuffix(".*"): name for name in wanted}
    last = frozenset(name.rpartition(".")[2] for name in plain)
    roots = {name.partition(".")[0].encode() for name in plain}
    for module in program.modules.values():
        if not any(root in module.source for root in roots):
            continue
        for node in module.attributes_named(last):
            if isinstance(node.ctx, ast.Load):
                name = plain.get(program.qualified(module, node) or "")
                if name is not None and is_alive(program, module, node):
                    yield Use(module, node, name)
        yield from _imported(program, module, plain)


@once
def _imports(module: Module) -> list[tuple[ast.stmt, list[str]]]:
    """The absolute imports of a module, each with the dotted names of what it may load."""
    found: list[tuple[ast.stmt, list[str]]] = []
    for node in module.nodes.among(ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            found.append((node, [alias.name for alias in node.names]))
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append((node, [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]))
    return found


def _imported(program: Program, module: Module, plain: Mapping[str, str]) -> Iterator[Use]:
    roots = {name.partition(".")[0] for name in plain}
    for node, dotted in _imports(module):
        for name in dotted if dotted[0].partition(".")[0] in roots or isinstance(node, ast.Import) else ():
            found = _named(name, plain)
            if found is not None and is_alive(program, module, node) and program.resolver(module.path, name.partition(".")[0], 0) is None:
                yield Use(module, node, found)
                break


def _named(dotted: str, plain: Mapping[str, str]) -> str | None:
    """The name that is asked for: ``dotted`` itself, or what stands for all below a beginning of it."""
    if dotted in plain:
        return plain[dotted]
    parts = dotted.split(".")
    for end in range(len(parts) - 1, 0, -1):
        name = plain.get(".".join(parts[:end]), "")
        if name.endswith(".*"):
            return name
    return None
