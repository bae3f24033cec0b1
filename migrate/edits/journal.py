"""Writing all changes or none, and taking them back to the byte.

The journal is written before the first file is touched and holds the original bytes, so a crash at any point leaves a tree that ``undo``
brings back. A file's original is what it was before the first apply; a person's edit between two applies makes a new original.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from migrate.edits.changes import Change
from migrate.edits.state import State, find_state
from migrate.errors import UserError

_ABSENT = "absent"
_SUPPORT = "sagemaker_support.py"  # beside each script that imports it


@dataclass(frozen=True)
class Undone:
    """What ``undo`` did, in paths relative to the root. ``refused``: files that someone edited since, with the reason; they stay."""

    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def nothing(self) -> bool:
        return not (self.restored or self.removed or self.refused)


@dataclass(frozen=True)
class _Entry:
    """A file's original (None: there was none), and the digests of what this tool wrote in its place."""

    original: bytes | None
    mode: int
    ours: tuple[str, ...]


@dataclass
class _Journal:
    """``files`` by path relative to the state's base; ``folders`` that were made, and ``temporary`` names that a crash may leave."""

    files: dict[str, _Entry] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    temporary: set[str] = field(default_factory=set)


def _digest(content: bytes | None) -> str:
    return _ABSENT if content is None else hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _load(state: State) -> _Journal:
    content = _read(state.journal)
    if content is None:
        return _Journal()
    try:
        data = json.loads(content)
        files = {
            path: _Entry(None if entry["original"] is None else base64.b64decode(entry["original"]), entry["mode"], tuple(entry["ours"]))
            for path, entry in data["files"].items()
        }
        return _Journal(files, set(data["folders"]), set(data["temporary"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"the journal {state.journal} is damaged: {error}") from error


def _save(state: State, journal: _Journal) -> None:
    files = {
        path: {
            "original": None if entry.original is None else base64.b64encode(entry.original).decode(),
            "mode": entry.mode,
            "ours": entry.ours,
        }
        for path, entry in journal.files.items()
    }
    data = {"version": 1, "files": files, "folders": sorted(journal.folders), "temporary": sorted(journal.temporary)}
    state.folder.mkdir(exist_ok=True)
    if not state.in_git and not (state.folder / ".gitignore").exists():
        _write_file(state.folder / ".gitignore", b"*\n", 0o644)
    _write_file(state.journal, json.dumps(data, indent=1).encode(), 0o600)


def _clear(state: State, cache: bool) -> None:
    """Remove the journal, on request what a scan or verify keeps beside it, and the folder when nothing else is in it."""
    state.journal.unlink(missing_ok=True)
    if cache:
        for name in ("cache", "logs"):
            shutil.rmtree(state.folder / name, ignore_errors=True)
    with contextlib.suppress(OSError):
        if {entry.name for entry in state.folder.iterdir()} <= {".gitignore"}:
            (state.folder / ".gitignore").unlink(missing_ok=True)
            state.folder.rmdir()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name[:200]}.migrate")


def _stage(path: Path, content: bytes, mode: int) -> Path:
    """Write ``content`` beside ``path``, safely on disk, with the owner of the file that it will replace."""
    temporary = _temporary(path)
    try:
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            with contextlib.suppress(OSError):
                there = path.stat()
                os.fchown(file.fileno(), there.st_uid, there.st_gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        error.filename = str(path)
        raise
    return temporary


def _write_file(path: Path, content: bytes, mode: int) -> None:
    os.replace(_stage(path, content, mode), path)


def _mode(path: Path, change: Change) -> int:
    return change.mode if change.old is None else stat.S_IMODE(path.stat().st_mode)


def _missing_folders(path: Path, base: Path) -> list[Path]:
    """The folders that have to be made for ``path``, outermost first."""
    missing = [folder for folder in path.parents if folder.is_relative_to(base) and not folder.exists()]
    return missing[::-1]


class _Writing:
    """One write, and its way back."""

    def __init__(self, targets: Sequence[tuple[Path, Change]]) -> None:
        self.targets = targets
        self.folders: list[Path] = []
        self.staged: list[Path] = []
        self.done: list[tuple[Path, bytes | None, int]] = []

    def run(self, base: Path) -> None:
        for path, change in self.targets:
            for folder in _missing_folders(path, base):
                folder.mkdir()
                self.folders.append(folder)
            if change.new is not None:
                self.staged.append(path)
                _stage(path, change.new, _mode(path, change))
        for path, change in self.targets:
            mode = _mode(path, change)
            if change.new is None:
                path.unlink()
            else:
                os.replace(_temporary(path), path)
            self.done.append((path, change.old, mode))

    def back(self) -> None:
        """Undo what ``run`` did so far."""
        for path in self.staged:
            with contextlib.suppress(NotADirectoryError):
                _temporary(path).unlink(missing_ok=True)
        for path, old, mode in reversed(self.done):
            if old is None:
                path.unlink(missing_ok=True)
            else:
                _write_file(path, old, mode)
        for folder in reversed(self.folders):
            folder.rmdir()


def write(root: Path, changes: Sequence[Change]) -> None:
    """Do ``changes``, all or none. Each file must still be as its ``old`` says.

    Raises UserError when anything cannot be written (disk full, read-only): the tree is then as it was.
    """
    changes = [change for change in changes if change.old != change.new]
    if not changes:
        return
    state = find_state(root)
    targets = [(_target(root, state, change), change) for change in changes]
    twice = {path for index, (path, _) in enumerate(targets) if path in [other for other, _ in targets[:index]]}
    if twice:
        raise UserError(f"two changes of one file: {', '.join(map(str, sorted(twice)))}; nothing was changed")
    before = _load(state)
    writing = _Writing(targets)
    try:
        _save(state, _noted(state, before, targets))
        writing.run(state.base)
    except BaseException as error:
        try:
            writing.back()
            _forget(state, before)
        except OSError as again:
            raise UserError(f"cannot write, nor take back what was written ({again}); `migrate undo` does it later: {error}") from error
        if isinstance(error, OSError):
            raise UserError(f"{error.filename or root} cannot be written: {error.strerror or error}; nothing was changed") from error
        raise


def _forget(state: State, before: _Journal) -> None:
    """The journal as it was. When the disk is too full for that, the newer one stays, and does no harm: it holds the same originals."""
    if not before.files:
        _clear(state, cache=False)
        return
    with contextlib.suppress(OSError):
        _save(state, before)


def _target(root: Path, state: State, change: Change) -> Path:
    """The file to write: links are followed, but not out of the tree."""
    path = Path(os.path.realpath(root / change.path))
    if not path.is_relative_to(state.base):
        raise UserError(f"{change.path} lies outside of {state.base}; nothing was changed")
    try:
        there = _read(path)
    except OSError as error:
        raise UserError(f"{change.path} cannot be read: {error.strerror}; nothing was changed") from error
    if there != change.old:
        raise UserError(f"{change.path} has changed meanwhile; nothing was changed")
    return path


def _noted(state: State, before: _Journal, targets: Sequence[tuple[Path, Change]]) -> _Journal:
    """The journal as it has to be before the first byte is written."""
    journal = _Journal(dict(before.files), set(before.folders), set())
    for path, change in targets:
        key = path.relative_to(state.base).as_posix()
        entry = journal.files.get(key)
        if entry is None or _digest(change.old) not in entry.ours:
            entry = _Entry(change.old, _mode(path, change), ())
        journal.files[key] = replace(entry, ours=tuple(dict.fromkeys([*entry.ours, _digest(change.new)])))
        journal.folders |= {folder.relative_to(state.base).as_posix() for folder in _missing_folders(path, state.base)}
        journal.temporary.add(_temporary(path).relative_to(state.base).as_posix())
    return journal


def undo(root: Path) -> Undone:
    """Bring back every file under ``root`` as it was before the first apply, remove what was made, and the journal with it.

    A file that someone edited since is left as it is and named in ``refused``; it stays in the journal.
    Raises UserError when a file cannot be written.
    """
    state = find_state(root)
    journal = _load(state)
    inside = root.resolve()
    restored: list[str] = []
    removed: list[str] = []
    refused: list[tuple[str, str]] = []
    try:
        for key in sorted(journal.files, key=lambda key: (key.endswith(_SUPPORT), key)):  # what scripts import goes last
            path = state.base / key
            if not path.is_relative_to(inside):
                continue
            entry, name = journal.files[key], path.relative_to(inside).as_posix()
            if reason := _edited(path, entry) or _needed(path, entry, [state.base / other for other in journal.files if other != key]):
                refused.append((name, reason))
                continue
            _bring_back(path, entry, state.base)
            (removed if entry.original is None else restored).append(name)
            del journal.files[key]
        _clean(state, journal, inside)
        _save(state, journal) if journal.files else _clear(state, cache=True)
    except OSError as error:
        raise UserError(f"undo stopped at {error.filename}: {error.strerror}; run it again when that is mended") from error
    return Undone(tuple(restored), tuple(removed), tuple(refused))


def _edited(path: Path, entry: _Entry) -> str | None:
    there = _read(path)
    if there == entry.original or _digest(there) in entry.ours:
        return None
    return "deleted since" if there is None else "edited since"


def _needed(path: Path, entry: _Entry, left: Sequence[Path]) -> str | None:
    """Why the support file stays: a script that stays as well would not start without it."""
    if entry.original is not None or path.name != _SUPPORT:
        return None
    beside = [other for other in left if other.parent == path.parent and other.suffix == ".py" and other != path]
    scripts = [other.name for other in beside if b"sagemaker_support" in (_read(other) or b"")]
    return f"{scripts[0]} imports it" if scripts else None


def _bring_back(path: Path, entry: _Entry, base: Path) -> None:
    if entry.original is None:
        path.unlink(missing_ok=True)
    elif _read(path) != entry.original:
        for folder in _missing_folders(path, base):
            folder.mkdir()
        _write_file(path, entry.original, entry.mode)
    elif stat.S_IMODE(path.stat().st_mode) != entry.mode:
        path.chmod(entry.mode)


def _clean(state: State, journal: _Journal, inside: Path) -> None:
    """Remove what a crash left behind, and the folders that were made and are empty now."""
    for name in journal.temporary:
        if (state.base / name).is_relative_to(inside):
            (state.base / name).unlink(missing_ok=True)
    for name in sorted(journal.folders, key=lambda name: name.count("/"), reverse=True):
        folder = state.base / name
        if folder.is_relative_to(inside):
            _remove_folder(folder)
            if not folder.exists():
                journal.folders.discard(name)


def _remove_folder(folder: Path) -> None:
    """Remove a folder that we made, if there is nothing in it but what Python compiled from our files."""
    with contextlib.suppress(OSError):
        cache = folder / "__pycache__"
        if [entry.name for entry in folder.iterdir()] == ["__pycache__"] and all(entry.suffix == ".pyc" for entry in cache.iterdir()):
            for entry in cache.iterdir():
                entry.unlink()
            cache.rmdir()
        folder.rmdir()


def originals(root: Path) -> dict[str, bytes | None]:
    """What every file under ``root`` that an apply has changed or made was before the first one: by its path, None for one made."""
    state = find_state(root)
    inside = root.resolve()
    found = {state.base / key: entry.original for key, entry in _load(state).files.items()}
    return {path.relative_to(inside).as_posix(): original for path, original in found.items() if path.is_relative_to(inside)}


def ours(root: Path) -> Callable[[Path], bool]:
    """Whether the file at an absolute path is just as an apply, or verify, left it (or as it was before)."""
    state = find_state(root)
    journal = _load(state)

    def known(path: Path) -> bool:
        key = path.relative_to(state.base).as_posix() if path.is_relative_to(state.base) else ""
        entry = journal.files.get(key)
        try:
            return entry is not None and _digest(_read(path)) in entry.ours
        except OSError:
            return False  # a folder of a submodule, say

    return known
