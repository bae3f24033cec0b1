"""What the keeper costs a training: ``python -m benchmarks.keeper [--seconds 60]``. Needs torch. Prints a Markdown table.

One process trains a small model; its epochs go by turns through the keeper at its default interval and through a bare ``range``, so
that what else the machine does falls on both. The time of an epoch is taken from before it is asked for until it is done. The
keeper's clock stands still while the others run: it would save twice as often for the time that it is on.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from migrate.runtime import SUPPORT_NAME, support_source

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Measures for as long as the option says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, SUPPORT_NAME).write_bytes(support_source(["keeper"], words=()))
        os.environ.update(SM_CHECKPOINT_DIR=f"{folder}/checkpoints", SM_MODEL_DIR=f"{folder}/model")
        os.environ.pop("SM_CHECKPOINT_SECONDS", None)
        sys.path.insert(0, folder)
        rows = list(_measured(importlib.import_module("sagemaker_support"), options.seconds))
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, Python {sys.version.split()[0]}, `python -m benchmarks.keeper --seconds {options.seconds:g}`\n")
    print("| what | target | measured |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def _measured(support: Any, seconds: float) -> Iterator[tuple[str, str, str]]:
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.randn(20000, 784), torch.randint(10, (20000,))

    def epoch() -> None:
        for i in range(0, len(x), 64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[i : i + 64]), y[i : i + 64]).backward()
            optimizer.step()

    epoch()  # what torch loads at first
    keeper, wall, cpu = support.keeper, {"on": [0.0], "off": [0.0]}, {"on": [0.0], "off": [0.0]}
    support.time = SimpleNamespace(time=time.time, monotonic=lambda: time.monotonic() - sum(wall["off"]))
    start = time.perf_counter()
    keeper.restore(model, optimizer)
    restored = time.perf_counter() - start
    turns = {"on": iter(keeper.epochs(range(10**9))), "off": iter(range(10**9))}
    asked: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for name, turn in turns.items():
            begun, used = time.perf_counter(), time.process_time()
            next(turn)
            if name == "on":
                asked.append(time.perf_counter() - begun)
            epoch()
            wall[name].append(time.perf_counter() - begun)
            cpu[name].append(time.process_time() - used)
    saves = [one for one in asked if one > 5 * statistics.median(asked)]
    size = sum(parameter.numel() for parameter in model.parameters())
    what = f"epochs of {statistics.median(wall['off'][1:]):.2f} s, {size:,} parameters and Adam"
    yield f"time inside the keeper, of {len(asked)} {what}", "< 1 %", f"{(sum(asked) + restored) / sum(wall['on']):.2%}"
    yield "CPU time of an epoch with the keeper against one without", "< 1.01 x", f"{sum(cpu['on']) / sum(cpu['off']):.4f} x"
    yield "wall time of the same", "< 1.01 x", f"{sum(wall['on']) / sum(wall['off']):.4f} x"
    yield "a turn at which nothing is saved", "", f"{statistics.median(asked) * 1e6:.0f} µs"
    yield f"one save (median of {len(saves)})", "", f"{statistics.median(saves) * 1e3:.0f} ms"


if __name__ == "__main__":
    main()
