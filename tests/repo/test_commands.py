# ruff: noqa: E501 - sources of scripts stand on one line each
from __future__ import annotations

import pytest

from migrate.repo.commands import Command, find_commands
from migrate.repo.entries import Entry
from migrate.repo.tree import find_files

ENTRIES = tuple(Entry(path, "pytorch", None, (path,), ("",)) for path in ("train.py", "tools/fit.py", "pkg/train.py"))


def commands(make, files: dict[str, str]) -> dict[str, tuple[Command, ...]]:
    return find_commands(find_files(make(files)), ENTRIES)


@pytest.mark.parametrize(
    ("line", "entry", "argv"),
    [
        ("python train.py --lr 0.1 data", "train.py", ("--lr", "0.1", "data")),
        ("CUDA_VISIBLE_DEVICES=0 python3.8 -u ./train.py --name 'a b'", "train.py", ("--name", "a b")),
        ("python -m pkg.train -x", "pkg/train.py", ("-x",)),
        ("torchrun --nproc_per_node=4 tools/fit.py --a=1", "tools/fit.py", ("--a=1",)),
        ("python -m torch.distributed.launch --nproc_per_node 2 train.py --b 2", "train.py", ("--b", "2")),
        ("accelerate launch --config_file c.yaml train.py --c", "train.py", ("--c",)),
        ("accelerate launch -m pkg.train --c", "pkg/train.py", ("--c",)),
        ("cd tools && python fit.py --d", "tools/fit.py", ("--d",)),
        ("nohup python train.py --e 1 > log.txt 2>&1 &", "train.py", ("--e", "1")),
        ("mkdir -p out; python train.py -o out | tee log", "train.py", ("-o", "out")),
        ("./train.py --f", "train.py", ("--f",)),
        ("mpirun -np 4 python train.py --g", "train.py", ("--g",)),
        ("python fit.py", "tools/fit.py", ()),
    ],
)
def test_what_a_shell_line_starts(make, line: str, entry: str, argv: tuple[str, ...]) -> None:
    found = commands(make, {"run.sh": f"#!/bin/sh\n{line}\n"})
    assert [(path, each.argv, each.line) for path, all_ in found.items() for each in all_] == [(entry, argv, 2)]


@pytest.mark.parametrize(
    "line",
    [
        "python prepare.py",
        "# python -c 'train.py'",
        "cat train.py",
        "python -c 'import train'",
        "python train.py 'unclosed",
        "vim train.py",
    ],
)
def test_other_lines_start_nothing(make, line: str) -> None:
    assert not any(commands(make, {"run.sh": f"{line}\n"}).values())


@pytest.mark.parametrize(
    ("line", "entry", "argv"),
    [
        (r"python train.py --def a\b\c.yml --data data\x\ --n 5", "train.py", ("--def", "a/b/c.yml", "--data", "data/x/", "--n", "5")),
        (r"python tools\fit.py --a=b\c", "tools/fit.py", ("--a=b/c",)),
        (r"python train.py --name a\ b", "train.py", ("--name", "a b")),
        ("python train.py --a 1 \\\n  --b 2", "train.py", ("--a", "1", "--b", "2")),
    ],
)
def test_a_readme_may_write_paths_as_windows_does(make, line: str, entry: str, argv: tuple[str, ...]) -> None:
    found = commands(make, {"README.md": f"```\n{line}\n```\n"})
    assert [(path, each.argv) for path, all_ in found.items() for each in all_] == [(entry, argv)]


def test_continuations_variables_and_environment(make) -> None:
    (each,) = commands(make, {"run.sh": "A=1 python train.py --data $DATA \\\n  --lr 0.1\n"})["train.py"]
    assert each.argv == ("--data", "$DATA", "--lr", "0.1")
    assert (each.complete, each.environment, each.launcher) == (False, (("A", "1"),), ("python",))


def test_readme_fences_prompts_and_inline_code(make) -> None:
    text = "# Use\npython train.py is prose\n\n```bash\npython train.py --a 1\n```\n    $ python train.py --b\nor `python train.py --c` if you like\n"
    assert [each.argv for each in commands(make, {"README.md": text})["train.py"]] == [("--a", "1"), ("--b",), ("--c",)]


def test_a_file_beside_the_script_means_that_script(make) -> None:
    found = commands(make, {"pkg/run.sh": "python train.py --here\n", "Makefile": "all:\n\t@python train.py --top\n"})
    assert [each.argv for each in found["pkg/train.py"]] == [("--here",)]
    assert [each.argv for each in found["train.py"]] == [("--top",)]
