"""The plain-process engine: nothing to install, paths rebased, everything that the run starts is found and ended."""

from __future__ import annotations

import subprocess
import time
import uuid
from contextlib import AbstractContextManager

from migrate.errors import UserError
from migrate.job.serialise import Style
from migrate.verify.engine import Command, Outcome
from migrate.verify.follow import MARK, Follower
from migrate.verify.interpreter import Interpreter, gpu_count
from migrate.verify.layout import Inside, Layout
from migrate.verify.output import Output
from migrate.verify.watch import Watch


class ProcessEngine:
    """Runs the command as a child of this process, in a session of its own."""

    name: str = "process"
    contained: bool = False
    through: bool = False
    shows: bool = False
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
        "shared memory and CPU limits of the instance type, and memory but for --memory",
    )

    def inside(self, layout: Layout) -> Inside:
        return layout.inside

    def outside(self, layout: Layout, path: str) -> str:
        return path

    def interpreter(self, here: Interpreter) -> Interpreter:
        return here

    def lacks(self, style: Style) -> str | None:
        return None

    def program(self, style: Style) -> str | None:
        return None

    def together(self, layout: Layout) -> AbstractContextManager[str]:
        raise UserError("engine process has one host alone: --engine sandbox or docker runs several")

    def gpus(self) -> int:
        return gpu_count()

    def prepare(self, layout: Layout) -> None:
        """Nothing: the run has the machine's own file system."""

    def run(self, command: Command) -> Outcome:
        mark = uuid.uuid4().hex
        with Output(command.log, command.on_line) as output, Watch(command.watched) as watch:
            started = time.monotonic()
            child = subprocess.Popen(
                command.words,
                cwd=command.cwd,
                env={**command.environment, MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            follower = Follower(child, f"{MARK}={mark}", output, watch, command.memory)
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
            out_of_memory=follower.out_of_memory,
            seconds=seconds,
            peak_memory=follower.peak,
            output_bytes=output.total,
            tail=output.last_lines(60),
            survivors=survivors,
            touched=touched,
            saw_all=saw_all,
        )
