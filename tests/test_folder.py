"""Scripts that EC2 starts in a folder of the repository, and that read the repository's files from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.job.infer import infer
from migrate.job.job import Job
from migrate.scan import Request, scan
from tests.test_cli import files, migrate

SCRIPT = """\
import argparse
import json
import sys

import torch
from words import words_of

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=1)
args = parser.parse_args()
settings = json.load(open("../configs/a.json"))
words = words_of("vocab.txt")
torch.manual_seed(0)
model = torch.nn.Linear(len(words), 1)
optimizer = torch.optim.SGD(model.parameters(), lr=settings["lr"])
for epoch in range(args.epochs):
    loss = model(torch.ones(4, len(words))).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
torch.save(model.state_dict(), "../model.pt")
"""
NOTHING_READ = SCRIPT.replace('json.load(open("../configs/a.json"))', '{"lr": 0.1}').replace('words_of("vocab.txt")', '["a", "b"]')
FILES = {
    "sub/train.py": SCRIPT,
    "sub/words.py": "def words_of(path):\n    with open(path) as lines:\n        return lines.read().split()\n",
    "sub/vocab.txt": "a b c\n",
    "configs/a.json": '{"lr": 0.1}\n',
    "run.sh": "#!/bin/sh\ncd sub && python train.py --epochs 2\n",
}


def repository(root: Path, more: dict[str, str]) -> Path:
    for name, text in {**FILES, **more}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def job(root: Path, more: dict[str, str]) -> Job:
    (point,) = scan(Request(repository(root, more))).entry_points
    return infer(point)


def folder(made: Job) -> tuple[str | None, str | None]:
    assert made.folder == made.environment.get("SM_RUN_FOLDER")
    return made.folder, made.environment.get("SM_RUN_SCRIPT")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"sub/words.py": "def words_of(path):\n    return [path]\n"},  # the settings alone
        {"sub/train.py": NOTHING_READ.replace('["a", "b"]', 'words_of("vocab.txt")')},  # what it imports opens it
        {"sub/train.py": NOTHING_READ + 'print(json.load(open("cfgs/%s.json" % args.epochs)))\n', "sub/cfgs/1.json": "{}"},
        {"sub/train.py": 'import sys\nsys.path.append("../lib")\nimport lists\n' + NOTHING_READ, "lib/lists.py": "", "lists/a.txt": ""},
        {"run.sh": "", "README.md": "```\ncd sub\npython train.py\n```\n"},
    ],
)
def test_the_job_runs_where_ec2_does(more: dict[str, str], tmp_path: Path) -> None:
    made = job(tmp_path, more)
    assert folder(made) == ("sub", "sub/train.py") and not made.remarks


def test_a_channel_is_told_from_files_of_the_repository_as_they_are_seen_from_the_folder(tmp_path: Path) -> None:
    script = SCRIPT + 'rows = open("data/rows.csv").read()\nnames = open("../data/names.txt").read()\n'
    made = job(tmp_path, {"sub/train.py": script, "data/rows.csv": "1\n", "data/names.txt": "a\n"})
    assert [channel.default for channel in made.channels] == ["data"]


@pytest.mark.parametrize(
    "more",
    [
        {"sub/train.py": NOTHING_READ},
        {"run.sh": "python sub/train.py\n"},
        {"run.sh": ""},
        {"sub/train.py": 'import sys\nsys.path.append("..")\nsys.path.insert(0, ".")\n' + NOTHING_READ},  # the root is there in any job
        {"run.sh": "python /home/me/project/sub/train.py\n"},
        {"sub/train.py": NOTHING_READ + 'open("new.txt", "w").write("a")\nopen("../new.txt").read()\n'},
        {"sub/train.py": NOTHING_READ + 'import os\nprint(open(os.path.join(os.path.dirname(__file__), "vocab.txt")).read())\n'},
        {"sub/train.py": NOTHING_READ + 'import os\nos.listdir("../images")\n'},  # a channel
    ],
)
def test_the_job_stays_in_the_root(more: dict[str, str], tmp_path: Path) -> None:
    made = job(tmp_path, more)
    assert folder(made) == (None, None) and not made.remarks


@pytest.mark.parametrize(("other", "said"), [("python sub/train.py", "the root (b.sh:1)"), ("python /opt/p/sub/train.py", "is not known")])
def test_starts_that_contradict_each_other_are_told(other: str, said: str, tmp_path: Path) -> None:
    made = job(tmp_path, {"b.sh": f"{other} --epochs 2\n"})
    assert folder(made) == (None, None)
    (remark,) = made.remarks
    assert "sub (run.sh:2)" in remark and said in remark and "../configs/a.json" in remark


def test_a_module_runs_there_too(tmp_path: Path) -> None:
    more = {"sub/pack/train.py": SCRIPT.replace("from words", "from .words"), "sub/pack/__init__.py": "", "sub/train.py": ""}
    made = job(tmp_path, {**more, "sub/pack/words.py": FILES["sub/words.py"], "run.sh": "cd sub; python -m pack.train\n"})
    assert folder(made) == ("sub", None) and made.module == "sub.pack.train"


def test_it_trains_there_under_both_conventions(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", {})
    was = files(root)
    assert migrate("apply", root).returncode == 0
    now = files(root)
    assert "sagemaker_job/run_module.py" in now
    assert migrate("apply", root).returncode == 0 and files(root) == now
    verified = migrate("verify", root, "--engine", "process")
    said = " ".join(verified.stdout.split())
    assert verified.returncode == 0, verified.stdout
    assert "both started as `cd sub && python train.py --epochs 2`: 1 file and" in said and "verified: it trains" in said
    assert migrate("undo", root).returncode == 0 and files(root) == was


def test_it_is_tried_there_before_an_apply(tmp_path: Path) -> None:
    verified = migrate("verify", repository(tmp_path / "repo", {}), "--engine", "process")
    said = " ".join(verified.stdout.split())
    assert "started in sub as it is" in said and "model.pt (" in said and "No such file" not in said
