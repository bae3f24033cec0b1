"""What runs in the region and costs money, used or not; and whether CloudTrail writes down who did what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from migrate.aws.asking import Account
from migrate.doctor.model import Check, note, well

IDLE = 3.0  # percent of CPU on average, at most, for an instance that does nothing
_MOST = 20  # of each kind that are looked at one by one


def trail_checks(account: Account) -> Iterator[Check]:
    """Whether a trail is on that covers the region."""
    trails = account.client("cloudtrail").describe_trails()["trailList"]
    for trail in trails:
        if trail.get("IsMultiRegionTrail") or trail.get("HomeRegion") == account.region:
            if account.client("cloudtrail").get_trail_status(Name=trail["TrailARN"]).get("IsLogging"):
                yield well("CloudTrail", f"{trail['Name']} writes to s3://{trail.get('S3BucketName', '')}")
                return
    remedy = "aws cloudtrail create-trail --name NAME --s3-bucket-name BUCKET --is-multi-region-trail, and start-logging"
    yield note("CloudTrail", f"no trail is on for {account.region}: who started which job is kept for 90 days only", remedy)


def endpoint_checks(account: Account) -> Iterator[Check]:
    """Endpoints and notebooks of SageMaker that are in service."""
    endpoints = account.pages("sagemaker", "list_endpoints", "Endpoints", most=_MOST, StatusEquals="InService")
    for endpoint in endpoints:
        name = endpoint["EndpointName"]
        asked = _invocations(account, name)
        told = f"{name}: in service since {endpoint['CreationTime']:%Y-%m-%d}, asked {asked:.0f} times in 7 days"
        remedy = f"aws sagemaker delete-endpoint --endpoint-name {name} --region {account.region}" if not asked else None
        yield (note if not asked else well)("endpoint", told, *([remedy] if remedy else []))
    for notebook in account.pages("sagemaker", "list_notebook_instances", "NotebookInstances", most=_MOST, StatusEquals="InService"):
        name = notebook["NotebookInstanceName"]
        told = f"{name} ({notebook.get('InstanceType')}) is paid for by the hour, used or not"
        yield note("notebook", told, f"aws sagemaker stop-notebook-instance --notebook-instance-name {name} --region {account.region}")
    for app in account.pages("sagemaker", "list_apps", "Apps", most=200):
        if app.get("Status") == "InService" and app.get("AppType") not in ("JupyterServer", "default"):
            owner = app.get("SpaceName") or app.get("UserProfileName") or "?"
            yield note("Studio app", f"{app.get('AppType')} of {owner} is running", "stop it in Studio, under Running instances")


def machine_checks(account: Account) -> Iterator[Check]:
    """EC2 instances that run with hardly any work."""
    found = account.pages("ec2", "describe_instances", "Reservations", Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    instances = [instance for reservation in found for instance in reservation.get("Instances", ())]
    idle = 0
    for instance in instances[:_MOST]:
        load = _load(account, instance["InstanceId"])
        if load is not None and load < IDLE:
            idle += 1
            told = f"{instance['InstanceId']} ({instance['InstanceType']}{_named(instance)}) runs since {instance['LaunchTime']:%Y-%m-%d}"
            remedy = f"aws ec2 stop-instances --instance-ids {instance['InstanceId']} --region {account.region}"
            yield note("EC2 instance", f"{told} with {load:.1f} % of its CPU in use over a day", remedy)
    looked = f"; looked at {_MOST}" if len(instances) > _MOST else ""
    yield well("EC2", f"{len(instances)} instances run in {account.region}, {idle} of them idle{looked}")


def _named(instance: Any) -> str:
    return next((f", {tag['Value']}" for tag in instance.get("Tags", ()) if tag["Key"] == "Name"), "")


def _load(account: Account, instance: str) -> float | None:
    points = _statistics(account, "AWS/EC2", "CPUUtilization", [{"Name": "InstanceId", "Value": instance}], 1, "Average")
    return sum(points) / len(points) if points else None


def _invocations(account: Account, endpoint: str) -> float:
    variants = account.client("sagemaker").describe_endpoint(EndpointName=endpoint).get("ProductionVariants", ())
    names = [variant["VariantName"] for variant in variants]
    dimensions = [[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": name}] for name in names]
    return sum(sum(_statistics(account, "AWS/SageMaker", "Invocations", each, 7, "Sum")) for each in dimensions)


def _statistics(account: Account, space: str, metric: str, dimensions: list[Any], days: int, statistic: str) -> list[float]:
    now = datetime.now(timezone.utc)
    answer = account.client("cloudwatch").get_metric_statistics(
        Namespace=space,
        MetricName=metric,
        Dimensions=dimensions,
        StartTime=now - timedelta(days=days),
        EndTime=now,
        Period=3600,
        Statistics=[statistic],
    )
    return [point[statistic] for point in answer.get("Datapoints", ())]
