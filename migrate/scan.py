"""The line through the house: repo, facts, job and rules. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.job.model import EntryPoint
from migrate.rules.model import Finding


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be read, with the reason."""

    path: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """What a scan found. ``root`` is absolute; every path inside is relative to it."""

    root: str
    entry_points: tuple[EntryPoint, ...]
    findings: tuple[Finding, ...]
    unreadable: tuple[Unreadable, ...]
