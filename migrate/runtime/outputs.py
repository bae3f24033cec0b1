"""Checkpoints that are complete or not there, with the output files of the run: after an interruption nothing else is left.

What the run has put under SM_MODEL_DIR and SM_OUTPUT_DATA_DIR is copied when something has changed, and put back as it was before
training goes on: a file that was written on since is cut back. Files that nothing here wrote are never touched.
"""

import contextlib
import functools
import gc
import hashlib
import io
import json
import os
import re
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

_VERSION = 1
_OUTPUTS = ["SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR"]  # the variables that name the folders that travel


class Refused(Exception):
    """Why the script cannot go on from what the checkpoint folder holds, or cannot be saved."""


def checkpoint_folder(name: str = "") -> Optional[str]:
    """Where checkpoints go, made where it is missing: below SM_CHECKPOINT_DIR, or on SageMaker its own folder; None elsewhere."""
    root = os.environ.get("SM_CHECKPOINT_DIR", "")
    if not root and ("SM_TRAINING_ENV" in os.environ or "SM_HPS" in os.environ) and os.path.isdir("/opt/ml/checkpoints"):
        root = "/opt/ml/checkpoints"
    if not root:
        return None
    folder = os.path.abspath(os.path.join(root, name))
    os.makedirs(folder, exist_ok=True)
    return folder


class _Store:
    """A folder of complete checkpoints. ``00000007-RUN-HASH.json`` is one, ``blobs/`` holds the files that it names, by their SHA-256.

    A file is written under a name that starts with a dot, synced and renamed; the JSON file, whose name holds its own hash, comes last.
    So whatever interrupts a save, the checkpoints before stay as they are. The last ``keep`` of this run stay.
    """

    def __init__(self, path: str, keep: int) -> None:
        self.path, self.keep, self.run = path, keep, os.urandom(8).hex()
        self.stored = set()  # type: Any  # blobs that this process may remove when nothing names them any more
        self.known = {}  # type: Dict[str, Tuple[Any, str]]  # what was last seen of an output file, and its blob

    def blob(self, name: str) -> str:
        return os.path.join(self.path, "blobs", name)

    def put(self, fill: Callable[[Any], Any]) -> str:
        """Store what ``fill`` writes into a file; returns the blob's name. Raises OSError."""
        name = _write(self.blob(""), "%s", fill)
        self.stored.add(name)
        return name

    def publish(self, body: Dict[str, Any]) -> None:
        """Make a complete checkpoint of ``body``, whose blobs are stored already, and remove this run's older ones. Raises OSError."""
        os.makedirs(self.blob(""), exist_ok=True)
        number = max([int(name.partition("-")[0]) for name in self.names()] or [0]) + 1
        text = json.dumps(dict(body, version=_VERSION, files=self.collect()), sort_keys=True).encode()
        _write(self.path, "%08d-%s-%%s.json" % (number, self.run), lambda file: file.write(text))
        for name in [name for name in self.names() if self.run in name][self.keep :]:
            os.unlink(os.path.join(self.path, name))
        named = b"".join(self.read(name) for name in self.names())  # by damaged ones too
        for entry in list(os.scandir(self.blob(""))):
            ours = entry.name in self.stored or time.time() - entry.stat().st_mtime > 3600  # else another process may be about to name it
            if ours and entry.name.encode() not in named:
                os.unlink(entry.path)

    def names(self) -> List[str]:
        """The complete checkpoints, the newest first."""
        found = os.listdir(self.path) if os.path.isdir(self.path) else []
        found = [name for name in found if re.fullmatch(r"\d{8,}-[0-9a-f]{16}-[0-9a-f]{64}\.json", name)]
        return sorted(found, key=lambda name: (-int(name.partition("-")[0]), name))

    def read(self, name: str) -> bytes:
        with open(os.path.join(self.path, name), "rb") as file:
            return file.read()

    def newest(self) -> Optional[Tuple[str, Dict[str, Any]]]:
        """The newest checkpoint that is whole, with its name. Raises Refused for one of a later version."""
        for name in self.names():
            if self.is_whole(name):
                body = json.loads(self.read(name).decode())
                if body["version"] > _VERSION:
                    raise Refused("%s was made by a later version (%s) of the keeper" % (os.path.join(self.path, name), body["version"]))
                blobs = re.findall("[0-9a-f]{64}", json.dumps(body))
                if all(self.is_whole(os.path.join("blobs", blob)) for blob in blobs):
                    self.run, self.stored = name.split("-")[1], set(blobs)
                    return name, body
            print("keeper: checkpoint %s is damaged, trying the one before" % name, flush=True)
        return None

    def is_whole(self, name: str) -> bool:
        """Whether a file has the hash that its name tells."""
        with contextlib.suppress(OSError), open(os.path.join(self.path, name), "rb") as file:
            return _hash(file) in name
        return False

    def collect(self) -> List[Dict[str, Any]]:
        """The run's output files, each with its blob; only what has changed since the last time is copied."""
        _flush()
        found = []
        for variable, top, there in self.outputs():
            try:
                known = self.known.pop(there, None)
                blob = known[1] if known and known[0] == _sign(there) and os.path.exists(self.blob(known[1])) else None
                if blob is None:
                    with open(there, "rb") as source:
                        blob = self.put(functools.partial(_copy, source))
                self.note(there, blob)
                mode = os.stat(there).st_mode & 0o777
            except FileNotFoundError:  # the script has just removed it
                continue
            found.append({"of": variable, "path": os.path.relpath(there, top), "blob": blob, "mode": mode})
        return found

    def note(self, there: str, blob: str) -> None:
        """Remember that ``there`` holds ``blob``, unless it is so new that a later change may leave the same time on it."""
        if time.time() - os.stat(there).st_mtime > 0.1:
            self.known[there] = (_sign(there), blob)

    def outputs(self) -> Iterator[Tuple[str, str, str]]:
        """The variable, the folder that it names, and a file below: for each, without what lies in a checkpoint folder."""
        root = os.path.realpath(checkpoint_folder() or self.path)
        for variable in _OUTPUTS:
            top = os.environ.get(variable, "")
            for folder, folders, names in os.walk(top) if top else ():
                paths = {each: os.path.join(folder, each) for each in folders}
                folders[:] = sorted(each for each, path in paths.items() if os.path.realpath(path) != root and not _is_store(path))
                for there in sorted(os.path.join(folder, name) for name in names):
                    if os.path.isfile(there):
                        yield variable, top, there

    def put_back(self, files: List[Dict[str, Any]]) -> None:
        """The output files as they were; those that the script has open stay the same files, and are written on at the end."""
        _flush()
        for file in files:
            top = os.environ.get(file["of"], "")
            there = os.path.normpath(os.path.join(top, file["path"]))
            if not top or os.path.relpath(there, top).startswith(".."):
                continue
            if os.path.exists(there) and self.known.get(there) == (_sign(there), file["blob"]):
                continue
            os.makedirs(os.path.dirname(there), exist_ok=True)
            with open(self.blob(file["blob"]), "rb") as source, open(there, "r+b" if os.path.exists(there) else "wb") as target:
                _copy(source, target)
                target.truncate()
            os.chmod(there, file["mode"])
            _to_end(there)
            self.note(there, file["blob"])


