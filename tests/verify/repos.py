"""Small training repos for the tests of verify: a script that is right, and one fault at a time put into it."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from migrate.job.model import Channel, EntryPoint, Hyperparameter, Output
from migrate.verify.model import Check, Options, Report, Run
from migrate.verify.pipeline import verify

# The parser takes what SageMaker sends: the flag is written as a value here, so that the repo needs no support module.
HEAD = """
import argparse
import json
import os
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--kind", default="a", choices=["a", "b"])
parser.add_argument("--data", default=os.environ.get("SM_CHANNEL_TRAINING", "./data"))
parser.add_argument("--out", default=os.environ.get("SM_MODEL_DIR", "./out"))
args = parser.parse_args()
"""
READ = 'rows = open(os.path.join(args.data, "rows.txt")).read().split()\n'
SAVE = """
os.makedirs(args.out, exist_ok=True)
with open(os.path.join(args.out, "model.json"), "w") as handle:
    json.dump({"lr": args.lr, "epochs": args.epochs}, handle)
"""
GOOD = HEAD + READ + SAVE


BOTH = pytest.mark.parametrize("engine", ["process", "sandbox"])


def hyperparameter(name: str, kind: str, default: object, **more: object) -> Hyperparameter:
    option = f"--{name}"
    given: dict[str, object] = {
        "name": name,
        "option": option,
        "dest": name.replace("-", "_"),
        "type": kind,
        "default": default,
        "line": 8,
        "path": "train.py",
        "options": (option,),
    }
    return Hyperparameter(**(given | more))  # type: ignore[arg-type]


SETTINGS = (
    hyperparameter("lr", "float", 0.1),
    hyperparameter("epochs", "int", 2),
    hyperparameter("kind", "str", "a", choices=("a", "b")),
    hyperparameter("data", "str", "./data", is_path=True),
    hyperparameter("out", "str", "./out", is_path=True),
)


def entry_point(
    settings: tuple[Hyperparameter, ...] = SETTINGS, path: str = "train.py", closure: tuple[str, ...] = (), **more: object
) -> EntryPoint:
    given: dict[str, object] = {
        "path": path,
        "framework": "pytorch",
        "framework_version": None,
        "cli": "argparse",
        "hyperparameters": settings,
        "channels": (Channel("training", "./data", path, 11),),
        "outputs": (Output("model", "./out", path, 12),),
        "checkpoint_kind": "none",
        "loop_line": None,
        "command": None,
        "closure": closure or (path,),
    }
    return EntryPoint(**(given | more))  # type: ignore[arg-type]


class Repo:
    """A git repo with one training script, and a folder of data beside it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repo"
        self.data = folder / "data"
        self.root.mkdir()
        self.data.mkdir()
        (self.data / "rows.txt").write_text("1 2 3\n")
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def verify(self, script: str, entry: EntryPoint | None = None, **options: object) -> Report:
        """Write the script and verify it, under the toolkit alone where nothing else is said (the faults are the same)."""
        entry = entry or entry_point()
        self.write({entry.path: script})
        given: dict[str, object] = {"channels": {"training": self.data}, "styles": ("toolkit",), "timeout": 60.0, "starter": "emulated"}
        return verify(self.root, entry, Options(**(given | options)))  # type: ignore[arg-type]


def check(report: Report, name: str, style: str | None = None) -> Check:
    """The one check of that name (under that serialiser)."""
    found = [item for item in report.checks if item.name == name and (style is None or item.style == style)]
    assert len(found) == 1, (name, [item.name for item in report.checks])
    return found[0]


def verdicts(report: Report) -> dict[str, str]:
    """Name to verdict of every check that did not pass; most repos here have no original to compare with."""
    return {
        item.name: item.verdict
        for item in report.checks
        if item.verdict != "pass" and (item.name, item.verdict) != ("EC2 parity", "not run")
    }


def contract_run(report: Report) -> Run:
    return next(run for run in report.runs if run.purpose == "contract")


def lines(source: str, text: str) -> int:
    """The number of the only line that holds ``text``."""
    found = [number for number, line in enumerate(textwrap.dedent(source).splitlines(), 1) if text in line]
    assert len(found) == 1, (text, found)
    return found[0]
