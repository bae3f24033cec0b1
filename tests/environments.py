"""The Python environments that tests run things in: the frameworks and the SDKs cannot all live in one.

They lie in ``.envs/`` at the project's root, or where the environment variable ``MIGRATE_ENVS`` says, one folder per name;
``tools/test.py`` makes them.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("main", "sdk3", "sdk2", "tf", "chainer", "hf", "boost", "jax")


class MissingEnvironment(RuntimeError):
    """An environment that a test needs is not there. Never a skip: a check that could not run has not passed."""


def folder() -> Path:
    """Return the folder that holds the environments."""
    return Path(os.environ.get("MIGRATE_ENVS") or ROOT / ".envs")


def python_of(name: str) -> Path:
    """Return the Python of the environment ``name``: one of :data:`NAMES`.

    Raises:
        MissingEnvironment: it is not there; the message tells how to make it.
        KeyError: there is no environment of that name.
    """
    if name not in NAMES:
        raise KeyError(name)
    python = folder() / name / "bin" / "python"
    if not python.exists():
        raise MissingEnvironment(
            f"no environment {name!r} at {folder() / name}: make it with `python3 tools/test.py --only-environments {name}`, "
            "or set MIGRATE_ENVS to the folder that holds it"
        )
    return python
