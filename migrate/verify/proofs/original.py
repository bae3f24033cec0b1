"""The program as it was before it was migrated: what ``apply`` has in its journal, else what git has as HEAD."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate.edits import journal
from migrate.verify.layout import copy_files


@dataclass(frozen=True)
class Original:
    """``files`` are those that were another content then, None for one that was not there. ``source`` says where they are from."""

    files: Mapping[str, bytes | None]
    source: str

    def lay_out(self, root: Path, files: tuple[str, ...], to: Path) -> None:
        """The repo as it was, in a folder made anew: today's ``files``, with the former ones in their place."""
        copy_files(root, files, to)
        for name, content in self.files.items():
            path = to / name
            path.unlink(missing_ok=True)
            if content is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)


def find(root: Path) -> Original | None:
    """The original of the repo's Python files; None where nothing is known of one."""
    before = {name: content for name, content in journal.originals(root).items() if _differs(root / name, content)}
    if any(name.endswith(".py") and content is not None for name, content in before.items()):
        return Original(before, "the journal of migrate apply")
    former = {name: content for name, content in _head(root).items() if name.endswith(".py") and _differs(root / name, content)}
    return Original(former, "git's HEAD") if former else None


def _differs(path: Path, content: bytes | None) -> bool:
    try:
        return path.read_bytes() != content
    except (FileNotFoundError, NotADirectoryError):
        return content is not None


def _head(root: Path) -> dict[str, bytes]:
    """The files of HEAD below ``root``; none where there is no git or no commit. Submodules and links are left out."""
    try:
        done = subprocess.run(["git", "-C", str(root), "archive", "--format=tar", "HEAD", "--", "*.py"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    out = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                out[member.name] = file.read()
    return out
