from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.verify.follow import MARK
from tests.verify.repos import Repo


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repo]:
    """A repo; after the test, nothing but the proofs may be new in it, and no process of a run may be left."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    made = Repo(tmp_path)
    yield made
    listed = subprocess.run(["git", "-C", str(made.root), "status", "--porcelain", "--ignored"], capture_output=True, text=True, check=True)
    assert all(line.startswith("??") for line in listed.stdout.splitlines()), listed.stdout
    assert (made.data / "rows.txt").read_text() == "1 2 3\n" and len(list(made.data.iterdir())) == 1
    assert left_running(scratch) == []


def left_running(scratch: Path) -> list[str]:
    """Processes that carry the mark of a run and have their folders in ``scratch``, or have a part of it mounted as a sandbox does."""
    out = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                environment = (folder / "environ").read_bytes()
                marked = f"{MARK}=".encode() in environment and str(scratch).encode() in environment
                if marked or str(scratch) in (folder / "mountinfo").read_text():
                    out.append((folder / "cmdline").read_bytes().decode())
            except OSError:
                continue
    return out
