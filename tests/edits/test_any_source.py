"""Any edits on any source: the result parses, says what was asked, and everything else is there to the byte. The sources are real ones:
Python's own library and this project."""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
from pathlib import Path
from random import Random

import pytest

from migrate.edits.encoding import decode
from migrate.edits.errors import EditError
from migrate.edits.model import AddArgument, Edit, Insert, Replace
from migrate.edits.rewrite import rewrite
from migrate.facts.model import Span
from tests.edits.spans import PATH, name_for

LIBRARY = Path(argparse.__file__).parent
FILES = [
    *(LIBRARY / name for name in ("this.py", "heapq.py", "textwrap.py", "json/encoder.py", "keyword.py")),
    *sorted((Path(__file__).parents[2] / "migrate" / "edits").glob("[a-z]*.py")),
]


def nodes(tree: ast.Module, kind: type[ast.AST]) -> list[ast.AST]:
    """Those that can be edited: not within f-strings or patterns."""
    closed = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, (ast.JoinedStr, ast.pattern))
        for inner in ast.walk(outer)
        if inner is not outer
    }
    return [node for node in ast.walk(tree) if isinstance(node, kind) and id(node) not in closed]


def comments(source: bytes) -> list[str]:
    return [token.string for token in tokenize.tokenize(io.BytesIO(source).readline) if token.type == tokenize.COMMENT]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_strings_to_calls_changes_just_them(path: Path, newline: bytes) -> None:
    source = path.read_bytes().replace(b"\n", newline)
    tree = ast.parse(decode(source).text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in nodes(tree, ast.Constant) if isinstance(node.value, str) and id(node) not in docstrings]  # type: ignore[attr-defined]
    picked = Random(path.name).sample(texts, min(len(texts), 60))
    lines = decode(source).utf8.split(newline)
    edits: list[Edit] = []
    for node in picked:
        assert isinstance(node, ast.Constant)
        span = Span.of(node)
        if span.line == span.end_line:
            code = lines[span.line - 1][span.column : span.end_column].decode()
            edits.append(Replace(PATH, span, f"sure({code})"))
    changed = rewrite(source, edits)
    assert changed.count(b"sure(") - source.count(b"sure(") == len(edits)
    for edit in edits:
        assert isinstance(edit, Replace)
        changed = changed.replace(edit.code.encode(), edit.code[5:-1].encode())
    assert changed == source


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_all_sorts_of_edits(path: Path, seed: int) -> None:
    source = path.read_bytes()
    tree = ast.parse(decode(source).text)
    random = Random(seed)
    edits: list[Edit] = []
    for node in random.sample(calls := nodes(tree, ast.Call), min(len(calls), 8)):
        edits.append(AddArgument(PATH, Span.of(node), random.choice(["brand_new=1", "'brand_new'", "brand_new=lambda: (1, 2)"])))  # type: ignore[arg-type]
    for node in random.sample(statements := nodes(tree, ast.stmt), min(len(statements), 8)):
        code = random.choice(["brand_new = 1", "if brand_new:\n    pass\n# why\nelse:\n    pass\n"])
        edits.append(Insert(PATH, Span.of(node), code, random.random() < 0.5))  # type: ignore[arg-type]
    for module, name in (("os", None), ("colorsys", None), ("support", "brand_new")):
        _, add = name_for(source, module, name)
        edits += [add] if add else []
    random.shuffle(edits)
    changed = None
    while changed is None:
        try:
            changed = rewrite(source, edits)
        except EditError as error:  # one that cannot be done names itself, and all others can
            assert error.edit is not None, error
            edits.remove(error.edit)
    assert len(edits) > 3
    assert [line for line in comments(changed) if line != "# why"] == comments(source)
    assert rewrite(source, edits * 2) == changed
    touched = {line for edit in edits if isinstance(edit, (AddArgument, Insert)) for line in _lines(edit)}
    rest = iter(changed.split(b"\n"))
    lost = [line for number, line in enumerate(source.split(b"\n"), 1) if number not in touched and line not in rest]
    assert lost == []  # each is there as it was, in order


def _lines(edit: AddArgument | Insert) -> range:
    span = edit.call if isinstance(edit, AddArgument) else edit.statement
    return range(span.line, span.end_line + 1)
