"""Runs longer than the limit: one job after the other from the same checkpoints ends where one uncut run would."""

from __future__ import annotations

import datetime
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from migrate.runtime import support_source
from tests.generate.small import SENDABLE, entry_point, setting, write
from tests.generate.templates import lint, read
from tests.generate.test_launchers import run
from tests.generate.test_settings import load

SIMULATED = Path(__file__).with_name("simulated.py")
# An epoch takes 13 hours; what it learns depends on everything before, the random generator too.
SCRIPT = """
import argparse, os, random, time
from sagemaker_support import keeper, sagemaker_argv

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=40)
args = parser.parse_args(sagemaker_argv(parser))
random.seed(7)
weight, history = 0.0, []
weight, history = keeper.restore(weight=weight, history=history)
for epoch in keeper.epochs(range(args.epochs)):
    time.sleep(13 * 3600)
    weight = weight * 0.9 + random.random()
    history.append(weight.hex())
    print("epoch %d weight %.6f" % (epoch, weight))
with open(os.path.join(os.environ["SM_MODEL_DIR"], "weight.txt"), "w") as file:
    file.write("\\n".join(history))
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "train.py").write_text(SCRIPT)
    (root / "sagemaker_support.py").write_bytes(support_source(["keeper", "sagemaker_argv"], words=()))
    write(root, [entry_point(hyperparameters=(setting("epochs", 40),), channels=())], extras=("chain",))
    return root


def lines(done: subprocess.CompletedProcess[str], kind: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix(kind + " ")) for line in done.stdout.splitlines() if line.startswith(kind + " ")]


def launch(repo: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run("main", repo, SIMULATED, "sagemaker_job/launch_boto3.py", *SENDABLE, *words)


def test_a_month_in_jobs_of_five_days_ends_bit_equal(repo: Path) -> None:
    uncut = launch(repo, "--wait")
    assert uncut.returncode == 0, uncut.stderr
    [whole] = lines(uncut, "MODEL")
    cut = launch(repo, "--chain")
    assert cut.returncode == 0, cut.stdout + cut.stderr
    jobs = lines(cut, "JOB")
    assert len(jobs) == 5
    assert all(job["code"] == 0 for job in jobs)
    told = [line for job in jobs for line in job["out"].splitlines() if line.startswith("epoch ")]
    assert told == [line for line in lines(uncut, "JOB")[0]["out"].splitlines() if line.startswith("epoch ")]  # each once
    assert lines(cut, "MODEL")[-1] == whole
    assert len(bytes.fromhex(whole["content"]).splitlines()) == 40
    assert "all done, after 5 jobs" in cut.stdout


class Clients(dict[str, Any]):
    """A service whose jobs all complete and leave the same mark."""

    def __missing__(self, name: str) -> Clients:
        return self

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.timezone.utc)
        place = {"S3Uri": "s3://some-bucket/checkpoints"}
        return {"TrainingJobName": TrainingJobName, "TrainingJobStatus": "Completed", "CreationTime": now, "CheckpointConfig": place}

    def get_paginator(self, name: str) -> Clients:
        return self

    def paginate(self, **parameters: str) -> list[dict[str, Any]]:
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)
        return [{"logStreams": [], "Contents": [{"Key": "checkpoints/more-to-do.json", "LastModified": later}]}]

    def get_object(self, **parameters: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(b'{"loop": "epochs", "turns": 1}')}


def test_a_chain_stops_where_it_comes_no_further(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = load(repo)
    job = module.arguments("x", [*SENDABLE, "--chain"])
    sent: list[dict[str, str]] = []

    def send(job: dict[str, Any], clients: Any) -> str:
        sent.append({"name": job["name"], "checkpoints": module.checkpoints_of(job), **job["environment"]})
        return str(job["name"])

    with pytest.raises(SystemExit) as caught:
        module.chain(job, send, Clients())
    assert caught.value.code == 2
    assert "came no further" in capsys.readouterr().err
    assert [each["name"].rpartition("-")[0] for each in sent] == ["demo-train-1", "demo-train-2"]
    assert len({each["checkpoints"] for each in sent}) == 1
    assert {each["SM_MAX_SECONDS"] for each in sent} == {"423360"}


def test_a_script_of_a_chain_has_time_left_at_its_end(repo: Path) -> None:
    module = load(repo)
    assert module.max_seconds(432_000) == 432_000 - 8_640
    assert module.max_seconds(3_600) == 3_000
    assert module.max_seconds(600) == 300


def test_a_chain_that_goes_on_in_aws(repo: Path, tmp_path: Path) -> None:
    """The launcher sends the first job and leaves; the Lambda of chain.yaml starts the others."""
    template = repo / "sagemaker_job" / "chain.yaml"
    code = read(template)["Resources"]["Function"]["Properties"]["Code"]["ZipFile"]
    (tmp_path / "index.py").write_text(code)
    words = (SIMULATED, "sagemaker_job/launch_boto3.py", *SENDABLE, "--hand-over")
    done = run("main", repo, *words, CHAIN_LAMBDA=str(tmp_path / "index.py"), AWS_DEFAULT_REGION="us-east-1")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    jobs = lines(done, "JOB")
    assert [job["name"].split("-")[2] for job in jobs] == ["1", "2", "3", "4", "5"]
    told = [line for job in jobs for line in job["out"].splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in told] == [str(epoch) for epoch in range(40)]
    answers = [json.loads(line.removeprefix("LAMBDA ")) for line in done.stdout.splitlines() if line.startswith("LAMBDA ")]
    assert [first for first, _ in answers] == [*(job["name"] for job in jobs[1:]), "all done"]
    assert {second for _, second in answers} == {"already started", "all done"}  # a job is over here when the event comes again


def test_the_template_of_the_chain_is_clean_and_its_lambda_fits(repo: Path) -> None:
    template = repo / "sagemaker_job" / "chain.yaml"
    assert lint(template) == ""
    assert len(read(template)["Resources"]["Function"]["Properties"]["Code"]["ZipFile"]) <= 4096  # what CloudFormation takes inline


def test_a_chain_ends_with_a_job_that_failed(repo: Path) -> None:
    (repo / "train.py").write_text(SCRIPT.replace("weight = weight * 0.9", "weight = weight / (epoch - 20)"))
    done = launch(repo, "--chain")
    assert done.returncode == 1
    assert [job["code"] == 0 for job in lines(done, "JOB")] == [True, True, False]


def test_a_chain_has_an_end(repo: Path) -> None:
    done = launch(repo, "--chain", "2")
    assert done.returncode == 1
    assert len(lines(done, "JOB")) == 2
    assert "stopped after 2 jobs, with more to do: --checkpoints s3://some-bucket/demo-train/" in done.stderr
