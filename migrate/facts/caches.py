"""Files that the code makes for itself beside its data, and reads back: an index, a list of what is usable, features worked out once."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from migrate.facts.locations import normal
from migrate.facts.parts import Value, text_of
from migrate.facts.uses import PathUse

CACHE = "it is a cache beside the data: each job makes it again, and can do so only where the channel is a copy (input mode File)"
STATES = ("state_dict", "get_weights")  # what code that saves and loads models speaks of


def as_cache(uses: Sequence[tuple[PathUse, Value]], use: PathUse, value: Value) -> PathUse:
    """The use, as one of a cache where the same class or function reads the very file back that it writes, and deals with no model.

    ``uses`` are those among which the reading may be.
    """
    if use.act != "write" or use.row.kind not in ("model", "text", "data"):
        return use
    text, home = normal(text_of(value)), _home(use)
    back = [other for other, path in uses if other.act == "read" and normal(text_of(path)) == text]
    if home is None or not any(_home(other) is home for other in back):
        return use
    held = ast.get_source_segment(use.module.text, home)
    if held is None or any(word in held for word in STATES):
        return use
    return replace(use, row=replace(use.row, kind="cache"))


def _home(use: PathUse) -> ast.AST | None:
    """The class, else the function, that a call stands in."""
    scope = use.module.scope(use.call)
    own = scope.enclosing_class() or scope.function()
    return own.node if own is not None else None


__all__ = ["CACHE", "as_cache"]
