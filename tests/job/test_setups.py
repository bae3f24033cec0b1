"""Whole EC2 set-ups as people have them, each with the job that a careful person would write for it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from migrate.generate import jobs_of
from migrate.job.job import Job
from migrate.job.model import EntryPoint
from migrate.job.request import problems_of
from migrate.scan import Request, scan

SETUPS = Path(__file__).parent / "setups"
NAMES = sorted(path.name for path in SETUPS.iterdir() if (path / "expected.toml").is_file())
PLAIN = ("instance_type", "instance_count", "spot", "region", "volume_size", "volume_kms_key", "output")
DEFAULTS = {"instance_count": 1, "volume_size": 100, "volume_kms_key": None, "output": None}


def test_there_are_ten() -> None:
    assert len(NAMES) == 10


@pytest.fixture(params=NAMES)
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[EntryPoint, Job, dict[str, Any]]:
    """The entry point, its job, and what is expected of them."""
    folder = SETUPS / request.param
    expected = tomlkit.parse((folder / "expected.toml").read_text("utf-8")).unwrap()["expected"]
    root = tmp_path / request.param
    shutil.copytree(folder / "repo", root)
    found = scan(Request(root), 1)
    assert found.unreadable == ()
    (point,) = found.entry_points
    (job,) = jobs_of(root, [point], "demo")
    return point, job, expected


def test_the_job_is_the_expected_one(setup: tuple[EntryPoint, Job, dict[str, Any]]) -> None:
    point, job, expected = setup
    wanted = {name: expected.get(name, DEFAULTS.get(name)) for name in PLAIN}
    assert {name: getattr(job, name) for name in PLAIN} == wanted
    assert {channel.name: channel.source for channel in job.channels} == expected["channels"]
    assert job.hyperparameters == expected["hyperparameters"]
    assert (list(job.network.subnets), list(job.network.security_groups)) == (
        expected.get("subnets", []),
        expected.get("security_groups", []),
    )
    assert (job.distribution.kind if job.distribution else None) == expected.get("distribution")
    assert {name: value for name, value in job.environment.items() if not name.startswith(("SM_", "PYTHONPATH"))} == expected.get(
        "environment", {}
    )
    assert {name: value for name, value in job.tags.items() if name in expected.get("tags", {})} == expected.get("tags", {})
    assert point.path == expected.get("entry", "train.py")
    if "image_version" in expected:
        assert job.image is not None and job.image.version.startswith(expected["image_version"])


def test_each_value_says_where_it_was_found(setup: tuple[EntryPoint, Job, dict[str, Any]]) -> None:
    _, job, expected = setup
    for name, place in expected.get("reasons", {}).items():
        assert place in job.reasons[name], name
    for remark in expected.get("remarks", []):
        assert any(remark in each for each in job.remarks), job.remarks
    assert job.required == ()


def test_the_usual_start_is_the_one_that_ec2_runs(setup: tuple[EntryPoint, Job, dict[str, Any]]) -> None:
    point, _, expected = setup
    start = point.ec2.starts[0]
    assert start.place == expected["start"]
    for name in ("conda", "detached", "image"):
        if name in expected:
            assert getattr(start, name) == expected[name]
    assert {habit.kind for habit in point.ec2.habits} - {"setup", "terminate"} == set(expected.get("habits", []))
    assert [each.when for each in point.ec2.schedules] == expected.get("schedules", [])
    for secret in expected.get("hidden", []):
        assert secret not in repr(point)


def test_the_service_would_take_it(setup: tuple[EntryPoint, Job, dict[str, Any]]) -> None:
    _, job, _ = setup
    assert problems_of(job) == []
