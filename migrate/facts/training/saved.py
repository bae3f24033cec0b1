"""What the checkpoints that a script makes in its turns hold of objects of libraries: ``{"updates": ema.updates}``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.nodes import walk
from migrate.facts.program import Module
from migrate.facts.training.extent import Extent
from migrate.facts.training.own import SAVES


def saved_attributes(extent: Extent) -> Iterator[tuple[str, str]]:
    """Attributes (object, name) that a turn saves, of objects that the loop can name and whose class the program does not hold.

    How such an object changes cannot be read: that the script saves a part of it says that it does.
    """
    for module, node in extent.nodes():
        if isinstance(node, ast.Call) and node.args and (extent.program.qualified(module, node.func) or "") in SAVES:
            for value in (v for held in _dicts(module, node.args[0]) for v in held.values):
                yield from _parts(extent, module, value)


def _dicts(module: Module, given: ast.expr) -> list[ast.Dict]:
    """The dictionary that is saved: itself, or what the name was given."""
    if isinstance(given, ast.Name):
        found = module.scope(given).lookup(given.id)
        values = [b.value for b in found[1] if b.kind == "assign" and not b.index] if found is not None else []
        return [value for value in values if isinstance(value, ast.Dict)]
    return [given] if isinstance(given, ast.Dict) else []


def _parts(extent: Extent, module: Module, value: ast.expr) -> Iterator[tuple[str, str]]:
    called = {id(node.func) for node in walk(value) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in walk(value) if isinstance(node, ast.Attribute) and id(node) not in called}
    for node in walk(value):
        if isinstance(node, ast.Attribute) and id(node) not in called | inner and isinstance(node.value, (ast.Name, ast.Attribute)):
            for root in extent.roots(module, node.value):
                if root.home is None and not root.element and not extent.kinds.classes(extent.loop.module, extent.placed(root.text)):
                    yield root.text, node.attr


__all__ = ["saved_attributes"]
