"""What a failed run's last lines say: the exception, and the line of the repo that it comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
_RAISED = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit|Warning|Failure)?)(: (?P<text>.*))?$")
_MISSING = re.compile(r"^(ModuleNotFoundError|ImportError): No module named '?(?P<module>[\w.]+)'?")
# as pandas and its like say it
_OPTIONAL = re.compile(r"^ImportError: (?:.*optional dependency|`?[Ii]mport) [`']?(?P<module>[\w.-]+)")


@dataclass(frozen=True)
class Failure:
    """The last traceback of an output. ``where`` is the innermost line of the repo's own; ``missing`` a module that was not found,
    ``optional`` one that another package asks for only where it has use for it."""

    message: str
    where: str | None
    missing: str | None
    optional: str | None = None
    lines: tuple[str, ...] = ()  # of the traceback, up to its message


def read(tail: Sequence[str], code: Path) -> Failure | None:
    """The last traceback in the lines; None when there is none. ``code`` is where the repo's copy lay."""
    start = next((n for n in range(len(tail) - 1, -1, -1) if tail[n].startswith("Traceback (most recent call last)")), None)
    if start is None:
        return _bare(tail, code)
    where, message, code_line = None, tail[-1].strip(), False
    end = len(tail)
    support: str | None = None  # the line of ours, where there is none of the repo's
    for number, line in enumerate(tail[start + 1 :], start + 1):
        frame = _FRAME.match(line)
        if frame:
            own = _own(frame["path"], int(frame["line"]), code)
            if own is not None and "sagemaker_support.py:" in own:
                support = own
            else:
                where = own or where
            code_line = not line[0].isspace()  # the SDK's drivers take away what a line begins with: its source could be an exception
        elif code_line:
            code_line = False
        elif line and not line[0].isspace() and _RAISED.match(line):
            message, end = line.strip(), number + 1
            break
    missing, optional = _MISSING.match(message), _OPTIONAL.match(message)
    names = missing["module"] if missing else None, optional["module"] if optional else None
    return Failure(message, where or support, *names, _plain(tail[start:end], code))


def _bare(tail: Sequence[str], code: Path) -> Failure | None:
    """A syntax error has no traceback header: its frame stands alone."""
    for number, line in enumerate(tail):
        frame = _FRAME.match(line)
        if frame and tail[-1].startswith(("SyntaxError", "IndentationError", "TabError")):
            return Failure(tail[-1].strip(), _own(frame["path"], int(frame["line"]), code), None, lines=_plain(tail[number:], code))
        if number > 200:
            break
    return None


def _plain(lines: Sequence[str], code: Path) -> tuple[str, ...]:
    """Without what differs from one way of starting to another, and the marks below the source."""
    return tuple(line.strip().replace(f"{code.as_posix()}/", "") for line in lines if line.strip(" ~^"))


def _own(path: str, line: int, code: Path) -> str | None:
    if path.startswith("<"):
        return None  # <frozen os>: a module of Python's own
    full = Path(path) if Path(path).is_absolute() else code / path
    return f"{full.relative_to(code).as_posix()}:{line}" if full.is_relative_to(code) else None
