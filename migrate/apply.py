"""From a scan to the changes it asks for: scripts rewritten, the support file beside them, the job's files. Writes nothing itself."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from migrate.applied import is_as_left
from migrate.edits.changes import Change
from migrate.edits.conflicts import settle
from migrate.edits.model import AddImport
from migrate.facts.program import parse_module
from migrate.repo.tree import Tree
from migrate.rules.model import Finding
from migrate.runtime import MORE, SUPPORT_NAME, support_source
from migrate.scan import Request, Scan, scan


@dataclass(frozen=True)
class Plan:
    """What ``apply`` would do. ``left`` are the findings that stay open; ``kept`` are generated files that a person edited."""

    scan: Scan
    changes: tuple[Change, ...]
    done: tuple[Finding, ...]
    left: tuple[Finding, ...]
    kept: tuple[tuple[str, str], ...] = ()


def plan(request: Request, unsafe: bool = False, generate: bool = True, extras: Sequence[str] = ()) -> Plan:
    """Scan and settle the edits. ``extras`` are further files of the job, by what ``--with`` calls them. Raises UserError."""
    found = scan(request)
    tree = found.tree
    assert tree is not None
    fixable = [f for f in found.findings if f.edits and (f.fix == "safe" or (unsafe and f.fix == "unsafe"))]
    sources = {edit.path: tree.read(edit.path) for finding in fixable for edit in finding.edits}
    settled = settle(fixable, sources)
    dropped = [replace(finding, fix="none", reason=f"not done: {reason}", edits=()) for finding, reason in settled.dropped]
    open_ = [f for f in found.findings if f.fix == "none" or (f.fix == "unsafe" and f not in settled.kept)]
    changes = [Change(path, sources[path], new) for path, new in settled.files.items()]
    changes += _support_files(tree, settled.kept, _imported(tree, found))
    kept: tuple[tuple[str, str], ...] = ()
    if generate and found.entry_points:
        files, kept = _generated(Path(found.root), found, (*open_, *dropped), settled.kept, extras)
        changes += files
    changes = [change for change in changes if change.old != change.new]
    if changes and is_as_left(tree, request, unsafe, generate, extras):
        return Plan(found, (), (), (*open_, *dropped, *settled.kept), kept)
    return Plan(found, tuple(changes), settled.kept, (*open_, *dropped), kept)


def _imported(tree: Tree, found: Scan) -> dict[str, set[str]]:
    """What scripts of the entry points import from a support module that is not there (any more), by its folder."""
    folders: dict[str, set[str]] = {}
    for path in sorted({path for point in found.entry_points for path in point.closure}):
        folder = path.rpartition("/")[0]
        if (Path(tree.root) / folder / SUPPORT_NAME).exists() or b"sagemaker_support" not in (source := tree.read(path)):
            continue
        for node in ast.walk(parse_module(path, source).tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "") in ("sagemaker_support", ""):
                names = {alias.name for alias in node.names if node.module or alias.name == "sagemaker_support"}
                if names:
                    folders.setdefault(folder, set()).update(names)
    return folders


def _support_files(tree: Tree, findings: Sequence[Finding], missing: dict[str, set[str]]) -> list[Change]:
    """The support module beside each file that imports it, with the parts that are asked for and those that it has."""
    root = Path(tree.root)
    folders: dict[str, set[str]] = {folder: set(names) for folder, names in missing.items()}
    for finding in findings:
        for edit in finding.edits:
            if isinstance(edit, AddImport) and edit.module in ("sagemaker_support", ""):
                folders.setdefault(edit.path.rpartition("/")[0], set()).add(edit.name or "")
    changes = []
    words = _words(tree) if any({"keeper", "resume_trainer"} & names for names in folders.values()) else ()
    for folder, names in sorted(folders.items()):
        path = f"{folder}/{SUPPORT_NAME}" if folder else SUPPORT_NAME
        there = root / path
        old = there.read_bytes() if there.exists() else None
        changes.append(Change(path, old, support_source(names, old, words)))
    return changes


def _words(tree: Tree) -> set[str]:
    """Which of the words that ask for more parts of the keeper stand in the repo's code."""
    wanted = {word for words in MORE.values() for word in words}
    found: set[str] = set()
    for path in tree.python_files:
        if path.rpartition("/")[2] != SUPPORT_NAME:
            with contextlib.suppress(OSError):
                code = tree.read(path)
                found |= {word for word in wanted if word.encode() in code}
    return found


def _generated(
    root: Path, found: Scan, left: Sequence[Finding], done: Sequence[Finding], extras: Sequence[str]
) -> tuple[list[Change], tuple[tuple[str, str], ...]]:
    from migrate.generate import generate

    result = generate(root, found.entry_points, findings=left, done=done, extras=extras)
    changes = []
    for file in result.files:
        there = root / file.path
        changes.append(Change(file.path, there.read_bytes() if there.exists() else None, file.content, file.mode))
    return changes, tuple((note.path, note.diff) for note in result.kept)


def check_parses(changes: Sequence[Change]) -> None:
    """Every rewritten Python file must parse; a fault here is ours, and must stop the apply."""
    for change in changes:
        if change.path.endswith(".py") and change.new is not None:
            parse_module(change.path, change.new)


__all__ = ["Plan", "check_parses", "plan"]
