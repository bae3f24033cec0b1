"""The fixtures' generated Dockerfiles, built in the real engine on a stand-in of the official image; the jobs train in what comes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from migrate.verify import containers
from tests.fixtures.harness import Fixture, Machine, fixtures
from tests.fixtures.test_migrated import DONE, channel_folders, machine_in
from tests.generate.test_containers import launch

# These have a Dockerfile, and no others: tests/generate/test_images.py holds that.
NAMES = (
    "chainer_custom_loop",
    "chainer_trainer",
    "ec2_habits",
    "hf_trainer",
    "lightgbm_folds",
    "lightning_module",
    "sklearn_partial_fit",
    "xgboost_train",
)


@pytest.fixture(params=[each for each in fixtures() if each.name in NAMES], ids=lambda fixture: fixture.name)
def fixture(request: pytest.FixtureRequest) -> Fixture:
    assert isinstance(request.param, Fixture)
    return request.param


@pytest.fixture
def machine(fixture: Fixture, stand_in: str, tmp_path: Path) -> Machine:
    """The migrated fixture; what its Dockerfile starts from is there under that name."""
    made = machine_in(tmp_path / "machine", fixture)
    made.migrate("apply", ".", accept=DONE)
    [base] = re.findall(r"^FROM (\S+)$", (made.repo / "sagemaker_job/Dockerfile").read_text(), re.MULTILINE)
    subprocess.run(["docker", "tag", stand_in, base], check=True)
    return made


def test_it_builds_and_the_job_trains_in_it(fixture: Fixture, machine: Machine, tmp_path: Path) -> None:
    """Built as a person builds it, and started as SageMaker starts it: by the word ``train``."""
    base = tmp_path / "ml"
    environment = lay_out(base, fixture, machine, channel_folders(fixture, tmp_path / "channels"))
    built = f"migrate-tests-built:{fixture.name}"
    subprocess.run(["docker", "build", "--quiet", "--file", "sagemaker_job/Dockerfile", "--tag", built, "."], cwd=machine.repo, check=True)
    words = ["docker", "run", "--rm", "--network", "none", "--hostname", "algo-1", "--add-host", "algo-1:127.0.0.1"]
    words += ["--mount", containers.mount(base, "/opt/ml")]
    words += [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    done = subprocess.run([*words, built, "train"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(base / "model", ".")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        names = {Path(member.name).name for member in archive.getmembers() if member.isfile() and member.size}
    assert names >= {Path(path).name for path in fixture.expected["model"]}


@pytest.mark.parametrize("fixture", [each for each in fixtures() if each.name == "lightgbm_folds"], ids=["lightgbm_folds"], indirect=True)
def test_verify_builds_it_too(fixture: Fixture, machine: Machine, tmp_path: Path) -> None:
    words = ["verify", ".", "--engine", "docker", "--format", "json"]
    words += [f"--channel={name}={folder}" for name, folder in channel_folders(fixture, tmp_path / "channels").items()]
    (report,) = json.loads(machine.migrate(*words, accept=(0, 1)).stdout)["reports"]
    assert [check for check in report["checks"] if check["verdict"] == "fail"] == []
    assert "image sagemaker_job/Dockerfile, built here" in report["notes"]


def lay_out(base: Path, fixture: Fixture, machine: Machine, channels: dict[str, Path]) -> dict[str, str]:
    """/opt/ml as the platform makes it of what the launcher sends and uploads. Returns the container's environment."""
    request = launch("main", machine.repo, "launch_boto3.py", base.parent / "s3")
    for folder in ("input/config", "input/data", "model", "output/data", "checkpoints", "code"):
        (base / folder).mkdir(parents=True)
    [archive] = (base.parent / "s3").rglob("sourcedir.tar.gz")
    with tarfile.open(archive) as code:
        code.extractall(base / "code", filter="data")
    for name, folder in channels.items():
        shutil.copytree(folder, base / "input/data" / name)
    own = {"sagemaker_submit_directory": json.dumps("/opt/ml/code")}
    configs = {
        "hyperparameters": request["HyperParameters"] | {name: json.dumps(value) for name, value in fixture.hyperparameters.items()} | own,
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"},
        "inputdataconfig": {name: {"TrainingInputMode": "File"} for name in channels},
    }
    for name, value in configs.items():
        (base / "input/config" / f"{name}.json").write_text(json.dumps(value))
    return {**request["Environment"], "TRAINING_JOB_NAME": request["TrainingJobName"]}
