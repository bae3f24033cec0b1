"""The one interface of all engines: a command goes in, an outcome comes out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Protocol

from migrate.errors import UserError
from migrate.job.serialise import Style
from migrate.verify.layout import Inside, Layout

if TYPE_CHECKING:
    from migrate.verify.containers import Wanted
    from migrate.verify.interpreter import Interpreter

NAMES = ("process", "sandbox", "docker", "sdk")


@dataclass(frozen=True)
class Job:
    """What the command does, as a launcher says it: for an engine that makes the command itself. ``entry`` is relative to the code."""

    entry: str
    hyperparameters: Mapping[str, object]
    environment: Mapping[str, str]


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
    host: str = "algo-1"
    hosts: tuple[str, ...] = ("algo-1",)
    network: str | None = None  # what ``Engine.together`` has given to all hosts of the job
    ended: Event | None = None  # set where another host has ended the job
    job: Job | None = None  # None where it is no job, but a program as on EC2
    python: str | None = None  # runs what the engine itself starts; None where it is the first of the words


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
    through: bool  # it is a program of SageMaker's own that starts the script, not the engine itself
    shows: bool  # channels are seen as they lie here, and cannot be written; else the run gets copies

    def interpreter(self, here: Interpreter) -> Interpreter:
        """The Python that runs the script; ``here`` is the one of this machine that is to be used where there is a choice."""

    def lacks(self, style: Style) -> str | None:
        """Why the job cannot be run here under that convention, and what to do about it; None where it can."""

    def program(self, style: Style) -> str | None:
        """SageMaker's own program that starts the script, where the engine is one itself."""

    def together(self, layout: Layout) -> AbstractContextManager[str]:
        """A network for several hosts of one job. Raises UserError where the engine can run one alone."""

    def gpus(self) -> int:
        """How many GPUs the script gets."""

    def inside(self, layout: Layout) -> Inside:
        """Where the script finds the places of the layout."""

    def outside(self, layout: Layout, path: str) -> str:
        """A path as the script says it, as the path that it has on this machine."""

    def prepare(self, layout: Layout) -> None:
        """Make what the engine itself needs, before the folders are looked at and the script is started."""

    def run(self, command: Command) -> Outcome:
        """Start, wait, and leave no process behind, however it ends."""


def choose(
    name: str | None,
    *,
    network: bool = False,
    shown: Sequence[str] = (),
    image: Callable[[], Wanted] | None = None,
    sdks: Sequence[str] = (),
) -> tuple[Engine, str]:
    """The engine of that name, and why it is this one; without a name, the best that this machine can have without an image.

    ``network`` lets a contained engine have the network, ``shown`` are the paths that a sandbox's Python needs, ``image`` gets the
    image of a container, ``sdks`` are Pythons that have the SageMaker SDK.
    Raises UserError where there is no such engine, or this machine cannot have it.
    """
    if name is not None and name not in NAMES:
        raise UserError(f"no engine {name!r}; there is: {', '.join(NAMES)}")
    reason = unavailable(name or "sandbox")
    if reason is None:
        return _engine(name or "sandbox", network, shown, image, sdks), "asked for" if name else "bubblewrap works here"
    if name is not None:
        raise UserError(f"engine {name} cannot run here: {reason}")
    other = unavailable("process")
    if other is not None:
        raise UserError(f"no engine can run here: {other}")
    return _engine("process", network, shown, image, sdks), f"no sandbox: {reason}"


def unavailable(name: str) -> str | None:
    """Why this machine cannot have the engine of that name, and what to do about it; None when it can."""
    if name == "docker":
        from migrate.verify import containers

        return containers.unavailable()
    if name == "sdk":
        from migrate.verify import sdk

        return sdk.unavailable()
    if name == "sandbox":
        from migrate.verify import sandbox

        return sandbox.unavailable()
    return None if os.name == "posix" else "it needs POSIX process groups"


def _engine(name: str, network: bool, shown: Sequence[str], image: Callable[[], Wanted] | None, sdks: Sequence[str]) -> Engine:
    if name == "sdk":
        from migrate.verify.sdk import SdkEngine

        assert image is not None
        return SdkEngine(image(), sdks)
    if name == "docker":
        from migrate.verify.docker import DockerEngine

        assert image is not None
        return DockerEngine(image(), network)
    if name == "sandbox":
        from migrate.verify.sandbox import SandboxEngine

        return SandboxEngine(network, shown)
    from migrate.verify.process import ProcessEngine

    return ProcessEngine()
