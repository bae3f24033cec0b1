"""The job as the request that the launchers send, with stand-ins for what only the user knows: so that a scan can validate it."""

from __future__ import annotations

import json
from typing import Any

from migrate.job.images import NoImage, processor_of
from migrate.job.job import CHECKPOINTS, JSON, REGION, Job
from migrate.job.validate import Problem, validate

# What stands in for the role, the bucket and the time. None of them is sent anywhere.
ROLE_SHOWN = "arn:aws:iam::111122223333:role/execution-role"
BUCKET_SHOWN = "bucket"
TIME_SHOWN = "20000101000000"
IMAGE_SHOWN = "111122223333.dkr.ecr.us-east-1.amazonaws.com/image:1"


def request_of(
    job: Job, *, role: str = ROLE_SHOWN, bucket: str = BUCKET_SHOWN, region: str = REGION, time: str = TIME_SHOWN
) -> dict[str, Any]:
    """A ``create_training_job`` request for ``job``, without the channels and hyperparameters by which the code travels."""
    output = f"s3://{bucket}/{job.name}"
    name = f"{job.name}-{time}"
    stopping = {"MaxRuntimeInSeconds": job.max_run}
    if job.spot:
        stopping["MaxWaitTimeInSeconds"] = max(job.max_wait, job.max_run)
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "RoleArn": role,
        "AlgorithmSpecification": {"TrainingImage": _image(job, region), "TrainingInputMode": "File"},
        "HyperParameters": {key: text_of(value) for key, value in job.hyperparameters.items()},
        "InputDataConfig": [_channel(channel.name, channel.source.replace("{bucket}", bucket)) for channel in job.channels],
        "OutputDataConfig": {"S3OutputPath": output, "CompressionType": "GZIP"},
        "CheckpointConfig": {"S3Uri": f"{output}/{name}/checkpoints", "LocalPath": CHECKPOINTS},
        "ResourceConfig": {"InstanceType": job.instance_type, "InstanceCount": job.instance_count, "VolumeSizeInGB": job.volume_size},
        "StoppingCondition": stopping,
        "EnableManagedSpotTraining": job.spot,
        "Environment": dict(job.environment),
        "Tags": [{"Key": key, "Value": value} for key, value in job.tags.items()],
    }
    return {member: value for member, value in request.items() if value not in ([], {})}


def problems_of(job: Job) -> list[Problem]:
    """What the service, or the SDK's containers, would refuse of ``job`` once role and bucket are filled in."""
    return validate(request_of(job), sdk=True)


def text_of(value: JSON) -> str:
    """A hyperparameter as SDK v3 writes it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _image(job: Job, region: str) -> str:
    if job.image is None:
        return IMAGE_SHOWN
    try:
        return job.image.uri(region, processor_of(job.instance_type))
    except NoImage:
        return IMAGE_SHOWN


def _channel(name: str, source: str) -> dict[str, Any]:
    data = {"S3DataType": "S3Prefix", "S3Uri": source, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": data}, "InputMode": "File"}
