"""Source bytes to text and back: PEP 263, byte order mark, line ends; and splicing that leaves every other byte as it was.

``ast`` counts columns in UTF-8 bytes whatever the file's encoding is, so edits are placed in ``Text.utf8`` and carried over to the
file's own bytes here.
"""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from migrate.edits.errors import EditError

# Python ends a line at these and nowhere else; str.splitlines would also break at \x0b, \x0c, \x1c-\x1e, \x85, U+2028 and U+2029.
_NEWLINE = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class Splice:
    """Put ``text`` in the place of ``Text.utf8[start:end]``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Text:
    """A source file, decoded. ``raw`` is without the byte order mark; ``newline`` is the most frequent line end."""

    raw: bytes
    text: str
    encoding: str
    bom: bool
    newline: str
    final_newline: bool

    @cached_property
    def utf8(self) -> bytes:
        """The text as ``ast`` counts it."""
        return self.raw if self.encoding == "utf-8" else self.text.encode()

    @cached_property
    def lines(self) -> tuple[int, ...]:
        """Where each line begins in ``utf8``; line 1 is at index 0."""
        return (0, *(match.end() for match in _NEWLINE.finditer(self.utf8)))

    def line_end(self, offset: int) -> int:
        """Where the line that holds ``offset`` ends in ``utf8``, before its newline."""
        match = _NEWLINE.search(self.utf8, offset)
        return match.start() if match else len(self.utf8)

    def newline_at(self, offset: int) -> str:
        """The newline that ends the line which holds ``offset``; the file's usual one where it is the last."""
        match = _NEWLINE.search(self.utf8, offset)
        return match.group().decode() if match else self.newline

    def splice(self, splices: Sequence[Splice]) -> bytes:
        """The file's bytes with ``splices`` done, in order; they must be sorted and not overlap.

        Raises UnicodeEncodeError when the encoding has no place for an inserted character.
        """
        at = self._raw_offsets()
        parts = [codecs.BOM_UTF8] if self.bom else []
        done = 0
        for splice in splices:
            parts += [self.raw[at(done) : at(splice.start)], splice.text.encode(self.encoding)]
            done = splice.end
        parts.append(self.raw[at(done) :])
        return b"".join(parts)

    def _raw_offsets(self) -> _Offsets:
        if self.encoding == "utf-8":
            return _Offsets(self.utf8, None)
        return _Offsets(self.utf8, _character_starts(self.raw, self.encoding))


@dataclass(frozen=True)
class _Offsets:
    """From an offset in UTF-8 to one in the file's own bytes; ``starts`` holds where each character begins there."""

    utf8: bytes
    starts: list[int] | None

    def __call__(self, offset: int) -> int:
        if self.starts is None:
            return offset
        return self.starts[len(self.utf8[:offset].decode())]


def _character_starts(raw: bytes, encoding: str) -> list[int]:
    # Encoding the text again would not do: cp932 has several codes for one character, and the file's own must stay.
    decoder = codecs.getincrementaldecoder(encoding)()
    starts, end = [], 0
    for index in range(len(raw)):
        for _ in decoder.decode(raw[index : index + 1]):
            starts.append(end)
            end = index + 1
    starts += [end] * len(decoder.decode(b"", True))
    return [*starts, len(raw)]


def decode(source: bytes, path: str = "") -> Text:
    """Read ``source`` as Python would. Raises EditError when its encoding is unknown or does not fit its bytes."""
    # Python looks for the coding line after it has turned every line end into \n.
    head = source[:4096].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(head).readline)[0]
        bom = source.startswith(codecs.BOM_UTF8)
        encoding = "utf-8" if encoding == "utf-8-sig" else codecs.lookup(encoding).name
        raw = source[len(codecs.BOM_UTF8) :] if bom else source
        text = raw.decode(encoding)
        if "ascii".encode(encoding) != b"ascii":
            raise EditError(path, f"the encoding {encoding} cannot hold source code")
    except (SyntaxError, LookupError, UnicodeError) as error:
        raise EditError(path, f"cannot be decoded: {error}") from error
    ends = Counter(_NEWLINE.findall(raw))
    newline = max(ends, key=lambda end: (ends[end], end == b"\n")).decode() if ends else "\n"
    return Text(raw, text, encoding, bom, newline, raw.endswith((b"\n", b"\r")))
