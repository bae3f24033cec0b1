"""What several entry points that share code ask of it, made one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from migrate.edits.model import AddArgument, AddImport, Edit, Guard, Insert, Replace, Wrap
from migrate.facts.model import Place
from migrate.rules.model import Finding

_VARIABLE = re.compile(r"SM_MODEL_DIR|SM_OUTPUT_DATA_DIR|SM_CHANNEL_\w+")
TORN = "the entry points of this repository that share this code use it in different ways"
INSIDE = "another entry point of this repository uses this code in a way that does not allow it"


def agreed(findings: Iterable[Finding], objections: Collection[tuple[str, Place]] = ()) -> list[Finding]:
    """Each finding once, with what all entry points ask of it.

    Findings that would write different code at one place, and those that an entry point objects to, are only reported; where all put
    the place below the same variable of SageMaker's, the first of them holds.
    """
    merged: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        key = (finding.rule, finding.place, finding.message)
        before = merged.get(key)
        merged[key] = finding if before is None else replace(before, edits=_imports_agreed([*before.edits, *finding.edits]))
    merged = {key: replace(finding, edits=_below_one_variable(finding, merged.values())) for key, finding in merged.items()}
    codes: dict[tuple[object, ...], set[str]] = {}
    for finding in merged.values():
        for edit in finding.edits:
            if (where := _where(finding, edit)) is not None:
                codes.setdefault(where, set()).add(_code(edit))
    settled = [_settled(finding, codes, objections) for finding in merged.values()]
    mended = {(finding.rule, finding.place) for finding in settled if finding.edits}
    return [f for f in settled if f.edits or (f.rule, f.place) not in mended]  # one entry point does not know what another one does


def _below_one_variable(finding: Finding, others: Iterable[Finding]) -> tuple[Edit, ...]:
    """The edits of a finding, with the first of those that differ only in how a path is put below a variable."""
    kept: list[Edit] = []
    for edit in finding.edits:
        if isinstance(edit, Replace) and _VARIABLE.search(edit.code):
            rivals = [e for f in others for e in f.edits if isinstance(e, Replace) and (e.path, e.span) == (edit.path, edit.span)]
            if len({tuple(_VARIABLE.findall(e.code)) for e in rivals}) == 1:
                edit = rivals[0]
        kept.append(edit)
    return tuple(dict.fromkeys(kept))


def _settled(finding: Finding, codes: dict[tuple[object, ...], set[str]], objections: Collection[tuple[str, Place]]) -> Finding:
    if finding.edits and (finding.rule, finding.place) in objections:
        return replace(finding, fix="none", reason=INSIDE, edits=())
    torn = any(len(codes.get(_where(finding, edit) or (), ())) > 1 for edit in finding.edits)
    return replace(finding, fix="none", reason=TORN, edits=()) if torn else finding


def _where(finding: Finding, edit: Edit) -> tuple[object, ...] | None:
    """Where only one code can stand: in the place of an expression, and what one rule inserts at one statement."""
    if isinstance(edit, (Replace, Wrap, Guard)):
        return edit.path, edit.span
    return (edit.path, edit.statement, edit.after, finding.rule, finding.message) if isinstance(edit, Insert) else None


def _code(edit: Edit) -> str:
    if isinstance(edit, Guard):
        return f"{edit.test}: {edit.otherwise}"
    return edit.code if isinstance(edit, (Replace, Wrap, Insert, AddArgument)) else ""


def _imports_agreed(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Of imports that differ only in their form, the one that works in both stays."""
    both = {_imported(edit) for edit in edits if isinstance(edit, AddImport) and edit.either}
    mixed = {
        _imported(a)
        for a in edits
        for b in edits
        if isinstance(a, AddImport) and isinstance(b, AddImport) and _imported(a) == _imported(b) and a.level != b.level
    }
    kept = [
        replace(edit, level=0, either=True) if isinstance(edit, AddImport) and _imported(edit) in both | mixed else edit for edit in edits
    ]
    return tuple(dict.fromkeys(kept))


def _imported(edit: AddImport) -> tuple[object, ...]:
    return edit.path, edit.module, edit.name, edit.local
