"""Commands in README files, shell scripts, Makefiles and the like that start an entry point."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from migrate.repo.ec2.collect import Collector
from migrate.repo.ec2.model import Command as Command
from migrate.repo.ec2.model import Ec2Side
from migrate.repo.ec2.read import read_ec2
from migrate.repo.entries import Entry
from migrate.repo.tree import Tree


def find_commands(tree: Tree, entries: Iterable[Entry]) -> dict[str, tuple[Command, ...]]:
    """For each entry's path, the commands that start it, in the order found: README files first, then scripts and Makefiles."""
    known = list(entries)
    return commands_of(read_ec2(tree, known), known) if known else {}


def commands_of(side: Ec2Side, entries: Iterable[Entry]) -> dict[str, tuple[Command, ...]]:
    """The same of a side that is read already."""
    found: dict[str, list[Command]] = {entry.path: [] for entry in entries}
    for start in side.starts:
        if start.entry in found:
            found[start.entry].append(start)
    return {path: tuple(commands) for path, commands in found.items()}


def command_of(entry: str, text: str) -> Command | None:
    """The first command in ``text`` that starts ``entry``, as a person writes it at the root; None where there is none."""
    collector = Collector(Tree(Path(), None, (entry,)), frozenset({entry}))
    collector.follow("", text)
    return next(iter(collector.starts), None)
