"""The support file under every Python that the machine has, since argparse changed between them: the rows of the contract again."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from migrate.runtime import SUPPORT_NAME, support_source
from tests.runtime.containers import STYLES, deliver
from tests.runtime.test_settings import ROWS


def _version(python: str) -> tuple[int, ...] | None:
    told = subprocess.run([python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True)
    return tuple(int(part) for part in told.stdout.split()) if told.returncode == 0 else None


def _pythons() -> dict[tuple[int, ...], str]:
    """One interpreter for each version from 3.6 on: on the PATH, or made by pyenv."""
    named = [shutil.which(f"python3.{minor}") for minor in range(6, 16)]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv").glob("versions/3.*/bin/python")
    found: dict[tuple[int, ...], str] = {}
    for python in [sys.executable, *(name for name in named if name), *map(str, sorted(pyenv))]:
        version = _version(python)
        if version and version >= (3, 6):
            found.setdefault(version, python)
    return found


PYTHONS = _pythons()


def _plain(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: value.__name__ if isinstance(value, type) or callable(value) else value for name, value in kwargs.items()}


def _cases(style: str, version: tuple[int, ...]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    out = []
    for calls, hyperparameters, expected in ROWS:
        split = [
            ([part for part in call if isinstance(part, str)], next((part for part in call if isinstance(part, dict)), {}))
            for call in calls
        ]
        actions = {kwargs.get("action") for _, kwargs in split}
        if (version < (3, 9) and argparse.BooleanOptionalAction in actions) or (version < (3, 8) and "extend" in actions):
            continue
        delivery = deliver(hyperparameters, style)
        plain = [(names, _plain(kwargs)) for names, kwargs in split]
        out.append(({"calls": plain, "argv": list(delivery.argv), "environ": dict(delivery.environ)}, expected))
    return out


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("version", sorted(PYTHONS), ids=lambda version: ".".join(map(str, version)))
def test_rows(version: tuple[int, ...], style: str, tmp_path: Path) -> None:
    (tmp_path / SUPPORT_NAME).write_bytes(support_source())
    cases = _cases(style, version)
    assert len(cases) > 50
    # SM_HPS is all there is here: what v3 has lost in it is seen in test_settings with the file
    told = subprocess.run(
        [PYTHONS[version], str(Path(__file__).with_name("pythons_child.py")), str(tmp_path)],
        input=json.dumps([case for case, _ in cases]),
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    for (case, expected), got in zip(cases, json.loads(told.stdout), strict=True):
        assert got == expected, case
