"""What the launchers upload, run by the real programs of the containers: the v3 drivers in a mount namespace, and the toolkit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.environments import python_of
from tests.generate.small import SENDABLE, entry_point, write
from tests.generate.test_launchers import AWS, RECORDED, sent

TELL = """
import json, os, sys
from {module} import NAME
print("TOLD " + json.dumps({{"argv": sys.argv[1:], "name": NAME, "main": __name__, "checkpoints": os.environ["SM_CHECKPOINT_DIR"],
                             "training": os.listdir(os.environ["SM_CHANNEL_TRAINING"]), "cwd": os.listdir(".")}}))
"""
# entry point, and how its imports are written: from the root while it lies in a folder; from its own package, started as a module
SHAPES = {
    "in a folder": ("tools/train.py", "models.net", False),
    "as a module": ("pkg/train.py", ".net", True),
    "at the root": ("train.py", "net", False),
}
V3_ARGV = ["--lr", "0.1", "--epochs", "10", "--no_cuda", "false", "--milestones", "[30, 60]", "--version", "1.1"]
TOOLKIT_ARGV = ["--epochs", "10", "--lr", "0.1", "--milestones", "[30, 60]", "--no_cuda", "False", "--version", "1.10"]


@pytest.fixture(params=SHAPES)
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path, module, as_module = SHAPES[request.param]
    root = tmp_path / "repo"
    for name in ("models/net.py", "pkg/net.py", "net.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"NAME = {name!r}\n")
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text(TELL.format(module=module))
    write(root, [entry_point(path, as_module=as_module)])
    return root


def launch(environment: str, repo: Path, launcher: str, sent_files: Path) -> dict[str, Any]:
    """The request that the launcher sends; what it uploads lies under ``sent_files``."""
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(repo.parent),
        "SAGEMAKER_VALIDATE_ROLE": "false",
        "RECORDED_FILES": str(sent_files),
    }
    command = [str(python_of(environment)), str(RECORDED), f"sagemaker_job/{launcher}", *SENDABLE]
    return sent(subprocess.run(command, cwd=repo, env={**AWS, **variables}, capture_output=True, text=True, timeout=300))


def lay_out(base: Path, request: dict[str, Any]) -> None:
    """/opt/ml as the platform makes it: the configuration files, and one file in the data channel."""
    config = base / "input" / "config"
    config.mkdir(parents=True)
    for folder in ("model", "output/data", "input/data/training", "code"):
        (base / folder).mkdir(parents=True)
    (base / "input" / "data" / "training" / "one.txt").write_text("x")
    resources = {
        "current_host": "algo-1",
        "current_instance_type": "ml.g5.xlarge",
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "instance_groups": [{"instance_group_name": "homogeneousCluster", "instance_type": "ml.g5.xlarge", "hosts": ["algo-1"]}],
        "network_interface_name": "lo",
    }
    channels = {channel["ChannelName"]: {"TrainingInputMode": "File"} for channel in request["InputDataConfig"]}
    for name, value in (("hyperparameters", request["HyperParameters"]), ("resourceconfig", resources), ("inputdataconfig", channels)):
        (config / f"{name}.json").write_text(json.dumps(value))


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    lines = [line for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    assert len(lines) == 1, (done.stdout + done.stderr)[-3000:]
    made: dict[str, Any] = json.loads(lines[0].removeprefix("TOLD "))
    return made


def check(answer: dict[str, Any], argv: list[str]) -> None:
    assert answer["argv"] == argv
    assert answer["main"] == "__main__"
    assert answer["name"].endswith("net.py")
    assert answer["checkpoints"] == "/opt/ml/checkpoints"
    assert answer["training"] == ["one.txt"]
    assert "sagemaker_job" in answer["cwd"]


def test_sdk_v3(repo: Path, tmp_path: Path) -> None:
    request = launch("sdk3", repo, "launch.py", tmp_path / "s3")
    base = tmp_path / "ml"
    lay_out(base, request)
    [uploaded] = (tmp_path / "s3").glob("*/*/input")
    for channel in ("code", "sm_drivers"):
        shutil.copytree(uploaded / channel, base / "input" / "data" / channel)
    python = python_of("sdk3").parent
    environment = {**request["Environment"], "PATH": f"{python}:{os.environ['PATH']}", "TRAINING_JOB_NAME": request["TrainingJobName"]}
    algorithm = request["AlgorithmSpecification"]
    # The machine's folders one by one, so that /opt/ml can be made without writing to the machine's /opt.
    tops = [path for path in Path("/").iterdir() if path.name not in ("opt", "proc", "dev")]
    shown = [str(path) for path in (*tops, *Path("/opt").glob("*")) if path.name != "ml"]
    binds = [word for path in shown for word in ("--bind-try", path, path)]
    sandbox = ["bwrap", *binds, "--proc", "/proc", "--dev", "/dev", "--bind", str(base), "/opt/ml"]
    command = [*sandbox, *algorithm["ContainerEntrypoint"], *algorithm["ContainerArguments"]]
    check(told(subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)), V3_ARGV)


def test_boto3_and_the_toolkit(repo: Path, tmp_path: Path) -> None:
    request = launch("main", repo, "launch_boto3.py", tmp_path / "s3")
    [archive] = (tmp_path / "s3").rglob("sourcedir.tar.gz")
    # The toolkit takes a local archive as it takes one from S3.
    request["HyperParameters"]["sagemaker_submit_directory"] = json.dumps(str(archive))
    base = tmp_path / "ml"
    lay_out(base, request)
    environment = {
        **AWS,
        **request["Environment"],
        "PATH": os.environ["PATH"],
        "SAGEMAKER_BASE_DIR": str(base),
        "SM_STUDIO_LOCAL_MODE": "true",
        "TRAINING_JOB_NAME": request["TrainingJobName"],
    }
    command = [sys.executable, "-c", "import sys; from sagemaker_training.cli.train import main; main()"]
    check(told(subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)), TOOLKIT_ARGV)
