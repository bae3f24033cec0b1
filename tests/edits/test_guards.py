"""A guarded call is done only on its condition; everything else stays as it was."""

from __future__ import annotations

import pytest

from migrate.edits.conflicts import drop_conflicts
from migrate.edits.errors import EditError
from migrate.edits.model import Guard
from migrate.edits.rewrite import rewrite
from tests.edits.spans import PATH, argument, expression, insert, replace
from tests.edits.test_conflicts import finding

CASES = [
    ("a statement", b"a()\nf(1)  # why\nb()\n", "f(1)", b"a()\nif t:\n    f(1)  # why\nb()\n"),
    ("the last of a file", b"f(1)", "f(1)", b"if t:\n    f(1)"),
    ("in a block", b"def g():\n  # c\n  f(1)\n", "f(1)", b"def g():\n  # c\n  if t:\n    f(1)\n"),
    ("tabs", b"def g():\n\tf(1)\n", "f(1)", b"def g():\n\tif t:\n\t\tf(1)\n"),
    ("CRLF", b"x\r\nf(1)\r\n", "f(1)", b"x\r\nif t:\r\n    f(1)\r\n"),
    ("over lines", b"f(\n    1,\n\n    2,\n)\n", "f(1, 2)", b"if t:\n    f(\n        1,\n\n        2,\n    )\n"),
    ("a text over lines", b"f('''a\n b''')\n", "f('a\\n b')", b"f('''a\n b''') if t else None\n"),
    ("beside another", b"f(1); g()\n", "f(1)", b"f(1) if t else None; g()\n"),
    ("behind another", b"g(); f(1)\n", "f(1)", b"g(); f(1) if t else None\n"),
    ("on the line of an if", b"if x: f(1)\n", "f(1)", b"if x: f(1) if t else None\n"),
    ("in brackets", b"(f(1))\n", "f(1)", b"(f(1) if t else None)\n"),
    ("a value", b"x = f(1)\n", "f(1)", b"x = f(1) if t else None\n"),
    ("in a sum", b"x = f(1) + 1\n", "f(1)", b"x = (f(1) if t else None) + 1\n"),
    ("before a dot", b"x = f(1).y\n", "f(1)", b"x = (f(1) if t else None).y\n"),
    ("an argument", b"g(f(1))\n", "f(1)", b"g(f(1) if t else None)\n"),
    ("the branch of an else", b"if x:\n    a\nelse:\n    f(1)\n", "f(1)", b"if x:\n    a\nelse:\n    if t:\n        f(1)\n"),
    ("multi-byte", "é = 1\nf('é', 1)\n".encode(), "f('é', 1)", "é = 1\nif t:\n    f('é', 1)\n".encode()),
]


@pytest.mark.parametrize(("source", "call", "result"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_guard(source: bytes, call: str, result: bytes) -> None:
    assert rewrite(source, [Guard(PATH, expression(source, call), "t")]) == result


def test_what_changes_inside_and_beside_it_is_done_too() -> None:
    source = b"f('a')\n"
    edits = [
        Guard(PATH, expression(source, "f('a')"), "t"),
        replace(source, "'a'", "g()"),
        argument(source, "f('a')", "k=1"),
        insert(source, "f('a')", "before()"),
        insert(source, "f('a')", "after()", after=True),
    ]
    assert rewrite(source, edits) == b"before()\nif t:\n    f(g(), k=1)\nafter()\n"
    assert drop_conflicts([finding(edit) for edit in edits])[1] == []


def test_one_guard_inside_another() -> None:
    source = b"x = f(g(1))\n"
    edits = [Guard(PATH, expression(source, "f(g(1))"), "t", "0"), Guard(PATH, expression(source, "g(1)"), "u")]
    assert rewrite(source, edits) == b"x = f(g(1) if u else None) if t else 0\n"
    assert drop_conflicts([finding(edit) for edit in edits])[1] == []


def test_a_call_is_guarded_once_and_not_where_it_is_replaced() -> None:
    source = b"f(1)\n"
    call = expression(source, "f(1)")
    for other in (Guard(PATH, call, "u"), replace(source, "f(1)", "g()")):
        with pytest.raises(EditError):
            rewrite(source, [Guard(PATH, call, "t"), other])
        assert drop_conflicts([finding(Guard(PATH, call, "t")), finding(other)])[1] != []


def test_only_a_call_is_guarded() -> None:
    source = b"x = a\n"
    with pytest.raises(EditError):
        rewrite(source, [Guard(PATH, expression(source, "a"), "t")])
