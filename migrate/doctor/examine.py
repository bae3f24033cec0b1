"""The whole examination, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.doctor.local import local_checks
from migrate.doctor.model import UNCHECKED, WRONG, Check, unchecked, well, wrong
from migrate.doctor.wanted import Wanted, read_wanted
from migrate.job.validate import training_instance_types

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {"well": "green", "wrong": "red", "note": "yellow", "not checked": "dim"}
NO_JOB = "no sagemaker_job/job.toml here: migrate apply writes it"


def examine(root: Path) -> Iterator[tuple[str, Check]]:
    """(part, check): the part is ``machine``, ``account``, or a job's name in job.toml. Raises UserError for a broken job.toml."""
    jobs = read_wanted(root)
    for check in local_checks():
        yield "machine", check
    for job in jobs:
        yield job.key, instance_check(job)
    for key, check in _of_account(jobs):
        yield key or "account", check
    if not jobs:
        yield "account", unchecked("job", NO_JOB)


def instance_check(job: Wanted) -> Check:
    """Whether the service knows the instance type."""
    if job.instance_type in training_instance_types():
        return well("instance type", f"{job.instance_count} x {job.instance_type}, {'spot' if job.spot else 'on demand'}")
    return wrong(
        "instance type", f"SageMaker trains on no {job.instance_type}", "one that is offered: https://aws.amazon.com/sagemaker/pricing/"
    )


def _of_account(jobs: list[Wanted]) -> Iterator[tuple[str, Check]]:
    from migrate.aws.account import account_checks
    from migrate.job.job import REGION

    return account_checks(jobs, jobs[0].region if jobs else REGION)


def exit_code(checks: Iterable[Check]) -> int:
    """1 if something is wrong; what could not be checked, and notes, are no faults."""
    return 1 if any(check.state == WRONG for check in checks) else 0


def show(found: Iterable[tuple[str, Check]], console: Console) -> list[Check]:
    """Tell each check as it comes. Returns them all."""
    from rich.markup import escape

    told, last = [], ""
    for part, check in found:
        if part != last:
            console.print(f"[bold]{escape(part)}[/]")
            last = part
        state = f"[{COLOURS[check.state]}]{check.state}[/]"
        colon = ": " if check.state == UNCHECKED else "  "
        console.print(f"  {state}{colon}{escape(check.name)}: {escape(check.told)}")
        if check.remedy:
            console.print(f"      {escape(check.remedy)}")
        told.append(check)
    return told


def as_json(found: Iterable[tuple[str, Check]]) -> tuple[str, list[Check]]:
    """``{"version": 1, "checks": [...]}``, and the checks."""
    pairs = list(found)
    document = {"version": 1, "checks": [{"part": part, **asdict(check)} for part, check in pairs]}
    return json.dumps(document, indent=1, ensure_ascii=False), [check for _, check in pairs]
