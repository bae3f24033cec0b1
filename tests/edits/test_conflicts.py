"""Two findings that want the same code: the later is dropped whole, with the reason; all others are done."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from migrate.edits.conflicts import drop_conflicts, settle
from migrate.edits.model import AddArgument, AddImport, Edit, Insert, Replace
from migrate.facts.model import Span
from tests.edits.spans import PATH, argument, expression, insert, replace

SOURCE = b"import a\np.add('--d', default='./data' + x)\nif a: b\n"
CALL = "p.add('--d', default='./data' + x)"


@dataclass(frozen=True)
class Finding:
    rule: str
    edits: tuple[Edit, ...]


def finding(*edits: Edit) -> Finding:
    return Finding("SM101", edits)


def on(path: str, edit: Replace) -> Replace:
    return Replace(path, edit.span, edit.code)


DATA = replace(SOURCE, "'./data'", "get('./data')")
SUM = replace(SOURCE, "'./data' + x", "get('./data' + x)")
WHOLE = replace(SOURCE, CALL, "None")
OPTIONAL = argument(SOURCE, CALL, "nargs='?'")


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (DATA, replace(SOURCE, "'./data'", "other()"), "line 2: another fix changes the same code"),
        (DATA, SUM, "line 2: another fix changes the same code"),
        (SUM, DATA, "line 2: another fix changes the same code"),
        (OPTIONAL, WHOLE, "line 2: another fix changes the same code"),
        (WHOLE, OPTIONAL, "line 2: another fix changes the same code"),
        (OPTIONAL, argument(SOURCE, CALL, "nargs='*'"), "line 2: another fix adds the same argument"),
        (argument(SOURCE, CALL, "p"), argument(SOURCE, CALL, "q"), "line 2: another fix adds the same argument"),
        (AddImport(PATH, "a", "n", "n"), AddImport(PATH, "b", "n", "n"), "another import takes the name n"),
    ],
)
def test_conflict(first: Edit, second: Edit, reason: str) -> None:
    kept, dropped = drop_conflicts([finding(first), finding(second)])
    assert kept == [finding(first)]
    assert dropped == [(finding(second), f"{PATH}: {reason}")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (DATA, DATA),
        (OPTIONAL, DATA),
        (SUM, OPTIONAL),
        (OPTIONAL, argument(SOURCE, CALL, "required=False")),
        (OPTIONAL, argument(SOURCE, CALL, "'--data'")),
        (DATA, replace(SOURCE, "x", "y")),
        (DATA, on("other.py", SUM)),
        (WHOLE, insert(SOURCE, CALL, "n = 1")),
        (insert(SOURCE, CALL, "n = 1"), insert(SOURCE, CALL, "n = 2")),
        (AddImport(PATH, "os", "os"), AddImport(PATH, "sys", "sys")),
        (AddImport(PATH, "os", "os"), AddImport("other.py", "x", "os", "os")),
    ],
)
def test_no_conflict(first: Edit, second: Edit) -> None:
    assert drop_conflicts([finding(first), finding(second)]) == ([finding(first), finding(second)], [])


def test_the_whole_finding_goes_and_leaves_room_for_the_next() -> None:
    both = finding(on("other.py", DATA), SUM)
    kept, dropped = drop_conflicts([finding(DATA), both, finding(on("other.py", SUM))])
    assert kept == [finding(DATA), finding(on("other.py", SUM))]
    assert [one for one, _ in dropped] == [both]


def test_a_finding_that_contradicts_itself() -> None:
    assert drop_conflicts([finding(DATA, SUM)])[1]


def test_settle_writes_what_can_be_done() -> None:
    good, other = finding(DATA, OPTIONAL), finding(on("other.py", replace(SOURCE, "x", "y")))
    no_place = finding(insert(SOURCE, "b", "for n in m:\n    o\n"), on("other.py", DATA))
    broken, absent = finding(Replace("broken.py", Span(1, 0, 1, 1), "b")), finding(Replace(PATH, Span(1, 0, 1, 1), "z"))
    settled = settle([no_place, good, broken, absent, other], {PATH: SOURCE, "other.py": SOURCE, "broken.py": b"("})
    assert settled.kept == (good, other)
    assert settled.files == {
        PATH: b"import a\np.add('--d', default=get('./data') + x, nargs='?')\nif a: b\n",
        "other.py": b"import a\np.add('--d', default='./data' + y)\nif a: b\n",
    }
    assert list(settled.failed) == ["broken.py"]
    assert {one: reason.split(":")[0] for one, reason in settled.dropped} == {no_place: PATH, broken: "broken.py", absent: PATH}


def test_settle_of_nothing() -> None:
    assert settle([finding()], {}).files == {}


def test_spans_that_only_touch_are_no_conflict() -> None:
    source = b"x = a[b]c\n".replace(b"c", b"")
    one, two = Replace(PATH, expression(source, "a"), "p"), Replace(PATH, expression(source, "b"), "q")
    assert drop_conflicts([finding(one, two, AddArgument(PATH, Span(3, 0, 3, 4), "k=1"), Insert(PATH, Span(1, 0, 1, 8), "n"))])[1] == []
