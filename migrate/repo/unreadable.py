"""Why Python cannot read a file, in a few words with the line."""

from __future__ import annotations

import re

_PYTHON2 = re.compile(
    r"^\s*(?:print\s+[^(=\s]|print\s*$|print\s*>>|exec\s+[\"'\w]|raise\s+\w[\w.]*\s*,|except\s+[\w.()\s,]+,\s*\w+\s*:)|`[^`]+`|<>|\b0[0-7]+\b|\b\d+[lL]\b|\bur[\"']"
)
_MAGIC = re.compile(r"^\s*(?:[%!]|get_ipython)")


def reason_of(source: bytes, error: Exception) -> str:
    """The reason for the report: ``Python 2 source, line 7``."""
    if isinstance(error, (RecursionError, MemoryError)):
        return "too deeply nested for Python's parser"
    if isinstance(error, UnicodeError) or not isinstance(error, SyntaxError):
        return "not text: holds null bytes" if b"\0" in source else f"cannot be decoded: {error}"
    lines = source.decode("latin-1").splitlines()
    line = error.lineno or 1
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    message = (error.msg or "invalid syntax").splitlines()[0]
    if "encoding" in message or "codec" in message or "non-UTF-8" in message.lower():
        return f"encoding: {message}"
    if "null bytes" in message:
        return "not text: holds null bytes"
    if "print" in message and "parentheses" in message or "exec" in message and "parentheses" in message:
        return f"Python 2 source, line {line}"
    if _PYTHON2.search(text) or "leading zeros" in message or "multiple exception types" in message:
        return f"Python 2 source, line {line}"
    if re.search(r"\bawait\s*=", text):
        return f"source for Python before 3.7 (await used as a name), line {line}"
    if isinstance(error, TabError):
        return f"tabs and spaces mixed in indentation, line {line}"
    if _MAGIC.match(text):
        return f"a notebook's magic command, line {line}"
    if isinstance(error, IndentationError):
        return f"wrong indentation, line {line}"
    return f"syntax error, line {line}: {message}"
