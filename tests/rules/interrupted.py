"""Runs a migrated script, kills it after one of its checkpoints, and lets it go on with nothing left but the checkpoint folder."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from migrate.rules.unresumed_loop import CODE
from migrate.runtime import support_source
from tests.rules.forking import forks
from tests.rules.harness import apply, check
from tests.rules.rules_by_code import rule_of


@dataclass(frozen=True)
class Ran:
    """How a script ended; a negative ``code`` is a signal."""

    code: int
    stdout: str
    stderr: str


def migrated(sources: dict[str, str], folder: Path, codes: tuple[str, ...] = (CODE,)) -> dict[str, str]:
    """Write the sources as the rules leave them, with the real support file; returns them."""
    after = apply([finding for code in codes for finding in check(rule_of(code), sources)], sources)
    for path, text in after.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        support = support_source(["keeper", "same_on_restart"])
        (folder / path).write_bytes(support if path.endswith("sagemaker_support.py") else text.encode())
    return after


def run(folder: Path, *words: str, checkpoints: Path | None = None, killed_after: int = 0) -> Ran:
    """Run ``train.py`` in ``folder``: as on EC2, or with a checkpoint folder that gets a checkpoint each turn."""
    env = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    if checkpoints is not None:
        env |= {"SM_CHECKPOINT_DIR": str(checkpoints), "SM_CHECKPOINT_SECONDS": "0", "SM_MODEL_DIR": str(folder / "model")}
    out = folder.parent / f"{folder.name}-output"
    out.mkdir(exist_ok=True)
    code = forks().run({"folder": str(folder), "words": words, "env": env, "out": str(out), "killed_after": killed_after})
    return Ran(code, (out / "stdout").read_text(), (out / "stderr").read_text())


def resumed(sources: dict[str, str], folder: Path, *words: str, after: int = 2, codes: tuple[str, ...] = (CODE,)) -> tuple[str, str]:
    """What the script prints uninterrupted, and what the run prints that goes on after a kill; both without the keeper's own lines.

    The killed run's folder is thrown away: the second machine has the repo and the checkpoint folder.
    """
    plain, first, second, checkpoints = (folder / name for name in ("plain", "first", "second", "checkpoints"))
    migrated(sources, plain, codes)
    whole = run(plain, *words)
    assert whole.code == 0, whole.stderr
    migrated(sources, first, codes)
    killed = run(first, *words, checkpoints=checkpoints, killed_after=after)
    assert killed.code == -9, (killed.code, killed.stdout, killed.stderr)
    shutil.rmtree(first)
    migrated(sources, second, codes)
    rest = run(second, *words, checkpoints=checkpoints)
    assert rest.code == 0, rest.stdout + rest.stderr
    assert "goes on from checkpoint" in rest.stdout
    return whole.stdout, "".join(line for line in rest.stdout.splitlines(True) if not line.startswith("keeper: "))
