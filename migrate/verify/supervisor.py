"""The first process of a sandbox or container: starts the script, and tells how it ended and what outlived it. Never imported by the tool.

Standard library alone, Python 3.6 and later. When it ends, the kernel ends everything else in there. Its argument is a JSON file:
``words``, ``cwd`` and ``environment`` (null: its own) of the script, ``mark`` (``NAME=VALUE``, for the script's environment), ``linger``
in seconds, ``told`` (the file for what it tells), ``owner``, who gets the files below ``owned`` (null: nobody), and ``whole``: whether
it is to tell which files of the root file system are new or changed, too.
"""

import json
import os
import signal
import sys
import time
from typing import Any, Dict, Iterator, List, Sequence, Set

_GRACE = 3.0  # seconds between the request to end and the order
_OOM = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_PEAK = ("/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes")


class Asked(Exception):
    """Somebody wants it to end."""


def main() -> None:
    with open(sys.argv[1]) as handle:
        spec = json.load(handle)
    started = time.time() - 0.05  # the clock of file systems is a little late
    if os.getsid(0) != os.getpid():  # Docker has done it already
        os.setsid()
    signal.signal(signal.SIGTERM, _ask)
    status = int(signal.SIGTERM)
    left = []  # type: List[str]
    try:
        child = os.fork()
        if child == 0:
            _become(spec)
        pid, status = os.wait()
        while pid != child:  # the first process gets the orphans
            pid, status = os.wait()
        left = _left(time.time() + spec["linger"])
    except Asked:
        _end_all()
    told: Dict[str, Any] = {"status": status, "left": left, "peak": _number(_PEAK, ""), "killed": _number(_OOM, "oom_kill ")}
    told["changed"] = sorted(_changed("/", started, _mounts())) if spec["whole"] else []
    if spec["owner"]:
        _kill(signal.SIGKILL)
        _give(spec["owned"], spec["owner"])
    with open(spec["told"] + ".part", "w") as handle:
        json.dump(told, handle)
    if spec["owner"]:
        os.chown(handle.name, *spec["owner"])
    os.rename(handle.name, spec["told"])


def _become(spec: Dict[str, Any]) -> None:
    """The script itself. Never comes back."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setsid()
    name, _, value = spec["mark"].partition("=")
    environment = os.environ if spec["environment"] is None else spec["environment"]
    try:
        os.chdir(spec["cwd"])
        os.execve(spec["words"][0], spec["words"], dict(environment, **{name: value}))
    except OSError as error:
        os.write(2, f"{spec['words'][0]} cannot be started: {error}\n".encode())
    os._exit(127)


def _ask(number: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Asked


def _end_all() -> None:
    """Ask everything to end, then order it."""
    _kill(signal.SIGTERM)
    until = time.time() + _GRACE
    while _others() and time.time() < until:
        _reap()
        time.sleep(0.02)
    _kill(signal.SIGKILL)


def _kill(number: int) -> None:
    for pid in _others():
        try:
            os.kill(int(pid), number)
        except OSError:
            continue  # gone


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except OSError:
        pass  # no children


def _left(until: float) -> List[str]:
    """The command lines of what is still there when the time is over."""
    while True:
        _reap()
        pids = _others()
        if not pids:
            return []
        if time.time() > until:
            return sorted({_command_line(pid) for pid in pids})
        time.sleep(0.02)


def _others() -> List[str]:
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _command_line(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as handle:
            text = handle.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        text = ""
    return text[:200] or f"process {pid}"


def _number(paths: Sequence[str], before: str) -> int:
    """The number that stands behind a word in the first of the files that is there; 0 for none."""
    for path in paths:
        try:
            with open(path) as handle:
                return next((int(line[len(before) :]) for line in handle if line.startswith(before)), 0)
        except (OSError, ValueError):
            continue
    return 0


def _mounts() -> Set[str]:
    with open("/proc/self/mountinfo") as handle:
        return {line.split()[4] for line in handle}


def _changed(folder: str, since: float, mounts: Set[str]) -> Iterator[str]:
    """The files below a folder that are new or changed; what is mounted there is left out, and caches of Python's."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if entry.path in mounts or entry.name == "__pycache__":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _changed(entry.path, since, mounts)
            elif entry.stat(follow_symlinks=False).st_ctime >= since:
                yield entry.path
        except OSError:
            continue  # gone


def _give(folders: List[str], owner: List[int]) -> None:
    """Hand over all that lies in the folders, the folders too; what is mounted read-only stays as it is."""
    for folder in folders:
        for path, names, files in os.walk(folder, topdown=False):
            for name in files + names:
                _chown(os.path.join(path, name), owner)
        _chown(folder, owner)


def _chown(path: str, owner: List[int]) -> None:
    try:
        os.chown(path, owner[0], owner[1], follow_symlinks=False)
    except OSError:
        pass


if __name__ == "__main__":
    main()
