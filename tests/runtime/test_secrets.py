"""get_secret: os.environ everywhere but in a job, Secrets Manager there, and no secret in what it says."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import boto3
import pytest
from moto import mock_aws

from migrate.runtime import support_source

VALUE = "horse7battery"


@pytest.fixture
def support(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The support module as it is written for a script that needs only this, with an account of moto's."""
    path = tmp_path / "sagemaker_support.py"
    path.write_bytes(support_source({"get_secret"}))
    spec = importlib.util.spec_from_file_location("support_of_secrets", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("SM_TRAINING_ENV", "SM_HPS", "DB_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with mock_aws():
        yield module


@pytest.fixture
def in_a_job(support: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SM_HPS", "{}")


def put(name: str, text: str) -> None:
    boto3.client("secretsmanager", "eu-west-1").create_secret(Name=name, SecretString=text)


def test_elsewhere_it_is_the_environment(support: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    put("DB_PASSWORD", VALUE)
    with pytest.raises(KeyError, match="DB_PASSWORD"):
        support.get_secret("DB_PASSWORD")
    assert support.get_secret("DB_PASSWORD", None) is None
    monkeypatch.setenv("DB_PASSWORD", "of EC2")
    assert support.get_secret("DB_PASSWORD") == support.get_secret("DB_PASSWORD", 3) == "of EC2"


@pytest.mark.usefixtures("in_a_job")
@pytest.mark.parametrize("text", [VALUE, json.dumps({"DB_PASSWORD": VALUE})])
def test_in_a_job_it_is_the_secret_of_that_name(support: ModuleType, text: str) -> None:
    put("DB_PASSWORD", text)
    assert support.get_secret("DB_PASSWORD", "default") == VALUE
    assert "DB_PASSWORD" not in os.environ


@pytest.mark.usefixtures("in_a_job")
def test_the_environment_of_a_job_comes_first_and_may_name_another(support: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    put("team/db", VALUE)
    monkeypatch.setenv("SM_SECRET_DB_PASSWORD", "team/db")
    assert support.get_secret("DB_PASSWORD") == VALUE
    monkeypatch.setenv("DB_PASSWORD", "given")
    assert support.get_secret("DB_PASSWORD") == "given"


@pytest.mark.usefixtures("in_a_job")
def test_what_cannot_be_read_is_told_once(support: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert support.get_secret("DB_PASSWORD", "default") == "default"
    with pytest.raises(KeyError, match="DB_PASSWORD"):
        support.get_secret("DB_PASSWORD")
    said = capsys.readouterr().err
    assert said.splitlines() == ["sagemaker_support: no secret DB_PASSWORD: ResourceNotFoundException for DB_PASSWORD in Secrets Manager"]


@pytest.mark.usefixtures("in_a_job")
def test_a_secret_is_shown_nowhere(support: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    put("DB_PASSWORD", VALUE)
    support.get_secret("DB_PASSWORD")
    assert VALUE not in "".join(capsys.readouterr())


def test_without_boto3_and_without_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "sagemaker_support.py").write_bytes(support_source({"get_secret"}))
    (tmp_path / "boto3.py").write_text("raise ImportError('no boto3')\n")
    code = "from sagemaker_support import get_secret\nprint(get_secret('DB_PASSWORD', None))"
    environment = {"PATH": os.environ["PATH"], "SM_HPS": "{}", "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "None\n")
    assert done.stderr == "sagemaker_support: no secret DB_PASSWORD: the image has no boto3\n"
    (tmp_path / "boto3.py").unlink()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "None\n"
    assert done.stderr == "sagemaker_support: no secret DB_PASSWORD: NoRegionError for DB_PASSWORD in Secrets Manager\n"
