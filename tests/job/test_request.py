"""The request that a scan validates is the one that the generated launchers print."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from migrate.generate import jobs_of
from migrate.job.infer import infer
from migrate.job.job import JobChannel
from migrate.job.request import problems_of, request_of
from tests.generate.small import ROLE, SENDABLE, entry_point, setting, write


def test_is_what_the_launcher_prints(tmp_path: Path) -> None:
    for spot in (False, True):
        root = tmp_path / str(spot)
        root.mkdir()
        entry = entry_point("tools/train.py", spot=spot)
        write(root, [entry])
        launcher = root / "sagemaker_job" / "launch.py"
        done = subprocess.run([sys.executable, str(launcher), "--dry-run", *SENDABLE], capture_output=True, text=True, check=True)
        printed = json.loads(done.stdout)
        [job] = jobs_of(root, [entry], "demo")
        time = printed["TrainingJobName"].rpartition("-")[2]
        creator = [tag for tag in printed["Tags"] if tag["Key"] == "creator"]  # who starts it
        printed["Tags"] = [tag for tag in printed["Tags"] if tag not in creator]
        assert len(creator) <= 1 and printed == request_of(job, role=ROLE, bucket="some-bucket", time=time)


def test_a_job_as_inferred_has_no_problem() -> None:
    assert problems_of(infer(entry_point(), project="demo")) == []


def test_problems_are_told() -> None:
    job = infer(entry_point(), project="demo")
    channels = tuple(JobChannel(f"c{number}", "s3://x/y", None, False) for number in range(19))
    assert [problem.where for problem in problems_of(dataclasses.replace(job, channels=channels))] == ["InputDataConfig"]
    assert [problem.where for problem in problems_of(dataclasses.replace(job, max_run=0))] == ["StoppingCondition.MaxRuntimeInSeconds"]


@example(name="", value="\x85")
@given(name=st.text(max_size=80), value=st.text(max_size=40) | st.integers() | st.floats() | st.lists(st.text(max_size=5), max_size=3))
def test_whatever_the_repo_is_called_and_holds_the_job_is_valid(name: str, value: object) -> None:
    job = infer(entry_point(f"{name}.py", hyperparameters=(setting("x", value), setting(name, 1)), channels=()), project=name)
    assert problems_of(job) == []
