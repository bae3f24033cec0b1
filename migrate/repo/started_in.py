"""The folder of the repository that a script runs in on EC2, and what of the repository it sees from there."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator

from migrate.repo.ec2.model import Command


def folder_of(commands: Iterable[Command]) -> str | None:
    """The folder that all commands start it in, relative to the root (empty: the root); None where they differ, or say nothing."""
    places = {command.typed_in for command in commands}
    return places.pop() if len(places) == 1 else None


def folders_of(commands: Iterable[Command]) -> dict[str, Command]:
    """The folders that are known, each with the first command that starts it there."""
    found: dict[str, Command] = {}
    for command in commands:
        if command.typed_in is not None:
            found.setdefault(command.typed_in, command)
    return found


def seen_from(folder: str, names: Iterable[str]) -> Iterator[str]:
    """``names``, which are relative to the root, as they are from ``folder``: ``../configs/a.json``."""
    above = [folder]
    while above[-1]:
        above.append(posixpath.dirname(above[-1]))
    starts = [(f"{place}/" if place else "", "../" * climbed) for climbed, place in enumerate(above)]
    for name in names:
        for start, climbing in starts:
            if name.startswith(start):
                yield climbing + name[len(start) :]
                break


def depends(text: str, shipped: Collection[str]) -> bool:
    """Whether a path leads to a file of the repository, a folder that holds some, or into such a folder. ``shipped`` are names as they
    are from the working folder; ``*`` in the text is what is not known of it."""
    path = posixpath.normpath(text)
    if path == ".":
        return True
    if not re.search(r"\w", path):
        return False  # nothing is known of it
    if "*" in path:
        below = [name for name in shipped if name.startswith("../") == path.startswith("../")]
        wanted = re.compile(".*".join(map(re.escape, re.split(r"\*+", path))) + "(?:/.*)?")
        head = path.partition("*")[0]
        if any(name.startswith(head) and wanted.fullmatch(name) for name in below):
            return True
        path = head
    elif path in shipped or any(name.startswith(f"{path}/") for name in shipped):
        return True
    inside = posixpath.dirname(path)
    return bool(inside.strip("./")) and any(name.startswith(f"{inside}/") for name in shipped)
