"""The one walk through a module, and the scopes that are told by it."""

from __future__ import annotations

import ast

import pytest

from migrate.facts.nodes import MOST_LEVELS, Nodes
from migrate.facts.program import Module, parse_module

SOURCE = """\
import os, sys as system
from a import (b as c)


@decorate(lambda f: f)
class Net(Base, metaclass=Meta):
    rates = [r * scale for r in range(3) if r]

    def run(self, depth: "int" = DEPTH, *rest, key=lambda k=DEPTH: k, **more) -> Made:
        global total
        total += 1
        if (found := {x: y for x, y in rest}) and [z for w in rest for z in w]:
            with open(f"{depth!r:>{found}}") as file, lock:
                pass
        try:
            a, (b, *c) = yield
        except (OSError, ValueError) as error:
            del error
        else:
            assert not -depth < 3 <= 4
        match depth:
            case {"a": [1, *_], **other} if other:
                return (await other)[1:2, ...]
"""
LEFT_OUT = (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop, ast.alias)


@pytest.fixture
def module() -> Module:
    return parse_module("net.py", SOURCE.encode())


def test_order_is_that_of_walk(module: Module) -> None:
    wanted = [node for node in ast.walk(module.tree) if not isinstance(node, LEFT_OUT)]
    assert [*map(id, module.nodes.order)] == [*map(id, wanted)]


def test_kinds_are_kept_in_order(module: Module) -> None:
    wanted = [node for node in ast.walk(module.tree) if isinstance(node, (ast.Call, ast.Name))]
    assert module.nodes.among(ast.Call, ast.Name) == wanted
    assert module.nodes.of(ast.Name) == [node for node in wanted if isinstance(node, ast.Name)]
    assert module.nodes.among(ast.Delete, ast.Nonlocal) == module.nodes.of(ast.Delete)


def test_every_node_has_its_parent(module: Module) -> None:
    annotation = next(node.annotation for node in module.nodes.of(ast.arg) if node.annotation)
    for node in module.nodes.order:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, LEFT_OUT):
                assert module.parent(child) is (None if child is annotation else node)


def _scope_of(module: Module, name: str) -> list[str]:
    """The scopes in which a name is read or written, in order."""
    return [type(module.scope(node).node).__name__ for node in module.nodes.of(ast.Name) if node.id == name]


def test_parts_of_an_expression_stand_in_their_own_scopes(module: Module) -> None:
    assert _scope_of(module, "f") == ["Lambda"]
    assert _scope_of(module, "k") == ["Lambda"]
    assert _scope_of(module, "scale") == ["ListComp"]
    assert _scope_of(module, "range") == ["ClassDef"]  # the first iterable is read outside
    assert sorted(_scope_of(module, "w")) == ["ListComp", "ListComp"]
    assert _scope_of(module, "DEPTH") == ["ClassDef", "ClassDef"]  # defaults, of the method and of a lambda among them
    assert _scope_of(module, "Made") == ["ClassDef"]
    assert _scope_of(module, "decorate") == ["Module"]
    assert set(_scope_of(module, "found")) == {"FunctionDef"}


def test_bindings_stand_in_the_scope_that_python_gives_them(module: Module) -> None:
    run = next(scope for scope in module.names.scopes.values() if isinstance(scope.node, ast.FunctionDef))
    assert set(run.bindings) == {"self", "depth", "rest", "key", "more", "found", "file", "a", "b", "c", "error"}
    assert [b.kind for b in module.names.root.bindings["total"]] == ["augmented"]


def test_what_nests_too_deep_is_told() -> None:
    with pytest.raises(ValueError, match="nests too deep"):
        Nodes(ast.parse("-" * MOST_LEVELS + "1"))


def test_segments_are_those_of_ast() -> None:
    source = "# -*- coding: utf-8 -*-\nx = ['é\x0c', f(1,\r\n  'ü' )]\ry = '''a\u2028\nb''' + z"
    module = parse_module("a.py", source.encode())
    for node in module.nodes.order:
        if isinstance(node, (ast.expr, ast.stmt)):
            assert module.segment(node) == ast.get_source_segment(module.text, node)
