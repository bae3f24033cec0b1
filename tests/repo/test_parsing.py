"""Sources that only Python before 3.7 reads."""

from __future__ import annotations

import ast

import pytest

from migrate.edits.errors import EditError
from migrate.edits.model import Replace
from migrate.edits.rewrite import rewrite
from migrate.facts.model import Span
from migrate.repo.parsing import STAND_IN, parse


@pytest.mark.parametrize(
    ("source", "name_at"),
    [
        ("x.cuda(async=True)\n", (1, 7)),
        ("x.cuda(async = True)\n", (1, 7)),
        ("y = 'ü'; x.cuda(1, async=True)\n", (1, 20)),  # columns are of UTF-8, as everywhere in ast
        ("def f():\r\n    return x.cuda(\r\n        async=True)\r\n", (3, 8)),
        ('"""async=True\nasync for"""\nx.cuda(async=True)  # async=False\n', (3, 7)),
        ("x = 1\n\x0c\nx.cuda(async=True)\n", (3, 7)),
    ],
)
def test_async_as_a_keyword_argument_keeps_its_place(source: str, name_at: tuple[int, int]) -> None:
    for given in (source, source.encode()):
        (keyword,) = [n for n in ast.walk(parse(given)) if isinstance(n, ast.keyword)]
        assert keyword.arg == STAND_IN
        assert (keyword.lineno, keyword.col_offset) == name_at


def test_an_encoding_of_its_own() -> None:
    source = "# -*- coding: euc_jp -*-\nx.cuda('学習', async=True)\n".encode("euc_jp")
    (call,) = [n for n in ast.walk(parse(source)) if isinstance(n, ast.Call)]
    assert [ast.literal_eval(call.args[0]), call.keywords[0].arg] == ["学習", STAND_IN]


@pytest.mark.parametrize("source", ["async = 3\nprint(async)\n", "def f(async=1):\n    return async\n", "x.async(1)\n"])
def test_async_as_any_other_name(source: str) -> None:
    assert STAND_IN in ast.dump(parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n    async with a as b:\n        await b\n",
        "x = 'async=True'\n",
        "f(a5ync=1)\n",
        "async  \\\n  def f():\n    pass\n",
    ],
)
def test_what_python_reads_stays_what_it_is(source: str) -> None:
    assert ast.dump(parse(source)) == ast.dump(ast.parse(source))


@pytest.mark.parametrize("source", ["x.cuda(async=True\n", "print 'async'\nx.cuda(async=True)\n", "async def\n", b"\xff async=\n"])
def test_what_no_python_reads_is_refused_with_the_first_reason(source: str | bytes) -> None:
    with pytest.raises(SyntaxError) as ours:
        parse(source)
    with pytest.raises(SyntaxError) as pythons:
        ast.parse(source)
    assert str(ours.value) == str(pythons.value)


def test_an_edit_leaves_the_name_alone() -> None:
    source = b"path = './data'\nx.cuda(async=True)\n"
    assert rewrite(source, [Replace("a.py", Span(1, 7, 1, 15), "'./more'")]) == b"path = './more'\nx.cuda(async=True)\n"


def test_an_edit_that_writes_the_name_anew_is_refused() -> None:
    source = b"path = './data'\nx.cuda(async=True)\n"
    with pytest.raises(EditError, match="before 3.7"):
        rewrite(source, [Replace("a.py", Span(1, 7, 1, 15), f"f({STAND_IN}=1)")])
