"""A secret that was found, and how texts are told without it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from migrate.facts.model import Place, Span

HIDDEN = "********"


@dataclass(frozen=True)
class Secret:
    """A secret that stands in a file.

    ``kind`` says what it is ("Slack Token"); ``name`` what the code calls it (``WANDB_API_KEY``, ``password``), where it has a name.
    ``literal``: ``place`` is a whole text of the code, which an expression may replace; else it is the line that holds the secret.
    """

    kind: str
    name: str | None
    place: Place
    literal: bool
    value: str = field(repr=False)  # never told


def hide(text: str, values: Iterable[str]) -> str:
    """``text`` with a mark in the place of each secret."""
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def shown_lines(content: bytes, spans: Iterable[Span]) -> list[bytes]:
    """The lines of a file as they may be shown: with a mark in the place of each of ``spans``."""
    lines = content.split(b"\n")
    for span in sorted(spans, reverse=True):
        for number in range(span.line, min(span.end_line, len(lines)) + 1):
            line = lines[number - 1]
            start = span.column if number == span.line else 0
            end = span.end_column if number == span.end_line else len(line)
            lines[number - 1] = line[:start] + HIDDEN.encode() + line[end:]
    return lines
