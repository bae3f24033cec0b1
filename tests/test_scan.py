"""A scan as a whole: processes, order, what is shared between entry points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migrate import study
from migrate.job.infer import infer
from migrate.repo import entries, imports
from migrate.scan import CAPPED, Request, Scan, scan

SCRIPT = """\
import argparse
import torch
from common.{module} import make

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="data/{name}")
parser.add_argument("--fast", action="store_true")
args = parser.parse_args()
model = make(args.data)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
torch.save(model.state_dict(), "{name}.pt")
"""
MODULE = """\
import torch


def make(folder):
    open(folder + "/names.txt").read()
    return torch.nn.Linear(2, 1)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "common").mkdir()
    for module in ("one", "two"):
        (tmp_path / "common" / f"{module}.py").write_text(MODULE)
    for number in range(9):
        text = SCRIPT.format(name=f"run{number}", module="two" if number % 2 else "one")
        (tmp_path / f"train_{number}.py").write_text(text)
    (tmp_path / "train_broken.py").write_text("import torch\nmodel.fit(x)\nprint 'training'\n")
    (tmp_path / "README.md").write_text("```\npython train_3.py --fast\n```\n")
    return tmp_path


def _told(found: Scan) -> Scan:
    return replace(found, tree=None)


def test_two_processes_find_what_one_finds(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = _told(scan(Request(repository), processes=1))
    assert len(alone.entry_points) == 9 and alone.findings and alone.unreadable and alone.lines == 9 * 14 + 2 * 6
    for module in (entries, study):
        monkeypatch.setattr(module, "ALONE", 0)
        monkeypatch.setattr(module, "TOGETHER", 1)
    assert _told(scan(Request(repository), processes=2)) == alone


def test_modules_that_are_dropped_and_parsed_again_say_the_same(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = _told(scan(Request(repository), processes=1))
    monkeypatch.setattr(study, "KEPT_BYTES", 0)
    assert _told(scan(Request(repository), processes=1)) == kept


def test_an_excuse_holds_for_its_line(repository: Path) -> None:
    path = repository / "train_3.py"
    path.write_text(path.read_text().replace('"store_true")', '"store_true")  # migrate: ignore[SM201]'))
    found = scan(Request(repository))
    assert not [f for f in found.findings if f.rule == "SM201" and f.place.path == "train_3.py"]
    assert len([f for f in found.findings if f.rule == "SM201"]) == 8


def test_a_closure_that_reached_its_limit_is_told(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [each for each in scan(Request(repository)).unreadable if each.reason == CAPPED]
    monkeypatch.setattr(imports, "CLOSURE_BYTES", 100)
    capped = [each.path for each in scan(Request(repository)).unreadable if each.reason == CAPPED]
    assert capped == [f"train_{number}.py" for number in range(9)]


FETCHES = """\
import os
import numpy as np
import torch

os.system("aws s3 sync s3://bucket/faces data")
rows = torch.from_numpy(np.load("data/rows.npy"))
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for row in rows:
    optimizer.zero_grad()
    model(row).mean().backward()
    optimizer.step()
"""


def test_a_channel_that_the_script_downloads_itself_tells_its_address(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(FETCHES)
    (point,) = scan(Request(tmp_path)).entry_points
    assert [(c.name, c.default, c.source) for c in point.channels] == [("training", "data", "s3://bucket/faces")]


def test_an_option_that_another_entry_point_moves_is_no_setting_of_any_job(tmp_path: Path) -> None:
    (tmp_path / "hparams.py").write_text(
        "import argparse\n\n\nclass Hparams:\n    parser = argparse.ArgumentParser()\n"
        "    parser.add_argument('--train', default='corpus/train.txt')\n    parser.add_argument('--test', default='corpus/test.txt')\n"
        "    parser.add_argument('--logdir', default='log')\n    parser.add_argument('--lr', default=0.1, type=float)\n"
    )
    loop = "net = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=hp.lr)\nfor _ in range(3):\n"
    loop += "    net(torch.ones(4, 2)).sum().backward()\n    opt.step()\n"
    head = "import torch\nfrom hparams import Hparams\nhp = Hparams().parser.parse_args()\n"
    (tmp_path / "train.py").write_text(
        head + "data = open(hp.train).read()\n" + loop + "torch.save(net.state_dict(), hp.logdir + '/m.pt')\n"
    )
    (tmp_path / "finetune.py").write_text(head + "data = open(hp.test).read()\n" + loop)
    points = {point.path: point for point in scan(Request(tmp_path)).entry_points}
    for path in ("train.py", "finetune.py"):
        assert {h.name for h in points[path].hyperparameters if not h.is_path} == {"lr"}, path


CONSOLE = """\
import argparse
import torch


def train():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="model.pt")
    args = parser.parse_args()
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(3):
        model(torch.ones(4, 2)).mean().backward()
        optimizer.step()
    torch.save(model.state_dict(), args.out)
"""


@pytest.mark.parametrize(("below", "called"), [("", "train"), ('\nif __name__ == "__main__":\n    train()\n', None)])
def test_a_function_that_a_console_script_names_is_what_runs(below: str, called: str | None, tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "cli.py").write_text(CONSOLE + below)
    (tmp_path / "setup.py").write_text('setup(entry_points={"console_scripts": ["pack-train = pack.cli:train"]})\n')
    found = scan(Request(tmp_path))
    (point,) = found.entry_points
    assert (point.function, [setting.name for setting in point.hyperparameters], len(point.outputs)) == (called, ["out"], 1)
    assert {"SM200", "SM102", "SM301"} <= {finding.rule for finding in found.findings}
    job = infer(point, project="p")
    assert job.environment.get("SM_RUN_MODULE") == ("pack.cli:train" if called else None)


def test_what_begins_the_names_of_files_of_the_repository_is_given_as_on_ec2(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ppi-x.npy").write_bytes(b"")
    head = "import argparse\nimport numpy as np\nimport torch\np = argparse.ArgumentParser()\np.add_argument('--prefix', default='')\n"
    train = "a = p.parse_args()\nx = np.load(a.prefix + '-x.npy')\nloss = torch.nn.Linear(2, 1)(torch.ones(2)).sum()\nloss.backward()\n"
    (tmp_path / "train.py").write_text(head + train + "optimizer = torch.optim.SGD([loss], lr=1)\noptimizer.step()\n")
    (tmp_path / "run.sh").write_text("python train.py --prefix ./data/ppi\n")
    (point,) = scan(Request(tmp_path)).entry_points
    assert infer(point, project="p").hyperparameters == {"prefix": "./data/ppi"}


def test_a_default_that_is_a_tuple_is_passed_as_a_list(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import argparse, torch\np = argparse.ArgumentParser()\np.add_argument('--scale', type=float, nargs='+', default=(0.4, 1.))\n"
        "a = p.parse_args()\nnet = torch.nn.Linear(1, 1)\noptimizer = torch.optim.SGD(net.parameters(), 1)\n"
        "net(torch.ones(1)).sum().backward()\noptimizer.step()\n"
    )
    (point,) = scan(Request(tmp_path)).entry_points
    assert [setting.default for setting in point.hyperparameters] == [[0.4, 1.0]]
