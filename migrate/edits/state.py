"""Where the tool keeps its state, and whether a git tree holds work that is not committed.

State lives in the git directory (``.git/migrate``), else in a ``.migrate`` folder that tells git to ignore it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import UserError


@dataclass(frozen=True)
class State:
    """``base`` is what paths in the journal are relative to: the git root, else the root that was first applied to."""

    base: Path
    folder: Path
    in_git: bool

    @property
    def journal(self) -> Path:
        return self.folder / "journal.json"


def git_root(path: Path) -> Path | None:
    """The git work tree that holds ``path``, found without starting git."""
    path = path.resolve()
    return next((folder for folder in (path, *path.parents) if (folder / ".git").exists()), None)


def find_state(root: Path) -> State:
    """The state that belongs to ``root``; nothing is made."""
    root = root.resolve()
    base = git_root(root)
    if base and (folder := _git_folder(base)):
        return State(base, folder / "migrate", True)
    for folder in (root, *root.parents):
        if (folder / ".migrate" / "journal.json").is_file():
            return State(folder, folder / ".migrate", False)
    return State(root, root / ".migrate", False)


def _git_folder(base: Path) -> Path | None:
    """``.git``, or what it points to in a linked work tree or a submodule."""
    dot_git = base / ".git"
    if dot_git.is_dir():
        return dot_git
    try:
        key, _, value = dot_git.read_text(encoding="utf-8", errors="surrogateescape").strip().partition(":")
    except OSError:
        return None
    folder = base / value.strip()
    return folder if key == "gitdir" and folder.is_dir() else None


def prefix(root: Path) -> str:
    """``root`` relative to its git root, POSIX, with a slash at the end; empty at the git root and outside of git."""
    base = git_root(root)
    inner = root.resolve().relative_to(base).as_posix() if base else "."
    return "" if inner == "." else f"{inner}/"


def dirty_paths(root: Path) -> tuple[str, ...]:
    """Files under ``root`` (relative to it, POSIX) which git does not have as they are: changed, added, deleted, untracked but not ignored
    (compiled Python is nobody's work).

    What the last apply or verify left as it is does not count. Folders outside git are never dirty. Raises UserError when git cannot tell.
    """
    from migrate.edits.journal import ours

    base = git_root(root)
    if base is None:
        return ()
    known = ours(root)
    inner = prefix(root)
    # fsmonitor names a program that git would start; no optional locks: asking must not write to the index
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain=v1", "-z", "--no-renames"]
    try:
        run = subprocess.run([*command, "--untracked-files=all", "--", "."], cwd=root.resolve(), capture_output=True, check=False)
    except OSError as error:
        raise UserError(f"git cannot be started, so whether {root} holds uncommitted work is not known: {error.strerror}") from error
    if run.returncode:
        line = run.stderr.decode(errors="replace").strip().splitlines()[:1]
        raise UserError(f"git status failed in {root}: {line[0] if line else run.returncode}")
    entries = [entry for entry in run.stdout.split(b"\0") if len(entry) > 3 and not (entry.startswith(b"??") and entry.endswith(b".pyc"))]
    paths = [entry[3:].decode("utf-8", "surrogateescape") for entry in entries]
    return tuple(path.removeprefix(inner) for path in paths if not known(base / path))


def is_dirty(root: Path) -> bool:
    """Whether ``dirty_paths`` has any."""
    return bool(dirty_paths(root))
