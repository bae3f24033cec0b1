"""The script's start by a supervisor, the first process of a sandbox or container: what it is told, and what it tells."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.verify import follow
from migrate.verify.engine import Command
from migrate.verify.layout import Inside, Layout

_ENDED, _START, _PROGRAM = "ended.json", "start.json", "supervisor.py"


@dataclass(frozen=True)
class Ended:
    """How a script ended. ``peak`` are the bytes that its group had at most, where the kernel counts them; ``killed`` how many of
    its processes the kernel has killed for want of memory; ``told`` is False where the supervisor had no time to say anything.
    ``changed`` are files of the root file system, where that was asked for."""

    code: int | None
    signal: int | None
    survivors: tuple[str, ...]
    peak: int = 0
    killed: int = 0
    told: bool = True
    changed: tuple[str, ...] = ()


def lay(
    command: Command,
    inside: Inside,
    mark: str,
    *,
    environment: Mapping[str, str] | None = None,
    owner: Sequence[int] | None = None,
    owned: Sequence[str] = (),
    whole: bool = False,
) -> tuple[str, ...]:
    """Lay the supervisor and what it is to do into the run's folder; returns the words after its Python, as they are said inside.

    ``environment`` is the script's, None for that of the supervisor itself. ``owner`` (user and group) gets the files in ``owned``.
    ``whole`` has it look for changed files in the whole root file system.
    """
    watch = command.layout.watch
    shutil.copyfile(Path(__file__).parent / _PROGRAM, watch / _PROGRAM)
    (watch / _ENDED).unlink(missing_ok=True)
    spec = {
        "words": command.words,
        "cwd": str(command.cwd),
        "environment": None if environment is None else dict(environment),
        "mark": mark,
        "linger": follow.LINGER,
        "told": str(inside.watch / _ENDED),
        "owner": owner,
        "owned": list(owned),
        "whole": whole,
    }
    (watch / _START).write_text(json.dumps(spec), encoding="utf-8")
    return ("-I", "-S", "-B", str(inside.watch / _PROGRAM), str(inside.watch / _START))


def read(layout: Layout, returned: int | None) -> Ended:
    """What the supervisor has told; else what the exit code of its engine says, which may have been ended itself."""
    try:
        answer = json.loads((layout.watch / _ENDED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        code = returned if returned is not None and 0 <= returned <= 128 else None
        number = None if code is not None or returned is None else -returned if returned < 0 else returned - 128
        return Ended(code, number, (), told=False)
    status = answer["status"]
    signalled = os.WIFSIGNALED(status)
    return Ended(
        code=None if signalled else os.WEXITSTATUS(status),
        signal=os.WTERMSIG(status) if signalled else None,
        survivors=tuple(answer["left"]),
        peak=answer["peak"],
        killed=answer["killed"],
        changed=tuple(answer["changed"]),
    )
