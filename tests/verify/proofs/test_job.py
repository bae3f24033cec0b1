"""Rungs that look at the job and the code before anything is trained: compiles, limits, request."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.generate import generate
from tests.verify.repos import BOTH, GOOD, SETTINGS, Repo, check, entry_point, hyperparameter, verdicts


def applied(repo: Repo, **replaced: str) -> Path:
    """The repo with the job's files; returns job.toml, in which texts are replaced."""
    repo.write({"train.py": GOOD})
    for file in generate(repo.root, [entry_point()]).files:
        path = repo.root / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file.content)
    job = repo.root / "sagemaker_job" / "job.toml"
    text = job.read_text()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    job.write_text(text)
    return job


def test_modules_that_compile(repo: Repo) -> None:
    repo.write({"helper.py": "x = 1\n"})
    found = check(repo.verify(GOOD, entry_point(closure=("train.py", "helper.py"))), "compiles")
    assert found.verdict == "pass" and found.message.startswith("2 modules compile under Python 3.")
    assert not list(repo.root.rglob("*.pyc"))


def test_a_module_that_does_not_compile_is_told_with_its_line(repo: Repo) -> None:
    repo.write({"old.py": "x = 1\nprint x\n"})
    found = check(repo.verify(GOOD, entry_point(closure=("train.py", "old.py"))), "compiles")
    assert found.verdict == "fail" and [item.where for item in found.evidence] == ["old.py:2"]


@BOTH
def test_the_launchers_own_request(repo: Repo, engine: str) -> None:
    applied(repo)
    report = repo.verify(GOOD, engine=engine)
    assert verdicts(report) == {}
    told = check(report, "request").message
    assert told.startswith("the service would take it, as sagemaker_job/launch_boto3.py sends it; role and bucket not filled in yet")
    assert told.endswith(" members, ml.g5.xlarge")
    assert check(report, "limits").message.split(" of 100 hyperparameters, the longest ")[0].isdigit()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("ml.g5.xlarge", "ml.g5.enormous", "ResourceConfig.InstanceType: 'ml.g5.enormous' is none of"),
        ("max_run = 432000", "max_run = 99999999", "StoppingCondition.MaxRuntimeInSeconds: "),
        ('training = "s3://{bucket}/repo/training"', 'training = "/mnt/data"', "InputDataConfig[0].DataSource.S3DataSource.S3Uri: "),
    ],
)
def test_a_request_that_the_service_would_refuse(repo: Repo, old: str, new: str, fault: str) -> None:
    applied(repo, **{old: new})
    report = repo.verify(GOOD)
    assert verdicts(report) == {"request": "fail"}
    found = check(report, "request")
    assert any(item.text.startswith(fault) for item in found.evidence) and found.evidence[0].where == "sagemaker_job/job.toml"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('kind = "a"', f'kind = "{"a" * 2600}"', "HyperParameters.kind: has 2602 characters; at most 2500 are allowed"),
        ("[job.train.environment]", f'[job.train.environment]\nLONG = "{"x" * 600}"', "Environment.LONG: has 600 characters; at most 512"),
        ("[job.train.environment]", '[job.train.environment]\n"MY-NAME" = "x"', "Environment key 'MY-NAME': 'MY-NAME' does not match"),
        ("[job.train.channels]", '[job.train.channels]\n"a b" = "s3://x/y"', "InputDataConfig[0].ChannelName: 'a b' does not match"),
    ],
)
def test_a_limit_that_is_passed(repo: Repo, old: str, new: str, fault: str) -> None:
    applied(repo, **{old: new})
    found = check(repo.verify(GOOD), "limits")
    assert found.verdict == "fail" and any(item.text.startswith(fault) for item in found.evidence), found


def test_a_job_file_that_no_launcher_can_read(repo: Repo) -> None:
    applied(repo, **{'role = "REPLACE': 'role = ["REPLACE'})
    with pytest.raises(Exception, match="job.toml: cannot be read"):
        repo.verify(GOOD)


def test_without_launchers_the_scans_job_is_checked(repo: Repo) -> None:
    settings = tuple(hyperparameter(f"option{n}", "int", n) for n in range(120))
    report = repo.verify(GOOD, entry_point((*SETTINGS, *settings)))
    assert "as the scan infers it" in check(report, "request").message
    assert check(report, "limits").message.startswith("94 of 100 hyperparameters")


def test_a_setting_that_has_to_be_given_at_each_launch_is_no_fault(repo: Repo) -> None:
    applied(repo, **{"required = []": 'required = ["words"]'})
    found = check(repo.verify(GOOD), "request")
    assert found.verdict == "pass" and "to be given at each launch: --words" in found.message
    found = check(repo.verify(GOOD, hyperparameters={"words": "a b"}), "request")
    assert found.verdict == "pass" and "to be given" not in found.message
