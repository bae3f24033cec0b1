"""The plain-process engine: nothing to install, paths rebased, everything that the run starts is found and ended."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

from migrate.verify.engine import Command, Outcome
from migrate.verify.layout import Layout
from migrate.verify.output import Output
from migrate.verify.watch import Watch

MARK = "MIGRATE_VERIFY_RUN"
_TICK = 0.1
_GRACE = 5.0  # seconds between the request to end and the order
_LINGER = 1.0  # seconds that helpers (loader workers, resource trackers) have to end after their parent


class ProcessEngine:
    """Runs the command as a child of this process, in a session of its own."""

    name: str = "process"
    isolates: tuple[str, ...] = (
        "a copy of the repo; the channels are copies too, read-only",
        "HOME and TMPDIR of its own; an environment of its own, without AWS_* or any other secret of yours",
        "the EC2 metadata address, for Python code and the AWS SDKs",
        "aws, sudo, shutdown, reboot, poweroff and halt, as found on the PATH",
        "Python code that would write, change or delete files elsewhere (unless --trust)",
    )
    does_not: tuple[str, ...] = (
        "/opt/ml itself: paths are rebased, a literal /opt/ml in a script is not",
        "the network",
        "compiled code and other programs that read or write absolute paths: they are not stopped, and their reads are not seen",
        "memory, shared memory and CPU limits of the instance type",
    )

    def unavailable(self) -> str | None:
        return None if os.name == "posix" else "it needs POSIX process groups"

    def seen_base(self, layout: Layout) -> Path:
        return layout.base

    def run(self, command: Command) -> Outcome:
        mark = uuid.uuid4().hex
        environment = dict(command.environment) | {MARK: mark}
        with Output(command.log, command.on_line) as output, Watch(command.watched) as watch:
            started = time.monotonic()
            child = subprocess.Popen(
                command.words,
                cwd=command.cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            follower = _Follower(child, mark, output, watch)
            try:
                timed_out = follower.follow(started + command.timeout)
                seconds = time.monotonic() - started
                survivors = () if timed_out else follower.linger()
            finally:
                follower.end_all()
            touched, saw_all = watch.touched(), watch.complete
        code = child.returncode
        return Outcome(
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            timed_out=timed_out,
            seconds=seconds,
            peak_memory=follower.peak,
            output_bytes=output.total,
            tail=output.last_lines(60),
            survivors=survivors,
            touched=touched,
            saw_all=saw_all,
        )


class _Follower:
    """Follows one child: drains its output, measures its memory, knows all its descendants by a mark in their environment."""

    def __init__(self, child: subprocess.Popen[bytes], mark: str, output: Output, watch: Watch) -> None:
        self.child = child
        self.mark = f"{MARK}={mark}".encode()
        self.output = output
        self.watch = watch
        self.peak = 0
        self._measured = 0.0
        self._selector = selectors.DefaultSelector()
        assert child.stdout is not None
        os.set_blocking(child.stdout.fileno(), False)
        self._selector.register(child.stdout, selectors.EVENT_READ)

    def follow(self, deadline: float) -> bool:
        """Until the child ends (False) or the time is over (True)."""
        while True:
            self._drain(_TICK)
            self.watch.poll()
            self._measure()
            if self.child.poll() is not None:
                self._drain(0)
                return False
            if time.monotonic() > deadline:
                return True

    def linger(self) -> tuple[str, ...]:
        """The command lines of what is still there a second after the child has ended."""
        until = time.monotonic() + _LINGER
        while left := self._descendants():
            if time.monotonic() > until:
                return tuple(sorted({_command_line(pid) for pid in left}))
            self._drain(0.02)
            time.sleep(0.02)
        self._drain(0)
        return ()

    def end_all(self) -> None:
        """Ask everything that is left to end, then order it. Comes back with no process of this run alive."""
        self._signal(signal.SIGTERM)
        until = time.monotonic() + _GRACE
        while self.child.poll() is None or self._descendants():
            if time.monotonic() > until:
                self._signal(signal.SIGKILL)
            self._drain(0.02)
        self._drain(0)
        self._selector.close()
        assert self.child.stdout is not None
        self.child.stdout.close()

    def _signal(self, number: signal.Signals) -> None:
        if self.child.poll() is None:
            try:
                os.killpg(self.child.pid, number)
            except (ProcessLookupError, PermissionError):
                self.child.send_signal(number)
        for pid in self._descendants():
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                continue

    def _drain(self, wait: float) -> None:
        """Take what is there, for at most ``_TICK`` seconds, so that a flood of output cannot hide the clock."""
        until = time.monotonic() + _TICK
        if not self._selector.get_map():
            time.sleep(wait)
            return
        while self._selector.select(wait):
            assert self.child.stdout is not None
            try:
                data = os.read(self.child.stdout.fileno(), 1 << 20)
            except BlockingIOError:
                return
            if not data:
                self._selector.unregister(self.child.stdout)
                return
            self.output.feed(data)
            wait = 0
            if time.monotonic() > until:
                return

    def _descendants(self) -> list[int]:
        """Processes that carry the mark, or are of the child's session, the child itself and zombies left out."""
        out = []
        for pid in _processes():
            if pid == self.child.pid or pid == os.getpid():
                continue
            status = _stat(pid)
            if status is None or status[0] == "Z":
                continue
            if status[1] == self.child.pid or self.mark in _environment(pid):
                out.append(pid)
        return out

    def _measure(self) -> None:
        """Every half second, and at first often: the resident memory of all processes of the run."""
        now = time.monotonic()
        if now - self._measured < (0.5 if self.peak else 0):
            return
        self._measured = now
        total = _resident(self.child.pid)
        total += sum(_resident(pid) for pid in self._descendants())
        self.peak = max(self.peak, total)


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


def _stat(pid: int) -> tuple[str, int] | None:
    """State letter and session of a process; its name may hold blanks and brackets, so fields are counted from the last bracket."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (fields[0].decode(), int(fields[3])) if len(fields) > 3 else None


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _command_line(pid: int) -> str:
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()[:200] or f"process {pid}"
