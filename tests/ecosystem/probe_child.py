"""Runs a script as far as its settings, once for each case, and writes down what it parsed. Started by ``probe.py``, inside a sandbox.

The script is run for real up to the first look at ``sys.argv`` or the first parser; there the process forks once for each case, so
that a hundred command lines cost one start. Standard library alone.
"""

from __future__ import annotations

import argparse
import builtins
import fcntl
import importlib.util
import io
import json
import os
import random
import re
import signal
import struct
import sys
import termios
import traceback
import types
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from describe import describe, plain  # type: ignore[import-not-found]
from frozen import freeze  # type: ignore[import-not-found]
from stubs import install  # type: ignore[import-not-found]

del sys.path[0], sys.modules["describe"], sys.modules["frozen"], sys.modules["stubs"]  # the script may have modules of these names


class Recorder:
    """The state of one case, and the fork that begins it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.case: dict[str, Any] | None = None
        self.depth = 0
        self.result: dict[str, Any] = {"outcome": "ended", "namespaces": [], "parsers": [], "exit": None, "error": None}
        self.argv = Argv(self)

    def touch(self) -> None:
        """Fork here, once for each case, unless this process is already one."""
        if self.case is not None:
            return
        for case in self.spec["cases"]:
            pid = os.fork()
            if pid == 0:
                self._begin(case)
                return
            _, status = os.waitpid(pid, 0)
            if os.WIFSIGNALED(status):
                self._mark_killed(case, os.WTERMSIG(status))
        os._exit(0)

    def _begin(self, case: dict[str, Any]) -> None:
        self.case = case
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, self.spec["time_limit"])
        for path, text in case.get("files", {}).items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as handle:
                handle.write(text)
        os.environ.update(case.get("env", {}))
        list.__setitem__(self.argv, slice(1, None), case["argv"])
        for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
            stream.flush()
            handle_fd = os.open(self._path(case, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle_fd, 1 if name == "stdout" else 2)
        self._save()

    def _path(self, case: dict[str, Any], kind: str) -> str:
        return os.path.join(self.spec["results"], f"{case['id']}.{kind}")

    def _save(self) -> None:
        assert self.case is not None
        with open(self._path(self.case, "json"), "w", encoding="utf-8") as handle:
            json.dump(self.result, handle)

    def _mark_killed(self, case: dict[str, Any], number: int) -> None:
        path = self._path(case, "json")
        with open(path, encoding="utf-8") as handle:
            result = json.load(handle)
        if result["outcome"] == "ended":
            result["outcome"] = "timeout" if number == signal.SIGALRM else "killed"
        with open(path, "w", encoding="utf-8") as handle:
            json.dump(result, handle)

    def parsed(self, namespace: object, method: str) -> None:
        """Note a parsed namespace; ``parse_args`` is the end of the settings, ``parse_known_args`` may be one of several."""
        values = {name: plain(value) for name, value in vars(namespace).items()}
        self.result["namespaces"].append(values)
        self.result["outcome"] = "parsed"
        self._save()
        if "known" not in method:
            self.leave()

    def finish(self, outcome: str, code: object = None, error: str | None = None) -> None:
        """Note how the case ended, unless its settings are known already, and leave the process at once."""
        if self.result["outcome"] != "parsed":
            self.result.update(outcome=outcome, exit=code)
        self.result["error"] = error
        self._save()
        self.leave()

    def leave(self) -> None:
        """End the process without the script's own ``finally``, ``atexit`` or ``except:``."""
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


class Argv(list):  # type: ignore[type-arg]
    """``sys.argv``: the first look at it begins the cases."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__([recorder.spec["argv0"]])
        self.recorder = recorder

    def __getitem__(self, key: Any) -> Any:
        self.recorder.touch()
        return super().__getitem__(key)

    def __iter__(self) -> Any:
        self.recorder.touch()
        return super().__iter__()

    def __len__(self) -> int:
        self.recorder.touch()
        return super().__len__()

    def __contains__(self, item: object) -> bool:
        self.recorder.touch()
        return super().__contains__(item)


def _watch_argparse(recorder: Recorder) -> None:
    """Wrap the parser's methods: creating one begins the cases, parsing with one is written down."""
    begin = argparse.ArgumentParser.__init__

    def __init__(self: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> None:
        recorder.touch()
        begin(self, *args, **kwargs)

    argparse.ArgumentParser.__init__ = __init__  # type: ignore[method-assign]
    for method in ("parse_args", "parse_known_args", "parse_intermixed_args", "parse_known_intermixed_args"):
        setattr(argparse.ArgumentParser, method, _wrapped(recorder, method, getattr(argparse.ArgumentParser, method)))


def _wrapped(recorder: Recorder, method: str, original: Any) -> Any:
    def parse(self: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> Any:
        outer = recorder.depth == 0
        recorder.depth += 1
        if outer and recorder.case is not None and recorder.case.get("describe"):
            recorder.result["parsers"].append(describe(self))
            recorder._save()
        try:
            made = original(self, *args, **kwargs)
        except SystemExit as stop:
            if outer:
                recorder.finish("exit", stop.code)
            raise
        finally:
            recorder.depth -= 1
        if outer:
            recorder.parsed(made[0] if "known" in method else made, method)
        return made

    return parse


def _run(spec: dict[str, Any]) -> None:
    """Execute the script as ``python SCRIPT`` or ``python -m MODULE`` would."""
    main = types.ModuleType("__main__")
    if spec["module"]:
        sys.path.insert(0, os.getcwd())
        found = importlib.util.find_spec(spec["module"])
        assert found is not None and found.origin is not None
        main.__spec__, main.__package__, path = found, spec["module"].rpartition(".")[0], found.origin
    else:
        path = spec["script"]
        sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    with open(path, "rb") as handle:
        code = compile(handle.read(), path, "exec", dont_inherit=True)
    main.__file__ = path
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def _terminal() -> None:
    """Give the script a terminal of 24 x 80 to ask about: some look at its size as soon as they are imported."""
    _, ours = os.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.dup2(ours, 0)


class _Missing(io.StringIO):
    """A text file that is not here: read whole it says ``1``, which is a name as well as a number; line by line it is empty."""

    def read(self, size: int | None = -1) -> str:
        return "1"


def _open_missing() -> None:
    """Let a missing text file be read: label lists, tokens and ids are often read before the settings are, and they stayed on EC2."""
    real = builtins.open

    def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        try:
            return real(file, mode, *args, **kwargs)
        except FileNotFoundError:
            if mode not in ("r", "rt"):
                raise
            return _Missing()

    builtins.open = opened


def main() -> None:
    """Read the order from standard input, run the script, and leave one result file for each case."""
    spec = json.load(sys.stdin)
    _terminal()
    freeze()
    random.seed(0)
    os.chdir(spec["cwd"])
    recorder = Recorder(spec)
    sys.argv = recorder.argv
    sys.path[1:1] = spec["paths"]
    sys.setrecursionlimit(5000)
    install(spec["root"])
    _open_missing()
    _watch_argparse(recorder)
    outcome, code, error = "ended", None, None
    try:
        _run(spec)
    except SystemExit as stop:
        outcome, code = "exit", stop.code
    except BaseException:  # the boundary: whatever the script raises is the case's result
        outcome, error = "error", re.sub(r"0x[0-9a-f]+", "0x", traceback.format_exc())
    if recorder.case is None:
        recorder.case = {"id": "all"}
    recorder.finish(outcome, plain(code), error)


if __name__ == "__main__":
    main()
