"""Events of EventBridge for the five statuses of a training job, in the shape that AWS documents.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html (training job state change): times are
texts of milliseconds, tags a mapping, FailureReason is there for failed jobs. Billed time is in DescribeTrainingJob alone.
"""

from __future__ import annotations

from typing import Any

NAME = "demo-train-20240101120000"
ARN = f"arn:aws:sagemaker:us-east-1:111122223333:training-job/{NAME}"
REASON = """AlgorithmError: ExecuteUserScriptError:
ExitCode 1
ErrorMessage "RuntimeError: CUDA out of memory: <unk> & ```
 Traceback (most recent call last):
   File "train.py", line 12, in <module>"
Command "/usr/bin/python3 train.py", exit code: 1"""

STARTED, ENDED = 1_704_110_400_000, 1_704_117_780_000  # 2 h 3 min apart


def event(status: str, secondary: str | None = None, **detail: Any) -> dict[str, Any]:
    """The event of a job that takes on ``status``."""
    times = {"CreationTime": str(STARTED - 60_000), "LastModifiedTime": str(ENDED)}
    if secondary not in ("Starting", "MaxWaitTimeExceeded"):
        times["TrainingStartTime"] = str(STARTED)
        if status in ("Completed", "Failed", "Stopped"):
            times["TrainingEndTime"] = str(ENDED)
    inside = {
        "TrainingJobName": NAME,
        "TrainingJobArn": ARN,
        "TrainingJobStatus": status,
        "SecondaryStatus": secondary or status,
        "HyperParameters": {"lr": "0.1"},
        "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::111122223333:role/training",
        "OutputDataConfig": {"S3OutputPath": "s3://some-bucket/demo-train"},
        "ResourceConfig": {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100},
        "StoppingCondition": {"MaxRuntimeInSeconds": 432_000},
        **times,
        "SecondaryStatusTransitions": [],
        "Tags": {"project": "demo"},
        **({"FailureReason": REASON} if status == "Failed" else {}),
    }
    return {
        "version": "0",
        "id": "844e2571-85d4-695f-b930-0153b71dcb42",
        "detail-type": "SageMaker Training Job State Change",
        "source": "aws.sagemaker",
        "account": "111122223333",
        "time": "2024-01-01T14:03:00Z",
        "region": "us-east-1",
        "resources": [ARN],
        "detail": {**inside, **detail},
    }


EVENTS = {
    "InProgress": event("InProgress", "Starting"),
    "Completed": event("Completed"),
    "Failed": event("Failed"),
    "Stopping": event("Stopping"),
    "Stopped": event("Stopped", "MaxRuntimeExceeded"),
}
