"""Runs a launcher with every AWS call answered here, and prints the calls as JSON lines: the client is real, only the wire is cut.

python recorded.py LAUNCHER ARGUMENTS...
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import botocore.client


def answer(self: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What AWS would say, as far as the launchers look at it."""
    service = self.meta.service_model.service_name
    shown = {key: value for key, value in parameters.items() if key not in ("Body", "ChecksumAlgorithm")}
    print(f"CALL {json.dumps({'service': service, 'operation': operation, 'parameters': shown}, default=str)}", flush=True)
    if operation == "PutObject" and "RECORDED_FILES" in os.environ:
        body = parameters["Body"]
        target = Path(os.environ["RECORDED_FILES"], parameters["Key"])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body if isinstance(body, bytes) else body.read())
    if operation == "CreateTrainingJob":
        region = self.meta.region_name
        return {"TrainingJobArn": f"arn:aws:sagemaker:{region}:111122223333:training-job/{parameters['TrainingJobName']}"}
    if operation == "DescribeTrainingJob":
        status = os.environ.get("RECORDED_STATUS", "Completed")
        job = {"TrainingJobName": parameters["TrainingJobName"], "TrainingJobStatus": status, "SecondaryStatus": status}
        return {**job, **({"FailureReason": "AlgorithmError: out of memory"} if status == "Failed" else {})}
    if operation == "GetCallerIdentity":
        return {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/someone", "UserId": "AIDA"}
    if operation in ("DescribeLogStreams", "GetLogEvents"):
        return {"logStreams": [], "events": [], "nextForwardToken": "end"}
    if operation == "ListBuckets":
        return {"Buckets": []}
    return {"ResponseMetadata": {"HTTPStatusCode": 200}, "ETag": '"0"'}


def main() -> None:
    """Run the launcher in this process."""
    botocore.client.BaseClient._make_api_call = answer
    sys.argv = sys.argv[1:]
    sys.path[0] = ""
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
