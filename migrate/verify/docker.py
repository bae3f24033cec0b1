"""The docker engine: the job's own image, with /opt/ml and all that SageMaker mounts, and nothing of this machine beside it."""

from __future__ import annotations

import os
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType

from migrate.errors import UserError
from migrate.job.serialise import Style
from migrate.verify import containers, supervised
from migrate.verify.containers import PULLED
from migrate.verify.engine import Command, Outcome
from migrate.verify.follow import MARK, Follower
from migrate.verify.interpreter import Interpreter
from migrate.verify.layout import Inside, Layout
from migrate.verify.output import Output
from migrate.verify.watch import Watch

_BASE, _HOME, _TEMPORARY, _WATCH = "/opt/ml", "/root", "/tmp", "/run/migrate"
_FAILED = 125  # docker's own exit code where the container did not start
_MOST_LOST = 500  # files of which more is fetched than their name
_MOST_BYTES = 256 << 20  # of one such file; a larger one is told with its size alone


class DockerEngine:
    """Runs the command by ``docker run`` in ``image``, which is on this machine. ``memory`` limits are the kernel's, of all processes."""

    name: str = "docker"
    contained: bool = True
    through: bool = False
    shows: bool = True

    def __init__(self, image: containers.Wanted, network: bool = False) -> None:
        self.image = image
        self.network = network
        self.isolates: tuple[str, ...] = (
            "the file system: the image's own, with the job's /opt/ml and /tmp; nothing else of this machine is mounted",
            "the channels are read-only; the code is a copy",
            "processes, shared memory and the host name (algo-1); no environment and no credentials of yours",
            *(() if network else ("the network (--network gives it)",)),
            "the EC2 metadata address, for Python code and the AWS SDKs; aws, sudo, shutdown, reboot, poweroff and halt",
        )
        self.does_not: tuple[str, ...] = (
            *(("the network",) if network else ()),
            "the kernel and the GPUs, which are this machine's; the user is root, as on SageMaker, and what it leaves is made yours",
            "CPU limits of the instance type, and memory but for --memory",
        )

    def interpreter(self, here: Interpreter) -> Interpreter:
        return containers.interpreter(self.image.id)

    def lacks(self, style: Style) -> str | None:
        return None

    def program(self, style: Style) -> str | None:
        return None

    def together(self, layout: Layout) -> AbstractContextManager[str]:
        return self._together(layout)

    @contextmanager
    def _together(self, layout: Layout) -> Iterator[str]:
        with Janitor(layout, self.image.id, cleans=False) as janitor:
            yield janitor.make_network(closed=not self.network)

    def gpus(self) -> int:
        return containers.gpus()

    def inside(self, layout: Layout) -> Inside:
        return Inside(Path(_BASE), Path(_HOME), Path(_TEMPORARY), Path(_WATCH), layout.style)

    def outside(self, layout: Layout, path: str) -> str:
        for seen, real in ((_BASE, layout.base), (_HOME, layout.home), (_TEMPORARY, layout.temporary), (_WATCH, layout.watch)):
            if path == seen or path.startswith(seen + "/"):
                return f"{real}{path[len(seen) :]}"
        return f"{layout.root}{path}"

    def prepare(self, layout: Layout) -> None:
        """A folder for what the script leaves in the container's own file system."""
        layout.root.mkdir(parents=True)

    def run(self, command: Command) -> Outcome:
        mark = f"{MARK}={uuid.uuid4().hex}"
        with (
            Janitor(command.layout, self.image.id) as janitor,
            Output(command.log, command.on_line) as output,
            Watch(command.watched) as watch,
        ):
            network = command.network or (janitor.make_network() if self.network else "none")
            started = time.monotonic()
            child = subprocess.Popen(
                self.words(command, mark, janitor.container, network),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            counted = containers.counts_memory()  # else all that there is of it are the numbers of the whole machine
            follower = Follower(child, mark, output, watch, None if counted else command.memory, wrapped=True, ended=command.ended)
            try:
                timed_out = follower.follow(started + command.timeout)
                seconds = time.monotonic() - started
            finally:
                follower.end_all()
            ended = supervised.read(command.layout, child.returncode)
            if ended.told:
                fetch_lost(self, command.layout, janitor.container, ended.changed)
            touched, saw_all = watch.touched(), watch.complete
            killed = (
                follower.out_of_memory
                or (counted and bool(ended.killed))
                or (command.memory is not None and not ended.told and janitor.out_of_memory())
            )
        tail = output.last_lines(60)
        if not ended.told and child.returncode == _FAILED:
            raise UserError(f"the container did not start: {tail[-1] if tail else 'docker says nothing'}")
        return Outcome(
            exit_code=ended.code,
            signal=ended.signal,
            timed_out=timed_out,
            out_of_memory=killed,
            seconds=seconds,
            peak_memory=max(follower.peak, ended.peak if counted else 0),
            output_bytes=output.total,
            tail=tail,
            survivors=() if timed_out else ended.survivors,
            touched=touched,
            saw_all=saw_all,
        )

    def words(self, command: Command, mark: str, container: str, network: str) -> list[str]:
        """The whole command line."""
        layout = command.layout
        out = ["docker", "run", "--name", container, "--label", f"{containers.LABEL}={layout.top}"]
        out += ["--hostname", command.host, "--network", network, *(("--network-alias", command.host) if command.network else ())]
        out += ["--log-driver", "none", *PULLED, "--user", "0:0", "--security-opt", "no-new-privileges", "--workdir", "/"]
        out += ["--shm-size", str(containers.shared_memory(command.memory))]
        if command.memory is not None and containers.counts_memory():
            out += ["--memory", str(command.memory), "--memory-swap", str(command.memory)]
        if self.gpus():
            out += ["--gpus", "all"]
        # of the home only what was put there: the image's own may hold what it has loaded beforehand
        laid = {f"{_HOME}/{path.name}": path for path in sorted(layout.home.iterdir()) if path.name != ".cache"}
        mounted = {_BASE: layout.base, _TEMPORARY: layout.temporary, _WATCH: layout.watch, **laid}
        for seen, real in mounted.items():
            out += ["--mount", containers.mount(real, seen)]
        for folder in sorted(layout.data.iterdir()):
            if folder.name not in ("code", "sm_drivers"):
                source = command.bound.get(folder.name, folder)
                out += ["--mount", containers.mount(source, f"{_BASE}/input/data/{folder.name}", read_only=True)]
        owner = containers.owner()
        supervisor = supervised.lay(
            command,
            self.inside(layout),
            mark,
            environment=command.environment,
            owner=owner,
            owned=tuple(mounted),
            whole=True,  # docker diff takes seconds where the kernel does not help it
        )
        return [*out, "--entrypoint", command.words[0], self.image.id, *supervisor]


class Janitor:
    """Removes the container and the network of one run when it ends, and when this process is killed: it is a process of its own.

    A container that is killed leaves files of root's behind: where it ``cleans``, another one of ``image`` gives them to the user.
    """

    def __init__(self, layout: Layout, image: str, project: str = "", cleans: bool = True) -> None:
        self.container = f"migrate-verify-{uuid.uuid4().hex[:16]}"
        self._layout, self._image, self._project, self._cleans = layout, image, project, cleans and not project
        words = f"cat >/dev/null; docker rm --force --volumes {self.container}; docker network rm {self.container}"
        if project:  # of Docker Compose, which names what it makes itself
            words = (
                f"cat >/dev/null; docker rm --force --volumes $({self._asked()}); docker network rm $(docker network ls -q {self._of()})"
            )
        self._child = subprocess.Popen(
            ["sh", "-c", words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def make_network(self, *, closed: bool = False) -> str:
        """A network of this run's own, ``closed`` without a way out. Raises UserError where Docker has none left."""
        containers.docker(
            "network", "create", *(["--internal"] if closed else []), "--label", f"{containers.LABEL}={self._layout.top}", self.container
        )
        return self.container

    def _of(self) -> str:
        return f"--filter label=com.docker.compose.project={self._project}"

    def _asked(self) -> str:
        return f"docker ps --all --quiet {self._of()}"

    def of_project(self) -> str | None:
        """The container that Docker Compose has made; None where it has made none."""
        return next(iter(containers.docker(*self._asked().split()[1:]).split()), None)

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed the container for want of memory."""
        return containers.docker("inspect", "--format", "{{.State.OOMKilled}}", self.container).strip() == "true"

    def __enter__(self) -> Janitor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()
        if self._cleans and containers.owner() and not supervised.read(self._layout, None).told:
            containers.give_back(self._image, self._layout.top)


def changed(container: str, mounted: Sequence[str]) -> Iterator[str]:
    """The files and empty folders that are new or changed in a container, but for what is mounted there.

    ``docker diff`` names every folder on the way too.
    """
    told = containers.docker("diff", container)
    paths = sorted(line[2:] for line in told.splitlines() if line[:2] in ("A ", "C "))
    for path, following in zip(paths, [*paths[1:], ""], strict=True):
        if not following.startswith(path + "/") and not any(path == place or path.startswith(place + "/") for place in mounted):
            yield path


def fetch_lost(engine: DockerEngine, layout: Layout, container: str, paths: Iterable[str]) -> None:
    """Fetch the files that the script has left in the container's own file system: they would be gone with it."""
    for count, path in enumerate(paths):
        place = Path(engine.outside(layout, path))
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() and count >= _MOST_LOST:
            place.touch()
        elif not place.exists():
            _fetch(container, path, place)


def _fetch(container: str, path: str, place: Path) -> None:
    """One file of a container; nothing, where it is a folder."""
    with subprocess.Popen(
        ["docker", "cp", f"{container}:{path}", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as child:
        assert child.stdout is not None
        try:
            with tarfile.open(fileobj=child.stdout, mode="r|") as archive:
                member = archive.next()
                if member is not None and member.issym():
                    place.symlink_to(member.linkname)
                elif member is not None and member.isfile():
                    _write(archive, member, place)
        except tarfile.TarError:
            pass  # it is gone, or no plain file
        child.kill()


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    with place.open("wb") as handle:
        source = archive.extractfile(member) if member.size <= _MOST_BYTES else None
        if source is None:
            os.truncate(place, member.size)
        else:
            while block := source.read(1 << 20):
                handle.write(block)
