"""New code in the quotes that a file uses: a diff should read as if the file's author had written it."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Sequence
from dataclasses import replace

from migrate.edits.model import AddArgument, Edit, Guard, Insert, Replace, Wrap
from migrate.facts.model import Span

_PLAIN = re.compile(r'"[^"\'\\\n]*"')  # no prefix, nothing inside that quotes could change
_MUCH = 2  # single quotes are a file's style when there are more than twice as many


def in_style(edits: Sequence[Edit], text: str) -> list[Edit]:
    """The edits with their plain double-quoted texts in single quotes, where ``text``, the file, writes its own so.

    What an expression is replaced by keeps the texts that it takes over from there.
    """
    if not _is_single(text):
        return list(edits)
    lines = text.split("\n")
    changed: list[Edit] = []
    for edit in edits:
        if isinstance(edit, Replace):
            edit = replace(edit, code=single(edit.code, _lines(lines, edit.span)))
        elif isinstance(edit, (AddArgument, Insert, Wrap)):
            edit = replace(edit, code=single(edit.code))
        elif isinstance(edit, Guard):
            edit = replace(edit, test=single(edit.test), otherwise=single(edit.otherwise))
        changed.append(edit)
    return changed


def _lines(lines: list[str], span: Span) -> str:
    return "\n".join(lines[span.line - 1 : span.end_line])


def single(code: str, kept: str = "") -> str:
    """``code`` with its plain double-quoted texts in single quotes, but for those that stand so in ``kept``; as it is where it cannot be
    read."""
    if '"' not in code:
        return code
    lines = code.split("\n")
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.STRING and _PLAIN.fullmatch(token.string) and token.string not in kept:
                (row, start), (_, end) = token.start, token.end
                lines[row - 1] = f"{lines[row - 1][:start]}'{token.string[1:-1]}'{lines[row - 1][end:]}"
    except (tokenize.TokenError, SyntaxError):
        return code
    return "\n".join(lines)


def _is_single(text: str) -> bool:
    count = {"'": 0, '"': 0}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.STRING:
                body = token.string.lstrip("rRbBuUfF")
                if not body.startswith(('"""', "'''")):
                    count[body[0]] += 1
    except (tokenize.TokenError, SyntaxError):
        return False
    return count["'"] > _MUCH * count['"']
