"""What a command changes on disk, before it does: one record per file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A file's bytes before and after; None where there is no file. ``path`` is POSIX, relative to the root.

    ``mode`` holds the permission bits of a new file; a file that is there keeps its own.
    """

    path: str
    old: bytes | None
    new: bytes | None
    mode: int = 0o644
