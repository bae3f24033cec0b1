"""A finding: what would have to change, where, and the edits that would mend it."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.edits.model import Edit
from migrate.facts.model import Place


@dataclass(frozen=True)
class Finding:
    """One finding of a rule. ``fix`` is safe, unsafe or none; where it is none, ``reason`` says why.

    ``severity``: error (the job would fail or lose its results), warning (it would do something else than on EC2), note.
    ``effort``: 1 a glance, 2 minutes, 3 an hour, 5 a day.
    """

    rule: str
    name: str
    place: Place
    severity: str
    message: str
    fix: str
    reason: str | None = None
    effort: int = 1
    edits: tuple[Edit, ...] = ()
