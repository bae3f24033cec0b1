"""A loop whose turns are counted from what the turns themselves change: ``for _ in range(self.epoch, n): self.epoch += 1``.

Once the state is restored, such a range begins where the interrupted run stood, and the turns that are done would be left out twice. So
the range is kept as it was at the first start.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from migrate.facts.nodes import walk
from migrate.facts.program import Program
from migrate.facts.training.loops import Loop
from migrate.facts.training.obstacles import Refused

STEADY = {"loader", "ordered", "dataset", "text", "quiet"}  # what is asked of them does not change in the turns
COUNTED = {"range", "itertools.count", "tqdm.trange", "tqdm.auto.trange"}


@dataclass(frozen=True, eq=False)
class Turns:
    """``node`` is the part of the loop's iterable to take before anything is restored. ``kept``: it is a range, which is kept as well."""

    node: ast.expr
    kept: bool


def turns_of(
    program: Program,
    loop: Loop,
    names: Collection[str],
    attributes: Mapping[str, Collection[str]],
    objects: Collection[str],
    first: Collection[str],
    kind_of: Callable[[str], str | None],
) -> Turns | None:
    """What of the iterable reads something that is restored; None where nothing does, or only ``first``: what is restored to what it
    was at the first start.

    ``names`` and ``attributes`` (by object) change in the turns, ``objects`` are restored in place, all as the loop spells them.
    Raises Refused for a count from what only the first start knows, and that is no range.
    """
    if isinstance(loop.node, ast.While) or isinstance(loop.node.iter, (ast.Name, ast.Attribute)):
        return None

    def changes(text: str) -> bool:
        base, _, last = text.rpartition(".")
        return text in names or last in attributes.get(base, ())

    def counts(node: ast.expr, text: str) -> bool:
        whole = next((o for o in objects if text == o or text.startswith(f"{o}.")), None)
        return whole is not None and kind_of(whole) not in STEADY and not _is_length(loop, node)

    iterable = loop.node.iter
    counted = [n for n in walk(iterable) if isinstance(n, ast.Call) and program.qualified(loop.module, n.func) in COUNTED]
    moved = [call for call in counted if any(changes(text) or counts(node, text) for node, text in _texts(call))]
    if len(moved) == 1 and program.qualified(loop.module, moved[0].func) == "range":
        return Turns(moved[0], True)
    if not moved and not any(changes(text) for _, text in _texts(iterable)):
        return None
    if any(text in first for _, text in _texts(iterable)):
        reason = f"its turns, {ast.unparse(iterable)}, are counted from what they change and a checkpoint of the script's own may set"
        raise Refused(reason, loop.module, iterable)
    return Turns(iterable, False)


def is_counted(program: Program, loop: Loop) -> bool:
    """Whether the turns are counted, rather than the elements of something."""
    if isinstance(loop.node, ast.While):
        return True
    return any(isinstance(n, ast.Call) and program.qualified(loop.module, n.func) in COUNTED for n in walk(loop.node.iter))


def _texts(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """The dotted names in an expression, and what stands before their last names."""
    for inner in walk(node):
        if isinstance(inner, (ast.Name, ast.Attribute)):
            text = ast.unparse(inner)
            if text.replace(".", "").isidentifier():
                yield inner, text


def _is_length(loop: Loop, node: ast.expr) -> bool:
    """Whether only the length of it is asked for, which is the same in all turns: ``len(model.layers)``."""
    parent = loop.module.parent(node)
    while isinstance(parent, ast.Attribute):
        parent = loop.module.parent(parent)
    return isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id == "len"
