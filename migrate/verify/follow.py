"""Following what an engine has started: its output, its memory, its time, and everything that it has started itself."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from threading import Event
from typing import NamedTuple

from migrate.verify.output import Output
from migrate.verify.watch import Watch

MARK = "MIGRATE_VERIFY_RUN"
_TICK = 0.1
_GRACE = 5.0  # seconds between the request to end and the order
LINGER = 1.0  # seconds that helpers (loader workers, resource trackers) have to end after their parent


class Follower:
    """Follows one child: drains its output, measures its memory, knows all its descendants by a mark in their environment.

    ``mark`` is that environment variable, with its value. A child that is ``wrapped`` ends by itself when the script in it does,
    and ends the script at once when it is ended: so it is asked to end only when no script is there. ``ended`` is set by others.
    """

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        mark: str,
        output: Output,
        watch: Watch,
        memory: int | None = None,
        wrapped: bool = False,
        ended: Event | None = None,
    ) -> None:
        self.child = child
        self.memory = memory
        self.ended = ended
        self.out_of_memory = False
        self.mark = mark.encode()
        self.wrapped = wrapped
        self.output = output
        self.watch = watch
        self.peak = 0
        self._measured = 0.0
        self._born = _born(child.pid)
        self._over = False  # whether the child has ended, and nothing of the run was left
        self._ending = _ending(child.pid)
        self._selector = selectors.DefaultSelector()
        assert child.stdout is not None
        os.set_blocking(child.stdout.fileno(), False)
        self._selector.register(child.stdout, selectors.EVENT_READ)
        if self._ending is not None:
            self._selector.register(self._ending, selectors.EVENT_READ)

    def follow(self, deadline: float) -> bool:
        """Until the child ends (False) or the time is over (True); or until it has more memory than it may, and is killed for it."""
        while True:
            self._drain(_TICK)
            self.watch.poll()
            self._measure()
            if self.child.poll() is not None:
                self._drain(0)
                return False
            if time.monotonic() > deadline:
                return True
            if self.ended is not None and self.ended.is_set():
                return False
            if self.out_of_memory:
                self._signal(signal.SIGKILL)
                return False

    def linger(self) -> tuple[str, ...]:
        """The command lines of what is still there a second after the child has ended."""
        until = time.monotonic() + LINGER
        while left := self._descendants():
            if time.monotonic() > until:
                return tuple(sorted({_command_line(pid) for pid in left}))
            self._drain(0.02)
            time.sleep(0.02)
        self._drain(0)
        self._over = True
        return ()

    def end_all(self) -> None:
        """Ask everything that is left to end, then order it. Comes back with no process of this run alive."""
        if not self._over:
            self._end()
        self._drain(0)
        self._selector.close()
        if self._ending is not None:
            os.close(self._ending)
        assert self.child.stdout is not None
        self.child.stdout.close()

    def _end(self) -> None:
        self._signal(signal.SIGTERM)
        until = time.monotonic() + _GRACE
        while self.child.poll() is None or self._descendants():
            if time.monotonic() > until:
                self._signal(signal.SIGKILL)
            self._drain(0.02)

    def _signal(self, number: signal.Signals) -> None:
        descendants = self._descendants()
        if self.child.poll() is None and not (self.wrapped and descendants and number != signal.SIGKILL):
            try:
                os.killpg(self.child.pid, number)
            except (ProcessLookupError, PermissionError):
                self.child.send_signal(number)
        for pid in descendants:
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                continue

    def _drain(self, wait: float) -> None:
        """Take what is there, for at most ``_TICK`` seconds, so that a flood of output cannot hide the clock.

        Where there is nothing, wait for output or the child's end.
        """
        assert self.child.stdout is not None
        until = time.monotonic() + _TICK
        if not self._selector.get_map():
            time.sleep(wait)
            return
        while ready := {key.fileobj for key, _ in self._selector.select(wait)}:
            if self._ending in ready:
                self._selector.unregister(self._ending)
            if self.child.stdout in ready and not self._take():
                self._selector.unregister(self.child.stdout)
            wait = 0
            if time.monotonic() > until or not self._selector.get_map():
                return

    def _take(self) -> bool:
        """Take the next bytes of the output; False where it is over."""
        assert self.child.stdout is not None
        try:
            data = os.read(self.child.stdout.fileno(), 1 << 20)
        except BlockingIOError:
            return True
        self.output.feed(data)
        return bool(data)

    def _descendants(self) -> list[int]:
        """Processes that carry the mark, or are of the child's session, the child itself and zombies left out."""
        out = []
        for pid in _processes():
            if pid == self.child.pid or pid == os.getpid():
                continue
            status = _stat(pid)
            if status is None or status.state == "Z" or status.born < self._born:
                continue  # nothing that was there before the child is its
            if status.session == self.child.pid or self.mark in _environment(pid):
                out.append(pid)
        return out

    def _measure(self) -> None:
        """Every half second, and at first or with a limit often: the resident memory of all processes of the run."""
        now = time.monotonic()
        if now - self._measured < (0.5 if self.peak and self.memory is None else 0):
            return
        self._measured = now
        pids = [self.child.pid, *self._descendants()]
        total = sum(_resident(pid) for pid in pids)
        self.peak = max(self.peak, total)
        if self.memory is not None and total > self.memory:
            # pages that processes share count once for all of them, which takes longer to find out
            self.out_of_memory = sum(_share(pid) for pid in pids) > self.memory


def _processes() -> list[int]:
    if not sys.platform.startswith("linux"):
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError:
        return b""


def _environment(pid: int) -> list[bytes]:
    return _read(f"/proc/{pid}/environ").split(b"\0")


class _Status(NamedTuple):
    """A process: its state's letter, its session, and when it began, in ticks since the machine did."""

    state: str
    session: int
    born: int


def _stat(pid: int) -> _Status | None:
    """What the kernel says of a process; its name may hold blanks and brackets, so fields are counted from the last bracket."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return _Status(fields[0].decode(), int(fields[3]), int(fields[19])) if len(fields) > 19 else None


def _born(pid: int) -> int:
    status = _stat(pid)
    return status.born if status is not None else 0


def _ending(pid: int) -> int | None:
    """A descriptor that can be read when the process has ended; None where the system has none (before Linux 5.3)."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _share(pid: int) -> int:
    """The memory of a process, of shared pages its part."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return _resident(pid)


def _command_line(pid: int) -> str:
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()[:200] or f"process {pid}"
