"""Several hosts of one job, started at once: each with its own name, file system and /opt/ml, on one network."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from migrate.job.serialise import Style
from migrate.verify.engine import Command, Engine, Outcome
from migrate.verify.model import Check, Evidence

_GRACE = 10.0  # seconds that the others have to notice that a host has failed: SageMaker then ends the job


def hosts(count: int) -> tuple[str, ...]:
    """The names that SageMaker gives to hosts."""
    return tuple(f"algo-{number}" for number in range(1, count + 1))


def run(engine: Engine, commands: Sequence[Command]) -> list[Outcome]:
    """Run them side by side, until all have ended, or one has failed and the others have had their time. Leaves none of them behind."""
    if len(commands) == 1:
        return [engine.run(commands[0])]
    ended = threading.Event()
    with engine.together(commands[0].layout) as network, ThreadPoolExecutor(len(commands)) as pool:
        started = [pool.submit(engine.run, replace(each, network=network, ended=ended)) for each in commands]
        try:
            _wait(started)
        finally:
            ended.set()
    return [future.result() for future in started]


def _wait(started: Sequence[Future[Outcome]]) -> None:
    running = set(started)
    while running:
        # a time of its own, so that Ctrl-C is heard
        done, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
        if any(future.exception() or future.result().exit_code != 0 for future in done):
            wait(running, timeout=_GRACE)
            return


def check(style: Style, names: Sequence[str], outcomes: Sequence[Outcome]) -> Check:
    """Whether all of them came to a good end."""
    bad = [(name, outcome) for name, outcome in zip(names, outcomes, strict=True) if outcome.exit_code != 0]
    if not bad:
        took = max(outcome.seconds for outcome in outcomes)
        return Check("members", style, "pass", f"{len(names)} hosts ran together: {', '.join(names)}", (), took)
    evidence = tuple(Evidence(f"{name}: {_how(outcome)}") for name, outcome in bad)
    text = f"{len(bad)} of {len(names)} hosts failed: SageMaker ends the job with the first"
    return Check("members", style, "fail", text, evidence, advice="each host has a log of its own")


def _how(outcome: Outcome) -> str:
    how = f"exit code {outcome.exit_code}" if outcome.signal is None else f"ended by signal {outcome.signal}"
    return f"{how}: {outcome.tail[-1][:300]}" if outcome.tail else how
