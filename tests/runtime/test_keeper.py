"""Training that is killed and started again ends as if nothing had happened: every form of loop, every kind of state, to the bit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.kept_loops import LOOPS
from tests.runtime.lives import Job, Life, zygote


@pytest.fixture(scope="module")
def forked() -> Iterator[subprocess.Popen[str]]:
    with zygote() as process:
        yield process


@pytest.fixture
def job(forked: subprocess.Popen[str], tmp_path: Path) -> Job:
    return Job(tmp_path, forked)


def whole(job: Job) -> Life:
    """The run that nothing interrupts, without a keeper."""
    plain = Job(job.folder / "plain", job.zygote, active=False)
    plain.folder.mkdir()
    (plain.folder / "code").symlink_to(job.folder / "code")
    life = plain.live()
    assert life.code == 0 and life.told == "", life.printed
    return life


def until_done(job: Job, how: str, first: int, most: int = 30) -> list[Life]:
    """Lives that all end in the same way, a little later each, until one comes through."""
    lives: list[Life] = []
    while len(lives) < most and (not lives or lives[-1].code == -9):
        lives.append(job.live(f"{how} {first + len(lives) % 5}"))
    return lives


def assert_same(life: Life, plain: Life) -> None:
    assert life.code == 0, life.printed
    assert life.state == plain.state
    assert life.files == plain.files
    rest = iter(plain.turns)  # no turn is run that was done, what stands between loops is
    assert all(line in rest for line in life.turns), life.printed


@pytest.mark.parametrize(("how", "first"), [("kill", 5), ("save", 6)])
@pytest.mark.parametrize("name", LOOPS)
def test_killed_again_and_again(job: Job, name: str, how: str, first: int) -> None:
    job.write(LOOPS[name])
    plain = whole(job)
    lives = until_done(job, how, first)
    assert {life.code for life in lives[:-1]} == {-9}, lives[-1].printed
    assert_same(lives[-1], plain)
    assert len(lives[-1].turns) < len(plain.turns), "it began anew"
