"""Changes as a patch that ``git apply`` takes, and that gives exactly the bytes which apply writes."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from migrate.edits.changes import Change

_CONTEXT = 3
_ESCAPES = {7: b"\\a", 8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r", 34: b'\\"', 92: b"\\\\"}


def diff(changes: Sequence[Change], prefix: str = "") -> bytes:
    """The patch of ``changes``, in the order of their paths.

    ``prefix`` leads from the git root to the folder that the paths are relative to (``migrate.edits.state.prefix``).
    """
    changed = sorted((change for change in changes if change.old != change.new), key=lambda change: change.path)
    return b"".join(_one(change, prefix) for change in changed)


def _one(change: Change, prefix: str) -> bytes:
    name = (prefix + change.path).encode("utf-8", "surrogateescape")
    old, new = change.old or b"", change.new or b""
    parts = [b"diff --git %s %s\n" % (_quote(b"a/" + name), _quote(b"b/" + name))]
    mode = b"100755" if change.mode & 0o100 else b"100644"
    if change.old is None:
        parts.append(b"new file mode %s\n" % mode)
    if change.new is None:
        parts.append(b"deleted file mode %s\n" % mode)
    if b"\0" in old or b"\0" in new:
        parts.append(
            b"index %s..%s%s\n" % (_blob(change.old), _blob(change.new), b" " + mode if None not in (change.old, change.new) else b"")
        )
        parts.append(b"GIT binary patch\n" + _literal(new) + b"\n" + _literal(old) + b"\n")
        return b"".join(parts)
    hunks = b"".join(_hunks(_lines(old), _lines(new)))
    if hunks:
        parts.append(b"--- %s\n" % (_file(b"a/" + name) if change.old is not None else b"/dev/null"))
        parts.append(b"+++ %s\n" % (_file(b"b/" + name) if change.new is not None else b"/dev/null"))
    return b"".join([*parts, hunks])


def _quote(name: bytes) -> bytes:
    """A name as git writes it: in C quotes as soon as it has a byte that is special, or not ASCII."""
    if all(32 <= byte < 127 and byte not in _ESCAPES for byte in name):
        return name
    return b'"%s"' % b"".join(_ESCAPES.get(byte) or (bytes([byte]) if 32 <= byte < 127 else b"\\%03o" % byte) for byte in name)


def _file(name: bytes) -> bytes:
    # git ends a name that holds a blank with a tab, so that no date is looked for behind the blank
    quoted = _quote(name)
    return quoted + b"\t" if b" " in quoted and not quoted.startswith(b'"') else quoted


def _lines(content: bytes) -> list[bytes]:
    """Lines as git has them: they end at \\n only, and keep it."""
    lines = content.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + [lines[-1]] * bool(lines[-1])


def _hunks(old: list[bytes], new: list[bytes]) -> Iterator[bytes]:
    for group in _groups(old, new):
        first, last = group[0], group[-1]
        yield b"@@ -%s +%s @@\n" % (_range(first[1], last[2]), _range(first[3], last[4]))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (_marked(b" ", line) for line in old[i1:i2])
            else:
                yield from (_marked(b"-", line) for line in old[i1:i2])
                yield from (_marked(b"+", line) for line in new[j1:j2])


def _groups(old: list[bytes], new: list[bytes]) -> list[list[tuple[str, int, int, int, int]]]:
    """difflib's groups, computed on the part between what both begin and end with: the matching is quadratic."""
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    tail = next((i for i in range(shorter - head) if old[-1 - i] != new[-1 - i]), shorter - head)
    head, tail = max(0, head - _CONTEXT), max(0, tail - _CONTEXT)
    matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    return [
        [(tag, i1 + head, i2 + head, j1 + head, j2 + head) for tag, i1, i2, j1, j2 in group]
        for group in matcher.get_grouped_opcodes(_CONTEXT)
    ]


def _range(start: int, stop: int) -> bytes:
    length = stop - start
    if length == 1:
        return b"%d" % (start + 1)
    return b"%d,%d" % (start + 1 if length else start, length)


def _marked(mark: bytes, line: bytes) -> bytes:
    return mark + line if line.endswith(b"\n") else mark + line + b"\n\\ No newline at end of file\n"


def _blob(content: bytes | None) -> bytes:
    if content is None:
        return b"0" * 40
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest().encode()


def _literal(content: bytes) -> bytes:
    """A whole file in git's binary form: 52 bytes a line, each line led by its length as a letter."""
    packed = zlib.compress(content)
    lines = [b"literal %d\n" % len(content)]
    for start in range(0, len(packed), 52):
        chunk = packed[start : start + 52]
        size = len(chunk)
        letter = bytes([64 + size]) if size <= 26 else bytes([70 + size])
        lines.append(letter + base64.b85encode(chunk, pad=True) + b"\n")
    return b"".join(lines)
