"""That a person sees it go on: on a terminal, and in a log."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

from rich.console import Console

from migrate.verify.progress import progress
from tests.verify.repos import GOOD, Repo

TRAINS = """
import torch
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
for epoch in range(args.epochs):
    loss = model(torch.ones(1, 1)).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


class Lines(io.StringIO):
    """A stream that says when a text has been written."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted, self.there = wanted, threading.Event()

    def write(self, text: str) -> int:
        out = super().write(text)
        if self.wanted in self.getvalue():
            self.there.set()
        return out


def test_a_log_gets_a_line_for_each_step_and_one_now_and_then() -> None:
    out = Lines("run (toolkit), 0 s: epoch 2 [bold]\n")
    with progress(Console(file=out, width=40), every=0.01) as tell:
        tell("train.py", "settings (toolkit)", "")
        tell("train.py", "run (toolkit)", "")
        tell("train.py", "run (toolkit)", "epoch 1")
        tell("train.py", "run (toolkit)", "epoch 2 [bold]")
        assert out.there.wait(30), out.getvalue()
    lines = out.getvalue().splitlines()
    assert [line for line in lines if ", 0 s" not in line] == ["train.py: settings (toolkit)", "train.py: run (toolkit)"]
    assert "epoch 1" not in lines  # every line of the child would fill the log


def test_a_terminal_shows_the_last_lines_and_clears_them() -> None:
    out = Lines("epoch 9")
    with progress(Console(file=out, force_terminal=True, width=60)) as tell:
        for turn in range(10):
            tell("train.py", "run (v3)", f"epoch {turn}")
        assert out.there.wait(30), out.getvalue()
    assert "train.py: run (v3)" in out.getvalue() and "epoch 4" not in out.getvalue()


def test_progress_goes_to_stderr_and_json_stays_json(repo: Repo) -> None:
    repo.write({"train.py": GOOD + TRAINS})
    words = [sys.executable, "-m", "migrate", "verify", str(repo.root), "--channel", f"training={repo.data}", "--format", "json"]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(repo.root.parent / "scratch")}
    done = subprocess.run([*words, "--entry", "train.py"], capture_output=True, text=True, env=env)
    assert done.stdout.startswith('{\n "version": 1') and "train.py: run (toolkit)" in done.stderr.splitlines(), done.stderr
