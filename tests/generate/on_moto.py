"""Runs a launcher against moto, then prints the job that moto has, and where its source was saved.

python on_moto.py LAUNCHER ARGUMENTS...
"""

from __future__ import annotations

import json
import runpy
import sys
import tempfile
from pathlib import Path

import boto3
from moto import mock_aws

BUCKET = "some-bucket"


@mock_aws
def main() -> None:
    """Run the launcher in this process, then look."""
    storage = boto3.client("s3", "us-east-1")
    storage.create_bucket(Bucket=BUCKET)
    sys.argv = sys.argv[1:]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise
    client = boto3.client("sagemaker", "us-east-1")
    [summary] = client.list_training_jobs()["TrainingJobSummaries"]
    job = client.describe_training_job(TrainingJobName=summary["TrainingJobName"])
    key = json.loads(job["HyperParameters"]["sagemaker_submit_directory"]).removeprefix(f"s3://{BUCKET}/")
    source = Path(tempfile.mkdtemp(), "sourcedir.tar.gz")
    storage.download_file(BUCKET, key, str(source))
    print(json.dumps({"job": job, "source": str(source)}, default=str))


if __name__ == "__main__":
    main()
