"""Running a command: wall time, and peak memory of all its processes together, from the kernel's own numbers."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run: seconds of wall time, of CPU in all its processes, peak MiB of all of them at one time, exit code (None: past the limit)."""

    wall: float
    cpu: float
    peak: float
    code: int | None


def run(command: Sequence[str], cwd: Path | None = None, limit: float = 600, memory: bool = False) -> Run:
    """Runs ``command`` with its output thrown away. ``memory`` samples the processes' proportional set sizes 20 times a second."""
    before = os.times()
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = [0.0]
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, done)) if memory else None
    if watcher is not None:
        watcher.start()
    code: int | None
    try:
        code = process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        code = None
    wall = time.perf_counter() - start
    done.set()
    if watcher is not None:
        watcher.join()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(wall, cpu, peak[0], code)


def interleaved(commands: Mapping[str, Sequence[str]], rounds: int, cwd: Path | None = None, limit: float = 600) -> dict[str, list[Run]]:
    """Runs every command once a round, so that what else the machine does falls on all of them."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(run(command, cwd, limit))
    return found


def wall(runs: Sequence[Run]) -> float:
    """The median wall time in seconds; infinite when a run did not end within its limit."""
    return float("inf") if any(each.code is None for each in runs) else statistics.median(each.wall for each in runs)


def cpu(runs: Sequence[Run]) -> float:
    """The median CPU time in seconds: what is left to compare by when the machine is shared."""
    return float("inf") if any(each.code is None for each in runs) else statistics.median(each.cpu for each in runs)


def _watch(pid: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.05):
        peak[0] = max(peak[0], sum(_memory(each) for each in _family(pid)) / 1024)


def _family(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        try:
            found += [int(child) for child in Path(f"/proc/{each}/task/{each}/children").read_text().split()]
        except OSError:
            continue
    return found


def _memory(pid: int) -> int:
    """KiB that one process holds, shared pages divided among those that share them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
