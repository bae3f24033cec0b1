"""What the script itself sees and does, noted from inside. Copied beside the run as ``sitecustomize.py``; never imported by the tool.

Standard library alone, Python 3.8 and later. It notes (one JSON line each, in the file that the specification names) what is
opened for writing and from which line, what is read outside the run's own folders, programs and addresses that are called, and
what the argument parsers made of the settings. It stops what would change files outside the run's own folders, and calls of the
EC2 metadata address; everything else goes on as without it. C++ code raises no audit event: that is why snapshots decide.
"""

from __future__ import annotations

import atexit
import errno
import importlib.machinery
import importlib.util
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))
_METADATA = ("169.254.169.254", "fd00:ec2::254")
_POWER = re.compile(r"(^|[;&|\s])(/usr)?(/local)?/s?bin/(shutdown|reboot|poweroff|halt|sudo)\b")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_HARMLESS = ("/dev/", "/proc/", "/sys/")
# Savers that write from compiled code, so that no "open" event tells their line: module -> functions that take a path.
_SAVERS = {
    "torch.serialization": ("save",),
    "cv2": ("imwrite",),
    "safetensors.torch": ("save_file", "save_model"),
    "safetensors.numpy": ("save_file",),
    "soundfile": ("write",),
}
_MOST_EVENTS = 20000


class Probe:
    """The state of this process: the specification, the file of events, what has been told already."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.cwd = os.getcwd()
        self.told: set[tuple[str, str]] = set()
        self.guard = threading.local()
        self.fd = -1
        self.pid = os.getpid()
        self.drill: Any = None

    def tell(self, kind: str, **fields: Any) -> None:
        """Write one event. Never raises: a full disk or a closed descriptor must not change the run."""
        line = json.dumps(dict(fields, kind=kind, pid=os.getpid()), default=repr) + "\n"
        data = line.encode("utf-8", "backslashreplace")
        for _ in range(2):
            try:
                if self.fd < 0:
                    self.fd = os.open(self.spec["events"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
                os.write(self.fd, data)
                return
            except OSError:
                self.fd = -1

    def tell_once(self, kind: str, path: str, **fields: Any) -> None:
        if (kind, path) in self.told or len(self.told) > _MOST_EVENTS:
            return
        self.told.add((kind, path))
        self.tell(kind, path=path, where=self.where(), **fields)

    def where(self) -> str | None:
        """The innermost line of the repo's own code on the stack, ``path:line``; the support module only if nothing else is there."""
        frame = sys._getframe(1)
        second = None
        while frame is not None:
            path = frame.f_code.co_filename
            if not path.startswith("<"):
                path = os.path.join(self.cwd, path)
                if path.startswith(self.spec["code"] + os.sep):
                    place = f"{path[len(self.spec['code']) + 1 :]}:{frame.f_lineno}"
                    if os.path.basename(path) != "sagemaker_support.py":
                        return place
                    second = second or place
            frame = frame.f_back  # type: ignore[assignment]
        return second

    def within(self, path: str, roots: list[str]) -> bool:
        return any(path == root or path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)

    def absolute(self, path: Any) -> str | None:
        """The path of an event as absolute text; None for descriptors and for what the machine itself owns."""
        if isinstance(path, int) or path is None:
            return None
        try:
            text = os.path.abspath(os.fsdecode(path))
        except (TypeError, ValueError, OSError):
            return None
        return None if text.startswith(_HARMLESS) else text

    def wrote(self, path: Any, verb: str, source: Any = None) -> None:
        """A write, a new folder or a deletion: tell it, and stop it where it would change what is not the run's own."""
        text = self.absolute(path)
        if text is None:
            return
        real = os.path.join(os.path.realpath(os.path.dirname(text)), os.path.basename(text))
        if self.drill is not None and verb in ("open", "rename"):
            self.drill.wrote(real, verb, self.absolute(source))
        verb = "open" if verb == "append" else verb
        if self.within(real, self.spec["writable"]):
            if verb in ("open", "rename"):
                self.tell_once("write", real)
            elif os.path.lexists(os.path.dirname(real) if verb == "mkdir" else real) and self.within(
                real, list(self.spec["channels"].values())
            ):
                self.tell_once("altered", real, verb=verb)
            return
        if not self.spec["trust"] and not self._is_scrap(real, verb):
            self.tell_once("stopped", real, verb=verb)
            act = "delete" if verb == "delete" else "write"
            message = f"stopped by migrate verify: it would {act} something outside the run's own folders"
            raise PermissionError(errno.EPERM, message, text)
        if verb in ("open", "rename"):
            self.tell_once("write", real, outside=True)

    def _is_scrap(self, real: str, verb: str) -> bool:
        """True for what the run may make, change and delete outside: files of its own in the machine's temporary folders."""
        if self.within(real, self.spec["protected"]) or not self.within(real, self.spec["temporary"]):
            return False
        try:
            return os.lstat(real).st_ctime >= float(self.spec["started"])
        except OSError:
            return True

    def read(self, path: Any) -> None:
        text = self.absolute(path)
        if text is None:
            return
        for name, folder in self.spec["channels"].items():
            if self.within(text, [folder]):
                if ("channel", name) not in self.told:
                    self.told.add(("channel", name))
                    self.tell("channel", name=name, path=text, where=self.where())
                return
        if ("write", text) in self.told:
            return
        if not self.within(text, self.spec["inside"]) and not self.within(text, self.spec["quiet"]):
            place = self.where()
            if place:  # a library's own look at the system is not the script's
                self.tell_once("read", text)

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        handler = _HANDLERS.get(event)
        if handler is None or getattr(self.guard, "on", False):
            return
        self.guard.on = True
        try:
            handler(self, args)
        finally:
            self.guard.on = False


