"""What becomes of an entry point after an interruption, by what the scan says of going on."""

from __future__ import annotations

from typing import Any

KEEPER = "SM301"
BESIDE = "SM303"  # of what runs before the loop, which goes on all the same
OWN = {
    "own-full": "full",
    "own-partial": "partial",
    "save-only": "save-only",
    "none": "none",
    "load-only": "none",
    "framework": "framework",
}


def outcome(findings: list[dict[str, Any]], entry: dict[str, Any] | None) -> dict[str, Any]:
    """``what`` becomes of it, as the table names it; ``why`` says it. Nothing to keep: it fits in one call."""
    if entry is None:
        return {"what": "not found", "why": []}
    about = [f for f in findings if f["rule"].startswith("SM3") and f["rule"] != BESIDE]
    refused = [f for f in about if f["fix"] == "none" and f["severity"] != "note"]
    kept = [f for f in about if f["rule"] == KEEPER and f["fix"] == "safe"]
    looked = [f for f in about if f["fix"] == "unsafe"]
    own = [f for f in about if f["rule"] != KEEPER and f["fix"] == "safe"]
    why = [f"{f['path']}:{f['line']} {f['reason']}" for f in (*refused, *looked)]
    if kept and not refused:
        return {"what": "resumed", "why": []}
    if own and not refused:
        return {"what": "framework's own", "why": []}
    if refused:
        return {"what": "refused", "why": why}
    if looked:
        return {"what": "to look at", "why": why}
    if about:
        return {"what": "nothing to keep", "why": [f"{f['path']}:{f['line']} {f['reason']}" for f in about]}
    return {"what": "nothing found", "why": []}


def agrees(kind: str | None, seen: list[str]) -> bool | None:
    """Whether the kind of checkpoint that ``scan`` tells is one that a careful person saw in the repository; None: nothing was seen."""
    known = {OWN[one] for one in seen if one in OWN}
    return kind in known if known else None
