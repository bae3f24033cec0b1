"""Findings of one cause as people want to read them: told once a file, with what it holds for as well. Programs get each of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from migrate.rules.model import Finding

MOST_TOLD = 20


@dataclass
class Group:
    """A finding and those of its file that say the same of another option, or in another line."""

    first: Finding
    others: list[Finding] = field(default_factory=list)

    @property
    def same(self) -> str:
        """``--masks (line 60), --eval (95)`` or ``line 60, 95``: what the finding holds for as well; empty for nothing."""
        told: list[str] = []
        for finding in self.others[:MOST_TOLD]:
            subject, line = _subject(finding)[0], finding.place.span.line
            number = f"line {line}" if not told else str(line)
            told.append(f"{subject} ({number})" if subject else number)
        more = len(self.others) - MOST_TOLD
        return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def grouped(findings: Iterable[Finding]) -> list[Group]:
    """The findings, in their order, with those of one cause at the first of them."""
    groups: dict[tuple[object, ...], Group] = {}
    for finding in findings:
        key = (finding.place.path, finding.rule, finding.severity, finding.fix, finding.reason, _subject(finding)[1])
        if key in groups:
            groups[key].others.append(finding)
        else:
            groups[key] = Group(finding)
    return list(groups.values())


def _subject(finding: Finding) -> tuple[str, str]:
    """The option that a message begins with, and what it says of it; the whole message where it begins with none."""
    first, _, rest = finding.message.partition(" ")
    return (first, rest) if first.startswith("-") and rest else ("", finding.message)
