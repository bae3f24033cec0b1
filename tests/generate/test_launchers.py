"""The launchers, run as a person runs them: against the real SDK v3, and against moto. Only the wire to AWS is cut (recorded.py)."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from migrate.job.validate import validate
from tests.environments import python_of
from tests.generate.small import ROLE, SENDABLE, entry_point, setting, write

RECORDED = Path(__file__).with_name("recorded.py")
ON_MOTO = Path(__file__).with_name("on_moto.py")
NO_TELEMETRY = "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"
AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def run(environment: str, root: Path, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in an environment's Python, away from the repo's folder, with a HOME of its own."""
    home = root.parent / "home"
    home.mkdir(exist_ok=True)
    (home / "sdk.yaml").write_text(NO_TELEMETRY)
    inherited = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(home / "sdk.yaml"),
    }
    command = [str(python_of(environment)), *map(str, words)]
    return subprocess.run(command, cwd=root, env={**inherited, **AWS, **variables}, capture_output=True, text=True, timeout=300)


def calls(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line.removeprefix("CALL ")) for line in done.stdout.splitlines() if line.startswith("CALL ")]


def sent(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    [request] = [call["parameters"] for call in calls(done) if call["operation"] == "CreateTrainingJob"]
    assert isinstance(request, dict)
    return request


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repo whose script lies in a folder, with data, requirements, ignored files, and two jobs."""
    root = tmp_path_factory.mktemp("launchers") / "repo"
    (root / "data").mkdir(parents=True)
    (root / "input").mkdir()
    (root / "input" / "precious.txt").write_text("x")
    (root / "data" / "big.bin").write_text("x")
    (root / "requirements.txt").write_text("torch==2.1.0\neinops\n")
    (root / ".gitignore").write_text("/data\n*.pth\n")
    other = entry_point("other.py", hyperparameters=(setting("arch", None, required=True),), channels=())
    write(root, [entry_point("tools/train.py"), other])
    return root


@pytest.fixture(scope="module")
def both(repo: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The requests that launch.py and launch_boto3.py send for the same command line."""
    words = (*SENDABLE, "--spot", "--no-cuda", "--milestones", "1", "2", "--version", "1.20", "--resume", 'a "b" $HOME')
    with_sdk = run("sdk3", repo, RECORDED, "sagemaker_job/launch.py", *words, SAGEMAKER_VALIDATE_ROLE="false")
    alone = run("main", repo, RECORDED, "sagemaker_job/launch_boto3.py", *words)
    return sent(with_sdk), sent(alone)


def test_both_launchers_send_the_same_job(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    with_sdk, alone = both
    assert comparable(with_sdk) == comparable(alone)
    assert set(with_sdk) == set(alone)


def comparable(request: dict[str, Any]) -> dict[str, Any]:
    """A request without how the code travels, and without the time in the job's name."""
    made = json.loads(json.dumps(request).replace(request["TrainingJobName"], "NAME"))
    made["AlgorithmSpecification"].pop("ContainerEntrypoint", None)
    made["AlgorithmSpecification"].pop("ContainerArguments", None)
    made["InputDataConfig"] = [channel for channel in made["InputDataConfig"] if channel["ChannelName"] not in ("code", "sm_drivers")]
    parameters = {name: text for name, text in made["HyperParameters"].items() if not name.startswith("sagemaker_")}
    made["HyperParameters"] = {name: plain(text) for name, text in parameters.items()}
    # The SDK makes the job's name when it sends, a moment after the location of the checkpoints.
    made["CheckpointConfig"]["S3Uri"] = made["CheckpointConfig"]["S3Uri"].split("/")[:4]
    return dict(made)


def plain(text: str) -> str:
    """The text of a hyperparameter, without the JSON quotes in which the toolkit wants strings."""
    return str(json.loads(text)) if text.startswith('"') else text


def test_the_service_would_take_both(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for request in both:
        assert validate(request) == []


def test_the_request_says_what_was_asked(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    with_sdk, alone = both
    assert with_sdk["RoleArn"] == ROLE
    assert with_sdk["StoppingCondition"] == {"MaxRuntimeInSeconds": 432_000, "MaxWaitTimeInSeconds": 518_400}
    assert with_sdk["EnableManagedSpotTraining"] is True
    assert with_sdk["CheckpointConfig"]["LocalPath"] == with_sdk["Environment"]["SM_CHECKPOINT_DIR"] == "/opt/ml/checkpoints"
    assert with_sdk["HyperParameters"]["version"] == "1.20"
    assert alone["HyperParameters"]["version"] == '"1.20"'
    assert with_sdk["HyperParameters"]["resume"] == 'a "b" $HOME'
    assert with_sdk["HyperParameters"]["no_cuda"] == "true"
    assert alone["HyperParameters"]["sagemaker_program"] == '"tools/train.py"'


def test_the_code_goes_without_what_gitignore_names(repo: Path) -> None:
    done = run("sdk3", repo, RECORDED, "sagemaker_job/launch.py", *SENDABLE, SAGEMAKER_VALIDATE_ROLE="false")
    keys = [call["parameters"]["Key"] for call in calls(done) if call["operation"] == "PutObject"]
    code = {key.split("/input/code/")[1] for key in keys if "/input/code/" in key}
    assert {"tools/train.py", "sagemaker_job/requirements.txt", "input/precious.txt"} <= code
    assert not any(name.startswith("data/") for name in code)
    link = next(line for line in done.stdout.splitlines() if line.startswith("job:"))
    assert link.startswith("job:  https://us-east-1.console.aws.amazon.com/sagemaker/home?region=us-east-1#/jobs/demo-train-")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--dry-run",), "SAGEMAKER_TRAINING_JOB on ml.g5.xlarge, 1 channels"),
        (("--dry-run", "--local"), "LOCAL_CONTAINER on local_cpu, 1 channels"),
    ],
)
def test_dry_run_constructs_with_the_sdk(repo: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run("sdk3", repo, RECORDED, "sagemaker_job/launch.py", *words, PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"constructed: {said}; nothing sent" in done.stderr
    assert "CALL" not in done.stdout
    assert (repo / "input" / "precious.txt").exists()
    if "--local" not in words:
        assert "not yet: fill in role and bucket" in done.stderr
        request = json.loads(done.stdout)
        assert {problem.where.split(".")[0] for problem in validate(request)} == {"RoleArn"}


def test_local_mode_takes_the_gpu_that_is_there(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    done = run("sdk3", repo, RECORDED, "sagemaker_job/launch.py", "--local", "--dry-run", PATH=str(tmp_path))
    assert "constructed: LOCAL_CONTAINER on local_gpu, 1 channels; nothing sent" in done.stderr


def test_without_the_sdk(repo: Path) -> None:
    done = run("main", repo, "sagemaker_job/launch.py", *SENDABLE)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "pip install 'sagemaker>=3.27,<4'" in done.stderr
    done = run("main", repo, "sagemaker_job/launch.py", "--dry-run", *SENDABLE)
    assert done.returncode == 0
    assert validate(json.loads(done.stdout), sdk=True) == []


@pytest.mark.parametrize("launcher", ["launch.py", "launch_boto3.py"])
def test_nothing_is_sent_without_role_and_bucket(repo: Path, launcher: str) -> None:
    done = run("sdk3", repo, RECORDED, f"sagemaker_job/{launcher}")
    assert done.returncode == 2
    assert "CALL" not in done.stdout
    assert done.stderr.splitlines() == [f"{launcher}: fill in role and bucket in {repo / 'sagemaker_job' / 'job.toml'}"]


def test_what_aws_refuses_ends_in_one_line(repo: Path) -> None:
    done = run("main", repo, "sagemaker_job/launch_boto3.py", *SENDABLE, AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("environment", "launcher"), [("sdk3", "launch.py"), ("main", "launch_boto3.py")])
def test_a_job_that_failed_says_why(repo: Path, environment: str, launcher: str) -> None:
    variables = {"SAGEMAKER_VALIDATE_ROLE": "false", "RECORDED_STATUS": "Failed"}
    done = run(environment, repo, RECORDED, f"sagemaker_job/{launcher}", *SENDABLE, "--wait", **variables)
    assert done.returncode == 1, done.stderr[-3000:]
    assert "AlgorithmError: out of memory" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_started_from_anywhere_it_hides_no_package(repo: Path) -> None:
    done = run("main", repo / "tools", "../sagemaker_job/launch_boto3.py", "--dry-run", *SENDABLE)
    assert done.returncode == 0, done.stderr
    assert validate(json.loads(done.stdout)) == []


def test_boto3_alone_submits_to_moto(repo: Path) -> None:
    done = run("main", repo, ON_MOTO, "sagemaker_job/launch_boto3.py", *SENDABLE, "--wait", "--entry", "other", "--arch", "resnet")
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["job"]["TrainingJobStatus"] == "Completed"
    assert json.loads(told["job"]["HyperParameters"]["sagemaker_program"]) == "other.py"
    with tarfile.open(told["source"]) as archive:
        names = set(archive.getnames())
    assert {"./other.py", "./tools/train.py", "./requirements.txt"} <= names
    assert "./data/big.bin" not in names
