"""The job as the request that the launchers send, with stand-ins for what only the user knows: so that a scan can validate it."""

from __future__ import annotations

import json
from typing import Any

from migrate.job.images import NoImage, processor_of
from migrate.job.job import CHECKPOINTS, FILE_SYSTEMS, JSON, Job, JobChannel
from migrate.job.validate import Problem, validate

# What stands in for the role, the bucket and the time. None of them is sent anywhere.
ROLE_SHOWN = "arn:aws:iam::111122223333:role/execution-role"
BUCKET_SHOWN = "bucket"
TIME_SHOWN = "20000101000000"
IMAGE_SHOWN = "111122223333.dkr.ecr.us-east-1.amazonaws.com/image:1"


def request_of(
    job: Job, *, role: str | None = None, bucket: str = BUCKET_SHOWN, region: str | None = None, time: str = TIME_SHOWN
) -> dict[str, Any]:
    """A ``create_training_job`` request for ``job``, without the channels and hyperparameters by which the code travels."""
    output = _filled(job.output or "s3://{bucket}/{name}", job, bucket)
    name = f"{job.name}-{time}"
    stopping = {"MaxRuntimeInSeconds": job.max_run}
    if job.spot:
        stopping["MaxWaitTimeInSeconds"] = max(job.max_wait, job.max_run)
    checkpoints = _filled(job.checkpoints, job, bucket) if job.checkpoints else f"{output}/{name}/checkpoints"
    metrics = [{"Name": metric, "Regex": regex} for metric, regex in job.metrics.items()]
    resources = {"InstanceType": job.instance_type, "InstanceCount": job.instance_count, "VolumeSizeInGB": job.volume_size}
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "RoleArn": role or job.role or ROLE_SHOWN,
        "AlgorithmSpecification": _present(
            {"TrainingImage": _image(job, region or job.region), "TrainingInputMode": "File", "MetricDefinitions": metrics}
        ),
        "HyperParameters": {key: text_of(value) for key, value in job.hyperparameters.items()},
        "InputDataConfig": [_channel(channel, channel.source.replace("{bucket}", bucket)) for channel in job.channels],
        "OutputDataConfig": _present({"S3OutputPath": output, "KmsKeyId": job.output_kms_key, "CompressionType": "GZIP"}),
        "CheckpointConfig": {"S3Uri": checkpoints, "LocalPath": CHECKPOINTS},
        "ResourceConfig": _present({**resources, "VolumeKmsKeyId": job.volume_kms_key, "KeepAlivePeriodInSeconds": job.keep_alive}),
        "StoppingCondition": stopping,
        "EnableManagedSpotTraining": job.spot,
        "VpcConfig": _present({"SecurityGroupIds": list(job.network.security_groups), "Subnets": list(job.network.subnets)}),
        "EnableNetworkIsolation": job.network.isolation,
        "EnableInterContainerTrafficEncryption": job.network.encrypt_traffic,
        "RetryStrategy": _present({"MaximumRetryAttempts": job.retries}),
        "TensorBoardOutputConfig": {"LocalPath": job.tensorboard, "S3OutputPath": f"{output}/{name}/tensorboard"}
        if job.tensorboard
        else {},
        "Environment": dict(job.environment),
        "Tags": [{"Key": key, "Value": value} for key, value in job.tags.items()],
    }
    return _present(request)


def _filled(location: str, job: Job, bucket: str) -> str:
    return location.replace("{bucket}", bucket).replace("{name}", job.name)


def _present(members: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty or off: the service's own default is the same."""
    return {member: value for member, value in members.items() if not (value is None or value is False or value in ("", [], {}))}


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


def _channel(channel: JobChannel, source: str) -> dict[str, Any]:
    scheme, _, rest = source.partition("://")
    if scheme in FILE_SYSTEMS:
        identity, _, folder = rest.partition("/")
        system = {"FileSystemId": identity, "FileSystemAccessMode": channel.access, "FileSystemType": FILE_SYSTEMS[scheme]}
        return {"ChannelName": channel.name, "DataSource": {"FileSystemDataSource": {**system, "DirectoryPath": f"/{folder}"}}}
    data = {"S3DataType": "S3Prefix", "S3Uri": source, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": channel.name, "DataSource": {"S3DataSource": data}, "InputMode": channel.mode}
