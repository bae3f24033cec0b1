"""The checkpoint folder: ``keeper/SCRIPT/00000007.json`` is a complete checkpoint, ``blobs/`` holds what it names by SHA-256.

A blob is written under a name that starts with a dot, synced and renamed; the JSON file, which has a hash of itself, comes last.
So whatever interrupts a save, the checkpoints before it stay as they are. Files that are not the keeper's are never touched.
"""

import contextlib
import functools
import hashlib
import io
import json
import os
import pickle
import re
import time
import types
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from migrate.runtime.keeper_states import Refused, _module, _Unpickler

_FORMAT, _VERSION = "migrate keeper", 1
_PLAIN_MARK = b"plain values\n"
_OUTPUTS = ("SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR")


class _Folder:
    """The checkpoints of one script below ``root``; ``keep`` of those that this run made stay."""

    def __init__(self, root: str, script: str, keep: int) -> None:
        self.root, self.keep, self.run = root, keep, os.urandom(8).hex()
        self.path = os.path.join(root, "keeper", script)
        self.known = {}  # type: Dict[str, Tuple[Any, str]]  # what was last seen of an output file, and its blob

    def blob(self, name: str) -> str:
        return os.path.join(self.path, "blobs", name)

    def write(self, folder: str, name: Optional[str], fill: Callable[[Any], Any]) -> str:
        """Write a file whole or not at all; without a ``name`` it is named by its hash. Raises OSError."""
        os.makedirs(folder, exist_ok=True)
        draft = os.path.join(folder, ".%d-%s" % (os.getpid(), os.urandom(4).hex()))
        try:
            with open(draft, "w+b") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
                name = name or _hash(file)
            os.replace(draft, os.path.join(folder, name))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise
        with contextlib.suppress(OSError):  # not every file system syncs folders
            handle = os.open(folder, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
        return name

    def put(self, tree: Any) -> str:
        """Write a tree; returns the blob's name."""
        return self.write(self.blob(""), None, lambda file: _dump(tree, file))

    def get(self, name: str) -> Any:
        with open(self.blob(name), "rb") as file:
            return _parse(file)

    def manifests(self) -> List[str]:
        """The names of the complete checkpoints, the newest first."""
        found = os.listdir(self.path) if os.path.isdir(self.path) else []
        return sorted((name for name in found if re.fullmatch(r"\d{8,}\.json", name)), key=lambda name: -int(name[:-5]))

    def publish(self, body: Dict[str, Any]) -> None:
        """Make a complete checkpoint of what was put, and remove what it makes old; to be called ``alone``. Raises OSError."""
        if not all(os.path.exists(self.blob(blob)) for blob in [body["state"]] + body["blobs"]):
            return  # put some time ago, and removed by another process
        names = self.manifests()
        body = dict(body, format=_FORMAT, version=_VERSION, run=self.run, files=self.collect())
        number = int(names[0][:-5]) + 1 if names else 1
        text = json.dumps(dict(body, hash=_sum(body)), sort_keys=True)
        self.write(self.path, "%08d.json" % number, lambda file: file.write(text.encode()))
        self.prune()

    def prune(self) -> None:
        mine = [name for name in self.manifests() if (self.read(name) or {}).get("run") == self.run]
        for name in mine[self.keep :]:
            os.unlink(os.path.join(self.path, name))
        named = {b""}
        for name in self.manifests():
            with open(os.path.join(self.path, name), "rb") as file:
                named.update(re.findall(rb"[0-9a-f]{64}", file.read()))  # of damaged and newer ones too
        for folder in (self.path, self.blob("")):
            for name in os.listdir(folder):
                if re.fullmatch(r"\.\d+-[0-9a-f]{8}", name) or (re.fullmatch("[0-9a-f]{64}", name) and name.encode() not in named):
                    os.unlink(os.path.join(folder, name))

    def read(self, name: str) -> Optional[Dict[str, Any]]:
        """What a checkpoint file says, None if it is damaged."""
        try:
            with open(os.path.join(self.path, name), "rb") as file:
                body = json.loads(file.read().decode())
            return body if body.pop("hash") == _sum(body) and body["format"] == _FORMAT else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def newest(self) -> Optional[Tuple[str, Dict[str, Any]]]:
        """The newest complete checkpoint that is not damaged. Raises Refused for one of a later version."""
        for name in self.manifests():
            body = self.read(name)
            if body is not None and body["version"] > _VERSION:
                raise Refused("%s was made by a later version (%s) of the keeper" % (os.path.join(self.path, name), body["version"]))
            wanted = [body["state"]] + body["blobs"] + [file["blob"] for file in body["files"]] if body else []
            broken = next((blob for blob in wanted if not self.sound(blob)), None)
            if body and not broken:
                self.run = body["run"]
                return name, body
            print("keeper: checkpoint %s is damaged%s; trying the one before" % (name, " (%s)" % broken if broken else ""), flush=True)
        return None

    def sound(self, blob: str) -> bool:
        try:
            with open(self.blob(blob), "rb") as file:
                return _hash(file) == blob
        except OSError:
            return False

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder against another process that saves into it. Raises OSError after half a minute."""
        os.makedirs(self.blob(""), exist_ok=True)
        try:
            import fcntl
        except ImportError:  # not on this system
            yield
            return
        with open(os.path.join(self.path, ".lock"), "a") as file:
            for attempt in range(600):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.05)
                except OSError:  # the file system has no locks
                    break
            else:
                raise OSError("another process has held the folder for half a minute")
            yield

    def collect(self) -> List[Dict[str, Any]]:
        """The run's output files, each with its blob; only what has changed since the last time is copied."""
        found = []
        for variable, path, there in self.outputs():
            try:
                status = os.stat(there)
                sign = (status.st_size, status.st_mtime_ns, status.st_ino)
                blob = self.known[there][1] if self.known.get(there, ("",))[0] == sign else None
                if blob is None or not os.path.exists(self.blob(blob)):
                    with open(there, "rb") as source:
                        blob = self.write(self.blob(""), None, functools.partial(_copy, source))
                    self.known[there] = (sign, blob)
            except FileNotFoundError:  # the script has just removed it
                continue
            found.append({"of": variable, "path": path, "blob": blob, "mode": status.st_mode & 0o777})
        return found

    def outputs(self) -> Iterator[Tuple[str, str, str]]:
        for variable in _OUTPUTS:
            top = os.environ.get(variable, "")
            for folder, folders, names in os.walk(top) if top else ():
                folders[:] = sorted(f for f in folders if os.path.realpath(os.path.join(folder, f)) != os.path.realpath(self.root))
                for name in sorted(names):
                    there = os.path.join(folder, name)
                    if os.path.isfile(there):
                        yield variable, os.path.relpath(there, top), there

    def put_back(self, files: List[Dict[str, Any]]) -> None:
        """The output files as they were at the checkpoint; those that the script has open stay the same files, written on at the end."""
        for file in files:
            top = os.environ.get(file["of"], "")
            there = os.path.normpath(os.path.join(top, file["path"]))
            if not top or os.path.relpath(there, top).startswith(".."):
                continue
            with contextlib.suppress(OSError):
                status = os.stat(there)
                if self.known.get(there) == ((status.st_size, status.st_mtime_ns, status.st_ino), file["blob"]):
                    continue
            os.makedirs(os.path.dirname(there), exist_ok=True)
            _flush(there)
            with open(self.blob(file["blob"]), "rb") as source, open(there, "r+b" if os.path.exists(there) else "w+b") as target:
                _copy(source, target)
                target.truncate()
            os.chmod(there, file["mode"])
            _to_end(there)
            status = os.stat(there)
            self.known[there] = ((status.st_size, status.st_mtime_ns, status.st_ino), file["blob"])


def _flush(path: str) -> None:
    """Write out what the script has written to ``path`` and Python still holds back: it is in the checkpoint already."""
    if os.path.exists(path):
        import gc

        for thing in gc.get_objects():
            if isinstance(thing, (io.TextIOWrapper, io.BufferedWriter)) and not thing.closed:
                with contextlib.suppress(OSError, ValueError, AttributeError):
                    if os.path.samestat(os.fstat(thing.fileno()), os.stat(path)):
                        thing.flush()


def _to_end(path: str) -> None:
    """Let every handle of this process to ``path`` go on behind its end."""
    with contextlib.suppress(OSError):
        for handle in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(int(handle)), os.stat(path)):
                    os.lseek(int(handle), 0, os.SEEK_END)


def _copy(source: Any, target: Any) -> None:
    for piece in iter(lambda: source.read(1 << 20), b""):
        target.write(piece)


def _hash(file: Any) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    for piece in iter(lambda: file.read(1 << 20), b""):
        digest.update(piece)
    return digest.hexdigest()


def _sum(body: Dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]


def _dump(tree: Any, file: Any) -> None:
    torch = _module("torch")
    if hasattr(torch, "save"):
        torch.save(tree, file)
    else:
        file.write(_PLAIN_MARK)
        pickle.dump(tree, file, 4)


def _parse(file: Any) -> Any:
    """Read a tree. Nothing but plain values and tensors is made of it: pickled parts stay bytes until they are asked for."""
    if file.read(len(_PLAIN_MARK)) == _PLAIN_MARK:
        return _Unpickler(file).load()
    file.seek(0)
    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except TypeError:  # before 1.13
        file.seek(0)
        reader = types.SimpleNamespace(Unpickler=_Unpickler, load=lambda source, **options: _Unpickler(source, **options).load())
        return torch.load(file, map_location="cpu", pickle_module=reader)  # nosec: makes no classes of the system
