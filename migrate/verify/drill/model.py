"""The words of the drill: what is asked, what one start of the script showed, what was found. Frozen data, nothing here runs anything."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from migrate.verify.stage import Seen

# The ways of interrupting, in the order in which they are drilled.
WAYS: Mapping[str, str] = {
    "term": "SIGTERM, then SIGKILL",
    "kill": "SIGKILL",
    "save": "SIGKILL in the middle of a save",
    "twice": "SIGKILL, and SIGKILL again",
    "limit": "stop at the runtime limit",
}
# "close" is same within TOLERANCE; "zero": it began again; "ended": the start after the interruption did not end well;
# "short": it was over before it could be interrupted; "apart": two plain runs differ, so that nothing can be told.
Result = Literal["same", "close", "different", "zero", "ended", "short", "apart", "unheeded"]
TOLERANCE = 1e-5  # relative, of floating-point numbers
SMALLEST = 1e-8  # absolute


@dataclass(frozen=True)
class Wish:
    """What the caller asks for. ``seed`` is of the moments; None for one that nobody has chosen. ``grace`` is in seconds."""

    seed: int
    ways: tuple[str, ...] = tuple(WAYS)
    grace: float = 10.0


@dataclass(frozen=True)
class Start:
    """How one start differs from an ordinary run: ``spec`` is for the probe, ``keep`` leaves the checkpoint folder as it is."""

    spec: Mapping[str, object]
    environment: Mapping[str, str]
    keep: bool
    log: str


@dataclass(frozen=True)
class Save:
    """One save into the checkpoint folder. Times are of the clock; ``steps`` is the count of optimizer steps at its end.

    ``events`` are the files of it, in their order, with the bytes of each where they are known (-1).
    """

    began: float
    ended: float
    steps: int
    events: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        return sum(size for _, size in self.events if size > 0)


@dataclass(frozen=True)
class Trial:
    """One start of the script: ``kept`` holds its model and output folders. ``struck`` is the interruption, if there was one.

    ``saves`` are the complete ones, ``checkpoints`` the files in the checkpoint folder at the end, with their bytes.
    """

    seen: Seen
    saves: tuple[Save, ...]
    steps: int
    lines: tuple[str, ...]
    kept: Path
    checkpoints: tuple[tuple[str, int], ...]
    struck: Mapping[str, Any] | None
    overdue: bool

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        outcome = self.seen.outcome
        if self.overdue:
            return "did not end after SIGTERM, and was killed"
        if outcome.signal == signal.SIGXFSZ:
            return "killed within a write"
        return f"killed by {signal.Signals(outcome.signal).name}" if outcome.signal else f"exit code {outcome.exit_code}"


@dataclass(frozen=True)
class Drilled:
    """One way, drilled. Lost seconds and steps are those that ran in vain; ``repeated_steps`` had been saved, and were run again."""

    way: str
    result: Result
    message: str
    moments: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    lost_seconds: float | None = None
    lost_steps: int | None = None
    repeated_steps: int | None = None
    files: int = 0
    lines: int = 0
    largest: float = 0.0
    faults: tuple[str, ...] = ()
    missing_lines: tuple[str, ...] = ()
    advice: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Drill:
    """The whole drill of an entry point. ``steps`` is None where no optimizer was seen that can be counted."""

    seed: int
    saves: int
    steps: int | None
    checkpoint_bytes: int
    save_seconds: float | None
    plain_differ: tuple[str, ...]
    ways: tuple[Drilled, ...]
