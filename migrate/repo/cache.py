"""What an earlier run found, kept where git does not look, and found again by the content of the files and the version of the tool.

Values are JSON, never pickles: a repository that somebody sends may hold a cache of its own, and reading one must not run anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from migrate import __version__
from migrate.repo.tree import Tree

KEPT = 32  # values; the oldest go
READ_WHOLE = 4 << 20  # bytes: what is longer is known by its size and times alone, since no scan reads it
_READ = (
    ".py",
    ".pyw",
    ".sh",
    ".bash",
    ".slurm",
    ".sbatch",
    ".txt",
    ".in",
    ".pip",
    ".cfg",
    ".ini",
    ".toml",
    ".yml",
    ".yaml",
    ".md",
    ".rst",
    ".ipynb",
    ".tf",
    ".tfvars",
    ".tftpl",
    ".tpl",
    ".template",
    ".cfn",
    ".service",
    ".timer",
    ".cron",
    ".crontab",
    ".mk",
    ".zsh",
    ".ksh",
    ".dockerfile",
)
_RACY = 2_000_000_000  # nanoseconds: a file changed this shortly before it was hashed may change again under the same times


def state_dir(tree: Tree) -> Path:
    """Where the tool keeps its state for ``tree``: inside the git directory, else in ``.migrate``, which ignores itself."""
    return tree.git_dir / "migrate" if tree.git_dir is not None else tree.root / ".migrate"


class Cache:
    """The cache of one tree. Without a folder to write to, or with a damaged one, it holds nothing, and nothing fails."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.folder = state_dir(tree) / "cache"

    def key(self, *options: str) -> str:
        """What a result depends on, as hexadecimal digits: the tool, Python, ``options``, and every file of the tree."""
        return _digest(
            "\0".join(
                [__version__, _own_digest(), sys.version, str(self.tree.root), repr(self.tree.only), *options, *self._files()]
            ).encode()
        )

    def get(self, key: str) -> Any | None:
        """The JSON value kept under ``key``, None when there is none or it is damaged."""
        return _load(self.folder / f"{key}.json")

    def put(self, key: str, value: Any) -> None:
        """Keeps a JSON value. A read-only or full disk is no error: the next run is as slow as this one."""
        with contextlib.suppress(OSError):
            self._prepare()
            _store(self.folder / f"{key}.json", value)
            self._drop_oldest()

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.tree.git_dir is None:
            mark = state_dir(self.tree) / ".gitignore"
            if not mark.exists():
                mark.write_text("*\n")

    def _drop_oldest(self) -> None:
        values = [path for path in self.folder.iterdir() if path.suffix == ".json" and path.name != "files.json"]
        for path in sorted(values, key=lambda each: each.stat().st_mtime_ns)[:-KEPT]:
            path.unlink(missing_ok=True)

    def _files(self) -> Iterable[str]:
        """One text a file: its path with the digest of its content, or with its size and time where no scan reads it."""
        known = _load(self.folder / "files.json")
        known = known if isinstance(known, dict) else {}
        root, now = str(self.tree.root) + os.sep, time.time_ns()
        fresh: dict[str, list[Any]] = {}
        told = []
        for path in self.tree.files:
            try:
                info = os.stat(root + path)
            except OSError:
                told.append(f"{path}\0gone")
                continue
            stamp = [info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino]
            if info.st_size > READ_WHOLE or not _is_read(path):
                told.append(f"{path}\0{info.st_size}\0{info.st_mtime_ns}")
                continue
            old = known.get(path)
            if isinstance(old, list) and old[:4] == stamp and len(old) == 5:
                entry = old
            else:
                entry = [*stamp, _file_digest(root + path)]
            told.append(f"{path}\0{entry[4]}")
            if now - max(info.st_mtime_ns, info.st_ctime_ns) > _RACY:
                fresh[path] = entry
        if fresh != known:
            with contextlib.suppress(OSError):
                self._prepare()
                _store(self.folder / "files.json", fresh)
        return told + [f"{link}>{target}" for link, target in sorted(self.tree.links.items())]


def _is_read(path: str) -> bool:
    name = path[path.rfind("/") + 1 :]
    return path.endswith(_READ) or "." not in name or name.lower().startswith(("readme", "dockerfile", "makefile"))


def _file_digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return _digest(file.read())
    except OSError as error:
        return f"unreadable {error.errno}"


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=20).hexdigest()


def _own_digest() -> str:
    """Stands for the tool's own files by their sizes and times, so that a change while it is being worked on counts as another version."""
    package = Path(__file__).resolve().parent.parent
    stamps = []
    for folder, folders, names in os.walk(package):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            info = os.stat(os.path.join(folder, name))
            stamps.append(f"{os.path.join(folder, name)}\0{info.st_size}\0{info.st_mtime_ns}")
    return _digest("\n".join(sorted(stamps)).encode())


def _load(path: Path) -> Any | None:
    """The value of a cache file whose digest, on its first line, is that of the rest."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
        return json.loads(body) if head.decode("ascii") == _digest(body) else None
    except (OSError, ValueError, RecursionError):
        return None


def _store(path: Path, value: Any) -> None:
    """Writes whole or not at all. Raises OSError."""
    body = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_digest(body).encode("ascii") + b"\n" + body)
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
