"""File systems that a machine mounts: ``mount`` commands and lines of fstab."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from migrate.repo.ec2.model import Mount
from migrate.repo.ec2.words import Word

_EFS_HOST = re.compile(r"(?:[\w-]+\.)?(fs-[0-9a-f]{8,40})\.efs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_FSX_HOST = re.compile(r"(?:[\w-]+\.)?(fs-[0-9a-f]{8,40})\.fsx\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?(?:@tcp\d?)?")
_ID = re.compile(r"fs-[0-9a-f]{8,40}")
_LINE = re.compile(r"^\s*([^#\s]\S*)\s+(/\S*)\s+(efs|nfs4?|lustre|(?:fuse\.)?(?:s3fs|mount-s3)|xfs|ext[34])\s+(\S+)", re.MULTILINE)

_S3 = {"s3fs", "goofys", "mount-s3", "rclone"}


def mount(words: Sequence[Word], path: str, line: int) -> Mount | None:
    """What ``mount -t nfs4 fs-1.efs.REGION.amazonaws.com:/ /mnt/efs`` and its like mount; None for anything else."""
    name = posixpath.basename(words[0].text)
    options, operands, kind = _arguments(words)
    if name in _S3:
        return _bucket(name, operands, options, path, line)
    if name == "mount.efs" or name == "mount.nfs4":
        kind = "efs" if name == "mount.efs" else "nfs4"
    elif name != "mount":
        return None
    if len(operands) != 2:
        return None
    return made(operands[0], operands[1], kind, options, path, line, f"mount -t {kind}" if kind else "mount")


def fstab(text: str, path: str, first_line: int = 1) -> list[Mount]:
    """The mounts of an fstab, those of data alone: file systems of the network, of S3, and volumes that are not the root's."""
    found = []
    for match in _LINE.finditer(text):
        line = first_line + text.count("\n", 0, match.start(1))
        source, point, kind, options = match.groups()
        each = made(source, point, kind, options.split(","), path, line, "fstab")
        if each is not None and not (each.kind == "ebs" and point in {"/", "/boot", "/boot/efi"}):
            found.append(each)
    return found


def made(source: str, point: str, kind: str, options: Sequence[str], path: str, line: int, by: str) -> Mount | None:
    """A mount from its four columns. ``kind`` is the file system's type as mount has it; empty where it is not said."""
    host, colon, directory = source.partition(":")
    read_only = "ro" in options
    efs, fsx = _EFS_HOST.fullmatch(host), _FSX_HOST.fullmatch(host)
    if kind == "lustre" or (fsx is not None and kind in {"", "lustre"}):
        lustre_name, _, inside = directory.strip("/").partition("/")
        identifier, region = (fsx[1], fsx[2]) if fsx is not None else (None, None)
        return Mount("lustre", source, identifier, f"/{inside}", point, read_only, path, line, by, region, lustre_name or None)
    if efs is not None:
        return Mount("efs", source, efs[1], directory or "/", point, read_only, path, line, by, efs[2])
    if kind == "efs":
        identifier = host if _ID.fullmatch(host) else None
        return Mount("efs", source, identifier, directory or "/", point, read_only, path, line, by)
    if kind in {"nfs", "nfs4"} and colon:
        named = _ID.search(host)
        of_efs = ".efs." in host or "efs" in host.lower()
        return Mount("efs" if of_efs else "nfs", source, named[0] if named else None, directory or "/", point, read_only, path, line, by)
    if kind.rpartition(".")[2] in {"s3fs", "mount-s3"}:
        bucket, _, prefix = source.removeprefix("s3://").removeprefix("s3fs#").partition(":")
        return Mount("s3", source, bucket.partition("/")[0], "/" + prefix.strip("/"), point, read_only, path, line, by)
    if source.startswith(("/dev/", "UUID=", "LABEL=")) and point.startswith("/"):
        return Mount("ebs", source, source, "/", point, read_only, path, line, by)
    return None


def _bucket(name: str, operands: Sequence[str], options: Sequence[str], path: str, line: int) -> Mount | None:
    """``s3fs bucket:/prefix /mnt/x``, ``mount-s3 bucket /mnt/x --prefix p/``, ``goofys bucket:prefix /mnt/x``."""
    places = [operand for operand in operands if operand != "mount"]
    if len(places) < 2 or (name == "rclone" and "mount" not in operands):
        return None
    bucket, _, prefix = places[0].removeprefix("s3://").partition(":")
    if name == "rclone":
        bucket, _, prefix = prefix.partition("/")
    read_only = "ro" in options or "--read-only" in options
    given = next((option.removeprefix("--prefix=") for option in options if option.startswith("--prefix=")), prefix)
    return Mount("s3", places[0], bucket, "/" + given.strip("/"), places[1], read_only, path, line, name)


def _arguments(words: Sequence[Word]) -> tuple[list[str], list[str], str]:
    """Options (those of ``-o``, and long ones), operands, and the type."""
    options: list[str] = []
    operands: list[str] = []
    kind = ""
    texts = [word.text for word in words[1:]]
    at = 0
    while at < len(texts):
        text = texts[at]
        value = texts[at + 1] if at + 1 < len(texts) else ""
        if text in {"-t", "--types"}:
            kind, at = value, at + 1
        elif text in {"-o", "--options"}:
            options += value.split(",")
            at += 1
        elif text == "--prefix":
            options.append(f"--prefix={value}")
            at += 1
        elif re.fullmatch(r"-\w*r\w*", text) and not text.startswith("-o"):
            options.append("ro")
        elif text.startswith("-o"):
            options += text[2:].split(",")
        elif text.startswith("-"):
            options.append(text)
        else:
            operands.append(text)
        at += 1
    return options, operands, kind
