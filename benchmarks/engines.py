"""What an engine of ``verify`` costs a script: ``python -m benchmarks.engines [--rounds 15] [--image NAME]``. Prints a Markdown table.

A small script that reads a channel and writes a model is started by turns plainly and by each engine, so that what else the machine
does falls on all. An engine's time is that of one start with all that belongs to it: folders, probe, snapshots, and the end of all
processes. Copying the repo and finding its entry points is not part of it: that is once for all starts. A difference is the median of
those within a turn. The real toolkit is told too, with no target: what it takes is the time in which it is imported.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from migrate.job.model import EntryPoint
from migrate.verify.layout import Layout
from migrate.verify.model import Options
from migrate.verify.pipeline import Verifier

ROOT = Path(__file__).resolve().parent.parent
_SCRIPT = """
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--data", default=os.environ.get("SM_CHANNEL_TRAINING", "data"))
parser.add_argument("--out", default=os.environ.get("SM_MODEL_DIR", "out"))
args = parser.parse_args()
rows = open(os.path.join(args.data, "rows.txt")).read().split()
os.makedirs(args.out, exist_ok=True)
json.dump(rows, open(os.path.join(args.out, "model.json"), "w"))
"""
_TARGETS = {"process": 0.3, "sandbox": 1.0, "docker": 3.0}


def main() -> None:
    """Measures each engine as often as the option says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--image", help="with docker too, in this image")
    arguments = parser.parse_args()
    rounds = arguments.rounds
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # the engines' own folders go with it
        starts = _starts(Path(folder), arguments.image)
        taken: dict[str, list[float]] = {name: [] for name in starts}
        for turn in range(rounds + 1):
            for name, start in starts.items():
                began = time.perf_counter()
                start()
                if turn:  # the first fills the caches
                    taken[name].append(time.perf_counter() - began)
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    load = f"{os.getloadavg()[0]:.0f}"
    print(f"commit {commit}, Python {sys.version.split()[0]}, `python -m benchmarks.engines --rounds {rounds}`, load {load}\n")
    print("| what | target | measured |\n|---|---|---|")
    plain = statistics.median(taken["plain"])
    print(f"| the script alone, median of {rounds} | | {plain:.3f} s |")
    for name in [name for name in taken if name != "plain"]:
        more = statistics.median(engine - alone for engine, alone in zip(taken[name], taken["plain"], strict=True))
        target = f"< {_TARGETS[name]} s more" if name in _TARGETS else ""
        print(f"| one start by `{name}` | {target} | {statistics.median(taken[name]) / plain:.1f} x, {more:.3f} s more |")


def _starts(folder: Path, image: str | None) -> dict[str, Callable[[], object]]:
    repo, data = folder / "repo", folder / "data"
    for place in (repo, data):
        place.mkdir()
    (repo / "train.py").write_text(_SCRIPT)
    (data / "rows.txt").write_text("1 2 3\n")
    entry = EntryPoint("train.py", "none", None, "argparse", (), (), (), "none", None, None)
    out: dict[str, Callable[[], object]] = {}

    def engine(name: str, starter: str = "emulated") -> Callable[[], object]:
        given = Options(channels={"training": data}, engine=name, starter=starter, image=image, environment={})
        verifier = Verifier(repo, entry, given)
        place = Layout(verifier.scratch / "toolkit", "toolkit")
        verifier.fill(place)

        def start() -> None:
            seen = verifier.start(place, {}, stop=False, timeout=60)
            assert seen.run.exit_code == 0, seen.run.tail

        return start

    words = [sys.executable, "train.py", "--data", str(data), "--out", str(folder / "out")]
    out["plain"] = lambda: subprocess.run(words, cwd=repo, check=True)
    out |= {name: engine(name) for name in _TARGETS if image or name != "docker"}
    return out | {"process, by the real toolkit": engine("process", "real")}


if __name__ == "__main__":
    main()
