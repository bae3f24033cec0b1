"""``scan --format json``, version 1 (DESIGN). Computes nothing: it only tells."""

from __future__ import annotations

import json
from typing import Any

from migrate.job.model import EntryPoint
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
        "launch": {"command": point.command, "instance_type": point.instance_type, "spot": point.spot},
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
