"""Hyperparameters as they really arrive: the ``sagemaker-training`` toolkit and the drivers of SDK v3, asked for argv and environment.

Each is asked in a process of its own, in the sandbox with a scratch /opt/ml, because both read fixed paths there.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ecosystem.probe import HERE, sandbox
from tests.environments import python_of

SERIALISERS = ("toolkit", "v3")
HYPERPARAMETERS = "/opt/ml/input/config/hyperparameters.json"


@dataclass(frozen=True)
class Arrival:
    """What the script is started with: its own argv, the variables that were set, and the text of hyperparameters.json."""

    argv: tuple[str, ...]
    env: dict[str, str]
    files: dict[str, str]


def on_the_wire(serialiser: str, values: dict[str, Any]) -> dict[str, str]:
    """The text of each hyperparameter in the request: v2 encodes strings as JSON, v3 sends them bare."""
    if serialiser == "toolkit":
        return {key: json.dumps(value) for key, value in values.items()}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def arrivals(serialiser: str, script: str, channels: Sequence[str], sets: Sequence[dict[str, Any]]) -> list[Arrival]:
    """What ``script`` gets for each set of hyperparameters. Raises RuntimeError where the serialiser's environment is not installed."""
    python = python_of("main" if serialiser == "toolkit" else "sdk3")
    wires = [on_the_wire(serialiser, values) for values in sets]
    with tempfile.TemporaryDirectory() as scratch:
        results, opt_ml, home = (Path(scratch, name) for name in ("results", "ml", "home"))
        for folder in (results, opt_ml, home):
            folder.mkdir()
        order = {"script": script, "channels": list(channels), "sets": wires, "results": str(results)}
        command = [*sandbox(results, results, opt_ml, home), str(python), "-B", str(HERE / f"wire_{serialiser}.py")]
        ran = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, timeout=600)
        if ran.returncode:
            raise RuntimeError(f"the {serialiser} serialiser failed: {ran.stderr[-2000:]}")
        told = json.loads((results / "arrivals.json").read_text(encoding="utf-8"))
    # The v2 estimator sends a few of its own beside the script's.
    own = {"sagemaker_program": json.dumps(script), "sagemaker_region": '"us-east-1"'} if serialiser == "toolkit" else {}
    return [
        Arrival(tuple(one["argv"]), one["env"], {HYPERPARAMETERS: json.dumps({**wire, **own})})
        for one, wire in zip(told, wires, strict=True)
    ]
