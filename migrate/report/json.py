"""``scan --format json``, version 1 (DESIGN). Computes nothing: it only tells."""

from __future__ import annotations

import json
from typing import Any

from migrate.job.model import EntryPoint
from migrate.repo.ec2.model import Ec2Side
from migrate.rules.model import Finding
from migrate.scan import Scan


def as_json(found: Scan) -> str:
    """The scan as JSON text, indented. Paths are POSIX, relative to ``root``."""
    document = {
        "version": 1,
        "root": found.root,
        "entry_points": [_entry(point) for point in found.entry_points],
        "findings": [_finding(finding) for finding in found.findings],
        "unreadable": [{"path": u.path, "reason": u.reason} for u in found.unreadable],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)


def _entry(point: EntryPoint) -> dict[str, Any]:
    return {
        "path": point.path,
        "framework": point.framework,
        "framework_version": point.framework_version,
        "cli": point.cli,
        "hyperparameters": [
            {
                "name": h.name,
                "option": h.option,
                "dest": h.dest,
                "type": h.type,
                "default": h.default,
                "line": h.line,
                "path": h.path,
                "options": list(h.options),
                "nargs": h.nargs,
                "choices": None if h.choices is None else [_plain(c) for c in h.choices],
                "required": h.required,
            }
            for h in point.hyperparameters
        ],
        "channels": [
            {
                "name": c.name,
                "env": c.env,
                "default": c.default,
                "source": c.source,
                "path": c.path,
                "line": c.line,
                "option": c.option,
                "dest": c.dest,
            }
            for c in point.channels
        ],
        "outputs": [
            {"kind": o.kind, "default": o.default, "path": o.path, "line": o.line, "option": o.option, "dest": o.dest}
            for o in point.outputs
        ],
        "checkpoint": {"kind": point.checkpoint_kind, "loop_line": point.loop_line},
        "metrics": [{"name": m.name, "regex": m.regex, "path": m.path, "line": m.line} for m in point.metrics],
        "launch": {"command": point.command, "instance_type": point.instance_type, "spot": point.spot, **_launch(point.ec2)},
    }


def _launch(side: Ec2Side) -> dict[str, Any]:
    """How it runs on EC2: the usual start (the command above), and what stands around it, each fact with its place."""
    start = next(iter(side.starts), None)
    return {
        "start": None
        if start is None
        else {
            "path": start.path,
            "line": start.line,
            "arguments": list(start.argv),
            "complete": start.complete,
            "folder": start.folder,
            "launcher": list(start.launcher),
            "processes": start.processes,
            "nodes": start.nodes,
            "conda": start.conda,
            "image": start.image,
            "detached": start.detached,
        },
        "machines": [
            {"by": m.by, "types": [fact.value for fact in m.instance_types], "path": m.path, "line": m.line} for m in side.machines
        ],
        "regions": [{"value": fact.value, "path": fact.path, "line": fact.line} for fact in side.all_regions],
        "transfers": [{"s3": t.s3, "local": t.local, "into": t.into, "path": t.path, "line": t.line} for t in side.transfers],
        "mounts": [{"kind": m.kind, "source": m.source, "point": m.point, "path": m.path, "line": m.line} for m in side.mounts],
        "schedules": [{"when": s.when, "path": s.path, "line": s.line} for s in side.schedules],
        "habits": [{"kind": h.kind, "path": h.path, "line": h.line} for h in side.habits],
        "contradictions": [str(each) for each in side.contradictions],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    span = finding.place.span
    return {
        "rule": finding.rule,
        "name": finding.name,
        "path": finding.place.path,
        "line": span.line,
        "column": span.column + 1,
        "end_line": span.end_line,
        "end_column": span.end_column + 1,
        "severity": finding.severity,
        "message": finding.message,
        "fix": finding.fix,
        "reason": finding.reason,
        "effort": finding.effort,
    }


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, bool)) or value is None else str(value)
