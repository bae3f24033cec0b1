"""The sandbox engine: bubblewrap gives the run a root file system of its own, with /opt/ml where SageMaker has it."""

from __future__ import annotations

import functools
import glob
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from migrate.errors import UserError
from migrate.job.serialise import Style
from migrate.verify import supervised
from migrate.verify.engine import Command, Outcome
from migrate.verify.follow import MARK, Follower
from migrate.verify.interpreter import Interpreter, gpu_count
from migrate.verify.layout import Inside, Layout
from migrate.verify.output import Output
from migrate.verify.watch import Watch

_BASE, _HOME, _TEMPORARY, _WATCH = "/opt/ml", "/root", "/tmp", "/run/migrate"
# What an image has, from this machine, read-only. All else below / is empty folders of the run's own.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix/store", "/gnu/store", "/run/opengl-driver")
_EMPTY = ("boot", "home", "media", "mnt", "opt", "proc", "dev", "sys", "run", "srv", "var/log", "var/tmp")
_DEVICES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd", "/dev/infiniband")
_NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_IDENTITY = ("--uid", "0", "--gid", "0", "--die-with-parent", "--as-pid-1")


class SandboxEngine:
    """Runs the command under bubblewrap. ``shown`` are the paths of this machine, outside the system's own, that the run needs to see."""

    name: str = "sandbox"
    contained: bool = True
    through: bool = False
    shows: bool = True

    def __init__(self, network: bool = False, shown: Sequence[str] = ()) -> None:
        self.network = network
        self.shown = _shown(shown)
        self.isolates: tuple[str, ...] = (
            "the file system: /opt/ml, /root, /tmp and all other folders are the run's own, the system and the packages are read-only",
            "the channels are read-only; the code is a copy",
            "processes, users, shared memory and the host name (algo-1); an environment without AWS_* or any other secret of yours",
            *(() if network else ("the network, but for the run's own localhost (--network gives it)",)),
            "the EC2 metadata address, for Python code and the AWS SDKs; aws, sudo, shutdown, reboot, poweroff and halt",
        )
        self.does_not: tuple[str, ...] = (
            *(("the network",) if network else ()),
            "the kernel, the GPUs, and the system's libraries and programs, which are this machine's and not the image's",
            "shared memory and CPU limits of the instance type, and memory but for --memory",
        )

    def inside(self, layout: Layout) -> Inside:
        return Inside(Path(_BASE), Path(_HOME), Path(_TEMPORARY), Path(_WATCH), layout.style)

    def outside(self, layout: Layout, path: str) -> str:
        for seen, real in _places(layout):
            if path == seen or path.startswith(seen + "/"):
                return f"{real}{path[len(seen) :]}"
        return f"{layout.root}{path}"

    def interpreter(self, here: Interpreter) -> Interpreter:
        return here

    def lacks(self, style: Style) -> str | None:
        return None

    def program(self, style: Style) -> str | None:
        return None

    @contextmanager
    def together(self, layout: Layout) -> Iterator[str]:
        """A network namespace of their own for all hosts, held by a process that waits; each host has an address of its loopback."""
        if self.network:
            yield ""
            return
        words = ["bwrap", "--unshare-user", "--unshare-net", "--uid", "0", "--gid", "0", "--die-with-parent", "--dev-bind", "/", "/"]
        with subprocess.Popen([*words, "sh", "-c", "echo $$; cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdin is not None and holder.stdout is not None
            try:
                yield holder.stdout.readline().strip()
            finally:
                holder.stdin.close()

    def gpus(self) -> int:
        return gpu_count()

    def prepare(self, layout: Layout) -> None:
        """Make the root file system: empty folders, the links that the system has at its top, places for the files that are shown."""
        for name in _EMPTY:
            (layout.root / name).mkdir(parents=True)
        for path in _system():
            if os.path.islink(path):
                (layout.root / path[1:]).symlink_to(os.readlink(path))
        for path in self._files():
            place = Path(self.outside(layout, path))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()

    def _name(self, command: Command) -> None:
        """Lay out the files that say who is who."""
        try:
            own = Path("/etc/hosts").read_text(encoding="utf-8", errors="replace") if self.network else ""
        except OSError:
            own = ""
        known = "".join(f"127.0.0.{number} {host}\n" for number, host in enumerate(command.hosts, 1))
        watch = command.layout.watch
        (watch / "hosts").write_text(f"127.0.0.1 localhost\n{known}::1 localhost\n{own}", encoding="utf-8")
        (watch / "hostname").write_text(f"{command.host}\n", encoding="utf-8")

    def run(self, command: Command) -> Outcome:
        mark = f"{MARK}={uuid.uuid4().hex}"
        with Output(command.log, command.on_line) as output, Watch(command.watched) as watch:
            started = time.monotonic()
            child = subprocess.Popen(
                self.words(command, mark),
                cwd="/",
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            follower = Follower(child, mark, output, watch, command.memory, wrapped=True, ended=command.ended)
            try:
                timed_out = follower.follow(started + command.timeout)
                seconds = time.monotonic() - started
            finally:
                follower.end_all()
            touched, saw_all = watch.touched(), watch.complete
        ended = supervised.read(command.layout, child.returncode)
        tail = output.last_lines(60)
        if ended.code and not ended.told and tail and tail[-1].startswith("bwrap: "):
            raise UserError(f"the sandbox did not start: {tail[-1]} (--engine process runs it without)")
        return Outcome(
            exit_code=ended.code,
            signal=ended.signal,
            timed_out=timed_out,
            out_of_memory=follower.out_of_memory,
            seconds=seconds,
            peak_memory=follower.peak,
            output_bytes=output.total,
            tail=tail,
            survivors=() if timed_out else ended.survivors,
            touched=touched,
            saw_all=saw_all,
        )

    def words(self, command: Command, mark: str) -> list[str]:
        """The whole command line."""
        layout = command.layout
        self._name(command)
        entered = ["nsenter", "--preserve-credentials", "--user", "--net", "--target", command.network, "--"] if command.network else []
        alone = () if self.network or command.network else ("--unshare-net",)
        out = [*entered, "bwrap", *_NAMESPACES, *alone, *_IDENTITY, "--hostname", command.host, "--bind", str(layout.root), "/"]
        for path in _system():
            if not os.path.islink(path):
                out += ["--ro-bind", path, path]
        out += ["--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/sys", "/sys"]
        for path in sorted(found for pattern in _DEVICES for found in glob.glob(pattern)):
            out += ["--dev-bind-try", path, path]
        for seen, real in _places(layout):
            out += ["--bind", str(real), seen]
        for folder in sorted(layout.data.iterdir()):
            if folder.name not in ("code", "sm_drivers"):
                out += ["--ro-bind", str(command.bound.get(folder.name, folder)), f"{_BASE}/input/data/{folder.name}"]
        for path in (*self.shown, *self._files()):
            out += ["--ro-bind", path, path]
        for name in ("hosts", "hostname"):
            if os.path.isfile(f"/etc/{name}"):
                out += ["--ro-bind", str(layout.watch / name), f"/etc/{name}"]
        return [*out, "--", command.python or command.words[0], *supervised.lay(command, self.inside(layout), mark)]

    def _files(self) -> list[str]:
        """Files outside the system's folders that are shown by themselves: where the names of hosts are asked for, if anywhere."""
        real = os.path.realpath("/etc/resolv.conf")
        return [real] if self.network and os.path.isfile(real) and not _within(real, _SYSTEM) else []


def _places(layout: Layout) -> tuple[tuple[str, Path], ...]:
    return ((_BASE, layout.base), (_HOME, layout.home), (_TEMPORARY, layout.temporary), (_WATCH, layout.watch))


@functools.cache
def _system() -> tuple[str, ...]:
    return tuple(path for path in _SYSTEM if os.path.lexists(path))


def _within(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _shown(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths to bind: those that are there, not in another one, and that would not hide the run's own folders."""
    out: list[str] = []
    for path in sorted({os.path.normpath(path) for path in paths}):
        own = (_BASE, _HOME, _TEMPORARY, _WATCH)
        if os.path.exists(path) and not _within(path, (*_SYSTEM, *out)) and not any(_within(place, [path]) for place in own):
            out.append(path)
    return tuple(out)


@functools.cache
def unavailable() -> str | None:
    """Found out by a tiny run, since what forbids user namespaces differs from system to system."""
    if not sys.platform.startswith("linux"):
        return "bubblewrap is for Linux alone"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (apt install bubblewrap, dnf install bubblewrap)"
    words = ["bwrap", *_NAMESPACES, "--unshare-net", *_IDENTITY, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=30, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        return f"bubblewrap does not run: {error}"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return (
        f"its namespaces are not permitted ({said}): set kernel.apparmor_restrict_unprivileged_userns=0 or "
        "kernel.unprivileged_userns_clone=1 by sysctl; in Docker give --privileged"
    )
