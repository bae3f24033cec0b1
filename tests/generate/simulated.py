"""Runs a launcher against a SageMaker that is made here: S3 is moto's, a job is the uploaded code run by the real toolkit.

python simulated.py LAUNCHER ARGUMENTS...

As the service does it: the checkpoint location is copied to the job's folder before the start, and back as it is then (what was deleted
there is deleted in S3 too) at its end; the model folder becomes model.tar.gz. What the jobs were is printed as JSON lines.

Time is made short: in the jobs, ``time.sleep`` does not wait but moves the clocks on (CLOCK), so a month of training takes seconds.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import runpy
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
import botocore.client
from moto import mock_aws

BUCKET = "some-bucket"
CLOCK = """
import time
gone, real, steady = [0.0], time.time, time.monotonic
time.sleep = lambda seconds: gone.__setitem__(0, gone[0] + seconds)
time.time = lambda: real() + gone[0]
time.monotonic = lambda: steady() + gone[0]
"""
RUN = "from sagemaker_training.cli.train import main; main()"


class Platform:
    """Answers for the training jobs; everything else goes to moto."""

    def __init__(self, clock: Path) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, list[dict[str, str]]] = {}
        self.real = botocore.client.BaseClient._make_api_call
        self.clock = clock

    def answer(self, client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "CreateTrainingJob":
            if parameters["TrainingJobName"] in self.jobs:
                raise client.exceptions.ResourceInUse({"Error": {"Code": "ResourceInUse", "Message": "is there"}}, operation)
            self.jobs[parameters["TrainingJobName"]] = self.train(parameters)
            return {"TrainingJobArn": f"arn:aws:sagemaker:us-east-1:111122223333:training-job/{parameters['TrainingJobName']}"}
        if operation == "DescribeTrainingJob":
            return self.jobs[parameters["TrainingJobName"]]
        if operation == "ListTags":
            return {"Tags": self.tags[parameters["ResourceArn"].rpartition("/")[2]]}
        if operation == "DescribeLogStreams":
            return {"logStreams": []}
        return self.real(client, operation, parameters)

    def train(self, request: dict[str, Any]) -> dict[str, Any]:
        started = datetime.datetime.now(datetime.timezone.utc)
        base = Path(tempfile.mkdtemp())
        for folder in ("input/config", "input/data", "model", "output/data", "code", "checkpoints"):
            (base / folder).mkdir(parents=True)
        checkpoints = Store(request["CheckpointConfig"]["S3Uri"])
        checkpoints.get(base / "checkpoints")
        done = self.run(request, base)
        checkpoints.put(base / "checkpoints")
        Store(request["OutputDataConfig"]["S3OutputPath"]).archive(base / "model", f"{request['TrainingJobName']}/output/model.tar.gz")
        print(
            "JOB "
            + json.dumps({"name": request["TrainingJobName"], "code": done.returncode, "out": done.stdout, "err": done.stderr[-2000:]})
        )
        status = "Completed" if done.returncode == 0 else "Failed"
        told = {member: value for member, value in request.items() if member != "Tags"}  # DescribeTrainingJob tells no tags
        self.tags[request["TrainingJobName"]] = request["Tags"]
        arn = f"arn:aws:sagemaker:us-east-1:111122223333:training-job/{request['TrainingJobName']}"
        times = {"CreationTime": started, "TrainingStartTime": started}
        return {**told, **times, "TrainingJobArn": arn, "TrainingJobStatus": status, "SecondaryStatus": status}

    def go_on(self, function: str) -> None:
        """Hand each job that has completed to the Lambda, twice as EventBridge may, until it starts no more."""
        names: dict[str, Any] = {}
        exec(compile(function, "index.py", "exec"), names)
        seen = 0
        while seen < len(self.jobs):
            job = list(self.jobs.values())[seen]
            seen += 1
            event = {"detail": {"TrainingJobName": job["TrainingJobName"], "TrainingJobStatus": job["TrainingJobStatus"]}}
            print("LAMBDA " + json.dumps([names["handler"](event, None), names["handler"](event, None)]))

    def run(self, request: dict[str, Any], base: Path) -> subprocess.CompletedProcess[str]:
        parameters = dict(request["HyperParameters"])
        archive = base / "sourcedir.tar.gz"
        archive.write_bytes(Store(json.loads(parameters["sagemaker_submit_directory"])).read())
        parameters["sagemaker_submit_directory"] = json.dumps(str(archive))
        resources = {
            "current_host": "algo-1",
            "current_instance_type": "ml.m5.xlarge",
            "current_group_name": "homogeneousCluster",
            "hosts": ["algo-1"],
            "instance_groups": [{"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.xlarge", "hosts": ["algo-1"]}],
            "network_interface_name": "lo",
        }
        for name, value in (("hyperparameters", parameters), ("resourceconfig", resources), ("inputdataconfig", {})):
            (base / "input" / "config" / f"{name}.json").write_text(json.dumps(value))
        environment = {
            **request["Environment"],
            "SM_CHECKPOINT_DIR": str(base / "checkpoints"),
            "PATH": os.environ["PATH"],
            "SAGEMAKER_BASE_DIR": str(base),
            "SM_STUDIO_LOCAL_MODE": "true",
            "TRAINING_JOB_NAME": request["TrainingJobName"],
            "PYTHONPATH": str(self.clock),
        }
        return subprocess.run([sys.executable, "-c", RUN], env=environment, capture_output=True, text=True)


class Store:
    """A location in moto's S3."""

    def __init__(self, uri: str) -> None:
        self.bucket, _, self.prefix = uri.removeprefix("s3://").partition("/")
        self.client = boto3.client("s3", "us-east-1")

    def keys(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + "/")
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, key: str | None = None) -> bytes:
        return bytes(self.client.get_object(Bucket=self.bucket, Key=key or self.prefix)["Body"].read())

    def get(self, folder: Path) -> None:
        for key in self.keys():
            target = folder / key.removeprefix(self.prefix + "/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.read(key))

    def put(self, folder: Path) -> None:
        here = {f"{self.prefix}/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if path.is_file()}
        for key in set(self.keys()) - set(here):
            self.client.delete_object(Bucket=self.bucket, Key=key)
        there = set(self.keys())
        for key, path in here.items():
            if key not in there or self.read(key) != path.read_bytes():
                self.client.put_object(Bucket=self.bucket, Key=key, Body=path.read_bytes())

    def archive(self, folder: Path, name: str) -> None:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w:gz") as file:
            file.add(folder, arcname=".")
        self.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}", Body=made.getvalue())
        for path in folder.rglob("*"):
            if path.is_file():
                print("MODEL " + json.dumps({"name": path.name, "content": path.read_bytes().hex()}))


@mock_aws
def main() -> None:
    """Run the launcher in this process."""
    clock = Path(tempfile.mkdtemp())
    (clock / "sitecustomize.py").write_text(CLOCK)
    platform = Platform(clock)
    boto3.client("s3", "us-east-1").create_bucket(Bucket=BUCKET)
    botocore.client.BaseClient._make_api_call = lambda self, operation, parameters: platform.answer(self, operation, parameters)
    time.sleep = lambda seconds: None
    sys.argv = sys.argv[1:]
    sys.path[0] = ""
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        if "CHAIN_LAMBDA" in os.environ:
            platform.go_on(Path(os.environ["CHAIN_LAMBDA"]).read_text())


if __name__ == "__main__":
    main()
