"""A script whose loops have a keeper reads as the one that it was made from."""

from __future__ import annotations

import ast

import pytest

from migrate.facts.program import load_program, parse_module
from migrate.facts.unhooked import unhooked
from migrate.rules import unresumed_loop


@pytest.mark.parametrize("example", unresumed_loop.EXAMPLES)
def test_the_keeper_is_not_seen(example: object) -> None:
    before, after = ast.parse(example.before), ast.parse(example.after)  # type: ignore[attr-defined]
    assert len(unhooked(after)) == 1
    after.body = [n for n in after.body if not (isinstance(n, ast.ImportFrom) and n.module == "sagemaker_support")]
    assert ast.dump(after) == ast.dump(before)


@pytest.mark.parametrize(
    ("hooked", "plain"),
    [
        ("for x in tqdm(keeper.epochs(range(3))):\n    f()\n", "for x in tqdm(range(3)):\n    f()\n"),
        ("while keeper.turn() and a and b:\n    f()\n", "while a and b:\n    f()\n"),
        ("while keeper.turn() and (a or b):\n    f()\n", "while a or b:\n    f()\n"),
        ("while keeper.turn():\n    f()\n", "while True:\n    f()\n"),
        ("if a:\n    n = keeper.restore(m, n=n)\n    f()\n", "if a:\n    f()\n"),
    ],
)
def test_forms(hooked: str, plain: str) -> None:
    tree = ast.parse("from .sagemaker_support import keeper\n" + hooked)
    assert len(unhooked(tree)) == ("keeper.restore" not in hooked)
    del tree.body[0]
    assert ast.dump(tree) == ast.dump(ast.parse(plain))


def test_another_keeper_is_the_script_s_own() -> None:
    source = "from zoo import keeper\nimport sagemaker_support\nfor x in keeper.epochs(3):\n    keeper.restore(x)\n"
    module = parse_module("train.py", source.encode())
    assert not module.kept and ast.dump(module.tree) == ast.dump(ast.parse(source))


def test_a_function_that_a_console_script_calls_is_read_so_too() -> None:
    source = "from sagemaker_support import keeper\ndef main():\n    keeper.restore()\n    for x in keeper.epochs([1]):\n        f(x)\n"
    program = load_program("train.py", ("train.py",), lambda path: source.encode(), lambda *asked: None, function="main")
    assert len(program.main.kept) == 1 and "keeper." not in ast.unparse(program.main.tree)
    assert ast.unparse(program.main.tree).endswith("\nmain()")
