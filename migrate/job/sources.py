"""Where a channel's data come from: what EC2 copies from S3, or mounts, to the folder that the script reads."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from migrate.job.model import Channel, EntryPoint
from migrate.job.started import told
from migrate.repo.ec2.model import Command, Ec2Side, Mount, Transfer

_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[^\s$`{}<>\"'\\]*)?")
_HOME = re.compile(r"^(?:~\w*|\$HOME|\$\{HOME\}|/home/[\w.-]+|/root)(?=/|$)")
_FILE_SYSTEM = re.compile(r"fs-[0-9a-f]{8,40}")
_ARCHIVE = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".gz")
_UNKNOWN = re.compile(r"[$`{<*?]")


@dataclass(frozen=True)
class Source:
    """``uri`` is ``s3://...``, ``efs://fs-ID/folder`` or ``fsx://fs-ID/mount-name/folder``; ``place`` says where it was found."""

    uri: str
    place: str


def with_sources(entry: EntryPoint, texts: Mapping[str, str]) -> tuple[Channel, ...]:
    """The channels of ``entry`` with their sources. ``texts`` are the values that the usual start gives, by the setting's dest."""
    start = entry.ec2.starts[0] if entry.ec2.starts else None
    made = []
    for channel in entry.channels:
        found = source_of(channel, entry.ec2, start, texts)
        made.append(channel if channel.source or found is None else replace(channel, source=found.uri, found=found.place))
    return tuple(made)


def source_of(channel: Channel, side: Ec2Side, start: Command | None, texts: Mapping[str, str]) -> Source | None:
    """Where the data of one channel lie before EC2 has them; None where nothing sure is said."""
    given = texts.get(channel.dest or "", "") or channel.default or ""
    wanted = place(given, start)
    if wanted is None:
        return None
    copied = [source for moved in side.transfers if (source := _copied(moved, wanted))]
    if copied:
        return copied[0] if len({source.uri for source in copied}) == 1 else None
    mounted = [source for mount in side.mounts if (source := _mounted(mount, wanted))]
    return mounted[0] if len({source.uri for source in mounted}) == 1 else None


def place(path: str, start: Command | None) -> str | None:
    """``path`` on the machine: absolute, from home (``~``), or from the folder of the repository; None where it is not known."""
    if not path or _UNKNOWN.search(_HOME.sub("", path)):
        return None
    folder = start.folder if start is not None else ""
    for host, inside in start.volumes if start is not None else ():
        if path == inside or path.startswith(f"{inside.rstrip('/')}/"):
            path, folder = host + path[len(inside.rstrip("/")) :], ""
            break
    return _settled(path, folder)


def _settled(path: str, folder: str) -> str | None:
    full = path if path.startswith(("/", "~", "$")) else posixpath.join(folder, path)
    full = _HOME.sub("~", full)
    if _UNKNOWN.search(full):
        return None
    return posixpath.normpath(full)


def _copied(moved: Transfer, wanted: str) -> Source | None:
    """The part of S3 that a copy puts at ``wanted``."""
    if not moved.into or not moved.complete or not _S3.fullmatch(moved.s3):
        return None
    s3, local = moved.s3.rstrip("/"), _settled(moved.local, moved.folder)
    if local is None:
        return None
    if not moved.recursive:
        if moved.local.endswith("/") or moved.local in {".", ".."} or (local == wanted and "." not in posixpath.basename(local)):
            local = posixpath.normpath(posixpath.join(local, posixpath.basename(s3)))
        if local == wanted:
            return Source(s3, told(moved))
    if wanted == local or (moved.recursive and _below(wanted, local)):
        return Source(posixpath.join(s3, posixpath.relpath(wanted, local)).removesuffix("/."), told(moved))
    if _below(local, wanted):  # it fills a part of the folder: the same part of a prefix, if the two are named alike
        rest = posixpath.relpath(local, wanted)
        if s3.endswith(f"/{rest}") and s3.count("/") > 2 + rest.count("/"):
            return Source(s3[: -len(rest) - 1], told(moved))
    return None


def _mounted(mount: Mount, wanted: str) -> Source | None:
    point = _settled(mount.point, "")
    if point is None or not (wanted == point or _below(wanted, point)):
        return None
    rest = posixpath.normpath(posixpath.join(mount.directory, posixpath.relpath(wanted, point))).strip("/")
    rest = "" if rest == "." else rest
    if _UNKNOWN.search(rest) or not rest.isprintable():
        return None
    if mount.kind == "efs" and _FILE_SYSTEM.fullmatch(mount.identifier or ""):
        return Source(f"efs://{mount.identifier}/{rest}", told(mount))
    if mount.kind == "lustre" and _FILE_SYSTEM.fullmatch(mount.identifier or "") and mount.mount_name:
        return Source(f"fsx://{mount.identifier}/{mount.mount_name}/{rest}".rstrip("/"), told(mount))
    if mount.kind == "s3" and mount.identifier and _S3.fullmatch(f"s3://{mount.identifier}/{rest}"):
        return Source(f"s3://{mount.identifier}/{rest}".rstrip("/"), told(mount))
    return None


def _below(path: str, folder: str) -> bool:
    return path != folder and (path.startswith(f"{folder}/") or (folder == "." and not path.startswith(("/", "~", ".."))))


def output_of(entry: EntryPoint, texts: Mapping[str, str]) -> Source | None:
    """Where EC2 copies the results to, once the script is done: of all that it writes, what is named as a folder first."""
    start = entry.ec2.starts[0] if entry.ec2.starts else None
    written = [
        place(texts.get(output.dest or "", "") or output.default or "", start) for output in entry.outputs if output.kind != "checkpoint"
    ]
    best: Source | None = None
    for moved in entry.ec2.transfers:
        if moved.into or not moved.complete or not _S3.fullmatch(moved.s3) or entry.path not in moved.after:
            continue
        local = _settled(moved.local, moved.folder)
        source = Source(moved.s3.rstrip("/") if moved.recursive else posixpath.dirname(moved.s3.rstrip("/")), told(moved))
        if source.uri.count("/") < 2 or source.uri == "s3:/":
            continue
        if local is not None and any(each and (each == local or _below(each, local)) for each in written):
            return source
        best = best or source
    return best


def remarks(entry: EntryPoint) -> list[str]:
    """What a person should know of data that no channel can be made of by itself."""
    said = []
    known = {channel.source for channel in entry.channels}
    for moved in entry.ec2.transfers:
        if moved.into and moved.s3.endswith(_ARCHIVE) and moved.s3 not in known and (entry.path in moved.before or not moved.before):
            said.append(
                f"{moved.s3} is an archive that EC2 copies to {moved.local} ({told(moved)}): a channel unpacks nothing, so put into S3"
                " what is in it"
            )
    for mount in entry.ec2.mounts:
        if mount.kind == "ebs":
            said.append(
                f"EC2 has the volume {mount.source} at {mount.point} ({told(mount)}): a job sees only what is copied from it into S3"
            )
        elif mount.kind in {"efs", "nfs"} and mount.identifier is None:
            said.append(
                f"EC2 mounts {mount.source} at {mount.point} ({told(mount)}): its id is not in the repo, so give the channel's source"
            )
    return said
