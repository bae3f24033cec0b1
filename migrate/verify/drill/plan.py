"""When to interrupt: moments drawn by chance, from what the uninterrupted run has shown."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migrate.verify.drill.model import Save


@dataclass(frozen=True)
class Moment:
    """What the probe is told, and the same in words."""

    spec: Mapping[str, object]
    words: str

    def acting(self, act: str) -> Moment:
        """The same moment, in another way."""
        return Moment({**self.spec, "act": act}, self.words)


def after_a_save(rng: random.Random, saves: Sequence[Save], end: float, act: str) -> Moment:
    """Some time behind a save, before the next one begins; ``end`` is when the run was over."""
    number = rng.randint(1, len(saves))
    until = saves[number].began if number < len(saves) else end
    delay = rng.uniform(0, 0.9) * max(0.0, until - saves[number - 1].ended)
    return Moment({"after": number, "delay": delay, "act": act}, f"{delay:.3f} s after save {number} of {len(saves)}")


def before_a_save(saves: Sequence[Save], number: int) -> Moment:
    """At the very beginning of a save: the turn before it is done, and lost. A moment that no machine is too fast for."""
    return Moment({"during": number, "event": 1}, f"at the beginning of save {number} of {len(saves)}")


def in_a_save(rng: random.Random, saves: Sequence[Save]) -> Moment | None:
    """With half of a file written, or all files written and not yet under their names. None where there is but one save."""
    if len(saves) < 2:
        return None
    number = rng.randint(2, len(saves))
    events = saves[number - 1].events
    event = rng.randint(1, len(events))
    path, size = events[event - 1]
    name = os.path.basename(path)
    words = f"in save {number} of {len(saves)}, "
    if size > 1:
        tear = max(1, round(size * rng.uniform(0.1, 0.9)))
        words += (
            f"with {tear} of {size} bytes of a file written" if name.startswith(".") else f"with {tear} of {size} bytes of {name} written"
        )
        return Moment({"during": number, "event": event, "tear": tear}, words)
    return Moment({"during": number, "event": event}, words + f"before {path} is there")
