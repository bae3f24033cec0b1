"""A process that has loaded torch once and runs scripts in children: a test that trains takes a second rather than ten.

As a program: reads one job a line as JSON (folder, words, env, out, killed_after), runs ``train.py`` there, answers with the exit code.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import runpy
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any


class Forks:
    """The parent's side."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )

    def run(self, job: dict[str, Any]) -> int:
        """Run one job and return its exit code, negative for a signal."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(job), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def end(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


@cache
def forks() -> Forks:
    """The one of this test run."""
    made = Forks()
    atexit.register(made.end)
    return made


def main() -> None:
    import torch._dynamo  # noqa: F401  # what the first step of an optimizer loads

    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if not child:
            _work(job)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _work(job: dict[str, Any]) -> None:
    """Run the script in this process as if it had just been started; never returns."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for handle, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(str(Path(job["out"]) / name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), handle)
    os.environ.clear()
    os.environ.update(job["env"])
    os.chdir(job["folder"])
    sys.argv = ["train.py", *job["words"]]
    sys.path[0] = job["folder"]
    sys.dont_write_bytecode = True
    if job["killed_after"]:
        _kill_after(job["killed_after"])
    code: object = 0
    try:
        runpy.run_path("train.py", run_name="__main__")
    except SystemExit as leaving:
        code = leaving.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:  # as the interpreter tells of it
        import traceback

        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1 if code else 0)


def _kill_after(count: int) -> None:
    """End by SIGKILL right after that many checkpoints of the keeper."""
    replace, seen = os.replace, []

    def counted(source: Any, target: Any, **options: Any) -> None:
        replace(source, target, **options)
        if re.search(r"[0-9]{8}-([0-9a-f]{16}-)?[0-9a-f]{64}[.]json$", str(target)):
            seen.append(target)
            if len(seen) == count:
                os.kill(os.getpid(), signal.SIGKILL)

    os.replace = counted


if __name__ == "__main__":
    main()
