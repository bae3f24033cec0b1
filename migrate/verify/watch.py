"""Who opens anything in a folder, compiled code included: inotify, where the system has it."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

_IN_ACCESS, _IN_OPEN = 0x1, 0x20
_NONBLOCK, _CLOEXEC = os.O_NONBLOCK if hasattr(os, "O_NONBLOCK") else 0, getattr(os, "O_CLOEXEC", 0)
_HEADER = struct.Struct("iIII")
_MOST_FOLDERS = 4000


class Watch:
    """Watches named folders from its start to its end. Where it cannot, ``complete`` is False and the audit events are all."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._fd = -1
        self._names: dict[int, str] = {}
        self._touched: set[str] = set()
        self._complete = True

    def __enter__(self) -> Watch:
        if not sys.platform.startswith("linux") or not self._folders:
            return self
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(_NONBLOCK | _CLOEXEC)
        if self._fd < 0:
            return self
        for name, folder in self._folders.items():
            for path in self._subfolders(folder):
                number = libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_ACCESS | _IN_OPEN)
                if number < 0:
                    self._complete = self._complete and ctypes.get_errno() == errno.ENOENT
                    continue
                self._names[number] = name
        self._discard()  # our own walk through the folders has opened them
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _subfolders(self, folder: Path) -> Iterator[str]:
        count = 0
        for path, _, _ in os.walk(folder):
            yield path
            count += 1
            if count >= _MOST_FOLDERS:
                self._complete = False
                return

    def _discard(self) -> None:
        self.poll()
        self._touched.clear()

    def poll(self) -> None:
        """Take the events that are there."""
        while self._fd >= 0:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return
            offset = 0
            while offset + _HEADER.size <= len(data):
                number, _, _, length = _HEADER.unpack_from(data, offset)
                offset += _HEADER.size + length
                if number in self._names:
                    self._touched.add(self._names[number])

    def touched(self) -> frozenset[str]:
        """The names of the folders in which something was opened."""
        self.poll()
        return frozenset(self._touched)

    @property
    def complete(self) -> bool:
        """Whether every opening, by compiled code too, was seen."""
        return self._complete and (self._fd >= 0 or not self._folders)
