"""Work shared with a second process."""

from __future__ import annotations

import gc
import os
import signal
import time
from pathlib import Path

import pytest

from migrate.repo.spread import no_collection, spread


def _slow(number: int) -> tuple[int, int]:
    time.sleep(0.01)
    return number, os.getpid()


def test_results_come_in_order_from_both_processes() -> None:
    found = spread(_slow, 30, 2)
    assert [number for number, _ in found] == list(range(30))
    assert len({process for _, process in found}) == 2


def test_each_process_has_neighbours() -> None:
    """What one keeps in memory of a number helps it with the next: this process begins at the first, the other one at the last."""
    found = spread(_slow, 40, 2)
    here = [number for number, process in found if process == os.getpid()]
    assert here == list(range(len(here))) and 0 < len(here) < 40


def test_one_process_forks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork", raising=False)
    assert {process for _, process in spread(_slow, 3, 2)} == {os.getpid()}
    assert spread(lambda number: number, 0, 2) == []


def test_what_the_other_process_loses_is_done_again() -> None:
    here = os.getpid()

    def dies(number: int) -> tuple[int, int]:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return _slow(number)

    assert [number for number, _ in spread(dies, 12, 2)] == list(range(12))


def test_a_result_that_does_not_travel_is_made_again() -> None:
    found = spread(lambda number: (number, (lambda: _slow(number))), 8, 2)
    assert [number for number, _ in found] == list(range(8))


def test_a_fault_is_raised_here() -> None:
    def fails(number: int) -> int:
        time.sleep(0.01)
        return 1 // (number - 5)

    with pytest.raises(ZeroDivisionError):
        spread(fails, 12, 2)


def test_no_process_and_no_pipe_stays_behind() -> None:
    before = _pipes_and_children()
    spread(_slow, 6, 2)
    assert _pipes_and_children() == before


def _pipes_and_children() -> tuple[int, set[str]]:
    """How many files this process has open, and its children: other tests may have left some."""
    children = {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}
    return len(os.listdir("/proc/self/fd")), children


def test_the_collector_is_as_it_was() -> None:
    with no_collection():
        assert not gc.isenabled()
        with no_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
