"""A sample of a channel: of every kind of file that there is a lot of, some; of tables, the first rows; all else whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path, PurePosixPath

_TABLES = (".csv", ".tsv", ".jsonl")  # a line, or a quoted record of several, is a row


def sample(source: Path, target: Path, count: int) -> str | None:
    """Make a sample of ``source``, a file or folder, in the folder ``target``: ``count`` files of a kind, ``count`` rows of a table.

    Returns what it holds in words; None where ``source`` is no larger than its sample would be, and ``target`` is not made.
    """
    single = source.is_file()
    folder = source.parent if single else source
    names = [source.name] if single else sorted(_files(source))
    kept = _chosen(names, count)
    cut = {name for name in kept if name.endswith(_TABLES) and _is_longer(folder / name, count)}
    if len(kept) == len(names) and not cut:
        return None
    for name in kept:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name in cut:
            with (folder / name).open("rb") as lines, place.open("wb") as out:
                out.writelines(_rows(lines, count))
        else:
            shutil.copy2(folder / name, place)
    files = f"{len(kept)} of {len(names)} files" if len(kept) < len(names) else ""
    rows = f"{count} rows of {', '.join(sorted(cut)[:3])}{' and others' if len(cut) > 3 else ''}" if cut else ""
    return ", ".join(part for part in (files, rows) if part)


def _files(folder: Path) -> Iterator[str]:
    for path, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        if Path(path).resolve() in [parent.resolve() for parent in Path(path).parents]:
            folders.clear()  # a link round in a circle
        for name in names:
            if os.path.isfile(os.path.join(path, name)):
                yield os.path.relpath(os.path.join(path, name), folder).replace(os.sep, "/")


def _chosen(names: Iterable[str], count: int) -> list[str]:
    """Of each kind, ``count`` from all folders in turn; where kinds belong together by their names (an image, its label), both."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(PurePosixPath(name).suffix.lower(), []).append(name)
    stems: set[str] = set()
    out: list[str] = []
    for members in sorted(kinds.values(), key=len, reverse=True):
        if len(members) > count:
            turn = list(_in_turn([tuple(name.split("/")) for name in members]))
            members = sorted(turn, key=lambda name: PurePosixPath(name).stem not in stems)[:count]
            stems |= {PurePosixPath(name).stem for name in members}
        out += members
    return sorted(out)


def _in_turn(paths: list[tuple[str, ...]]) -> Iterator[str]:
    """All of them, one from each folder before the second of any: so that every class and every split is there."""
    folders: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        folders.setdefault(path[0] if len(path) > 1 else "", []).append(path[1:] if len(path) > 1 else path)
    parts = [
        (["/".join(path) for path in inner] if not name else [f"{name}/{rest}" for rest in _in_turn(inner)])
        for name, inner in folders.items()
    ]
    for turn in zip_longest(*parts):
        yield from (name for name in turn if name is not None)


def _is_longer(path: Path, count: int) -> bool:
    with path.open("rb") as lines:
        return sum(1 for _ in _rows(lines, count + 1)) > count + 1


def _rows(lines: Iterable[bytes], count: int) -> Iterator[bytes]:
    """The first line, which may be a header, and ``count`` records after it; one that a quoted line end divides stays whole."""
    whole, record = 0, b""
    for line in lines:
        record += line
        if record.count(b'"') % 2 == 0:
            yield record
            whole, record = whole + 1, b""
        if whole > count:
            return
    if record:
        yield record
