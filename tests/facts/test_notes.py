"""What is asked of one module or program is answered once, and the ways to find calls and attributes by their names."""

from __future__ import annotations

import ast

from migrate.facts.notes import once
from migrate.facts.program import Program
from migrate.facts.training.makers import live_calls
from tests.facts.programs import program_of


def test_a_question_is_answered_once_a_program() -> None:
    asked: list[str] = []

    @once
    def first(program: Program, end: str) -> str:
        asked.append(program.entry)
        return program.entry + end

    one, two = program_of({"train.py": "x = 1\n"}), program_of({"train.py": "x = 1\n"})
    assert [first(one, "!"), first(one, "!"), first(two, "!")] == ["train.py!"] * 3
    assert len(asked) == 2
    one.forget()
    assert first(one, "!") == "train.py!" and len(asked) == 3


def test_an_answer_of_nothing_is_kept_too() -> None:
    asked: list[str] = []

    @once
    def nothing(program: Program) -> None:
        asked.append(program.entry)

    program = program_of({"train.py": "x = 1\n"})
    assert nothing(program) is None and nothing(program) is None  # type: ignore[func-returns-value]
    assert len(asked) == 1


def test_calls_by_their_last_names_come_in_the_order_of_the_module() -> None:
    main = program_of({"train.py": "b.step()\na()\nstep()\nx.y.a()\nc()()\n"}).main
    assert [ast.unparse(call) for call in main.calls_named("step", "a")] == ["b.step()", "a()", "step()", "x.y.a()"]
    assert main.calls_among({"a"}, ("step",)) == main.calls_named("a", "step")
    assert [ast.unparse(call) for call in main.calls_named("")] == ["c()()"]
    assert main.calls_named("nothing") == []


def test_a_function_that_is_called_as_an_entry_of_a_dictionary_has_a_caller() -> None:
    program = program_of({"train.py": "def make(folder): ...\n\n\nmakers = {'a': make}\nmakers['a']('data')\n"})
    assert [ast.unparse(site.call) for site in program.calls_of[id(program.functions[0].node)]] == ["makers['a']('data')"]


def test_attributes_by_their_names() -> None:
    main = program_of({"train.py": "a.b.c = d.b\nb = a.c()\n"}).main
    assert [ast.unparse(node) for node in main.attributes_named({"b", "e"})] == ["d.b", "a.b"]


def test_a_name_that_an_import_changes_is_looked_for_under_the_new_one() -> None:
    program = program_of({"train.py": "from lib import save as keep\nkeep(1)\n", "lib.py": "from torch import save\n"})
    assert [ast.unparse(call) for _, call in live_calls(program, *program.written("torch.save"))] == ["keep(1)"]


def test_an_imports_star_of_another_program_does_not_stay() -> None:
    """Modules are shared between programs; what a star brings hangs on the modules that a program has."""
    files = {"train.py": "from a import *\nsave(1)\n", "a.py": "from torch import save\n"}
    whole = program_of(files)
    assert whole.qualified(whole.main, whole.main.calls()[0].func) == "torch.save"
    alone = Program("train.py", {"train.py": whole.main}, whole.resolver)
    assert alone.qualified(alone.main, alone.main.calls()[0].func) == "save"
