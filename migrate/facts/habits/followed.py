"""One way of following texts for all that asks about habits, made only where a script has one."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from migrate.facts.model import Arguments
from migrate.facts.program import Program
from migrate.facts.values import Values

_KNOWN: WeakKeyDictionary[Program, Values] = WeakKeyDictionary()


def values_of(program: Program, arguments: Arguments) -> Values:
    """What follows the texts of ``program``; made once."""
    found = _KNOWN.get(program)
    if found is None:
        found = _KNOWN[program] = Values(program, arguments)
    return found
