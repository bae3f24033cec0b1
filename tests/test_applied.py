"""A second apply of an untouched tree does nothing, whatever a second scan would say; any difference is looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from migrate.applied import is_as_left
from migrate.repo.tree import find_files
from migrate.scan import Request

ROOT = Path(__file__).resolve().parents[1]
# The option's default is redirected, and a file may put the old one back: told while the default is the old one.
SCRIPT = """\
import argparse
import json
import os
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--out", default="./checkpoints")
args = parser.parse_args()
vars(args).update(json.load(open("options.json")))
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
    torch.save(model.state_dict(), os.path.join(args.out, "model.pt"))
"""


def apply(repo: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "migrate", "apply", repo, *options], cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.fixture
def applied(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(SCRIPT)
    assert apply(tmp_path).returncode == 1
    return tmp_path


def left(repo: Path, unsafe: bool = False, entries: tuple[str, ...] = ()) -> bool:
    return is_as_left(find_files(repo), Request(repo, entries), unsafe, True, [])


def test_an_untouched_tree_is_left_alone(applied: Path) -> None:
    now = {path: path.read_bytes() for path in sorted(applied.rglob("*")) if path.is_file() and ".migrate" not in path.parts}
    assert apply(applied, "--check").returncode == 0
    assert apply(applied, "--diff").stdout == ""
    assert "nothing to change" in apply(applied).stdout
    assert {path: path.read_bytes() for path in now} == now


def test_whatever_differs_is_looked_at(applied: Path) -> None:
    assert left(applied)
    assert not left(applied, unsafe=True)
    assert not left(applied, entries=("train.py",))
    launcher = applied / "sagemaker_job/launch.py"
    launcher.unlink()
    assert not left(applied)
    apply(applied)
    assert launcher.exists() and left(applied)
    (applied / "notes.py").write_text("x = 1\n")
    assert not left(applied)
