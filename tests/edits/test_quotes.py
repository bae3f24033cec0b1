"""New code takes the quotes of its file."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.edits.model import AddArgument, Guard, Insert, Replace
from migrate.edits.quotes import in_style, single
from migrate.edits.rewrite import rewrite
from migrate.facts.model import Span

SINGLE = "a = './data'\nb = f('x', 'y')\n"


def test_a_file_of_single_quotes_gets_single_quotes() -> None:
    new = rewrite(
        SINGLE.encode(), [Replace("a.py", Span(1, 4, 1, 12), "g(\"SM_X\", './data')"), AddArgument("a.py", Span(2, 4, 2, 15), 'z="?"')]
    )
    assert new == b"a = g('SM_X', './data')\nb = f('x', 'y', z='?')\n"


def test_guards_and_statements_too() -> None:
    edits = [Guard("a.py", Span(2, 4, 2, 15), '"SM_X" in e'), Insert("a.py", Span(1, 0, 1, 12), 'c = "d"')]
    assert rewrite(SINGLE.encode(), edits) == b"c = 'd'\na = './data'\nb = f('x', 'y') if 'SM_X' in e else None\n"


def test_a_text_that_is_taken_over_keeps_its_own() -> None:
    source = "a = \"./data\"\nb = f('x', 'y', 'z')\n"
    assert rewrite(source.encode(), [Replace("a.py", Span(1, 4, 1, 12), 'g("SM_X", "./data")')]).startswith(b"a = g('SM_X', \"./data\")\n")


@pytest.mark.parametrize(
    "source",
    [
        'a = "./data"\nb = f("x", "y")\n',
        "a = './data'\nb = \"x\"\n",  # no style to speak of
        "a = 3\n",
        '"""It\'s a \'docstring\'."""\na = "b"\n',
    ],
)
def test_other_files_get_double_quotes(source: str) -> None:
    edits = [Insert("a.py", Span(1, 0, 1, 1), 'c = "d"')]
    assert in_style(edits, source) == edits


@pytest.mark.parametrize("code", ['"it\'s"', '"a\\n"', 'f"{x}"', 'b"x"', 'r"x"', '"""x"""', '("a"', "'\"'"])
def test_what_quotes_could_change_or_cannot_be_read_stays(code: str) -> None:
    assert single(code) == code


@given(st.lists(st.text(alphabet="ab\"'\\ \n{}#", max_size=8), min_size=1, max_size=4))
def test_it_means_the_same(texts: list[str]) -> None:
    code = "f(" + ", ".join('"' + t.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"' for t in texts) + ")"
    assert ast.dump(ast.parse(single(code))) == ast.dump(ast.parse(code))