def _on_open(probe: Probe, args: tuple[Any, ...]) -> None:
    path, mode, flags = args
    if isinstance(mode, str):
        writes = any(letter in mode for letter in "wax+")
    else:
        writes = bool((flags or 0) & _WRITE_FLAGS)
    if writes:
        probe.wrote(path, "append" if isinstance(mode, str) and "a" in mode else "open")
    if not writes or (isinstance(mode, str) and "+" in mode):
        probe.read(path)


def _on_rename(probe: Probe, args: tuple[Any, ...]) -> None:
    if args[2] == -1:
        probe.wrote(args[0], "delete")
    if args[3] == -1:
        probe.wrote(args[1], "rename", args[0])


def _on_remove(probe: Probe, args: tuple[Any, ...]) -> None:
    if args[1] in (-1, None):  # with a folder's descriptor the name alone means nothing; shutil.rmtree tells its own event
        probe.wrote(args[0], "delete")


def _on_connect(probe: Probe, args: tuple[Any, ...]) -> None:
    address = args[1]
    if not isinstance(address, tuple):
        return
    host = str(address[0])
    if host in _METADATA:
        probe.tell_once("metadata", host)
        raise OSError(errno.ENETUNREACH, "migrate verify: the EC2 metadata address is turned off")
    if not (host.startswith("127.") or host in ("::1", "localhost", "0.0.0.0", "::", "")):
        probe.tell_once("connect", f"{host}:{address[1] if len(address) > 1 else ''}")


def _on_lookup(probe: Probe, args: tuple[Any, ...]) -> None:
    """A host is asked for by its name: where there is no network, this is all that is seen of a call."""
    host = os.fsdecode(args[0]) if isinstance(args[0], (str, bytes)) else ""
    if host and not host.startswith(("localhost", "algo-")) and not re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*", host):
        if host != os.uname().nodename:
            probe.tell_once("connect", host)


def _on_program(probe: Probe, text: str) -> None:
    if _POWER.search(text):
        probe.tell_once("stopped", text[:200], verb="run")
        raise PermissionError(errno.EPERM, f"stopped by migrate verify: {text[:80]}")


def _on_system(probe: Probe, args: tuple[Any, ...]) -> None:
    _on_program(probe, os.fsdecode(args[0]))


def _on_popen(probe: Probe, args: tuple[Any, ...]) -> None:
    words = args[1]
    parts = [words] if isinstance(words, (str, bytes, os.PathLike)) else list(words or ())
    _on_program(probe, " ".join(os.fsdecode(part) for part in parts))


_HANDLERS: dict[str, Callable[[Probe, tuple[Any, ...]], None]] = {
    "open": _on_open,
    "os.listdir": lambda probe, args: probe.read(args[0] if args[0] is not None else "."),
    "os.scandir": lambda probe, args: probe.read(args[0] if args[0] is not None else "."),
    "os.mkdir": lambda probe, args: probe.wrote(args[0], "mkdir") if not os.path.isdir(args[0]) else None,
    "os.truncate": lambda probe, args: probe.wrote(args[0], "open"),
    "os.link": lambda probe, args: probe.wrote(args[1], "rename"),
    "os.symlink": lambda probe, args: probe.wrote(args[1], "rename"),
    "os.remove": _on_remove,
    "os.rmdir": _on_remove,
    "shutil.rmtree": lambda probe, args: probe.wrote(args[0], "delete"),
    "os.rename": _on_rename,
    "os.chmod": lambda probe, args: probe.wrote(args[0], "change"),
    "os.chown": lambda probe, args: probe.wrote(args[0], "change"),
    "sqlite3.connect": lambda probe, args: probe.wrote(args[0], "open") if args[0] not in (":memory:", "") else None,
    "socket.connect": _on_connect,
    "socket.getaddrinfo": _on_lookup,
    "socket.gethostbyname": _on_lookup,
    "os.system": _on_system,
    "subprocess.Popen": _on_popen,
    "os.exec": lambda probe, args: _on_program(probe, os.fsdecode(args[0])),
}


