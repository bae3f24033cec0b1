"""When to interrupt: moments drawn by chance, from what the uninterrupted run has shown."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migrate.verify.drill.model import Save

_HASH = re.compile("[0-9a-f]{16,}")


@dataclass(frozen=True)
class Moment:
    """What the probe is told, and the same in words."""

    spec: Mapping[str, object]
    words: str

    def acting(self, act: str) -> Moment:
        """The same moment, in another way."""
        return Moment({**self.spec, "act": act}, self.words)


def after_a_save(rng: random.Random, saves: Sequence[Save], end: float, act: str) -> Moment:
    """Some time behind a save, before the next one begins: where work is left to be done wrongly. ``end`` is when the run was over."""
    number = rng.randint(1, max(1, len(saves) - 1))
    alone = len(saves) == 1  # what comes behind it may soon be done, and then the interpreter only cleans up
    until = end if alone else saves[number].began
    delay = rng.uniform(0, 0.3 if alone else 0.9) * max(0.0, until - saves[number - 1].ended)
    return Moment({"after": number, "delay": delay, "act": act}, f"{delay:.3f} s after save {number}")


def before_a_save(number: int) -> Moment:
    """At the very beginning of a save: the turn before it is done, and lost. A moment that no machine is too fast for."""
    return Moment({"during": number, "event": 1}, f"at the beginning of save {number}")


def in_a_save(rng: random.Random, saves: Sequence[Save]) -> Moment | None:
    """With half of a file written, or all files written and not yet under their names. None where there is but one save."""
    if len(saves) < 2:
        return None
    number = rng.randint(2, len(saves))
    events = saves[number - 1].events
    event = rng.randint(1, len(events))
    path, size = events[event - 1]
    name = os.path.basename(path)
    words = f"in save {number}, "
    if size > 1:
        tear = max(1, round(size * rng.uniform(0.1, 0.9)))
        words += (
            f"with {tear} of {size} bytes of a file written" if name.startswith(".") else f"with {tear} of {size} bytes of {name} written"
        )
        return Moment({"during": number, "event": event, "tear": tear}, words)
    return Moment({"during": number, "event": event}, words + f"before {re.sub(_HASH, _short, path)} is there")


def _short(found: re.Match[str]) -> str:
    return found[0][:8]
