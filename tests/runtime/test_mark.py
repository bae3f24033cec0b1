"""The mark of generated files, and the support file that carries it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.generate.mark import mark, read_mark
from migrate.runtime import support_source


@given(content=st.binary(max_size=200), comment=st.sampled_from(["#", "//", "--", "<!--"]))
def test_mark_tells_made_from_edited(content: bytes, comment: str) -> None:
    made = mark(content, comment)
    assert read_mark(made) is True
    assert read_mark(made.replace(b"\n", b"\r\n")) in ((True,) if b"\r" not in content else (True, False))
    assert read_mark(made + b"edited") is False
    assert mark(content, comment) == made


@pytest.mark.parametrize(
    "content", [b"", b"import os\n", b"# Made by hand; hash of nothing\n", b"x\n# Made by migrate; hash 0123456789abcdef\n", b"\xff\xfe"]
)
def test_a_file_of_someone_else_has_no_mark(content: bytes) -> None:
    assert read_mark(content) is None


def test_a_shebang_stays_first() -> None:
    made = mark(b"#!/bin/sh\necho hi\n")
    assert made.splitlines()[0] == b"#!/bin/sh" and made.splitlines()[1].startswith(b"# Made by migrate; hash ")
    assert read_mark(made) is True
    assert read_mark(made.replace(b"/bin/sh", b"/bin/bash")) is False


def test_support_source_is_marked_python() -> None:
    source = support_source()
    assert read_mark(source) is True
    assert source.startswith(b"# Made by migrate; hash ") and source.endswith(b"\n")


def test_support_source_is_python_36_and_small() -> None:
    tree = ast.parse(support_source(), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"argparse", "decimal", "json", "os", "re", "sys", "typing"}
    assert all(len(line) <= 140 for line in support_source().decode("ascii").splitlines())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert max(node.end_lineno - node.lineno for node in functions if node.end_lineno) <= 60
