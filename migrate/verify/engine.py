"""The one interface of all engines: a command goes in, an outcome comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from migrate.errors import UserError
from migrate.verify.layout import Inside, Layout


@dataclass(frozen=True)
class Command:
    """What an engine is to start: words, folder, the whole environment, the time limit in seconds, where the log goes.

    ``cwd`` and the paths in words and environment are as the script sees them, all others as they are on this machine.
    """

    layout: Layout
    words: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    timeout: float
    log: Path
    bound: Mapping[str, Path]  # channels that are not copied: name -> folder of this machine
    memory: int | None  # bytes that all its processes may have together
    watched: Mapping[str, Path]  # channels: name -> folder whose reading is to be noticed
    on_line: Callable[[str], object] | None = None


@dataclass(frozen=True)
class Outcome:
    """How it went. ``touched`` are the watched folders that some process has opened something in; all of them if ``saw_all``.

    ``survivors`` are the command lines of processes that were still there after their parent had ended; they are gone now.
    """

    exit_code: int | None
    signal: int | None
    timed_out: bool
    out_of_memory: bool
    seconds: float
    peak_memory: int
    output_bytes: int
    tail: tuple[str, ...]
    survivors: tuple[str, ...]
    touched: frozenset[str]
    saw_all: bool


class Engine(Protocol):
    """A way to run the job here."""

    name: str
    isolates: tuple[str, ...]
    does_not: tuple[str, ...]
    contained: bool  # a root file system of its own: /opt/ml is real, and no absolute path leads out

    def unavailable(self) -> str | None:
        """Why this machine cannot have this engine; None when it can."""

    def inside(self, layout: Layout) -> Inside:
        """Where the script finds the places of the layout."""

    def outside(self, layout: Layout, path: str) -> str:
        """A path as the script says it, as the path that it has on this machine."""

    def prepare(self, layout: Layout) -> None:
        """Make what the engine itself needs, before the folders are looked at and the script is started."""

    def run(self, command: Command) -> Outcome:
        """Start, wait, and leave no process behind, however it ends."""


def choose(name: str | None, *, network: bool = False, shown: Sequence[str] = ()) -> tuple[Engine, str]:
    """The engine of that name, and why it is this one; without a name, the best that this machine can have.

    ``network`` lets a sandbox have the network, ``shown`` are the paths that its Python needs.
    Raises UserError where there is no such engine, or this machine cannot have it.
    """
    from migrate.verify.process import ProcessEngine
    from migrate.verify.sandbox import SandboxEngine

    engines: dict[str, Engine] = {"process": ProcessEngine(), "sandbox": SandboxEngine(network, shown)}
    if name is not None and name not in engines:
        raise UserError(f"no engine {name!r}; there is: {', '.join(engines)}")
    engine = engines[name or "sandbox"]
    reason = engine.unavailable()
    if reason is None:
        return engine, "asked for" if name else "bubblewrap works here"
    if name is not None:
        raise UserError(f"engine {name} cannot run here: {reason}")
    other = engines["process"]
    if other.unavailable() is not None:
        raise UserError(f"no engine can run here: {other.unavailable()}")
    return other, f"no sandbox: {reason}"