class AfterImport:
    """A finder that finds nothing itself: it lets a table of modules load as ever, and then hands them to a function."""

    def __init__(self, table: dict[str, Callable[[Any], None]]) -> None:
        self.table = table
        self.busy = threading.local()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self.table or getattr(self.busy, "on", False):
            return None
        self.busy.on = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.busy.on = False
        load = getattr(spec and spec.loader, "exec_module", None)
        if load is None:
            return None

        def exec_module(module: Any) -> None:
            load(module)
            self.table[name](module)

        spec.loader.exec_module = exec_module  # type: ignore[union-attr, method-assign]
        return spec


def _wrap_savers(probe: Probe, names: tuple[str, ...]) -> Callable[[Any], None]:
    def patch(module: Any) -> None:
        for name in names:
            if callable(getattr(module, name, None)):
                setattr(module, name, _wrapped(probe, getattr(module, name)))

    return patch


def _wrapped(probe: Probe, function: Callable[..., Any]) -> Callable[..., Any]:
    """A saver that tells its path, as the "open" event of Python code does, before it writes."""
    import functools

    @functools.wraps(function)
    def save(*args: Any, **kwargs: Any) -> Any:
        path = next((value for value in [*args[:2], *kwargs.values()] if isinstance(value, (str, os.PathLike))), None)
        if path is not None and not getattr(probe.guard, "on", False):
            probe.guard.on = True
            try:
                probe.wrote(path, "open")
            finally:
                probe.guard.on = False
        return function(*args, **kwargs)

    return save


def _peak_memory() -> int:
    """Bytes of this process at its largest; of its own image only, unlike ``ru_maxrss``, which a fork inherits."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as handle:
            for line in handle:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _tell_exits(probe: Probe) -> None:
    """Note from where the program ends itself with a failure: that leaves no traceback."""
    leave = sys.exit

    def exit(status: Any = None, /) -> Any:
        if status not in (None, 0):
            probe.tell("quit", where=probe.where(), main=threading.current_thread() is threading.main_thread())
        return leave(status)

    sys.exit = exit


def _load(name: str, path: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _forget_installed(probe: Probe) -> None:
    """Where the repo itself is installed for editing, its modules would come from there, not from the copy; a container has neither."""

    def original(path: str) -> bool:
        real = os.path.realpath(path)
        return probe.within(real, [probe.spec["root"]]) and not probe.within(real, probe.spec["interpreter"])

    sys.path[:] = [path for path in sys.path if not path or not original(path)]
    for finder in list(sys.meta_path):
        module = sys.modules.get(getattr(finder, "__module__", "") or "")
        mapping = getattr(module, "MAPPING", None)
        if module is not None and module.__name__.startswith("__editable__") and isinstance(mapping, dict):
            if any(original(str(path)) for path in mapping.values()):
                sys.meta_path.remove(finder)


def _hand_on() -> None:
    """Load the ``sitecustomize`` that this one hides, if there is one."""
    rest = [path for path in sys.path if os.path.abspath(path or ".") != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def start() -> None:
    """Begin to watch this process."""
    with open(os.environ["MIGRATE_PROBE"], encoding="utf-8") as handle:
        spec = json.load(handle)
    probe = Probe(spec)
    probe.tell("start", argv=getattr(sys, "argv", []), time=time.time())
    settings = _load("_migrate_probe_settings", os.path.join(_HERE, "probe_settings.py"))
    table: dict[str, Callable[[Any], None]] = {name: _wrap_savers(probe, names) for name, names in _SAVERS.items()}
    table["argparse"] = lambda module: settings.watch(module, probe)
    if spec["drill"] is not None:
        drill = _load("_migrate_probe_drill", os.path.join(_HERE, "probe_drill.py"))
        probe.drill = drill.Drill(probe, spec["drill"])
        table.update(drill.steps_of(probe.drill))
    if "argparse" in sys.modules:
        table.pop("argparse")(sys.modules["argparse"])
    sys.meta_path.insert(0, AfterImport(table))
    # a program that starts the script hands its own path on to it, and this folder has to come along
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != _HERE] + ([_HERE] if spec["through"] else [])
    _forget_installed(probe)
    _tell_exits(probe)
    atexit.register(lambda: probe.tell("exit", peak=_peak_memory(), time=time.time(), argv=sys.argv[:1]))
    _hand_on()
    sys.addaudithook(probe.audit)


if "MIGRATE_PROBE" in os.environ and __name__ == "sitecustomize":
    start()
