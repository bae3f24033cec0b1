"""One way of following texts for all that asks about habits, made only where a script has one."""

from __future__ import annotations

from migrate.facts.model import Arguments
from migrate.facts.notes import once
from migrate.facts.program import Program
from migrate.facts.values import Values


@once
def values_of(program: Program, arguments: Arguments) -> Values:
    """What follows the texts of ``program``; made once."""
    return Values(program, arguments)
