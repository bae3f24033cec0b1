"""The line through the house: repo, facts, job and rules. Reads only."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.errors import UserError
from migrate.facts.model import Place
from migrate.job.model import EntryPoint, with_shared_paths
from migrate.repo.spread import no_collection, processors
from migrate.repo.tree import Tree, find_files
from migrate.rules.agreed import agreed
from migrate.rules.model import Finding

if TYPE_CHECKING:
    from migrate.repo.entries import Entry

CAPPED = "it imports more local modules than are followed: what is said of it is of those nearest to it"
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
    hidden: tuple[Place, ...] = ()  # where secrets stand, which are not to be shown


@dataclass(frozen=True)
class Request:
    """What to look at: ``entries`` are entry points by path (all when empty); ``select`` and ``ignore`` are codes or their beginnings."""

    path: Path
    entries: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


def scan(request: Request, processes: int | None = None) -> Scan:
    """Scan a repository, a folder of one, or a script. Runs none of its code. Raises UserError.

    ``processes``: 1 or 2; without it, 2 where there are processors for them. The result is the same.
    """
    return scan_tree(find_files(request.path), request, processes)


def scan_tree(tree: Tree, request: Request, processes: int | None = None) -> Scan:
    """As ``scan``, of a tree that is listed already."""
    with no_collection():
        return _scan(tree, request, min(2, processors()) if processes is None else processes)


def _scan(tree: Tree, request: Request, processes: int) -> Scan:
    from migrate.hidden import finding_without, point_without, secrets_beside
    from migrate.job.ec2 import on_ec2
    from migrate.repo.commands import commands_of
    from migrate.repo.ec2.model import Ec2Side
    from migrate.repo.ec2.read import read_ec2
    from migrate.repo.entries import find_entries
    from migrate.repo.imports import is_capped
    from migrate.study import study

    found = find_entries(tree, processes)
    tree.memory.clear()  # what the files that are no entry points say is not asked for again
    entries = _chosen(tree, found.entries, request)
    ec2 = read_ec2(tree, entries) if entries else Ec2Side()
    beside = secrets_beside(tree)
    looks = study(tree, entries, commands_of(ec2, entries), partial(_wanted, request), request.calls, processes, beside)
    secrets = list(dict.fromkeys([*beside, *(secret for look in looks for secret in look.secrets)]))
    values = frozenset(secret.value for secret in secrets)
    unreadable = [Unreadable(path, reason) for path, reason in [*tree.unreadable, *found.unreadable]]
    unreadable += [Unreadable(look.entry.path, look.reason) for look in looks if look.reason is not None]
    unreadable += [Unreadable(entry.path, CAPPED) for entry in entries if is_capped(tree, entry.closure)]
    unreadable += [Unreadable(problem.path, f"line {problem.line}: {problem.reason}") for problem in ec2.problems]
    lines: dict[str, int] = {}
    for look in looks:
        lines.update(look.lines)
    said = [(look.entry.path, f) for look in looks for f in look.findings]
    said.sort(key=lambda pair: pair[0] != pair[1].place.path)  # first what each says of its own file
    findings = agreed([f for _, f in said], frozenset().union(*(look.objections for look in looks)))
    excuses = _Excuses(tree)
    kept = [finding_without(finding, values) for finding in findings if not excuses.hold(finding)]
    kept.sort(key=lambda f: (f.place.path, f.place.span, f.rule))
    paths = [entry.path for entry in found.entries]
    told = (on_ec2(look.point, ec2.of(look.entry.path, paths)) for look in looks if look.point is not None)
    points = with_shared_paths([point_without(point, values) for point in told])
    hidden = tuple(secret.place for secret in secrets)
    return Scan(str(tree.root), points, tuple(kept), tuple(unreadable), tree, sum(lines.values()), hidden=hidden)


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


def _wanted(request: Request, code: str) -> bool:
    if request.select and not code.startswith(request.select):
        return False
    return not (request.ignore and code.startswith(request.ignore))


class _Excuses:
    """Whether a finding's line says ``# migrate: ignore`` or ``# migrate: ignore[CODE]``."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.excused: dict[str, dict[int, bytes | None]] = {}  # by file and line: the codes; None for all

    def hold(self, finding: Finding) -> bool:
        path = finding.place.path
        if path not in self.excused:
            self.excused[path] = self._read(path)
        if finding.place.span.line not in self.excused[path]:
            return False
        codes = self.excused[path][finding.place.span.line]
        return codes is None or finding.rule in {c.strip() for c in codes.decode().split(",")}

    def _read(self, path: str) -> dict[int, bytes | None]:
        source = self.tree.read(path)
        if b"migrate:" not in source:
            return {}
        found = ((number, EXCUSE.search(line)) for number, line in enumerate(source.split(b"\n"), 1))
        return {number: match.group(1) for number, match in found if match is not None}
