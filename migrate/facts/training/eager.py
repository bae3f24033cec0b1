"""Which variables an eager TensorFlow loop changes: those that its gradients are asked for, and those that it assigns to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.program import Module
from migrate.facts.training.extent import Extent, Root

OF_MODELS = {"trainable_variables", "trainable_weights", "variables", "weights"}
ASSIGNS = {"assign", "assign_add", "assign_sub", "set_weights", "update_state"}
MOST_STEPS = 6


def trained_variables(extent: Extent) -> Iterator[tuple[Module, ast.expr, set[Root]]]:
    """Each expression that names variables which a turn trains or sets, with the objects that hold them; none where they are not found."""
    for module, node in extent.nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("gradient", "minimize"):
            given = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg in ("sources", "var_list")), None)
            if given is not None:
                yield from _leaves(extent, module, given, 0)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASSIGNS:
            roots = extent.roots(module, node.func.value)
            if roots:
                yield module, node.func.value, roots


def _leaves(extent: Extent, module: Module, node: ast.expr, steps: int) -> Iterator[tuple[Module, ast.expr, set[Root]]]:
    if isinstance(node, (ast.List, ast.Tuple)):
        parts = list(node.elts)
    elif isinstance(node, ast.BinOp):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Starred):
        parts = [node.value]
    elif isinstance(node, ast.Attribute) and node.attr in OF_MODELS:
        yield module, node, extent.roots(module, node.value)
        return
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("list", "tuple") and node.args:
        parts = list(node.args[:1])
    else:
        roots = extent.roots(module, node)
        values = _assigned(module, node) if not roots and isinstance(node, ast.Name) and steps < MOST_STEPS else []
        for value in values:
            yield from _leaves(extent, module, value, steps + 1)
        if not values:
            yield module, node, roots
        return
    for part in parts:
        yield from _leaves(extent, module, part, steps + 1)


def _assigned(module: Module, node: ast.Name) -> list[ast.expr]:
    found = module.scope(node).lookup(node.id)
    return [b.value for b in found[1] if b.kind in ("assign", "augmented") and b.value is not None and not b.index] if found else []
