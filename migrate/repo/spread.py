"""Work on many things, shared with a second process where the system can fork one. The results are the same either way."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

R = TypeVar("R")
MOST_TASKS = 4000  # a byte of each waits in a pipe


def processors() -> int:
    """How many processes may run at once."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def spread(work: Callable[[int], R], count: int, processes: int) -> list[R]:
    """``[work(0), ..., work(count - 1)]``, with ``processes`` of 2 by this process and one more. ``work`` gives what pickle takes.

    This process begins at the first number and the other one at the last, so that what one keeps in memory of a number helps it with the
    next. A pipe holds as many bytes as there are numbers, and each takes one before it goes on, so that both end together. What the other
    process cannot do, for whatever reason, this one does again: it raises here what it raised there.
    """
    if processes < 2 or not 1 < count <= MOST_TASKS or not hasattr(os, "fork"):
        return [work(number) for number in range(count)]
    waiting, leave = os.pipe()
    os.write(leave, bytes(count))
    os.close(leave)
    results, answer = os.pipe()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the thread of a progress bar holds no lock that the work asks for
        child = os.fork()
    if child == 0:
        _serve(work, reversed(range(count)), waiting, results, answer)
    os.close(answer)
    try:
        done = _take(work, range(count), waiting)
        done.update(cast("dict[int, R]", _received(results)))
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(waiting)
        os.close(results)
        os.waitpid(child, 0)
    return [done[number] if number in done else work(number) for number in range(count)]


def _take(work: Callable[[int], R], numbers: Iterable[int], waiting: int) -> dict[int, R]:
    """The work on the next of ``numbers`` for each byte that is waiting."""
    done: dict[int, R] = {}
    for number in numbers:
        if not os.read(waiting, 1):
            break
        done[number] = work(number)
    return done


def _serve(work: Callable[[int], object], numbers: Iterable[int], waiting: int, results: int, answer: int) -> None:
    """The other process: never returns."""
    try:
        os.close(results)
        done = _take(work, numbers, waiting)
        with os.fdopen(answer, "wb") as file:
            pickle.dump(done, file, pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)  # without a word: what failed here is done again, and told, by the first process


def _received(results: int) -> object:
    """What the other process has done; nothing where it was killed in the middle."""
    with os.fdopen(results, "rb", closefd=False) as file:
        try:
            return pickle.load(file)  # written by this program's own child
        except (EOFError, pickle.UnpicklingError):
            return {}


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Without the collector of reference cycles: it would go through millions of syntax nodes, which are in none, again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
