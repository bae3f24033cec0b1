"""What lies in a folder, and what changed between two looks. This, not the audit hook, decides what a run has written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_MOST_FILES = 500_000


class Seen(NamedTuple):
    """A file at one moment: bytes, modification time in nanoseconds, inode."""

    size: int
    mtime: int
    inode: int


Snapshot = Mapping[str, Seen]


def take(root: Path, skip: tuple[Path, ...] = ()) -> dict[str, Seen]:
    """Every file and link below ``root`` (POSIX, relative to it); links are not followed, folders in ``skip`` are left out."""
    out: dict[str, Seen] = {}
    left_out = {os.fspath(path) for path in skip}
    for path in _files(os.fspath(root), left_out):
        try:
            stat = os.lstat(path)
        except OSError:
            continue  # gone in the meantime: a child still at work
        out[os.path.relpath(path, root).replace(os.sep, "/")] = Seen(stat.st_size, stat.st_mtime_ns, stat.st_ino)
        if len(out) >= _MOST_FILES:
            break
    return out


def _files(folder: str, skip: set[str]) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if entry.path not in skip:
                yield from _files(entry.path, skip)
        elif entry.path not in skip:
            yield entry.path


def written(before: Snapshot, after: Snapshot) -> list[str]:
    """The files that are new or not what they were, sorted."""
    return sorted(path for path, seen in after.items() if before.get(path) != seen)


def removed(before: Snapshot, after: Snapshot) -> list[str]:
    """The files that are gone, sorted."""
    return sorted(path for path in before if path not in after)


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes; of the target's name for a link."""
    state = hashlib.sha256()
    if path.is_symlink():
        state.update(os.fsencode(os.readlink(path)))
        return state.hexdigest()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def tree_digest(root: Path, files: tuple[str, ...]) -> str:
    """One hash for the names and the content of ``files``, in their order."""
    state = hashlib.sha256()
    for name in files:
        state.update(f"{name}\0{digest(root / name)}\n".encode("utf-8", "surrogateescape"))
    return state.hexdigest()
