"""The first process of a sandbox: starts the script, and tells how it ended and what outlived it. Never imported by the tool.

Standard library alone, Python 3.8 and later. When it ends, the kernel ends everything else in the sandbox.
Arguments: the file for what it tells, ``NAME=VALUE`` for the script's environment, seconds to linger, the script's words.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    told, mark, linger, words = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]
    os.setsid()
    child = os.fork()
    if child == 0:
        os.setsid()
        name, _, value = mark.partition("=")
        try:
            os.execve(words[0], words, {**os.environ, name: value})
        except OSError as error:
            os.write(2, f"{words[0]} cannot be started: {error}\n".encode())
        os._exit(127)
    pid, status = os.wait()
    while pid != child:  # the sandbox's first process gets the orphans
        pid, status = os.wait()
    left = _left(time.monotonic() + linger)
    with open(told, "w", encoding="utf-8") as handle:
        json.dump({"status": status, "left": left}, handle)


def _left(until: float) -> list[str]:
    """The command lines of what is still there when the time is over."""
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        pids = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
        if not pids:
            return []
        if time.monotonic() > until:
            return sorted({_command_line(pid) for pid in pids})
        time.sleep(0.02)


def _command_line(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as handle:
            text = handle.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        text = ""
    return text[:200] or f"process {pid}"


if __name__ == "__main__":
    main()
