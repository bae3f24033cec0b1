"""Edits by what they stand at, for the tests of this room."""

from __future__ import annotations

import ast

from migrate.edits.encoding import decode
from migrate.edits.imports import local_name
from migrate.edits.model import AddArgument, AddImport, Insert, Replace
from migrate.facts.model import Span

PATH = "train.py"


def expression(source: bytes, code: str, number: int = 0) -> Span:
    """The ``number``-th outermost expression that unparses to ``code``."""
    tree = ast.parse(decode(source).text)
    found = [Span.of(node) for node in ast.walk(tree) if isinstance(node, ast.expr) and ast.unparse(node) == code]
    return sorted(set(found))[number]


def statement(source: bytes, code: str, number: int = 0) -> Span:
    """The ``number``-th statement whose first line unparses to ``code``."""
    tree = ast.parse(decode(source).text)
    found = [Span.of(node) for node in ast.walk(tree) if isinstance(node, ast.stmt) and ast.unparse(node).split("\n")[0] == code]
    return sorted(found)[number]


def replace(source: bytes, code: str, new: str, number: int = 0) -> Replace:
    return Replace(PATH, expression(source, code, number), new)


def argument(source: bytes, call: str, new: str) -> AddArgument:
    return AddArgument(PATH, expression(source, call), new)


def insert(source: bytes, at: str, new: str, after: bool = False, number: int = 0) -> Insert:
    return Insert(PATH, statement(source, at, number), new, after)


def name_for(source: bytes, module: str, name: str | None = None, use: str | None = None, **more: object) -> tuple[str, AddImport | None]:
    before = expression(source, use) if use else None
    return local_name(ast.parse(decode(source).text), PATH, module, name, before=before, **more)  # type: ignore[arg-type]
