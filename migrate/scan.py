"""The line through the house: repo, facts, job and rules. Reads only."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from migrate.edits.model import Replace
from migrate.errors import UserError
from migrate.facts.arguments import find_arguments
from migrate.facts.calls import table
from migrate.facts.paths import find_paths
from migrate.facts.program import Module, Program, load_program
from migrate.job.describe import describe
from migrate.job.model import EntryPoint
from migrate.repo.commands import Command, find_commands
from migrate.repo.entries import Entry, find_entries
from migrate.repo.imports import resolve
from migrate.repo.tree import Tree, find_files
from migrate.rules.base import Context, all_rules
from migrate.rules.model import Finding

EXCUSE = re.compile(rb"#\s*migrate:\s*ignore(?:\[([A-Z0-9,\s]+)\])?")


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be read, with the reason."""

    path: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """What a scan found. ``root`` is absolute; every path inside is relative to it."""

    root: str
    entry_points: tuple[EntryPoint, ...]
    findings: tuple[Finding, ...]
    unreadable: tuple[Unreadable, ...]
    tree: Tree | None = field(default=None, repr=False)
    lines: int = 0  # of the modules that were looked at
    dangerous: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by entry point: absolute paths that it writes or removes


@dataclass(frozen=True)
class Request:
    """What to look at: ``entries`` are entry points by path (all when empty); ``select`` and ``ignore`` are codes or their beginnings."""

    path: Path
    entries: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


def scan(request: Request) -> Scan:
    """Scan a repository, a folder of one, or a script. Runs none of its code. Raises UserError."""
    tree = find_files(request.path)
    found = find_entries(tree)
    entries = _chosen(tree, found.entries, request)
    commands = find_commands(tree, entries)
    unreadable = [Unreadable(path, reason) for path, reason in [*tree.unreadable, *found.unreadable]]
    points: list[EntryPoint] = []
    findings: dict[tuple[object, ...], Finding] = {}
    seen: set[str] = set()
    parsed: dict[str, Module] = {}
    for entry in entries:
        try:
            program = _program(tree, entry, parsed)
        except (SyntaxError, ValueError) as error:  # entries are found by a shallower look than facts need
            unreadable.append(Unreadable(entry.path, str(error)))
            continue
        point, more = _look(tree, entry, program, commands.get(entry.path, ()), request)
        points.append(point)
        seen.update(program.modules)
        for finding in more:
            findings.setdefault((finding.rule, finding.place, finding.message), finding)
    kept = [f for f in _agreed(findings.values()) if not _excused(tree, f)]
    kept.sort(key=lambda f: (f.place.path, f.place.span, f.rule))
    lines = sum(tree.read(path).count(b"\n") for path in seen)
    return Scan(str(tree.root), tuple(points), tuple(kept), tuple(unreadable), tree, lines)


def _agreed(findings: Collection[Finding]) -> list[Finding]:
    """Findings that would replace one piece of code by different code, for different entry points, are only reported."""
    wanted: dict[tuple[object, ...], set[str]] = {}
    for finding in findings:
        for edit in finding.edits:
            if isinstance(edit, Replace):
                wanted.setdefault((edit.path, edit.span), set()).add(edit.code)
    torn = {place for place, codes in wanted.items() if len(codes) > 1}
    reason = "the entry points of this repository that share this code use it in different ways"
    return [
        replace(f, fix="none", reason=reason, edits=()) if any(isinstance(e, Replace) and (e.path, e.span) in torn for e in f.edits) else f
        for f in findings
    ]


def _chosen(tree: Tree, entries: Collection[Entry], request: Request) -> list[Entry]:
    if not request.entries:
        return list(entries)
    wanted = []
    for name in request.entries:
        path = Path(name)
        inside = path.resolve().relative_to(tree.root).as_posix() if path.is_absolute() else path.as_posix()
        match = [e for e in entries if e.path == inside]
        if not match:
            known = ", ".join(e.path for e in entries) or "none was found"
            raise UserError(f"--entry {name}: no entry point of that path; entry points here: {known}")
        wanted += match
    return wanted


def _program(tree: Tree, entry: Entry, parsed: dict[str, Module]) -> Program:
    def resolver(from_path: str, module: str | None, level: int) -> str | None:
        return resolve(tree, from_path, module, level, entry.search_dirs)

    return load_program(entry.path, entry.closure, tree.read, resolver, parsed)


def _look(tree: Tree, entry: Entry, program: Program, commands: tuple[Command, ...], request: Request) -> tuple[EntryPoint, list[Finding]]:
    arguments = find_arguments(program)
    paths = find_paths(program, arguments, table(request.calls), tree.names)
    context = Context(program, arguments, paths, entry.as_module)
    findings = [f for rule in all_rules() if _wanted(rule.code, request) for f in rule.check(context)]
    return describe(entry, program, arguments, paths, commands), findings


def _wanted(code: str, request: Request) -> bool:
    if request.select and not code.startswith(request.select):
        return False
    return not (request.ignore and code.startswith(request.ignore))


def _excused(tree: Tree, finding: Finding) -> bool:
    """Whether the finding's line says ``# migrate: ignore`` or ``# migrate: ignore[CODE]``."""
    lines = tree.read(finding.place.path).split(b"\n")
    number = finding.place.span.line
    match = EXCUSE.search(lines[number - 1]) if number <= len(lines) else None
    if match is None:
        return False
    codes = match.group(1)
    return codes is None or finding.rule in {c.strip() for c in codes.decode().split(",")}
