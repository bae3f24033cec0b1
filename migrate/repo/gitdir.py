"""Where a folder's git repository is, and what its index tracks. Read from git's own files, without running git."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GitDir:
    """A repository: ``root`` is its work tree, ``git_dir`` its own data, ``common_dir`` what its work trees share."""

    root: Path
    git_dir: Path
    common_dir: Path


def git_dir_at(folder: Path) -> Path | None:
    """The git directory of the work tree ``folder``, None when it is none."""
    dot = folder / ".git"
    try:
        if dot.is_dir():
            return dot if (dot / "HEAD").exists() else None
        text = dot.read_bytes()
    except OSError:
        return None
    if not text.startswith(b"gitdir:"):
        return None
    target = folder / text[len(b"gitdir:") :].strip().decode("utf-8", "surrogateescape")
    return target if target.is_dir() else None


def find(folder: Path) -> GitDir | None:
    """The repository that ``folder`` (absolute) lies in."""
    for candidate in (folder, *folder.parents):
        git_dir = git_dir_at(candidate)
        if git_dir is not None:
            return GitDir(candidate, git_dir, _common(git_dir))
    return None


def _common(git_dir: Path) -> Path:
    try:
        text = (git_dir / "commondir").read_text("utf-8", "surrogateescape").strip()
    except OSError:
        return git_dir
    return git_dir / text


def tracked(git_dir: Path) -> frozenset[str]:
    """Paths of the regular files in the index, relative to the work tree. Empty when there is no index or it cannot be read.

    Versions 2 to 4 of the format: https://git-scm.com/docs/index-format.
    """
    try:
        data = (git_dir / "index").read_bytes()
        return frozenset(_paths(data))
    except (OSError, struct.error, ValueError, IndexError):
        return frozenset()


def _paths(data: bytes) -> list[str]:
    signature, version, count = struct.unpack_from(">4sII", data)
    if signature != b"DIRC" or version not in (2, 3, 4):
        return []
    paths: list[str] = []
    at, previous = 12, b""
    for _ in range(count):
        (mode,) = struct.unpack_from(">I", data, at + 24)
        (flags,) = struct.unpack_from(">H", data, at + 60)
        name_at = at + (64 if version >= 3 and flags & 0x4000 else 62)
        if version == 4:
            drop, name_at = _varint(data, name_at)
            end = data.index(b"\0", name_at)
            name = previous[: len(previous) - drop] + data[name_at:end]
            at = end + 1
        else:
            end = data.index(b"\0", name_at)
            name = data[name_at:end]
            at += (end - at + 8) // 8 * 8
        previous = name
        if mode & 0o170000 == 0o100000:
            paths.append(name.decode("utf-8", "surrogateescape"))
    return paths


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at ``at`` in git's offset encoding, and where it ends."""
    byte = data[at]
    value = byte & 127
    while byte & 128:
        at += 1
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 127)
    return value, at + 1
