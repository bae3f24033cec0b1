"""What a name is where it is read, and what a function returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.nodes import children
from migrate.facts.program import Function, Module
from migrate.facts.scopes import Binding, Scope


def reaching(module: Module, node: ast.Name, scope: Scope, bindings: list[Binding]) -> list[Binding]:
    """The bindings that a read of ``node`` may see: those before it in the same function, from the last one on that always runs."""
    if module.scope(node).function() is not scope.function() or len(bindings) < 2:
        return bindings
    before = [b for b in bindings if b.kind == "param" or (getattr(b.node, "lineno", 0) < node.lineno and not _gives(b, node))]
    if not before:
        return bindings
    blocks = _blocks(module, node)
    for position in range(len(before) - 1, -1, -1):
        binding = before[position]
        if (
            binding.kind in ("assign", "import", "with", "for")
            and id(module.parent(binding.node)) in blocks
            and _same_branch(module, binding.node, node)
        ):
            return before[position:]
    return before


def _gives(binding: Binding, node: ast.Name) -> bool:
    """Whether the read stands in the very statement that assigns, which may be written on several lines."""
    return binding.kind in ("assign", "augmented") and node.lineno <= (getattr(binding.node, "end_lineno", None) or 0)


def _blocks(module: Module, node: ast.AST) -> set[int]:
    found: set[int] = set()
    current: ast.AST | None = node
    while current is not None:
        found.add(id(current))
        current = module.parent(current)
    return found


def _same_branch(module: Module, binding: ast.AST, node: ast.AST) -> bool:
    """Whether the binding's statement stands in the same list of statements as (an ancestor of) the node."""
    parent = module.parent(binding)
    current: ast.AST | None = node
    while current is not None and module.parent(current) is not parent:
        current = module.parent(current)
    for _, block in ast.iter_fields(parent) if parent is not None else []:
        if isinstance(block, list) and any(b is binding for b in block):
            return any(b is current for b in block) or isinstance(binding, (ast.With, ast.For))
    return True


def returns_of(function: Function) -> list[ast.expr]:
    """The expressions that a function returns; those of functions inside it are left out."""
    by_id: dict[int, list[ast.expr]] = function.module.notes.setdefault("returned", {})
    known = by_id.get(id(function.node))
    if known is None:
        known = by_id[id(function.node)] = list(_returned(function))
    return known


def _returned(function: Function) -> Iterator[ast.expr]:
    todo: list[ast.AST] = list(function.node.body)
    for node in todo:  # it grows
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value
        todo += [child for child in children(node) if not isinstance(child, ast.expr)]
