"""What a check comes to."""

from __future__ import annotations

from dataclasses import dataclass

WELL, WRONG, NOTE, UNCHECKED = "well", "wrong", "note", "not checked"


@dataclass(frozen=True)
class Check:
    """One line of the report.

    ``state``: well; wrong (the job would be refused, or fail); note (it works, but something is to be known, or costs money); not
    checked (``told`` says why). ``remedy`` is what to do about it, often a command.
    """

    name: str
    state: str
    told: str
    remedy: str | None = None


def well(name: str, told: str) -> Check:
    return Check(name, WELL, told)


def wrong(name: str, told: str, remedy: str) -> Check:
    return Check(name, WRONG, told, remedy)


def note(name: str, told: str, remedy: str | None = None) -> Check:
    return Check(name, NOTE, told, remedy)


def unchecked(name: str, why: str) -> Check:
    return Check(name, UNCHECKED, why)
