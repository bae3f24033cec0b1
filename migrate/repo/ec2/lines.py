"""Lines that a backslash joins, as make and systemd have them."""

from __future__ import annotations


def logical(text: str) -> list[tuple[int, str]]:
    """Each line with those that it goes on in, and the number of its first one."""
    made: list[tuple[int, str]] = []
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        first, line = number + 1, lines[number]
        while line.endswith("\\") and number + 1 < len(lines):
            number += 1
            line = line[:-1] + " " + lines[number].strip()
        made.append((first, line))
        number += 1
    return made
