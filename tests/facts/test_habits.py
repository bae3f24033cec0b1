"""What a script does that belongs to a machine of its own."""

from __future__ import annotations

import pytest

from migrate.facts.arguments import find_arguments
from migrate.facts.habits.calls import habit_calls, table
from migrate.facts.habits.commands import find_commands, split
from migrate.facts.habits.metadata import find_asked, item_of
from migrate.facts.habits.started import starts_of
from tests.facts.programs import program_of


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sudo shutdown -h now", [("sudo", "shutdown", "-h", "now")]),
        ("a 'b c' && d; e | f & (g)\nh", [("a", "b c"), ("d",), ("e",), ("f",), ("g",), ("h",)]),
        ("echo '&&' \"a;b\"", [("echo", "&&", "a;b")]),
        ("aws s3 cp x.pth s3://b/k/", [("aws", "s3", "cp", "x.pth", "s3://b/k/")]),
        ("stop $(cat id; echo x) now; b", [("stop", "$(cat", "id;", "echo", "x)", "now"), ("b",)]),
        ("echo 'no end", []),
        ("python x.py > log 2>&1 & wait", [("python", "x.py", ">", "log", "2>&1"), ("wait",)]),
        ("", []),
        ("echo a#b # c", [("echo", "a#b", "#", "c")]),
    ],
)
def test_a_line_of_shell_is_split_into_commands(line: str, words: list[tuple[str, ...]]) -> None:
    assert split(line) == words


COMMANDS = [
    ("os.system('sudo -E AWS_PROFILE=x /usr/bin/shutdown -h now')", [("/usr/bin/shutdown", "-h", "now")]),
    ("subprocess.run(['bash', '-c', 'poweroff'])", [("poweroff",)]),
    ("subprocess.check_call('aws s3 ls'.split())", [("aws", "s3", "ls")]),
    ("subprocess.call(shlex.split('aws s3 ls'))", [("aws", "s3", "ls")]),
    ("os.system(f'rm {open}')", [("rm", "*")]),
    ("cmd = ['aws', 's3', where()]\nsubprocess.run(cmd)", [("aws", "s3", "*")]),
    ("subprocess.run(args='ls -l', shell=True)", [("ls", "-l")]),
    ("subprocess.run(unknown)", [("*",)]),
    ("subprocess.run(*unknown)", [("*",)]),
    ("subprocess.run()", []),
]


@pytest.mark.parametrize(("code", "words"), COMMANDS)
def test_the_commands_of_a_call(code: str, words: list[tuple[str, ...]]) -> None:
    program = program_of({"train.py": f"import os, shlex, subprocess\n{code}\n"})
    assert [c.words for c in find_commands(program, find_arguments(program))] == words


@pytest.mark.parametrize(
    ("url", "item"),
    [
        ("http://169.254.169.254/latest/meta-data/instance-id", "instance-id"),
        ("http://169.254.169.254/latest/meta-data/placement/region/", "placement/region"),
        ("http://169.254.169.254/2021-07-15/meta-data/spot/instance-action", "spot/instance-action"),
        ("http://[fd00:ec2::254]/latest/dynamic/instance-identity/document", "instance-identity/document"),
        ("http://169.254.169.254/latest/meta-data/", None),
        ("http://169.254.169.254/latest/meta-data/*", None),
        ("http://169.254.169.254", None),
    ],
)
def test_what_is_asked_of_the_metadata(url: str, item: str | None) -> None:
    assert item_of(url) == item


def test_a_helper_that_is_asked_for_several_items_has_none_of_its_own() -> None:
    source = """\
import requests
BASE = "http://169.254.169.254/latest/meta-data/"
def ask(item):
    return requests.get(BASE + item, timeout=1).text
ask("instance-id"), ask("instance-type")
"""
    program = program_of({"train.py": source})
    assert [(a.run.call.lineno, a.item) for a in find_asked(program, find_arguments(program))] == [(4, None)]


WATCH = "import threading\ndef watch():\n    pass\n"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("watch()\n", 4),
        ("threading.Thread(target=watch).start()\n", 4),
        ("t = threading.Thread(target=watch)\nt.daemon = True\nt.start()\n", 6),
        ("t = threading.Thread(target=watch)\nt.start()\nt.join()\n", None),
        ("t = threading.Thread(target=watch)\nkeep(t)\n", None),
        ("x = watch()\n", None),
        ("watch()\nregister(watch)\n", None),
        ("pool.submit(watch)\n", None),
    ],
)
def test_where_a_function_is_started(code: str, line: int | None) -> None:
    program = program_of({"train.py": WATCH + code})
    assert [call.lineno for _, call in starts_of(program, program.functions[0])] == ([line] if line else [])


def test_only_code_that_may_run_counts_and_only_what_the_imports_say() -> None:
    source = """\
import pdb
from matplotlib import pyplot as p
def dead():
    pdb.set_trace()
def input(text):
    return text
class Own:
    def download_file(self): ...
def main():
    input("a"); p.show(); Own().download_file(); client.download_file("b", "k", "f")
main()
"""
    program = program_of({"train.py": source})
    kinds = set(table().values())
    assert [(c.name, c.habit) for c in habit_calls(program, *kinds)] == [("matplotlib.pyplot.show", "show"), (".download_file", "s3-get")]


def test_what_stands_under_a_condition_on_a_variable_of_sagemakers_is_guarded() -> None:
    source = """\
import os
if "SM_MODEL_DIR" not in os.environ:
    os.system("a")
x = os.system("b") if "SM_MODEL_DIR" not in os.environ else 0
y = os.environ.get("SM_CURRENT_HOST") or os.system("c")
if "HOME" in os.environ:
    os.system("d")
"""
    program = program_of({"train.py": source})
    assert [c.guarded for c in habit_calls(program, "shell")] == [True, True, True, False]
