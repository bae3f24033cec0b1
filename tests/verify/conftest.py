from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.verify import containers
from migrate.verify.follow import MARK
from tests.engines import private
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


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """The image of the tests' own Docker engine, which is the one that is talked to. ``tools/test.py`` starts it."""
    yield from _image_of(private.IMAGE_VARIABLE)


@pytest.fixture(scope="session")
def stand_in() -> Iterator[str]:
    """The image that stands in for official ones where a Dockerfile is built, in the same engine."""
    yield from _image_of(private.BUILDS_VARIABLE)


def _image_of(variable: str) -> Iterator[str]:
    host, name = os.environ.get(private.HOST_VARIABLE), os.environ.get(variable)
    if not host or not name:
        reason = f"no Docker engine: `python3 tools/test.py` starts one, or set {private.HOST_VARIABLE} and {variable}"
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(reason)
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", host)
        yield name


def containers_left(scratch: Path) -> list[str]:
    """The containers (running or not) and networks of the runs that have their folders in ``scratch``."""
    shown = ["--filter", f"label={containers.LABEL}", "--format", f'{{{{.ID}}}} {{{{.Label "{containers.LABEL}"}}}}']
    asked = (["docker", "ps", "--all", *shown], ["docker", "network", "ls", *shown])
    told = "".join(subprocess.run(words, capture_output=True, text=True, check=True).stdout for words in asked)
    return [line.split(" ", 1)[0] for line in told.splitlines() if f" {scratch}/" in line]
