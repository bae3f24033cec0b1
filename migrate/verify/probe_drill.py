"""Saves into the checkpoint folder and optimizer steps, seen from inside; and the interruption, at the moment that was asked for.

Loaded by the probe, inside the run. What is asked (``spec["drill"]``): ``folder`` the checkpoint folder, ``steps`` the file for the
count of steps, ``commit`` the event that completes a save, and one of

    ``after`` a count of saves, ``delay`` seconds behind it: ``act`` kill or term (then kill, ``grace`` seconds later)
    ``during`` the number of a save, ``event`` the number of an event in it: killed there, or once ``tear`` bytes of a file are written
"""

from __future__ import annotations

import os
import re
import resource
import signal
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

_LOOK = 0.01  # seconds between two looks at files that compiled code may be writing


def pattern(verb: str, path: str) -> str:
    """What stays of an event from save to save: digits and hashes differ."""
    return verb + ":" + re.sub(r"[0-9a-f]{8,}|\d+", "#", path)


class Drill:
    """Counts, tells, and strikes."""

    def __init__(self, probe: Any, asked: dict[str, Any]) -> None:
        self.probe, self.asked = probe, asked
        self.folder = os.path.realpath(asked["folder"])
        self.commits = self.events = self.steps = 0
        self.file = -1
        self.armed = self.torn = False
        if asked.get("tear"):
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it: the write would fail instead of being cut
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if asked.get("poll"):
            self.thread(self.poll)

    def thread(self, function: Callable[..., None], *args: Any) -> None:
        def run() -> None:
            self.probe.guard.on = True
            function(*args)

        threading.Thread(target=run, daemon=True).start()

    def step(self, *_: Any) -> None:
        """An optimizer has made a step. The count is in a file, since the process may be killed at any moment."""
        self.steps += 1
        if self.file < 0:
            self.file = os.open(f"{self.asked['steps']}.{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.pwrite(self.file, struct.pack("<q", self.steps), 0)

    def wrote(self, path: str, verb: str, source: str | None = None) -> None:
        """A file in the folder is about to be opened for writing, or (``source``) to get its name."""
        if not path.startswith(self.folder + os.sep) or (verb == "seen") != bool(self.asked.get("poll")):
            return
        size = os.path.getsize(source) if source and os.path.isfile(source) else -1
        relative = os.path.relpath(path, self.folder)
        self.events += 1
        if self.torn or (self.asked.get("during") == self.commits + 1 and self.asked.get("event") == self.events):
            self.strike()
        told = {"bytes": size, "source": os.path.relpath(source, self.folder) if source else None}
        self.probe.tell("save", verb=verb, path=relative, time=time.time(), steps=self.steps, **told)
        if pattern(verb, relative) != self.asked.get("commit"):
            return
        self.commits, self.events = self.commits + 1, 0
        if self.asked.get("after") == self.commits and not self.armed:
            self.armed = True
            self.thread(self.wait, path, source)

    def wait(self, path: str, source: str | None) -> None:
        """Until the save is whole, and then for the time that was asked for."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if source is not None:
                if not os.path.exists(source):
                    break
                time.sleep(0.0005)
                continue
            size = os.path.getsize(path) if os.path.exists(path) else 0
            time.sleep(2 * _LOOK)
            if size and os.path.exists(path) and os.path.getsize(path) == size:
                break
        time.sleep(self.asked["delay"])
        self.strike()

    def strike(self) -> None:
        """Here and now; or where the next file reaches a size, whoever writes it."""
        if self.asked.get("tear") and not self.torn:
            self.torn = True
            self.tell_end("tear")
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.asked["tear"], resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        elif self.asked.get("act") == "term":
            self.asked["act"] = self.asked["during"] = None
            self.tell_end("term")
            self.thread(self.overdue)
            os.kill(os.getpgid(0), signal.SIGTERM)
        else:
            self.tell_end("kill")
            os.killpg(os.getpgid(0), signal.SIGKILL)

    def overdue(self) -> None:
        time.sleep(self.asked["grace"])
        self.tell_end("overdue")
        os.killpg(os.getpgid(0), signal.SIGKILL)

    def tell_end(self, how: str) -> None:
        self.probe.tell("struck", how=how, time=time.time(), steps=self.steps)

    def poll(self) -> None:
        """Files that compiled code writes raise no event: look at the folder again and again; a file that rests is written."""
        seen: dict[str, tuple[int, int]] = {}
        resting: set[str] = set()
        while True:
            for path, sign in sorted(_files(self.folder), key=lambda found: found[1][1]):
                if seen.get(path) != sign:
                    seen[path] = sign
                    resting.discard(path)
                    if self.asked.get("during") == self.commits + 1:
                        self.strike()
                elif path not in resting:
                    resting.add(path)
                    self.wrote(path, "seen")
            time.sleep(_LOOK)


def _files(folder: str) -> list[tuple[str, tuple[int, int]]]:
    found = []
    for top, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.stat(os.path.join(top, name))
            except OSError:
                continue
            found.append((os.path.join(top, name), (status.st_size, status.st_mtime_ns)))
    return found


def steps_of(drill: Drill) -> dict[str, Callable[[Any], None]]:
    """Module -> what lets its optimizers' steps be counted."""

    def torch(module: Any) -> None:
        register = getattr(module, "register_optimizer_step_post_hook", None)  # since torch 2.0
        if register is not None:
            register(drill.step)

    def chainer(module: Any) -> None:
        method = module.GradientMethod.update

        def update(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = method(self, *args, **kwargs)
            drill.step()
            return result

        module.GradientMethod.update = update

    return {"torch.optim.optimizer": torch, "chainer.optimizer": chainer}
