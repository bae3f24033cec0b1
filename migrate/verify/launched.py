"""What the launchers send: from ``sagemaker_job/job.toml``, which they read too, or else what the entry point implies."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.errors import UserError
from migrate.job.infer import infer
from migrate.job.model import EntryPoint

JOB_FILE = "sagemaker_job/job.toml"


@dataclass(frozen=True)
class Launched:
    """One job as the launchers send it.

    ``local`` is where a channel's data lies on this machine, as far as that is known; ``outside`` what a relative path finds outside of
    the repo, and is for a person to name. ``metrics`` are regular expressions by the
    metric's name; ``isolated`` says that its containers have no network.
    """

    hyperparameters: Mapping[str, object]
    environment: Mapping[str, str]
    channels: tuple[str, ...]
    local: Mapping[str, Path]
    source: str | None  # the file that says so
    metrics: Mapping[str, str] = field(default_factory=dict)
    isolated: bool = False
    outside: Mapping[str, Path] = field(default_factory=dict)


def of(root: Path, entry: EntryPoint) -> Launched:
    """The job of an entry point. Raises UserError where job.toml cannot be read."""
    path = root / JOB_FILE
    table = _table(path, entry.path) if path.is_file() else None
    if table is None:
        job = infer(entry)
        defaults = {channel.name: channel.default for channel in job.channels}
        names = tuple(channel.name for channel in job.channels)
        local, outside = _there(root, entry, defaults)
        return Launched(job.hyperparameters, job.environment, names, local, None, outside=outside)
    environment = {str(name): str(value) for name, value in _mapping(table, "environment").items()}
    channels = tuple(_mapping(table, "channels"))
    local, outside = _there(root, entry, {name: value for name, value in _mapping(table, "local").items() if name in channels})
    metrics = {str(name): str(expression) for name, expression in _mapping(table, "metrics").items()}
    isolated = _mapping(table, "network").get("isolation") is True
    return Launched(_mapping(table, "hyperparameters"), environment, channels, local, JOB_FILE, metrics, isolated, outside)


@dataclass(frozen=True)
class Recipe:
    """Where the job's image comes from: its address, and the Dockerfile (relative to the root) that builds on it, if there is one."""

    address: str
    dockerfile: str | None = None


def image(root: Path, entry: EntryPoint, gpus: int) -> Recipe:
    """The image of the job, for this machine's kind of processor as far as there is one. Raises UserError where none is known."""
    from migrate.job.images import NoImage, address

    path = root / JOB_FILE
    table: Mapping[str, Any] = (_table(path, entry.path) if path.is_file() else None) or {}
    found = infer(entry).image
    name = str(table.get("image") or (found.name if found else ""))
    if not name or "REPLACE" in name:
        raise UserError(f"no image is known for {entry.path}: --image NAME, or image in {JOB_FILE}")
    try:
        processor = "gpu" if gpus or name.startswith("huggingface-") else "cpu"
        whole = name.replace("{processor}", processor) if "/" in name else address(name, _region(path), processor)
    except NoImage as error:
        raise UserError(f"{error}: --image NAME gives another one") from error
    folder, _, file = str(table.get("requirements") or "").rpartition("/")
    dockerfile = f"{folder}/{file.replace('requirements', 'Dockerfile').removesuffix('.txt')}"
    return Recipe(whole, dockerfile if file and (root / dockerfile).is_file() else None)


def _region(path: Path) -> str:
    import tomlkit

    from migrate.job.job import REGION

    return str(tomlkit.parse(path.read_text(encoding="utf-8")).unwrap().get("region") or REGION) if path.is_file() else REGION


def _table(path: Path, entry: str) -> Mapping[str, Any] | None:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        jobs = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap().get("job", {})
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    tables = jobs.values() if isinstance(jobs, dict) else ()
    return next((table for table in tables if isinstance(table, dict) and table.get("entry") == entry), None)


def _mapping(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = table.get(name, {})
    if not isinstance(value, dict):
        raise UserError(f"{JOB_FILE}: {name} is no table")
    return value


def _there(root: Path, entry: EntryPoint, paths: Mapping[str, object]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Those of the local paths that exist, seen from the repo's root or the script's folder: in the repo or whole paths, and relative
    ones that lead out of it.

    What holds the repo itself or the whole home folder is not taken for data.
    """
    inside: dict[str, Path] = {}
    outside: dict[str, Path] = {}
    for name, value in paths.items():
        if not isinstance(value, str) or not value:
            continue
        for start in (root, root / (entry.folder or ""), (root / entry.path).parent):
            path = start / os.path.expanduser(value)
            if path.exists() and not any(place.resolve().is_relative_to(path.resolve()) for place in (root, Path.home())):
                # A whole path is what its author means; a relative one that climbs out may mean another folder than it finds.
                # By its name: a link in the repo was put there for the purpose.
                whole = os.path.isabs(os.path.expanduser(value))
                if whole or Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root)):
                    inside[name] = path
                    break
                outside.setdefault(name, Path(os.path.abspath(path)))
    return inside, {name: path for name, path in outside.items() if name not in inside}