def _is_store(path: str) -> bool:
    return os.path.isdir(os.path.join(path, "blobs")) and bool(_Store(path, 0).names())


def _open_outputs() -> Dict[int, str]:
    """The handles of this process to output files, where the system tells them."""
    tops = tuple(os.path.realpath(os.environ[name]) + os.sep for name in _OUTPUTS if os.environ.get(name))
    found = {}
    with contextlib.suppress(OSError):
        for handle in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                found[int(handle)] = os.readlink("/proc/self/fd/" + handle)
    return {handle: path for handle, path in found.items() if path.startswith(tops)}


def _flush() -> None:
    """Write out what the script has written to output files and Python still holds back."""
    for thing in gc.get_objects() if _open_outputs() else ():
        if type(thing) in (io.TextIOWrapper, io.BufferedWriter):
            with contextlib.suppress(OSError, ValueError):  # closed, or only read
                thing.flush()


def _to_end(path: str) -> None:
    """Let every handle of this process to ``path`` go on behind its end."""
    for handle, there in _open_outputs().items():
        if there == os.path.realpath(path):
            with contextlib.suppress(OSError):
                os.lseek(handle, 0, os.SEEK_END)


def _sign(path: str) -> Tuple[int, ...]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino


def _copy(source: Any, target: Any) -> None:
    for piece in iter(lambda: source.read(1 << 20), b""):
        target.write(piece)


def _write(folder: str, name: str, fill: Callable[[Any], Any]) -> str:
    """Write a file whole or not at all; ``%s`` in its name becomes its hash. Returns the name. Raises OSError."""
    os.makedirs(folder, exist_ok=True)
    draft = os.path.join(folder, ".%d-%s" % (os.getpid(), os.urandom(4).hex()))
    try:
        with open(draft, "w+b") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
            name = name % _hash(file) if "%s" in name else name
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


def _hash(file: Any) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    for piece in iter(lambda: file.read(1 << 20), b""):
        digest.update(piece)
    return digest.hexdigest()


def _rank() -> Tuple[int, int]:
    """The number of this process and how many there are."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    for rank, world in (("RANK", "WORLD_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE")):
        if os.environ.get(rank, "").isdigit() and os.environ.get(world, "").isdigit():
            return int(os.environ[rank]), int(os.environ[world])
    hosts = sorted(json.loads(os.environ.get("SM_HOSTS") or "[]"))
    host = os.environ.get("SM_CURRENT_HOST")
    return (hosts.index(host), len(hosts)) if host in hosts else (0, 1)
