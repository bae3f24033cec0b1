"""What stands around the job: ``notify.yaml`` always, the others where they are asked for or are there already."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.job.infer import name_of

if TYPE_CHECKING:
    from migrate.job.job import Job
    from migrate.job.model import EntryPoint

ALWAYS = ("notify.yaml",)
# What --with takes, and the file that it adds. A file that is there is kept up to date without being asked for again.
EXTRAS = {
    "iam": "iam.yaml",
    "pipeline": "pipeline.py",
    "terraform": "notify.tf",
    "v2": "launch_v2.py",
    "chain": "chain.yaml",
}


def wanted(folder: Path, extras: Collection[str]) -> list[str]:
    """The names of the files to make in ``folder``, given what was asked for."""
    return [*ALWAYS, *(name for extra, name in EXTRAS.items() if extra in extras or (folder / name).is_file())]


def values_of(file: str, jobs: Sequence[Job], entries: Sequence[EntryPoint], project: str, beside: Collection[str]) -> dict[str, Any]:
    """What the template of ``file`` is given, which stands with those of ``beside``."""
    values: dict[str, Any] = {"jobs": jobs, "project": project, "prefix": prefix_of(jobs, project)}
    if file == "iam.yaml":
        from migrate.generate import iam

        values |= iam.values_of(jobs, {name for entry in entries for name in entry.secrets})
        values["pipeline"] = "pipeline.py" in beside
    return values


def prefix_of(jobs: Sequence[Job], project: str) -> str:
    """How the names of all the training jobs begin."""
    prefix = name_of(project)
    names = [job.name for job in jobs]
    return prefix if all(name.startswith(prefix) for name in names) else os.path.commonprefix(names)
