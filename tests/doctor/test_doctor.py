"""`migrate doctor` as a person starts it, on a machine without credentials, and how it reads job.toml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.doctor import local
from migrate.doctor.examine import exit_code, instance_check
from migrate.doctor.model import note, unchecked, well, wrong
from migrate.doctor.wanted import read_wanted
from migrate.errors import UserError
from tests.generate.small import entry_point, write

ROOT = Path(__file__).resolve().parents[2]
NOBODY = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def doctor(*words: str | Path) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "migrate", "doctor", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env={**inherited, **NOBODY}, capture_output=True, text=True, timeout=120)


def filled(root: Path) -> None:
    path = root / "sagemaker_job" / "job.toml"
    text = path.read_text().replace("REPLACE-WITH-ROLE-ARN", "arn:aws:iam::111122223333:role/x").replace("REPLACE-WITH-BUCKET", "mine")
    path.write_text(text)


def test_without_credentials_and_without_a_job(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    done = doctor(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"well  python: {sys.version.split()[0]}" in done.stdout
    assert "not checked: caller: no AWS credentials here" in done.stdout
    assert "not checked: job: no sagemaker_job/job.toml here: migrate apply writes it" in done.stdout


def test_what_job_toml_lacks_is_wrong_without_credentials(tmp_path: Path) -> None:
    write(tmp_path)
    done = doctor(tmp_path, "--format", "json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["version"] == 1
    wrong_ones = {(check["part"], check["name"]) for check in found["checks"] if check["state"] == "wrong"}
    assert wrong_ones == {("train", "role"), ("train", "bucket")}
    assert all(check["remedy"] for check in found["checks"] if check["state"] == "wrong")
    filled(tmp_path)
    target = tmp_path / "report.txt"
    done = doctor(tmp_path, "--output", target)
    assert (done.returncode, done.stdout) == (0, "")
    assert "well  instance type: 1 x ml.g5.xlarge, on demand" in target.read_text()


@pytest.mark.parametrize("words", [["nowhere"], [".", "--format", "xml"], [".", "--output", "/nowhere/x"]])
def test_bad_use_is_one_line(words: list[str]) -> None:
    done = doctor(*words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("text", ["[[[", "job = 3", "[job.x]\nentry = 1"])
def test_a_broken_job_toml_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "sagemaker_job").mkdir()
    (tmp_path / "sagemaker_job" / "job.toml").write_text(text)
    with pytest.raises(UserError, match="job.toml"):
        read_wanted(tmp_path)


def test_the_job_as_job_toml_has_it(tmp_path: Path) -> None:
    write(tmp_path, [entry_point(), entry_point("other.py", framework="fortran", channels=())])
    filled(tmp_path)
    job, other = read_wanted(tmp_path)
    assert (job.key, job.region, job.bucket) == ("train", "us-east-1", "mine")
    assert job.image == "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.1.0-gpu-py310"
    assert job.data == {"training": "s3://mine/demo/training"}
    assert (job.instance_type, job.ec2_type, job.max_run) == ("ml.g5.xlarge", "g5.xlarge", 432_000)
    assert other.image is None
    assert instance_check(job).state == "well"


def test_exit_codes() -> None:
    assert exit_code([well("a", ""), note("b", ""), unchecked("c", "")]) == 0
    assert exit_code([well("a", ""), wrong("b", "", "")]) == 1


@pytest.mark.parametrize(
    ("version", "compose", "states"),
    [
        ("28.1", "2.35.0", ["well", "well"]),
        ("", "v2.1.0", ["note", "well"]),
        ("28.1", "1.29.2", ["well", "note"]),
        ("", "", ["note", "note"]),
    ],
)
def test_docker_and_compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, compose: str, states: list[str]) -> None:
    script = f'#!/bin/sh\n[ "$1" = compose ] && {{ echo "{compose}"; [ -n "{compose}" ]; exit; }}\necho "{version}"; [ -n "{version}" ]\n'
    (tmp_path / "docker").write_text(script)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert [check.state for check in local._docker()] == states
    assert all(check.remedy for check in local._docker() if check.state == "note")


def test_without_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    [check] = local._docker()
    assert (check.state, check.told) == ("note", "not installed: launch.py --local and verify --engine docker need it")


@pytest.mark.parametrize(("version", "state"), [("3.27.0", "well"), ("2.257.7", "note"), (None, "note")])
def test_the_sdk(monkeypatch: pytest.MonkeyPatch, version: str | None, state: str) -> None:
    def told(name: str) -> str:
        if version is None:
            raise local.importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(local.importlib.metadata, "version", told)
    assert local._sdk().state == state
