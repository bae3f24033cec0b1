"""Findings whose edits cannot all be done: the later one is dropped whole, and the reason said."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from migrate.edits.errors import EditError
from migrate.edits.model import AddArgument, AddImport, Edit, Guard, Insert, Replace, Wrap
from migrate.edits.rewrite import rewrite
from migrate.facts.model import Span


class HasEdits(Protocol):
    """A finding, as far as this room knows it."""

    @property
    def edits(self) -> tuple[Edit, ...]: ...


F = TypeVar("F", bound=HasEdits)


@dataclass(frozen=True)
class Settled(Generic[F]):
    """``kept`` in their order; ``dropped`` with why; ``files``: new bytes by path; ``failed``: files that cannot be rewritten at all."""

    kept: tuple[F, ...]
    dropped: tuple[tuple[F, str], ...]
    files: Mapping[str, bytes]
    failed: Mapping[str, str]


def drop_conflicts(findings: Sequence[F]) -> tuple[list[F], list[tuple[F, str]]]:
    """The findings that can be done together, and the others, each with the reason. The earlier one wins; equal edits are no conflict."""
    kept: list[F] = []
    dropped: list[tuple[F, str]] = []
    done: dict[str, dict[Edit, None]] = {}
    for finding in findings:
        reason = _clash(finding.edits, done)
        if reason:
            dropped.append((finding, reason))
            continue
        kept.append(finding)
        for edit in finding.edits:
            done.setdefault(edit.path, {})[edit] = None
    return kept, dropped


def settle(findings: Sequence[F], sources: Mapping[str, bytes]) -> Settled[F]:
    """Rewrite every file that the findings touch, and drop whole findings until it can be done.

    ``sources`` holds the bytes of each file by path. A finding is dropped when it overlaps with an earlier one or when one of its edits
    cannot be done; when a file as a whole cannot be rewritten, every finding that touches it is dropped, and the file is in ``failed``.
    """
    kept, dropped = drop_conflicts(findings)
    failed: dict[str, str] = {}
    files: dict[str, bytes] = {}
    while True:
        wanted: dict[str, list[Edit]] = {}
        for finding in kept:
            for edit in finding.edits:
                wanted.setdefault(edit.path, []).append(edit)
        error = _rewrite_all(wanted, sources, files)
        if error is None:
            return Settled(tuple(kept), tuple(dropped), {path: files[path] for path in wanted}, failed)
        if error.edit is None:
            failed[error.path] = error.reason
        for finding in list(kept):
            touched = error.edit in finding.edits if error.edit else any(edit.path == error.path for edit in finding.edits)
            if touched:
                kept.remove(finding)
                dropped.append((finding, str(error)))
                for edit in finding.edits:  # its other files have to be done again without it
                    files.pop(edit.path, None)


def _rewrite_all(wanted: Mapping[str, Sequence[Edit]], sources: Mapping[str, bytes], files: dict[str, bytes]) -> EditError | None:
    """Fill ``files``; the first error, if any. What is there already stays."""
    for path, edits in wanted.items():
        if path not in files:
            try:
                files[path] = rewrite(sources[path], edits)
            except EditError as error:
                return error
    return None


def _clash(edits: Sequence[Edit], done: Mapping[str, Mapping[Edit, None]]) -> str | None:
    """Why these cannot be done with those that are kept, or with each other."""
    mine: dict[str, dict[Edit, None]] = {}
    for edit in edits:
        others = done.get(edit.path, {})
        if edit in others:
            continue
        for other in (*others, *mine.get(edit.path, {})):
            if other != edit and (reason := _between(edit, other)):
                return f"{edit.path}: {reason}"
        mine.setdefault(edit.path, {})[edit] = None
    return None


def _between(one: Edit, other: Edit) -> str | None:
    """Why two edits of one file cannot both be done."""
    if isinstance(one, AddImport) or isinstance(other, AddImport):
        if isinstance(one, AddImport) and isinstance(other, AddImport) and one.local == other.local:
            return f"another import takes the name {one.local}"
        return None
    if isinstance(one, Insert) or isinstance(other, Insert):
        return None  # whole statements stand between the others; those at one statement keep their order
    a, b = _span(one), _span(other)
    if not _overlap(a, b):
        return None
    line = f"line {a.line}"
    if isinstance(one, AddArgument) and isinstance(other, AddArgument):
        return f"{line}: another fix adds the same argument" if a == b and _same_argument(one.code, other.code) else None
    outer, inner = (one, other) if _inside(b, a) else (other, one)
    if isinstance(outer, (Guard, Wrap)) and a != b or {type(one), type(other)} == {Guard, AddArgument}:
        return None
    if isinstance(outer, AddArgument) and isinstance(inner, (Replace, Wrap, Guard)) and a != b:
        return None
    return f"{line}: another fix changes the same code"


def _span(edit: Replace | Wrap | AddArgument | Guard) -> Span:
    return edit.call if isinstance(edit, AddArgument) else edit.span


def _overlap(a: Span, b: Span) -> bool:
    return (a.line, a.column) < (b.end_line, b.end_column) and (b.line, b.column) < (a.end_line, a.end_column)


def _inside(inner: Span, outer: Span) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) and (inner.end_line, inner.end_column) <= (
        outer.end_line,
        outer.end_column,
    )


def _same_argument(one: str, other: str) -> bool:
    """Two positional arguments, or one keyword twice."""
    try:
        keywords = [tuple(keyword.arg for keyword in ast.parse(f"f({code}\n)").body[0].value.keywords) for code in (one, other)]  # type: ignore[attr-defined]
    except SyntaxError:
        return True
    return keywords[0] == keywords[1]
