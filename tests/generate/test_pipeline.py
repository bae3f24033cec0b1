"""pipeline.py, constructed and made with the real SDK v3: the same job as launch.py's, and the model registered. Only the wire is cut."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from migrate.generate.around import EXTRAS
from migrate.job.validate import validate
from tests.generate.small import SENDABLE, entry_point, write
from tests.generate.test_launchers import RECORDED, calls, run

PIPELINE = "sagemaker_job/pipeline.py"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pipeline") / "repo"
    root.mkdir()
    write(root, [entry_point("tools/train.py")], extras=["pipeline"])
    return root


@pytest.fixture(scope="module")
def made(repo: Path) -> subprocess.CompletedProcess[str]:
    return run("sdk3", repo, RECORDED, PIPELINE, *SENDABLE, "--lr", "0.5", SAGEMAKER_VALIDATE_ROLE="false")


def steps(made: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    [sent] = [call["parameters"] for call in calls(made) if call["operation"] == "CreatePipeline"]
    assert sent["PipelineName"] == "demo-train"
    definition = json.loads(sent["PipelineDefinition"])
    return {step["Name"]: step for step in definition["Steps"]}


def test_it_is_made_on_request() -> None:
    assert EXTRAS["pipeline"] == "pipeline.py"


def test_the_training_step_is_the_job_of_launch_py(repo: Path, made: subprocess.CompletedProcess[str]) -> None:
    step = steps(made)["Train"]
    assert step["Type"] == "Training"
    arguments = step["Arguments"]
    values = arguments["CheckpointConfig"]["S3Uri"]["Std:Join"]["Values"]
    assert values == ["s3://some-bucket/demo-train", {"Get": "Execution.PipelineExecutionId"}, "checkpoints"]
    arguments["CheckpointConfig"]["S3Uri"] = "s3://some-bucket/demo-train/execution/checkpoints"
    request = {"TrainingJobName": "pipelines-x", **arguments}
    assert validate(request) == []
    done = run("main", repo, "sagemaker_job/launch_boto3.py", "--dry-run", *SENDABLE, "--lr", "0.5")
    alone = json.loads(done.stdout)
    for member in ("HyperParameters", "ResourceConfig", "StoppingCondition", "RoleArn", "Environment", "Tags"):
        texts = {name: text for name, text in alone[member].items() if "sagemaker_" not in name} if member == "HyperParameters" else None
        wanted = alone[member] if texts is None else {name: json.loads(t) if t[0] == '"' else t for name, t in texts.items()}
        assert request[member] == wanted, member
    assert request["AlgorithmSpecification"]["TrainingImage"] == alone["AlgorithmSpecification"]["TrainingImage"]
    assert [channel["ChannelName"] for channel in request["InputDataConfig"]] == ["training", "code", "sm_drivers"]


def test_the_model_is_registered(made: subprocess.CompletedProcess[str]) -> None:
    step = steps(made)["Register"]
    assert step["Type"] == "RegisterModel"
    assert step["Arguments"]["ModelPackageGroupName"] == "demo-train"
    assert step["Arguments"]["ModelApprovalStatus"] == "PendingManualApproval"
    [container] = step["Arguments"]["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    assert container["Image"] == "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.1.0-gpu-py310"


def test_a_dry_run_constructs_and_sends_nothing(repo: Path) -> None:
    done = run("sdk3", repo, RECORDED, PIPELINE, "--dry-run", "--inference-image", "image:1")
    assert "constructed: pipeline demo-train: Train (Training), Register (RegisterModel); nothing sent" in done.stdout
    assert {call["operation"] for call in calls(done)} <= {"ListBuckets", "HeadBucket", "GetCallerIdentity"}


def test_without_the_sdk_or_settings_it_is_one_line(repo: Path) -> None:
    done = run("main", repo, PIPELINE, *SENDABLE)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "pip install 'sagemaker>=3.27,<4'" in done.stderr
    done = run("sdk3", repo, RECORDED, PIPELINE)
    assert done.returncode == 2
    assert "fill in role and bucket" in done.stderr
