"""A run's output: kept in a file, bounded, however much there is; its last lines are at hand."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

HEAD_BYTES = 8 << 20
TAIL_BYTES = 1 << 20
_LONGEST_LINE = 4096
_LEFT_OUT = re.compile(rb"\.\.\. \d+ bytes left out \.\.\.$")
# Colours and cursor moves of the child, and control characters: they would act on the reader's terminal.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")


class Output:
    """Takes bytes as they come; writes the first ``HEAD_BYTES`` to the log at once and the last ``TAIL_BYTES`` at the end."""

    def __init__(self, path: Path, on_line: Callable[[str], object] | None = None) -> None:
        self.path = path
        self.total = 0
        self._on_line = on_line
        self._file: IO[bytes] = path.open("wb")
        self._tail: deque[bytes] = deque()
        self._tail_size = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the output."""
        head = data[: max(0, HEAD_BYTES - self.total)]
        self.total += len(data)
        if head:
            self._file.write(head)
        rest = data[len(head) :]
        if rest:
            self._tail.append(rest)
            self._tail_size += len(rest)
            while self._tail_size - len(self._tail[0]) >= TAIL_BYTES:
                self._tail_size -= len(self._tail.popleft())
        if self._on_line is not None:
            line = _last_line(data)
            if line:
                self._on_line(line)

    def __enter__(self) -> Output:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        left_out = self.total - self._file.tell() - self._tail_size
        if left_out > 0:
            self._file.write(f"\n... {left_out} bytes left out ...\n".encode())
        for part in self._tail:
            self._file.write(part)
        self._file.close()

    def last_lines(self, count: int) -> tuple[str, ...]:
        """The last lines of the log, once it is closed."""
        with self.path.open("rb") as handle:
            handle.seek(max(0, self.path.stat().st_size - 256 * 1024))
            text = handle.read().decode("utf-8", "replace")
        # a progress bar rewrites its line with carriage returns: what a person sees is the last of them
        lines = [_CONTROL.sub("", line.rstrip("\r").rsplit("\r", 1)[-1])[:_LONGEST_LINE] for line in text.split("\n")]
        return tuple(line for line in lines[-count - 1 :] if line.strip())[-count:]


def no_text(path: str | None) -> str | None:
    """The first line of a log that is no UTF-8, as far as the log has it; None where all of it is text."""
    data = Path(path).read_bytes() if path else b""
    try:
        data.decode("utf-8")
        return None
    except UnicodeDecodeError:
        lines = data.split(b"\n")
    for number, line in enumerate(lines):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            # where something is left out, a letter may be cut in two
            if not any(_LEFT_OUT.match(near) for near in lines[max(0, number - 1) : number + 2]):
                return repr(line[:60])[2:-1]
    return None


def _last_line(data: bytes) -> str:
    for part in reversed(data[-_LONGEST_LINE:].replace(b"\r", b"\n").split(b"\n")):
        if part.strip():
            return _CONTROL.sub("", part.decode("utf-8", "replace")).strip()
    return ""
