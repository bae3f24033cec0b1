"""Finished output that travels with checkpoints: after an interruption nothing but the checkpoint folder is left.

checkpoint_folder("keras") is where checkpoints go: below SM_CHECKPOINT_DIR or, on SageMaker, /opt/ml/checkpoints; None elsewhere.
carry_outputs(folder) after a save copies there what the run has put under SM_MODEL_DIR and SM_OUTPUT_DATA_DIR, and
put_back_outputs(folder) before training goes on brings it back as it was: a file that was written on since is cut back.
"""

import contextlib
import functools
import hashlib
import io
import json
import os
import re
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

_VERSION = 1
_NAME = re.compile(r"(\d{8,})-([0-9a-f]{64})\.json")


class Refused(Exception):
    """Why the script cannot go on from what the checkpoint folder holds."""


def checkpoint_folder(name: str = "") -> Optional[str]:
    """The folder for checkpoints, made where it is missing; None where none are to be made."""
    root = os.environ.get("SM_CHECKPOINT_DIR", "")
    if not root and ("SM_TRAINING_ENV" in os.environ or "SM_HPS" in os.environ) and os.path.isdir("/opt/ml/checkpoints"):
        root = "/opt/ml/checkpoints"
    if not root:
        return None
    folder = os.path.abspath(os.path.join(root, name))
    os.makedirs(folder, exist_ok=True)
    return folder


def carry_outputs(folder: Optional[str]) -> None:
    """To be called when a framework has saved its checkpoint; only the first process does something. None: nothing to do."""
    if folder is not None and not _rank()[0]:
        try:
            store = _store(folder)
            with store.alone():
                store.publish({})
        except OSError as error:
            print("keeper: could not carry the output files (%s); training goes on" % error, flush=True)


def put_back_outputs(folder: Optional[str]) -> None:
    """To be called before training goes on from a framework's checkpoint."""
    if folder is not None and not _rank()[0]:
        try:
            found = _store(folder).newest()
        except Refused as error:
            sys.exit("keeper: %s" % error)
        if found is not None:
            _store(folder).put_back(found[1]["files"])


@functools.lru_cache(maxsize=None)
def _store(folder: str) -> "_Store":
    return _Store(os.path.join(folder, "outputs"), 2)


