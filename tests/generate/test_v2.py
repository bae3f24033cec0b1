"""launch_v2.py against the real SDK 2.x: the estimator of the framework, dry runs, and local mode's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.job.validate import validate
from tests.generate.small import SENDABLE, entry_point, write
from tests.generate.test_launchers import RECORDED, run, sent

# framework, version: the estimator
ESTIMATORS = {
    ("pytorch", "2.1.0"): "PyTorch",
    ("tensorflow", "2.13.0"): "TensorFlow",
    ("mxnet", "1.9.0"): "MXNet",
    ("chainer", "5.0.0"): "Chainer",
    ("xgboost", None): "XGBoost",
    ("sklearn", None): "SKLearn",
    ("fortran", None): "Estimator",
}
QUIET = {"SAGEMAKER_SUPPRESS_V2_WARNING": "1"}


def repo(tmp_path: Path, framework: str = "pytorch", version: str | None = "2.1.0") -> Path:
    root = tmp_path / "repo"
    (root / "data").mkdir(parents=True)
    write(root, [entry_point(framework=framework, framework_version=version)], extras=("v2",))
    return root


@pytest.mark.parametrize(("framework", "version"), ESTIMATORS)
def test_the_estimator_of_the_framework_sends_a_job_that_the_service_takes(framework: str, version: str | None, tmp_path: Path) -> None:
    root = repo(tmp_path, framework, version)
    image = ("--image", "111122223333.dkr.ecr.us-east-1.amazonaws.com/mine:1") if framework == "fortran" else ()
    done = run("sdk2", root, "sagemaker_job/launch_v2.py", "--dry-run", *SENDABLE, *image, **QUIET)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"constructed: {ESTIMATORS[framework, version]} on ml." in done.stderr
    request = sent(run("sdk2", root, RECORDED, "sagemaker_job/launch_v2.py", *SENDABLE, *image, **QUIET))
    assert validate(request) == []
    assert "model_dir" not in request["HyperParameters"]


def test_a_hugging_face_image(tmp_path: Path) -> None:
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.1.0-transformers4.36.0-gpu-py310-cu121-ubuntu20.04"
    done = run("sdk2", repo(tmp_path), "sagemaker_job/launch_v2.py", "--dry-run", *SENDABLE, "--image", image, **QUIET)
    assert "constructed: HuggingFace on ml.g5.xlarge" in done.stderr, done.stderr[-3000:]


def test_local_mode_is_constructed(tmp_path: Path) -> None:
    done = run("sdk2", repo(tmp_path), "sagemaker_job/launch_v2.py", "--dry-run", "--local", PATH=str(tmp_path), **QUIET)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "constructed: PyTorch on local_cpu, 1 channels; nothing sent" in done.stderr


def test_without_the_sdk(tmp_path: Path) -> None:
    root = repo(tmp_path)
    for environment in ("main", "sdk3"):
        done = run(environment, root, "sagemaker_job/launch_v2.py", *SENDABLE)
        assert (done.returncode, done.stdout) == (2, "")
        assert "pip install 'sagemaker>=2.220,<3'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("framework", "settings", "said"),
    [
        ("tensorflow", 'distribution = "torchrun"', "the TensorFlow estimator of the SDK 2.x cannot start it"),
        ("pytorch", 'distribution = "torchrun"\nprocesses_per_host = 3', "torchrun of the images counts the GPUs itself"),
    ],
)
def test_what_it_cannot_start_is_refused(framework: str, settings: str, said: str, tmp_path: Path) -> None:
    root = repo(tmp_path, framework, None)
    file = root / "sagemaker_job" / "job.toml"
    file.write_text(file.read_text("utf-8").replace("[job.train]\n", f"[job.train]\n{settings}\n"), "utf-8")
    done = run("sdk2", root, RECORDED, "sagemaker_job/launch_v2.py", *SENDABLE, **QUIET)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert '"CreateTrainingJob"' not in done.stdout
