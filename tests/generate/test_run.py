"""job_run.py as generated: following a job, its end, and going on from another's checkpoints. The service answers from lists here."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from tests.generate.small import SENDABLE, write
from tests.generate.test_settings import load

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
ENDED = {"TrainingJobName": "demo", "TrainingJobStatus": "Completed", "SecondaryStatus": "Completed", "CreationTime": NOW}


class Service:
    """What DescribeTrainingJob and the log streams say, one look after the other."""

    def __init__(self, looks: list[dict[str, Any]], streams: dict[str, list[list[str]]] | None = None, code: str = "") -> None:
        self.looks, self.streams, self.code = list(looks), streams or {}, code
        self.asked: list[dict[str, Any]] = []

    def __getitem__(self, name: str) -> Service:
        return self

    def describe_training_job(self, **parameters: Any) -> dict[str, Any]:
        self.asked.append(parameters)
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def get_paginator(self, name: str) -> Service:
        return self

    def paginate(self, **parameters: Any) -> list[dict[str, Any]]:
        if self.code:
            raise botocore.exceptions.ClientError({"Error": {"Code": self.code, "Message": ""}}, "DescribeLogStreams")
        return [{"logStreams": [{"logStreamName": name} for name in self.streams]}]

    def get_log_events(self, logStreamName: str, nextToken: str = "0", **parameters: Any) -> dict[str, Any]:
        pages, number = self.streams[logStreamName], int(nextToken)
        events = [{"message": text} for text in pages[number]] if number < len(pages) else []
        return {"events": events, "nextForwardToken": str(min(number + 1, len(pages)))}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    write(tmp_path)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return load(tmp_path)


def going(state: str) -> dict[str, Any]:
    return {"TrainingJobName": "demo", "TrainingJobStatus": "InProgress", "SecondaryStatus": state}


def test_it_follows_states_and_the_log(module: Any, capsys: pytest.CaptureFixture[str]) -> None:
    service = Service(
        [going("Starting"), going("Training"), going("Training"), ENDED], {"demo/algo-1": [["epoch 1", "epoch 2"], ["epoch 3"]]}
    )
    assert module.follow({"name": "demo"}, service) == ENDED
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("--")] == ["epoch 1", "epoch 2", "epoch 3"]
    assert [line.split()[-1] for line in lines if line.startswith("--")] == ["Starting", "Training", "Completed"]


def test_lines_of_several_hosts_are_told_apart(module: Any, capsys: pytest.CaptureFixture[str]) -> None:
    module.follow({"name": "demo"}, Service([ENDED], {"demo/algo-1-1767225600": [["a"]], "demo/algo-2-1767225601": [["b"]]}))
    assert {"[algo-1] a", "[algo-2] b"} <= set(capsys.readouterr().out.splitlines())


def test_a_log_that_may_not_be_read_is_told_once(module: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert module.follow({"name": "demo"}, Service([going("Training"), ENDED], code="AccessDeniedException")) == ENDED
    assert capsys.readouterr().err.count("AccessDeniedException") == 1
    module.follow({"name": "demo"}, Service([going("Starting"), ENDED], code="ResourceNotFoundException"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("told", "code", "said"),
    [
        ({"ModelArtifacts": {"S3ModelArtifacts": "s3://x/model.tar.gz"}}, 0, "model: s3://x/model.tar.gz"),
        ({"TrainingTimeInSeconds": 100}, 0, "trained for 100 s"),
        (
            {"EnableManagedSpotTraining": True, "TrainingTimeInSeconds": 1000, "BillableTimeInSeconds": 300},
            0,
            "spot: billed 300 of 1000 s, 70 % saved",
        ),
        ({"TrainingJobStatus": "Failed", "FailureReason": "AlgorithmError: Traceback\nValueError: x"}, 1, "ValueError: x"),
        ({"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}, 1, "Stopped"),
    ],
)
def test_the_end(module: Any, told: dict[str, Any], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert module.end({**ENDED, **told}) == code
    shown = capsys.readouterr()
    assert said in shown.out + shown.err


@pytest.mark.parametrize(
    ("region", "domain"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_the_links(module: Any, region: str, domain: str, capsys: pytest.CaptureFixture[str]) -> None:
    module.show({"region": region, "name": "demo-1"})
    job, logs = capsys.readouterr().out.splitlines()
    assert job == f"job:  https://{domain}/sagemaker/home?region={region}#/jobs/demo-1"
    assert logs.endswith("#logsV2:log-groups/log-group/$252Faws$252Fsagemaker$252FTrainingJobs$3FlogStreamNameFilter$3Ddemo-1$2F")


def test_resume_from_takes_the_place_that_the_job_really_had(module: Any, capsys: pytest.CaptureFixture[str]) -> None:
    job = module.arguments("x", [*SENDABLE, "--resume-from", "earlier-1"])
    assert module.checkpoints_of(job) == "s3://some-bucket/demo-train/earlier-1/checkpoints"  # as far as can be told offline
    service = Service([{**ENDED, "CheckpointConfig": {"S3Uri": "s3://other/place"}}])
    module.resume(job, service)
    assert service.asked == [{"TrainingJobName": "earlier-1"}]
    assert module.request_of(job)["CheckpointConfig"]["S3Uri"] == "s3://other/place"
    with pytest.raises(SystemExit) as caught:
        module.resume(module.arguments("x", [*SENDABLE, "--resume-from", "earlier-1"]), Service([ENDED]))
    assert caught.value.code == 2
    assert "earlier-1 made no checkpoints" in capsys.readouterr().err
