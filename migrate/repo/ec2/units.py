"""systemd units and timers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from migrate.repo.ec2.lines import logical

_LINE = re.compile(r"^\s*([A-Za-z]\w*)\s*=\s*(.*)$")


@dataclass(frozen=True)
class Unit:
    """What a unit says. ``commands`` and ``timers`` (OnCalendar and its like) with their lines."""

    commands: tuple[tuple[int, str], ...]
    timers: tuple[tuple[int, str], ...]
    environment: tuple[tuple[int, str, str], ...]
    folder: str
    starts: str | None
    """For a timer: the unit that it starts."""


def unit(text: str) -> Unit:
    """Reads the directives that matter here; the others, and lines that are none, are passed over."""
    commands: list[tuple[int, str]] = []
    timers: list[tuple[int, str]] = []
    environment: list[tuple[int, str, str]] = []
    folder, starts = "", None
    for number, line in logical(text):
        found = _LINE.match(line) if not line.lstrip().startswith(("#", ";")) else None
        if found is None:
            continue
        name, value = found[1], found[2].strip()
        if name in {"ExecStart", "ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost"} and value:
            commands.append((number, value.lstrip("-@+!:")))
        elif name in {"OnCalendar", "OnBootSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnActiveSec"}:
            timers.append((number, value if name == "OnCalendar" else f"{name}={value}"))
        elif name == "Environment":
            for match in re.finditer(r'"([^"=]+)=([^"]*)"|\'([^\'=]+)=([^\']*)\'|([^\s=]+)=(\S*)', value):
                one, two, three = match.group(1, 2), match.group(3, 4), match.group(5, 6)
                key, given = one if one[0] else two if two[0] else three
                environment.append((number, key, given))
        elif name == "WorkingDirectory":
            folder = value.lstrip("-").rstrip("/")
        elif name == "Unit":
            starts = value
    return Unit(tuple(commands), tuple(timers), tuple(environment), folder, starts)
