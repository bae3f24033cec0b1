"""Every encoding and line end that Python reads: edits land where ast says, and all other bytes stay."""

from __future__ import annotations

import ast
import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.edits.encoding import decode
from migrate.edits.errors import EditError
from migrate.edits.model import Edit
from migrate.edits.rewrite import rewrite
from tests.edits.spans import insert, name_for, replace

CODE = "# 日本語のソース表\nx = 'データ'; y = 'a'  # 学習率ソ\ndef 関数():\n\treturn '能'  # 表\n"

ENCODINGS = ["utf-8", "cp932", "shift_jis", "euc_jp", "iso2022_jp", "gb18030"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_asian_encodings(encoding: str, newline: str) -> None:
    source = f"# coding: {encoding}\n{CODE}".replace("\n", newline).encode(encoding)
    name, add = name_for(source, "os", use="'a'")
    assert add
    edits: list[Edit] = [add, replace(source, "'a'", f"{name}.environ.get('A', 'a')"), insert(source, "return '能'", "pass", after=False)]
    want = f"# coding: {encoding}\n{CODE}".replace("'a'", "os.environ.get('A', 'a')").replace("\treturn", "\tpass\n\treturn")
    head, _, rest = want.partition("\nx = ")
    want = f"{head}\nimport os\n\nx = {rest}".replace("\n", newline)
    assert rewrite(source, edits) == want.encode(encoding)


def test_a_character_with_two_codes_keeps_its_own() -> None:
    # cp932 has several codes for one character (NEC and IBM rows); Python writes but one of them
    twice = b"\x87\x90\x81\xe0\xee\xf9\xfa\x54"
    assert twice.decode("cp932").encode("cp932") != twice
    source = b"# coding: cp932\nx = '" + twice + b"', 'a'  # " + twice + b"\n"
    assert rewrite(source, [replace(source, "'a'", "b")]) == source.replace(b"'a'", b"b")


@pytest.mark.parametrize(
    "line", ["# -*- coding: latin-1 -*-", "#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :", "\n# coding=cp1252"]
)
def test_one_byte_encodings(line: str) -> None:
    source = line.encode() + b"\nx = '\xe9\xe8', 'a' # \xff\n"
    assert rewrite(source, [replace(source, "'a'", "'\xe4'")]) == source.replace(b"'a'", b"'\xe4'")


def test_byte_order_mark() -> None:
    source = codecs.BOM_UTF8 + "x = 'é', 'a'\r\n".encode()
    text = decode(source)
    assert (text.bom, text.encoding, text.newline, text.final_newline) == (True, "utf-8", "\r\n", True)
    _, add = name_for(source, "os")
    assert add
    assert rewrite(source, [replace(source, "'a'", "os.x"), add]) == codecs.BOM_UTF8 + "import os\r\n\r\nx = 'é', os.x\r\n".encode()


@pytest.mark.parametrize(
    ("source", "newline", "final"),
    [(b"", "\n", False), (b"a", "\n", False), (b"a\r\nb\r\nc\n", "\r\n", True), (b"a\rb", "\r", False), (b"a\r\nb\n", "\n", True)],
)
def test_line_ends(source: bytes, newline: str, final: bool) -> None:
    text = decode(source)
    assert (text.newline, text.final_newline) == (newline, final)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"# coding: rot13\n", "rot13|text encoding"),
        (b"# coding: utf-16\n", "utf-16"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", "encoding"),
        (b"# coding: cp932\n\x81", "cp932|decode"),
        (b"\xff\xfea\0", "decode|utf-8"),
    ],
)
def test_what_python_would_not_read(source: bytes, reason: str) -> None:
    with pytest.raises(EditError, match=reason):
        decode(source, "train.py")


ODD = st.sampled_from(
    ["x = 'é'", "y = '\x0c\x1c\x1d\x85\u2028\u2029日𝒳'", "\x0cz = 1", "# c \x0b\x1e\x85", "if a:\n\tb = '''p\nq'''", "", "f('é' ,  'a')"]
)


@given(st.lists(st.tuples(ODD, st.sampled_from(["\n", "\r\n", "\r"])), max_size=8), st.booleans(), st.sampled_from(["", "\n"]), st.data())
def test_any_file_keeps_every_other_byte(lines: list[tuple[str, str]], bom: bool, last: str, data: st.DataObject) -> None:
    before = "".join(line + end for line, end in lines)
    source = (codecs.BOM_UTF8 if bom else b"") + (before + "w = 'é日', 'mark'  # c" + last).encode()
    changed = rewrite(source, [replace(source, "'mark'", "f('mark')")])
    assert changed == source.replace(b"'mark'", b"f('mark')")
    number = len([node for node in ast.parse(decode(source).text).body if ast.unparse(node).startswith("w")])
    assert number == 1
    inserted = rewrite(source, [insert(source, "w = ('é日', 'mark')", "n = 1", after=data.draw(st.booleans()))])
    text = decode(inserted)
    assert inserted.count(b"n = 1") == 1
    for end in ("\n", "\r\n", "\r"):
        one = ("n = 1" + end).encode()
        other = (end + "n = 1").encode()
        if inserted.replace(one, b"") == source or inserted.replace(other, b"") == source:
            break
    else:
        pytest.fail(f"more than one line changed: {text.text!r}")
