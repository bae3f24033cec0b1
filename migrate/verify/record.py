"""The proofs, as files of their own: ``sagemaker_job/verify.json``, ``drill.json``. The only things that verify writes into a repo."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from migrate.edits import journal
from migrate.edits.changes import Change
from migrate.verify.layout import DRILL_PROOF, PROOF
from migrate.verify.model import Report


def as_json(reports: Sequence[Report], root: Path | None = None) -> dict[str, Any]:
    """The reports as JSON values; paths in them are relative to ``root``, NaN and infinities become text."""
    from migrate import __version__

    told = [_plain(dataclasses.asdict(report)) | {"exit_code": report.exit_code} for report in reports]
    return {"version": 1, "tool": __version__, "root": str(root) if root else None, "reports": told}


def write(reports: Sequence[Report], root: Path, drill: bool = False) -> Path:
    """Write the file, whole or not at all; a drill has its own. Raises UserError where the folder cannot be written."""
    name = DRILL_PROOF if drill else PROOF
    path = root / name
    text = json.dumps(as_json(reports, root), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        old = path.read_bytes()
    except OSError:
        old = None
    # through the journal, so that undo takes the proofs back, and they do not make the tree dirty
    journal.write(root, [Change(name, old, text.encode("utf-8", "backslashreplace"))])
    return path


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
