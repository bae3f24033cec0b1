"""What each entry point of a repository is, and what would have to change: facts, job and rules, by one process or by two."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from migrate.facts.arguments import find_arguments
from migrate.facts.calls import table
from migrate.facts.model import Arguments, Place
from migrate.facts.paths import find_paths
from migrate.facts.program import Module, Program, Resolver, load_program
from migrate.facts.redirects import Paths
from migrate.facts.secrets import Secret, secrets_of
from migrate.job.describe import describe
from migrate.job.model import EntryPoint
from migrate.job.wanted import wanted
from migrate.repo.commands import Command
from migrate.repo.entries import Entry
from migrate.repo.imports import resolve
from migrate.repo.spread import spread
from migrate.repo.started_in import depends, folder_of, folders_of, seen_from
from migrate.repo.syspath import mentions, relative
from migrate.repo.tree import Tree
from migrate.rules.base import Context, Rule, all_rules
from migrate.rules.model import Finding

TOGETHER = 6  # entry points that a process takes at a time: neighbours share modules
ALONE = 120  # modules of all closures that one process goes through sooner than two
KEPT_BYTES = 300_000  # of source, whose modules stay parsed for the next entry point
DROPPED_BYTES = 600_000  # of source, whose remains are let pile up before they are looked for: collecting them takes a while


@dataclass(frozen=True)
class Look:
    """What was found for one entry point. ``objections`` are places where a rule must change nothing for any other, by its code;
    ``lines`` are those of each module that was read; ``reason`` says why it could not be read."""

    entry: Entry
    point: EntryPoint | None = None
    findings: tuple[Finding, ...] = ()
    objections: frozenset[tuple[str, Place]] = frozenset()
    lines: dict[str, int] = field(default_factory=dict)
    reason: str | None = None
    secrets: tuple[Secret, ...] = ()  # what must not be told


def study(
    tree: Tree,
    entries: Sequence[Entry],
    commands: dict[str, tuple[Command, ...]],
    wanted: Callable[[str], bool],
    calls: tuple[str, ...] = (),
    processes: int = 1,
    beside: tuple[Secret, ...] = (),
) -> list[Look]:
    """Looks at every entry point. ``wanted`` says whether a rule is asked, by its code; ``calls`` are further tables of calls;
    ``beside`` are the secrets in files that are no Python."""
    rules = [rule for rule in all_rules() if wanted(rule.code)]
    table(calls)  # read before any process is forked
    student = _Student(tree, rules, calls, beside)
    parts = [entries[start : start + TOGETHER] for start in range(0, len(entries), TOGETHER)]
    few = sum(len(entry.closure) for entry in entries) < ALONE

    def some(number: int) -> list[Look]:
        return [student.look(entry, commands.get(entry.path, ())) for entry in parts[number]]

    return [look for part in spread(some, len(parts), 1 if few else processes) for look in part]


class _Student:
    """Keeps modules parsed between entry points that share them, as many as memory should hold."""

    def __init__(self, tree: Tree, rules: Sequence[Rule], calls: tuple[str, ...], beside: tuple[Secret, ...]) -> None:
        self.tree, self.rules, self.calls, self.beside = tree, rules, calls, beside
        self.parsed: dict[str, Module] = {}  # what was needed last stands last
        self.resolver: tuple[tuple[str, ...], Resolver] | None = None  # of the last entry, with its folders
        self.seen: dict[str, frozenset[str]] = {}  # the files of the tree, as they are from a folder
        self.dropped = 0  # bytes of source since garbage was last collected

    def look(self, entry: Entry, commands: tuple[Command, ...]) -> Look:
        self._forget(entry.closure)
        try:
            program = self._program(entry)
        except (SyntaxError, ValueError) as error:  # entries are found by a shallower look than facts need
            return Look(entry, reason=str(error))
        try:
            return self._look(entry, program, commands)
        except RecursionError:
            return Look(entry, reason="its code leads too deep to be followed")
        except Exception as error:  # the one boundary: a fault of ours in one entry point leaves the others whole
            where = traceback.extract_tb(error.__traceback__)[-1]
            return Look(entry, reason=f"a fault of migrate itself, {type(error).__name__} at {Path(where.filename).name}:{where.lineno}")
        finally:
            program.forget()

    def _look(self, entry: Entry, program: Program, commands: tuple[Command, ...]) -> Look:
        arguments = find_arguments(program)
        paths = find_paths(program, arguments, table(self.calls), self._shipped(folder_of(commands) or ""))
        needs = wanted(self.tree, entry, program)
        context = Context(program, arguments, paths, entry.as_module, self.beside, needs)
        findings = tuple(finding for rule in self.rules for finding in rule.check(context))
        objections = frozenset((rule.code, place) for rule in self.rules if rule.objections for place in rule.objections(context))
        point = describe(entry, program, arguments, paths, commands, needs.told)
        point = replace(point, opens=self._opens(program, arguments, paths, commands))
        lines = {path: module.source.count(b"\n") for path, module in program.modules.items()}
        secrets = tuple(secret for module in program.modules.values() for secret in secrets_of(module))
        return Look(entry, point, findings, objections, lines, secrets=secrets)

    def _shipped(self, folder: str) -> frozenset[str]:
        """The files of the repository as they are called in ``folder``."""
        if folder not in self.seen:
            self.seen[folder] = frozenset(seen_from(folder, self.tree.names)) if folder else self.tree.names
        return self.seen[folder]

    def _opens(self, program: Program, arguments: Arguments, paths: Paths, commands: Sequence[Command]) -> str | None:
        """A path to files of the repository that means others in the root than in a folder where the script is started."""
        sure = folder_of(commands)
        imports = [text for path, module in program.modules.items() if mentions(module.source) for text in relative(module.tree, path)]
        for place in filter(None, folders_of(commands)):
            shipped = self._shipped(place)
            there = paths if place == sure else find_paths(program, arguments, table(self.calls), shipped)
            given = [word for command in commands for word in command.inside if there.for_the_user]
            found = next((text for text in (*there.relative, *given, *imports) if depends(text, shipped)), None)
            if found is not None:
                return found
        return None

    def _program(self, entry: Entry) -> Program:
        program = load_program(entry.path, entry.closure, self.tree.read, self._resolver(entry.search_dirs), self.parsed, entry.function)
        for path in program.modules:
            self.parsed[path] = self.parsed.pop(path)
        return program

    def _resolver(self, dirs: tuple[str, ...]) -> Resolver:
        """What the imports mean of a script that searches these folders. Scripts of one folder mostly share them."""
        if self.resolver is None or self.resolver[0] != dirs:

            @cache
            def resolver(from_path: str, module: str | None, level: int) -> str | None:
                return resolve(self.tree, from_path, module, level, dirs)

            self.resolver = dirs, resolver
        return self.resolver[1]

    def _forget(self, needed: Sequence[str]) -> None:
        """Drops modules, those that were not needed for the longest time before others, down to what is kept; not those needed now."""
        spared = set(needed)
        size = sum(len(module.source) for module in self.parsed.values())
        for path in [path for path in self.parsed if path not in spared]:
            if size <= KEPT_BYTES:
                break
            module = self.parsed.pop(path)
            module.forget()
            size -= len(module.source)
            self.dropped += len(module.source)
        if self.dropped > DROPPED_BYTES:
            self.dropped = 0
            gc.collect()  # functions that were followed hold their modules in cycles
