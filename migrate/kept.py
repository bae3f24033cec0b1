"""A scan that is kept for the next time, as JSON. What tells of it needs no edits, so they are left out: none comes from a file that a
repository may have brought along.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from migrate.facts.model import Place, Span
from migrate.facts.processes import Processes
from migrate.job.model import Channel, EntryPoint, Hyperparameter, MetricDefinition, Needs, Output
from migrate.repo.cache import Cache
from migrate.repo.ec2.rebuilt import rebuilt
from migrate.repo.tree import Tree
from migrate.rules.model import Finding
from migrate.scan import Request, Scan, Unreadable, scan_tree

SMALL = 50  # files: outside git, a tree of fewer gets no folder of ours, since it is soon scanned again


def scan_to_tell(tree: Tree, request: Request, processes: int | None = None) -> Scan:
    """The scan of ``tree`` but for the edits of its findings: as it is kept, else made and kept. Raises UserError."""
    if tree.git_dir is None and len(tree.python_files) < SMALL:
        return scan_tree(tree, request, processes)
    cache, options = Cache(tree), _options(tree, request)
    key = cache.key(*options)
    known = _read(cache.get(key), tree)
    if known is not None:
        return known
    found = scan_tree(tree, request, processes)
    found = replace(found, findings=tuple(replace(finding, edits=()) for finding in found.findings))
    value = _written(found)
    if _read(_through_json(value), tree) == found and cache.key(*options) == key:  # it comes back as it is; no file changed meanwhile
        cache.put(key, value)
    return found


def _options(tree: Tree, request: Request) -> list[str]:
    """All that a scan depends on but the files of the tree."""
    tables = [repr(_content(path)) for path in request.calls]
    return ["scan", repr((request.entries, request.select, request.ignore, request.calls, tree.unreadable)), *tables]


def _content(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None  # the scan says so


def _written(found: Scan) -> dict[str, Any]:
    return {
        "entry_points": [asdict(point) for point in found.entry_points],
        "findings": [[*_flat(finding.place), *_said(finding)] for finding in found.findings],
        "unreadable": [[each.path, each.reason] for each in found.unreadable],
        "lines": found.lines,
        "hidden": [_flat(place) for place in found.hidden],
        "dangerous": {path: list(writes) for path, writes in found.dangerous.items()},
    }


def _through_json(value: dict[str, Any]) -> Any:
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):  # a default that is no JSON
        return None


def _flat(place: Place) -> list[Any]:
    span = place.span
    return [place.path, span.line, span.column, span.end_line, span.end_column]


def _said(finding: Finding) -> list[Any]:
    return [finding.rule, finding.name, finding.severity, finding.message, finding.fix, finding.reason, finding.effort]


def _read(value: Any, tree: Tree) -> Scan | None:
    """The scan that was written; None when it is not one."""
    try:
        return Scan(
            str(tree.root),
            tuple(_point(each) for each in value["entry_points"]),
            tuple(_finding(*each) for each in value["findings"]),
            tuple(Unreadable(*each) for each in value["unreadable"]),
            tree,
            value["lines"],
            {path: tuple(writes) for path, writes in value["dangerous"].items()},
            tuple(Place(path, Span(*span)) for path, *span in value["hidden"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _point(value: dict[str, Any]) -> EntryPoint:
    settings = tuple(_setting(each) for each in value["hyperparameters"])
    channels = tuple(Channel(**each) for each in value["channels"])
    outputs = tuple(Output(**each) for each in value["outputs"])
    lists = {
        "hyperparameters": settings,
        "channels": channels,
        "outputs": outputs,
        "closure": tuple(value["closure"]),
        "secrets": tuple(value["secrets"]),
        "ec2": rebuilt(value["ec2"]),
        "metrics": tuple(MetricDefinition(**each) for each in value["metrics"]),
        "processes": None if value["processes"] is None else _processes(value["processes"]),
    }
    needs: Any = {name: tuple(each) if isinstance(each, list) else each for name, each in value["needs"].items()}
    return EntryPoint(**{**value, **lists, "needs": Needs(**needs)})


def _processes(value: dict[str, Any]) -> Processes:
    place = Place(value["place"]["path"], Span(**value["place"]["span"]))
    return Processes(**{**value, "place": place})


def _setting(value: dict[str, Any]) -> Hyperparameter:
    choices = value["choices"]
    return Hyperparameter(**{**value, "options": tuple(value["options"]), "choices": None if choices is None else tuple(choices)})


def _finding(path: str, line: int, column: int, end_line: int, end_column: int, rule: str, name: str, *rest: Any) -> Finding:
    return Finding(rule, name, Place(path, Span(line, column, end_line, end_column)), *rest)
