"""Starts of the script on the same make-believe machine: what stays between two of them is the checkpoint folder alone."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.verify import layout, snapshot
from migrate.verify.drill import lines, saves
from migrate.verify.drill.model import Start, Trial
from migrate.verify.layout import Layout

if TYPE_CHECKING:
    from migrate.verify.pipeline import Verifier
    from migrate.verify.stage import Seen

CHECKPOINTS = "/opt/ml/checkpoints"
_EACH_TURN = {"SM_CHECKPOINT_DIR": CHECKPOINTS, "SM_CHECKPOINT_SECONDS": "0"}


class Machine:
    """One scratch folder, in which the script is started again and again."""

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier
        style = verifier.options.styles[0]
        self.place = Layout(verifier.scratch / style, style)
        self.commit: str | None = None  # the event that completes a save, once a run has shown it
        self.poll = False  # whether the saves are seen only by looking at the folder
        self._count = 0
        verifier.fill(self.place)
        self._channels = self._data()

    def start(self, asked: Mapping[str, object], *, keep: bool, environment: Mapping[str, str] | None = None) -> Trial:
        """Start the script with ``asked`` of the probe. ``keep`` the checkpoint folder; all else is as on a new machine."""
        self._count += 1
        if self._data() != self._channels:  # a script may write where the data lies
            self.verifier.fill(self.place)
            self._channels = self._data()
        for stale in self.place.watch.glob("steps.*"):
            stale.unlink()
        inside = self.verifier.engine.inside(self.place)
        spec = {
            "folder": str(inside.checkpoints),
            "steps": str(inside.watch / "steps"),
            "commit": self.commit,
            "poll": self.poll,
            "grace": self.verifier.options.drill.grace if self.verifier.options.drill else 0.0,
        }
        start = Start({**spec, **asked}, {**_EACH_TURN, **(environment or {})}, keep, f"drill-{self._count}.log")
        began = time.time()
        seen = self.verifier.start(self.place, self.verifier.values, stop=False, timeout=self.verifier.options.timeout, drill=start)
        trial = self._trial(seen)
        self._forget(seen, began)
        return trial

    def _trial(self, seen: Seen) -> Trial:
        found = saves.of_writer(seen.events)
        if self.commit is None:
            self.commit = saves.commit_pattern(found)
        checkpoints = tuple(sorted((name, file.size) for name, file in snapshot.take(self.place.checkpoints).items()))
        struck: list[Mapping[str, Any]] = [event for event in seen.events if event["kind"] == "struck"]
        # a file that is cut off is told of before it is written
        until = struck[0]["time"] if struck and struck[0]["how"] in ("kill", "tear") else float("inf")
        return Trial(
            seen=seen,
            saves=tuple(save for save in saves.split(found, self.commit, dict(checkpoints)) if save.ended <= until),
            steps=max((_number(path) for path in self.place.watch.glob("steps.*")), default=0),
            lines=lines.read(self.place.top / f"drill-{self._count}.log"),
            kept=self._keep(),
            checkpoints=checkpoints,
            struck=struck[0] if struck else None,
            overdue=any(event["how"] == "overdue" for event in struck),
        )

    def _keep(self) -> Path:
        """Put the run's results aside: the next start has empty folders."""
        kept = self.place.top / "kept" / str(self._count)
        kept.mkdir(parents=True)
        for name, folder in (("model", self.place.model), ("output", self.place.base / "output" / "data")):
            if folder.exists():
                folder.rename(kept / name)
        return kept

    def _forget(self, seen: Seen, began: float) -> None:
        """What the script has put into the machine's own temporary folders would not be there on another machine."""
        for event in seen.events:
            if event["kind"] == "write" and event.get("outside") and not self.verifier.options.trust:
                try:
                    if os.lstat(event["path"]).st_ctime >= began - 1:
                        os.unlink(event["path"])
                except OSError:
                    continue  # gone already, or a folder

    def _data(self) -> dict[str, snapshot.Snapshot]:
        return {name: snapshot.take(self.place.data / name) for name in self.verifier.channels}

    def drop(self, trial: Trial) -> None:
        """Remove a run's results."""
        layout.remove(trial.kept)


def _number(path: Path) -> int:
    data = path.read_bytes()
    return int(struct.unpack("<q", data)[0]) if len(data) == 8 else 0
