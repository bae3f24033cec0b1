"""The folder that commands start a script in, and what of the repository a script sees from there."""

from __future__ import annotations

import pytest

from migrate.repo.commands import commands_of
from migrate.repo.ec2.read import read_ec2
from migrate.repo.entries import Entry
from migrate.repo.started_in import depends, folder_of, seen_from
from migrate.repo.tree import find_files

ENTRIES = tuple(Entry(path, "pytorch", None, (path,), ("",)) for path in ("main.py", "sub/train.py", "sub/pkg/fit.py"))
FILES = {**dict.fromkeys((entry.path for entry in ENTRIES), ""), "work/a.txt": ""}


def folders(make, files: dict[str, str], entry: str = "sub/train.py") -> list[str | None]:
    tree = find_files(make(FILES | files))
    return [command.typed_in for command in commands_of(read_ec2(tree, ENTRIES), ENTRIES)[entry]]


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("cd sub && python train.py", "sub"),
        ("cd sub; torchrun --nproc_per_node 2 train.py", "sub"),
        ("(cd sub/ && python ./train.py)", "sub"),
        ("cd /home/ubuntu/project/sub && python train.py", "sub"),
        ("cd $HOME/project/sub && python train.py", "sub"),
        ("cd $PROJECT && python train.py", "sub"),  # no other folder has it
        ("python train.py", "sub"),
        ("cd work && python ../sub/train.py", "work"),
        ("cd /home/ubuntu/project/work && python ../sub/train.py", "work"),
        ("cd /opt/project/sub && python /opt/project/sub/train.py", "sub"),
        ("cd /opt/project && python /opt/project/sub/train.py", ""),
        ("python sub/train.py", ""),
        ("cd /opt/project && python sub/train.py", ""),
        ("python -m sub.train", ""),
        ("cd sub && python -m train", "sub"),
        ("python /opt/project/sub/train.py", None),  # typed anywhere
        ("cd /data/runs && python train.py", None),
        ("cd /opt/other && python /opt/project/sub/train.py", None),
    ],
)
def test_where_a_command_is_typed(make, text: str, folder: str | None) -> None:
    assert folders(make, {"run.sh": f"{text}\n"}) == [folder]


@pytest.mark.parametrize(
    ("path", "text", "folder"),
    [
        ("Makefile", "train:\n\tcd sub && python train.py\n", "sub"),
        ("README.md", "```\ncd sub\npython train.py\n```\n", "sub"),
        ("sub/README.md", "```\npython train.py\n```\n", "sub"),
        ("sub/README.md", "```\npython sub/train.py\n```\n", ""),
        ("sub/run.sh", "python train.py\n", "sub"),
        ("work/run.sh", "cd ..\npython sub/train.py\n", ""),
        ("work/run.sh", "cd ../sub\npython train.py\n", "sub"),
        ("work/run.sh", "python ../sub/train.py\n", "work"),
        ("Dockerfile", 'FROM a\nWORKDIR /app/sub\nCMD ["python", "train.py"]\n', "sub"),
        ("Dockerfile", 'FROM a\nWORKDIR /app\nCMD ["python", "sub/train.py"]\n', ""),
        ("crontab", "0 3 * * * cd /home/ubuntu/project/sub && python train.py\n", "sub"),
    ],
)
def test_where_a_command_of_a_file_is_typed(make, path: str, text: str, folder: str) -> None:
    assert folders(make, {path: text}) == [folder]


def test_a_script_of_the_root_is_started_there(make) -> None:
    assert folders(make, {"run.sh": "python main.py\n", "work/b.sh": "cd ..; python main.py\n"}, "main.py") == ["", ""]


def test_commands_agree_or_say_nothing(make) -> None:
    tree = find_files(
        make(FILES | {"a.sh": "cd sub; python train.py\n", "b.sh": "cd sub; python train.py --a 1\n", "c.sh": "python main.py\n"})
    )
    found = commands_of(read_ec2(tree, ENTRIES), ENTRIES)
    first, second, root = *found["sub/train.py"], *found["main.py"]
    assert [folder_of(some) for some in ((), (first, second), (first, root), (root,))] == [None, "sub", None, ""]


def test_names_are_seen_from_a_folder() -> None:
    names = ("a/b/c.txt", "a/b.txt", "a/bc/d.txt", "e.txt")
    assert list(seen_from("a/b", names)) == ["c.txt", "../b.txt", "../bc/d.txt", "../../e.txt"]
    assert list(seen_from("", names)) == list(names)


@pytest.mark.parametrize(
    "text", [".", "vocab.txt", "./lists", "lists/*.txt", "lists/new.txt", "../configs/a.json", "../configs/*", "*.txt"]
)
def test_paths_to_files_of_the_repository(text: str) -> None:
    assert depends(text, {"vocab.txt", "lists/a.txt", "../configs/a.json"})


@pytest.mark.parametrize("text", ["*", "./*", "vocab", "runs/a", "../log.txt", "..", "*.json", "bert-base"])
def test_other_paths(text: str) -> None:
    assert not depends(text, {"vocab.txt", "lists/a.txt", "../configs/a.json"})
