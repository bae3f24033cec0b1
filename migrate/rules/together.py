"""Findings of one cause told once a file: at the first place, with the lines of the others."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TypeVar

from migrate.facts.model import Place
from migrate.facts.program import Module

MOST_LINES = 8
_Key = TypeVar("_Key")


def by_file(places: Iterable[tuple[Module, ast.expr, _Key]]) -> Iterator[tuple[_Key, Place, str]]:
    """For each file and key: the first place, and what to say of the others (`` and in lines 3, 7``; empty for none)."""
    groups: dict[tuple[str, _Key], tuple[Place, list[int]]] = {}
    for module, node, key in sorted(places, key=_where):
        place, lines = groups.setdefault((module.path, key), (module.place(node), []))
        if node.lineno != place.span.line and node.lineno not in lines:
            lines.append(node.lineno)
    for (_, key), (place, lines) in groups.items():
        yield key, place, also(lines)


def also(lines: list[int]) -> str:
    """`` (also in lines 3, 7)``; empty where there are none."""
    if not lines:
        return ""
    told = ", ".join(str(line) for line in lines[:MOST_LINES])
    more = f" and {len(lines) - MOST_LINES} more" if len(lines) > MOST_LINES else ""
    return f" (also in line{'s' if len(lines) > 1 else ''} {told}{more})"


def _where(item: tuple[Module, ast.expr, object]) -> tuple[str, int, int]:
    return item[0].path, item[1].lineno, item[1].col_offset
