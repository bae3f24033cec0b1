"""Files that SageMaker would not keep: snapshots decide which, events and the static facts tell the line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from migrate.job.model import EntryPoint
from migrate.verify import snapshot
from migrate.verify.model import Check, Evidence

if TYPE_CHECKING:
    from migrate.verify.stage import Seen

_MOST = 50
_ALTERED = {"mkdir": "a folder is made", "delete": "deleted", "change": "its mode or owner is changed"}
_OF_DRIVERS = "input/sm_training.env"  # the variables of the SDK's real drivers, who write them there
# Made by libraries for themselves: losing them costs time at most.
CACHE_PARTS = {
    "__pycache__",
    ".cache",
    ".config",
    ".keras",
    ".nv",
    ".triton",
    ".ipynb_checkpoints",
    ".local",
    ".matplotlib",
    ".chainer",
    "fontconfig",
}
IMAGE = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/etc/")
_RESULT = re.compile(r"\.(pt|pth|ckpt|bin|safetensors|onnx|h5|hdf5|keras|pb|npz|npy|pkl|joblib|model|params|tar|csv|png|json)$")


def lost(seen: Seen, entry: EntryPoint, root: Path) -> Check:
    """Every file that the run has written and that would be gone when the job ends."""
    kept = _kept_content(seen)
    evidence, scrap, copies = [], [], []
    for path, folder in _written(seen):
        name = _name(path, seen)
        if _is_cache(path, folder, seen):
            scrap.append(name)
        elif _content(path) in kept:
            copies.append(name)
        else:
            evidence.append(_evidence(path, name, seen, entry, root))
    for event in seen.events:
        if event["kind"] == "write" and event.get("outside") and os.path.exists(event["path"]):
            text = f"{event['path']}: outside everything that SageMaker keeps"
            if not any(item.text.startswith(event["path"]) for item in evidence):
                evidence.append(Evidence(text, event.get("where")))
    rest = f"; {len(scrap)} cache or temporary files" if scrap else ""
    rest += f"; {len(copies)} files whose content is also kept" if copies else ""
    if evidence:
        text = f"{len(evidence)} files would be lost when the job ends{rest}"
        return Check(
            "lost files", seen.run.style, "fail", text, tuple(evidence[:_MOST]), advice="write below SM_MODEL_DIR or SM_OUTPUT_DATA_DIR"
        )
    return Check("lost files", seen.run.style, "pass", f"nothing was written where it would be lost{rest}")


def into_channels(seen: Seen) -> Check:
    """Writes into the folders of the input data, which FastFile mode and read-only file systems refuse."""
    evidence = []
    base = seen.layout.base
    before, after = seen.before[base], seen.after[base]
    for path in snapshot.written(before, after) + snapshot.removed(before, after):
        if _in_channel(path, seen):
            evidence.append(
                Evidence(f"{path}: a channel is read-only in FastFile mode and on a read-only file system", _line(base / path, seen))
            )
    told = {evidence.where for evidence in evidence}
    for event in seen.events:  # refused by the sandbox, or for want of rights
        path = os.path.relpath(event["path"], base) if event["kind"] == "write" else ""
        if _in_channel(path, seen) and event.get("where") not in told:
            evidence.append(Evidence(f"{path}: refused, since a channel is read-only", event.get("where")))
    told = {evidence.where for evidence in evidence}
    for event in seen.events:
        if event["kind"] == "altered" and event.get("where") not in told:
            path = os.path.relpath(event["path"], seen.inside.base)
            evidence.append(Evidence(f"{path}: {_ALTERED[event['verb']]}, but a channel is read-only", event.get("where")))
    if evidence:
        return Check("read-only channels", seen.run.style, "fail", f"{len(evidence)} files written into channels", tuple(evidence[:_MOST]))
    return Check("read-only channels", seen.run.style, "pass", "")


def into_system(seen: Seen) -> Check:
    """Writes into the folders that belong to the image: refused here, and elsewhere lost. What libraries cache there does not count."""
    found: dict[str, Evidence] = {}
    for event in seen.events:
        path = event.get("inside") if event["kind"] == "write" else None
        if path is None or not path.startswith(IMAGE) or path.endswith(".pyc") or set(path.split("/")) & CACHE_PARTS:
            continue
        found[path] = Evidence(f"{path}: belongs to the image; what is written there is lost with the job", event.get("where"))
    if not found:
        return Check("system folders", seen.run.style, "pass", "")
    text = f"{len(found)} files were to be written into the image's own folders"
    advice = "write below SM_OUTPUT_DATA_DIR, or build it into the image (sagemaker_job/Dockerfile)"
    return Check("system folders", seen.run.style, "fail", text, tuple(found.values())[:_MOST], advice=advice)


def _in_channel(path: str, seen: Seen) -> bool:
    parts = PurePosixPath(path).parts
    return len(parts) > 3 and parts[:2] == ("input", "data") and parts[2] not in ("code", "sm_drivers")


def _written(seen: Seen) -> Iterator[tuple[Path, Path]]:
    """Files written in the looked-at folders, but for the kept ones and the channels; with the folder each is in."""
    for folder, after in seen.after.items():
        for name in snapshot.written(seen.before[folder], after):
            path = folder / name
            if any(path == place or path.is_relative_to(place) for place in seen.layout.kept):
                continue
            if folder == seen.layout.base and (_in_channel(name, seen) or name == _OF_DRIVERS):
                continue
            yield path, folder


def _is_cache(path: Path, folder: Path, seen: Seen) -> bool:
    parts = path.relative_to(folder).parts
    if any(part in CACHE_PARTS for part in parts) or path.suffix == ".pyc":
        return True
    return folder == seen.layout.temporary and not _RESULT.search(path.name)


def _kept_content(seen: Seen) -> set[tuple[int, str]]:
    out: set[tuple[int, str]] = set()
    for place in seen.layout.kept:
        for name in snapshot.take(place) if place.is_dir() else ():
            out.add(_content(place / name))
    return out


def _content(path: Path) -> tuple[int, str]:
    try:
        return (path.lstat().st_size, snapshot.digest(path))
    except OSError:
        return (-1, str(path))


def _name(path: Path, seen: Seen) -> str:
    """A path as the person knows it: relative to the code, or said to be in the home or temporary folder."""
    for folder, prefix in (
        (seen.layout.code, ""),
        (seen.layout.home, "~/"),
        (seen.layout.temporary, "$TMPDIR/"),
        (seen.layout.base, "/opt/ml/"),
        (seen.layout.root, "/"),
    ):
        if path.is_relative_to(folder):
            return prefix + path.relative_to(folder).as_posix()
    return path.as_posix()


def _evidence(path: Path, name: str, seen: Seen, entry: EntryPoint, root: Path) -> Evidence:
    where = _line(path, seen)
    sure = where is not None
    if where is None:
        where = _declared(name, entry) or _mentioned(path, entry, root)
    size = path.lstat().st_size if path.exists() else 0
    return Evidence(f"{name} ({size} bytes)", where, sure)


def _line(path: Path, seen: Seen) -> str | None:
    """The line that an event names for this file."""
    real = os.path.realpath(path)
    return next((event.get("where") for event in seen.events if event["kind"] == "write" and event["path"] in (real, str(path))), None)


def _declared(name: str, entry: EntryPoint) -> str | None:
    """The line that the static facts name: an output of this very file, or of a folder that it lies in."""
    for output in entry.outputs:
        default = (output.default or "").removeprefix("./").rstrip("/")
        if default and (name == default or name.startswith(default + "/")):
            return f"{output.path}:{output.line}"
    return None


def _mentioned(path: Path, entry: EntryPoint, root: Path) -> str | None:
    """The only line of the program that says the file's name, or else its ending: compiled writers leave no other trace."""
    sources: Mapping[str, list[bytes]] = {
        name: (root / name).read_bytes().splitlines() for name in entry.closure or (entry.path,) if (root / name).is_file()
    }
    for needle in (path.name, path.suffix):
        if len(needle) > 2:
            found = [f"{name}:{n}" for name, lines in sources.items() for n, line in enumerate(lines, 1) if os.fsencode(needle) in line]
            if len(found) == 1:
                return found[0]
    return None
