"""All of the EC2 side of a tree, from every reader."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from migrate.repo.ec2.collect import SHELL, Around, Collector
from migrate.repo.ec2.model import Command, Ec2Side, Fact, Schedule
from migrate.repo.ec2.secrets import is_secret
from migrate.repo.ec2.words import State, Word
from migrate.repo.entries import Entry
from migrate.repo.tree import Tree

T = TypeVar("T")


def read_ec2(tree: Tree, entries: Iterable[Entry] = ()) -> Ec2Side:
    """What the files of ``tree`` say of how its ``entries`` run on EC2. Runs nothing; a file that cannot be read is a problem in it."""
    collector = Collector(tree, frozenset(entry.path for entry in entries))
    for path in sorted(tree.files, key=_order):
        reader = _reader(path)
        if reader is not None:
            reader(collector, path)
    return _side(collector)


def _order(path: str) -> tuple[bool, int, str]:
    """README files first, then what lies nearer to the root."""
    return not _is_readme(path), path.count("/"), path


def _is_readme(path: str) -> bool:
    return posixpath.basename(path).lower().startswith("readme")


def _reader(path: str) -> Callable[[Collector, str], None] | None:
    """Who reads a file of this name."""
    name = posixpath.basename(path).lower()
    stem, extension = posixpath.splitext(name)
    if name.startswith("readme"):
        return _readme if extension in {"", ".md", ".rst", ".txt", ".markdown"} else None
    if extension in SHELL or (not extension and re.search(r"user-?_?data|bootstrap|cloud-?init", name)):
        return _script
    if name in {"makefile", "gnumakefile", "justfile"} or extension == ".mk":
        return _makefile
    if name.startswith("crontab") or extension in {".cron", ".crontab"} or "/cron.d/" in f"/{path}":
        return _crontab
    if extension in {".service", ".timer"}:
        return _unit
    if "fstab" in name and extension in {"", ".txt", ".conf", ".fstab"}:
        return _fstab
    return None


def _readme(collector: Collector, path: str) -> None:
    from migrate.repo.ec2 import readme

    text = collector.source(path)
    if text is None or not collector.is_worth(text):
        return
    for line, piece in readme.snippets(text):
        if collector.is_worth(piece):
            collector.follow(path, piece, line)


def _script(collector: Collector, path: str) -> None:
    text = collector.source(path)
    if text is None or not collector.is_worth(text):
        return
    head = text.split("\n", 1)[0]
    if head.startswith("#!") and re.search(r"python|perl|ruby|node|awk", head):
        return
    collector.follow_script(path)


def _makefile(collector: Collector, path: str) -> None:
    from migrate.repo.ec2 import makefile

    text = collector.source(path)
    if text is None or not collector.is_worth(text):
        return
    for line, piece in makefile.recipes(text, just=posixpath.basename(path).lower() == "justfile"):
        if collector.is_worth(piece):
            collector.follow(path, piece, line)


def _crontab(collector: Collector, path: str) -> None:
    text = collector.source(path)
    if text is not None:
        collector.cron(path, text, 1, State(), Around())


def _unit(collector: Collector, path: str) -> None:
    from migrate.repo.ec2 import units

    text = collector.source(path)
    if text is None:
        return
    found = units.unit(text)
    state = State(folder=found.folder)
    for line, name, value in found.environment:
        secret = is_secret(name, value)
        collector.environment.append((name, Fact("" if secret else value, path, line, "systemd")))
        state.variables[name] = (Word(value),)
        state.exported[name] = None
    for line, command in found.commands:
        collector.follow(path, command, line, state.copy(), Around(detached="systemd"))
    for line, when in found.timers:
        collector.schedules.append(Schedule(when, found.starts or posixpath.splitext(posixpath.basename(path))[0] + ".service", path, line))


def _fstab(collector: Collector, path: str) -> None:
    from migrate.repo.ec2 import mounts

    text = collector.source(path)
    if text is not None:
        collector.mounts += mounts.fstab(text, path)


def _side(collector: Collector) -> Ec2Side:
    return Ec2Side(
        starts=_best(collector.starts),
        transfers=_once(collector.transfers),
        mounts=_once(collector.mounts),
        machines=_once(collector.machines),
        images=_once(collector.images),
        regions=_once(collector.regions),
        roles=_once(collector.roles),
        environment=_once(collector.environment),
        schedules=_once(collector.schedules),
        habits=_once(collector.habits),
        problems=_once(collector.problems),
    )


def _once(facts: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(facts))


def _best(starts: Iterable[Command]) -> tuple[Command, ...]:
    """Each start once, in the order of files and lines. One that another script fills in is not told with its gaps too."""
    once = list(dict.fromkeys(starts))
    whole = {(each.path, each.line, each.entry) for each in once if each.complete}
    detached = {(each.path, each.line, each.entry, each.argv): each for each in once if each.detached}
    kept: dict[Command, None] = {}
    for each in once:
        if each.complete or (each.path, each.line, each.entry) not in whole:
            kept[detached.get((each.path, each.line, each.entry, each.argv), each)] = None
    return tuple(sorted(kept, key=lambda each: (_order(each.path), each.line)))
