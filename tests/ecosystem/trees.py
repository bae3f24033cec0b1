"""Trees of files, compared: what apply, undo and a patch may and may not do to them."""

from __future__ import annotations

import ast
import difflib
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import tokenize
import warnings
from dataclasses import dataclass, field
from pathlib import Path

ASYNC = re.compile(rb"\basync\s*=(?!=)")
OURS = frozenset((".git", ".migrate", "__pycache__"))

Snapshot = dict[str, tuple[int, str]]


def snapshot(root: Path) -> Snapshot:
    """Mode and content of every file below ``root``, without git's own."""
    found: Snapshot = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in OURS]
        for name in (*files, *(f for f in folders if Path(folder, f).is_symlink())):
            path = Path(folder, name)
            mode = stat.S_IMODE(path.lstat().st_mode)
            content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            found[path.relative_to(root).as_posix()] = (mode, hashlib.sha256(content).hexdigest())
    return found


def copy(source: Path, target: Path) -> Path:
    """A fresh copy, git and all."""
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target, symlinks=True)
    return target


def git(root: Path, *words: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run git in ``root``; the caller looks at the exit code."""
    return subprocess.run(["git", "-C", str(root), *words], input=data, capture_output=True, check=False)


@dataclass
class Comparison:
    """What apply did to the Python files."""

    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    unparsed: list[str] = field(default_factory=list)
    comments_lost: list[str] = field(default_factory=list)


def compare(before: Path, after: Path, was: Snapshot, now: Snapshot) -> Comparison:
    """Every file that changed has to parse if it did, and to keep its comments in their order."""
    seen = Comparison(added=sorted(set(now) - set(was)))
    for name in sorted(set(was) & set(now)):
        if was[name] == now[name]:
            continue
        seen.changed.append(name)
        if name.endswith(".py"):
            old, new = (before / name).read_bytes(), (after / name).read_bytes()
            if not parses(new):
                seen.unparsed.append(name)
            elif not _within(comments(old), comments(new)):
                seen.comments_lost.append(name)
    seen.unparsed += [name for name in seen.added if name.endswith(".py") and not parses((after / name).read_bytes())]
    return seen


def parses(source: bytes) -> bool:
    """Whether Python takes it, or took it before 3.7."""
    return _taken(source) or _taken(ASYNC.sub(b"non_blocking=", source))


def respell(root: Path) -> None:
    """In a copy that is to be started: what only Python before 3.7 reads (``cuda(async=True)``) as PyTorch spells it since."""
    for path in root.rglob("*.py"):
        if path.is_file() and not path.is_symlink():
            source = path.read_bytes()
            newer = ASYNC.sub(b"non_blocking=", source)
            if newer != source and not _taken(source) and _taken(newer):
                path.write_bytes(newer)


def _taken(source: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


def comments(source: bytes) -> list[str]:
    """The comments of a file, in order; none where it cannot be tokenized."""
    try:
        return [token.string for token in tokenize.tokenize(io.BytesIO(source).readline) if token.type == tokenize.COMMENT]
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        return []


def _within(few: list[str], many: list[str]) -> bool:
    rest = iter(many)
    return all(one in rest for one in few)


def touched_lines(before: bytes, after: bytes) -> set[int]:
    """The lines of ``before``, from 1, that ``after`` does not have as they were."""
    old, new = before.splitlines(), after.splitlines()
    found: set[int] = set()
    for tag, start, stop, _, _ in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in ("replace", "delete"):
            found |= set(range(start + 1, stop + 1))
    return found
