"""Which code of a program can run at all, told by names alone: a helper that nothing mentions writes nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

Function = ast.FunctionDef | ast.AsyncFunctionDef


def live_nodes(trees: Mapping[str, ast.Module], entry: str) -> dict[str, list[ast.AST]]:
    """The nodes of each file that may run when ``entry`` does: its own main guard counts, those of the modules it imports do not.

    A function counts once live code mentions its name, wherever it is defined; dunder methods always do. Too many rather than too few.
    """
    pending = [(path, function) for path, tree in trees.items() for function in ast.walk(tree) if isinstance(function, Function)]
    found = {path: list(_own(tree, path == entry)) for path, tree in trees.items()}
    names = _mentioned(node for nodes in found.values() for node in nodes)
    while True:
        ready = [(path, function) for path, function in pending if function.name in names or function.name.startswith("__")]
        if not ready:
            return found
        pending = [one for one in pending if one not in ready]
        for path, function in ready:
            nodes = [node for statement in function.body for node in (statement, *_below(statement))]
            found[path] += nodes
            names |= _mentioned(nodes)


def _own(tree: ast.Module, is_entry: bool) -> Iterator[ast.AST]:
    for statement in tree.body:
        if is_entry or not _main_guard(statement):
            yield statement
            yield from _below(statement)


def _below(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in a statement, but for the bodies of functions; their decorators and defaults run with the statement."""
    for child in ast.iter_child_nodes(node):
        if isinstance(node, Function) and child in node.body:
            continue
        yield child
        yield from _below(child)


def _main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(statement.test))


def _mentioned(nodes: Iterator[ast.AST] | list[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)  # getattr(module, "name")
    return found
