"""The first-line mark of generated files: tells a file that is as it was made from one that a person has edited."""

from __future__ import annotations

import hashlib
import re

_WORDS = b"Made by migrate; hash "
_LINE = re.compile(rb"^\S+ Made by migrate; hash ([0-9a-f]{16})\b.*\n?", re.MULTILINE)


def mark(content: bytes, comment: str = "#") -> bytes:
    """``content`` with the mark as its first line (after a ``#!`` line, which has to stay first).

    ``comment`` opens a comment in the file's language; ``<!--`` is closed by ``-->``.
    """
    end = b" -->" if comment == "<!--" else b""
    line = comment.encode() + b" " + _WORDS + _hash(content).encode() + end + b"\n"
    shebang, rest = _split_shebang(content)
    if shebang and not rest and not shebang.endswith(b"\n"):
        return mark(content + b"\n", comment)
    return shebang + line + rest


def read_mark(content: bytes) -> bool | None:
    """True: a generated file as it was made; False: a person has edited it since; None: not a generated file.

    Line ends do not count, since git may change them on checkout.
    """
    shebang, rest = _split_shebang(content)
    found = _LINE.match(rest)
    if found is None:
        return None
    return found.group(1).decode() == _hash(shebang + rest[found.end() :])


def _split_shebang(content: bytes) -> tuple[bytes, bytes]:
    if not content.startswith(b"#!"):
        return b"", content
    first, newline, rest = content.partition(b"\n")
    return first + newline, rest


def _hash(content: bytes) -> str:
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()[:16]
