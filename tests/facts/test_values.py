"""Following values: circles, and code where everything leads to everything."""

from __future__ import annotations

import ast

from migrate.facts.arguments import find_arguments
from migrate.facts.model import Arguments
from migrate.facts.parts import text_of
from migrate.facts.program import Program
from migrate.facts.values import Values
from tests.facts.programs import paths_of, program_of

CIRCLE = """\
def first(n):
    return second(n) if n else "one"


def second(n):
    return first(n - 1) + ".txt"


open(first(2), "w")
open(second(2), "w")
"""


def _texts(program: Program, values: Values, index: int) -> set[str]:
    calls = [call for call in program.main.calls() if isinstance(call.func, ast.Name) and call.func.id == "open"]
    return {text_of(value) for value in values.of(program.main, calls[index].args[0])}


def test_a_circle_is_the_same_whoever_asks_first() -> None:
    program = program_of({"train.py": CIRCLE})
    arguments = Arguments("none")
    forwards, backwards = Values(program, arguments), Values(program, arguments)
    there = [_texts(program, forwards, 0), _texts(program, forwards, 1)]
    back = [_texts(program, backwards, 1), _texts(program, backwards, 0)]
    assert there == back[::-1]
    assert "one" in there[0] and "one.txt" in there[1]


def test_where_everything_calls_everything_it_ends() -> None:
    count = 14
    bodies = [f"def f{n}(a):\n    return " + " or ".join(f"f{m}(a) + '{n}'" for m in range(count)) + "\n" for n in range(count)]
    program = program_of({"train.py": "\n".join(bodies) + "\nopen(f0('x'), 'w')\n"})
    values = Values(program, Arguments("none"))
    assert _texts(program, values, 0)


def test_what_many_share_is_followed_once() -> None:
    depth = 12
    lines = ["a0 = 'x'", *(f"a{n} = a{n - 1} + a{n - 1}" for n in range(1, depth)), f"open(a{depth - 1}, 'w')"]
    program = program_of({"train.py": "\n".join(lines) + "\n"})
    assert _texts(program, Values(program, Arguments("none")), 0) == {"x" * 2 ** (depth - 1)}


def test_an_empty_default_between_two_folders_leaves_one_slash() -> None:
    source = "import os\nout = os.environ.get('SM_MODEL_DIR', '')\nx = os.path.join(input(), out, 'queue')\n"
    program = program_of({"train.py": source})
    values = Values(program, find_arguments(program))
    assign = program.main.tree.body[-1]
    assert isinstance(assign, ast.Assign)
    assert [text_of(value) for value in values.of(program.main, assign.value)] == ["*/queue"]


def test_what_an_apply_restores_is_what_it_was() -> None:
    source = "from sagemaker_support import keeper\na, b = 1, 2\nc = 3\n"
    restored = "a, b = keeper.restore(a=a, b=b)\nc = keeper.restore(x, c=c)\n"
    uses = "open(f'a_{a}', 'w')\nopen(f'b_{b}', 'w')\nopen(f'c_{c}', 'w')\n"
    for text in (source + uses, source + restored + uses):
        program = program_of({"train.py": text})
        values = Values(program, Arguments("none"))
        assert [_texts(program, values, index) for index in range(3)] == [{"a_1"}, {"b_2"}, {"c_3"}]


def test_a_name_that_a_statement_of_several_lines_makes_of_itself() -> None:
    source = (
        "import torch\ndef made(data, *, path):\n    torch.save({}, path)\n    return path\n"
        "def make(path):\n    path = made(\n        1,\n        path=path,\n    )\n    return torch.load(path)\nmake('out/m.pt')\n"
    )  # fmt: skip
    assert not paths_of(source).left and {r.env for r in paths_of(source).redirects} == {"SM_MODEL_DIR"}