class _Store:
    """A folder of complete checkpoints. ``00000007-HASH.json`` is one, ``blobs/`` holds the files that it names, by their SHA-256.

    A file is written under a name that starts with a dot, synced and renamed; the JSON file, with its hash as its name, comes last.
    So whatever interrupts a save, the checkpoints before stay as they are. The last ``keep`` of this run stay.
    """

    def __init__(self, path: str, keep: int) -> None:
        self.path, self.keep, self.run = path, keep, os.urandom(8).hex()
        self.known = {}  # type: Dict[str, Tuple[Any, str]]  # what was last seen of an output file, and its blob

    def blob(self, name: str) -> str:
        return os.path.join(self.path, "blobs", name)

    def put(self, fill: Callable[[Any], Any]) -> str:
        """Store what ``fill`` writes into a file; returns the blob's name. Raises OSError."""
        return _write(self.blob(""), "%s", fill)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder against another process that saves into it. Raises OSError after half a minute."""
        os.makedirs(self.blob(""), exist_ok=True)
        with open(os.path.join(self.path, ".lock"), "a") as file:
            for attempt in range(600):
                try:
                    import fcntl

                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.05)
                except (ImportError, OSError):  # the system or the file system has no locks
                    break
            else:
                raise OSError("another process has held the folder for half a minute")
            yield

    def publish(self, body: Dict[str, Any]) -> None:
        """Make a complete checkpoint of ``body``, whose ``blobs`` are stored already, and of the output files. To be called ``alone``."""
        numbers = [int(name.partition("-")[0]) for name in self.names()]
        body = dict(body, version=_VERSION, run=self.run, files=self.collect())
        text = json.dumps(body, sort_keys=True).encode()
        _write(self.path, "%08d-%%s.json" % (max(numbers or [0]) + 1), lambda file: file.write(text))
        for name in [name for name in self.names() if (self.read(name) or {}).get("run") == self.run][self.keep :]:
            os.unlink(os.path.join(self.path, name))
        named = set()
        for name in self.names():
            with open(os.path.join(self.path, name), "rb") as file:
                named.update(re.findall("[0-9a-f]{64}", file.read().decode("latin-1")))  # of damaged ones too
        for name in os.listdir(self.blob("")):
            if name not in named:
                os.unlink(self.blob(name))

    def names(self) -> List[str]:
        """The complete checkpoints, the newest first."""
        found = os.listdir(self.path) if os.path.isdir(self.path) else []
        return sorted((name for name in found if _NAME.fullmatch(name)), key=lambda name: (-int(name.partition("-")[0]), name))

    def read(self, name: str) -> Optional[Dict[str, Any]]:
        """What a checkpoint says, None if it is damaged."""
        try:
            with open(os.path.join(self.path, name), "rb") as file:
                text = file.read()
            return json.loads(text.decode()) if hashlib.sha256(text).hexdigest() in name else None
        except (OSError, ValueError):
            return None

    def newest(self) -> Optional[Tuple[str, Dict[str, Any]]]:
        """The newest checkpoint that is whole, with its name. Raises Refused for one of a later version."""
        for name in self.names():
            body = self.read(name)
            if body is not None and body["version"] > _VERSION:
                raise Refused("%s was made by a later version (%s) of the keeper" % (os.path.join(self.path, name), body["version"]))
            wanted = body.get("blobs", []) + [file["blob"] for file in body["files"]] if body else []
            broken = next((blob for blob in wanted if not self.is_whole(blob)), None)
            if body and not broken:
                self.run = body["run"]
                return name, body
            print("keeper: checkpoint %s is damaged%s; trying the one before" % (name, " (%s)" % broken if broken else ""), flush=True)
        return None

    def is_whole(self, blob: str) -> bool:
        try:
            with open(self.blob(blob), "rb") as file:
                return _hash(file) == blob
        except OSError:
            return False

    def collect(self) -> List[Dict[str, Any]]:
        """The run's output files, each with its blob; only what has changed since the last time is copied."""
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
        for variable in ("SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR"):
            top = os.environ.get(variable, "")
            for folder, folders, names in os.walk(top) if top else ():
                paths = {each: os.path.join(folder, each) for each in folders}
                folders[:] = sorted(each for each, path in paths.items() if os.path.realpath(path) != root and not _is_store(path))
                for there in sorted(os.path.join(folder, name) for name in names):
                    if os.path.isfile(there):
                        yield variable, top, there

    def put_back(self, files: List[Dict[str, Any]]) -> None:
        """The output files as they were; those that the script has open stay the same files, and are written on at the end."""
        for file in files:
            top = os.environ.get(file["of"], "")
            there = os.path.normpath(os.path.join(top, file["path"]))
            if not top or os.path.relpath(there, top).startswith(".."):
                continue
            if os.path.exists(there):
                _flush(there)
                if self.known.get(there) == (_sign(there), file["blob"]):
                    continue
            os.makedirs(os.path.dirname(there), exist_ok=True)
            with open(self.blob(file["blob"]), "rb") as source, open(there, "r+b" if os.path.exists(there) else "wb") as target:
                _copy(source, target)
                target.truncate()
            os.chmod(there, file["mode"])
            _to_end(there)
            self.note(there, file["blob"])


def _is_store(path: str) -> bool:
    return os.path.isdir(os.path.join(path, "blobs")) and os.path.exists(os.path.join(path, ".lock"))


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


def _flush(path: str) -> None:
    """Write out what the script has written to ``path`` and Python still holds back: it is in the checkpoint already."""
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


def _sign(path: str) -> Tuple[int, ...]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino


def _copy(source: Any, target: Any) -> None:
    for piece in iter(lambda: source.read(1 << 20), b""):
        target.write(piece)


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
    try:
        hosts = sorted(json.loads(os.environ.get("SM_HOSTS") or "[]"))
        return hosts.index(os.environ.get("SM_CURRENT_HOST")), len(hosts)
    except (ValueError, TypeError):
        return 0, 1
