"""The proofs: ``sagemaker_job/verify.json``, ``drill.json``, and their part of MIGRATION.md. Nothing else is written into a repo."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from migrate import __version__
from migrate.edits import journal
from migrate.edits.changes import Change
from migrate.generate import proofs
from migrate.verify.layout import DRILL_PROOF, PAGE, PROOF
from migrate.verify.model import Report
from migrate.verify.page import section


def as_json(reports: Sequence[Report], root: Path | None = None) -> dict[str, Any]:
    """The reports as JSON values; paths in them are relative to ``root``, NaN and infinities become text."""
    told = [_plain(dataclasses.asdict(report)) | {"exit_code": report.exit_code} for report in reports]
    return {"version": 1, "tool": __version__, "root": str(root) if root else None, "reports": told}


def write(reports: Sequence[Report], root: Path, drill: bool = False) -> Path:
    """Write them, all or none; a drill has a file of its own. Raises UserError where the folder cannot be written."""
    name = DRILL_PROOF if drill else PROOF
    made = as_json(reports, root)
    text = json.dumps(made, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    changes = [Change(name, _bytes(root / name), text.encode("utf-8", "backslashreplace"))]
    other = _json(root / (PROOF if drill else DRILL_PROOF))
    page = _bytes(root / PAGE)
    if page is not None:
        changes += _on_page(page, *((other, made) if drill else (made, other)))
    # through the journal, so that undo takes the proofs back, and they do not make the tree dirty
    journal.write(root, changes)
    return root / name


def _on_page(page: bytes, verified: Mapping[str, Any] | None, drilled: Mapping[str, Any] | None) -> list[Change]:
    new = proofs.insert(page, section(verified, drilled))
    return [] if new is None else [Change(PAGE, page, new)]


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _json(path: Path) -> Mapping[str, Any] | None:
    """The other file, as this version writes it; None for anything else."""
    try:
        told = json.loads(path.read_bytes())
        return told if told["tool"] == __version__ else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return repr(value)
