"""Each check of the account, on answers as AWS gives them: well, wrong, and not allowed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from migrate.aws.account import NAMES, OF_REGION, account_checks
from migrate.doctor.model import NOTE, UNCHECKED, WELL, WRONG, Check
from migrate.doctor.wanted import Wanted
from tests.aws.wire import Answer, Wire, denied, session, wired

NUMBER = "111122223333"
ROLE = f"arn:aws:iam::{NUMBER}:role/service-role/training"
IMAGE = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.1.0-gpu-py310"
SINCE = datetime(2026, 1, 2, tzinfo=timezone.utc)
JOB = Wanted(
    key="train",
    region="eu-west-1",
    role=ROLE,
    bucket="some-bucket",
    image=IMAGE,
    instance_type="ml.g5.xlarge",
    instance_count=1,
    spot=False,
    max_run=432_000,
    data={"training": "s3://some-bucket/demo/training", "shared": "efs://fs-01234567/data"},
    subnets=("subnet-01234567",),
    security_groups=("sg-01234567",),
)


def trust(service: str = "sagemaker.amazonaws.com") -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def role(document: dict[str, Any]) -> dict[str, Any]:
    made = {"Path": "/", "RoleName": "training", "RoleId": "AROAIOSFODNN7ABCDEFGH", "Arn": ROLE, "CreateDate": SINCE}
    return {"Role": {**made, "AssumeRolePolicyDocument": quote(json.dumps(document))}}


def quota(name: str, value: float, code: str = "L-0123ABCD") -> dict[str, Any]:
    return {"QuotaName": name, "QuotaCode": code, "Value": value, "Adjustable": True, "ServiceCode": "sagemaker"}


def priced(price: str, **attributes: str) -> str:
    dimensions = {"x": {"unit": "Hrs", "pricePerUnit": {"USD": price}}}
    return json.dumps({"product": {"attributes": attributes}, "terms": {"OnDemand": {"y": {"priceDimensions": dimensions}}}})


def products(parameters: dict[str, Any]) -> dict[str, Any]:
    if parameters["ServiceCode"] == "AmazonEC2":
        return {"PriceList": [priced("0", instanceType="g5.xlarge"), priced("1.0060000000", instanceType="g5.xlarge")]}
    rows = [priced("9", usagetype="EU-Host:ml.g5.xlarge"), priced("1.408", usagetype="EU-Train:ml.g5.xlarge")]
    return {"PriceList": rows}


def answers(**changed: Answer) -> dict[str, Answer]:
    """An account in which all is well; ``changed`` are answers by ``service__Operation``."""
    jobs = {"TrainingJobSummaries": [{"TrainingJobName": "a", "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:111122223333:training-job/a"}]}
    jobs["TrainingJobSummaries"][0] |= {"CreationTime": SINCE, "TrainingJobStatus": "InProgress"}  # type: ignore[dict-item]
    names = ("ml.g5.xlarge for training job usage", "ml.g5.xlarge for spot training job usage", "Longest run time for a training job")
    made: dict[str, Answer] = {
        "sts:GetCallerIdentity": {"Account": NUMBER, "Arn": f"arn:aws:iam::{NUMBER}:user/ann", "UserId": "AIDA"},
        "iam:GetRole": role(trust()),
        "s3:HeadBucket": {"BucketRegion": "eu-west-1"},
        "s3:ListObjectsV2": {"KeyCount": 1},
        "ecr:BatchGetImage": {"images": [{"registryId": "763104351884"}]},
        "ec2:DescribeSubnets": {"Subnets": [{"VpcId": "vpc-1", "SubnetId": "subnet-01234567", "AvailabilityZoneId": "euw1-az1"}]},
        "ec2:DescribeSecurityGroups": {"SecurityGroups": [{"VpcId": "vpc-1", "GroupId": "sg-01234567"}]},
        "ec2:DescribeVpcEndpoints": {"VpcEndpoints": [{"ServiceName": "com.amazonaws.eu-west-1.s3", "State": "available"}]},
        "efs:DescribeMountTargets": {"MountTargets": [mount_target("euw1-az1")]},
        "service-quotas:ListServiceQuotas": {"Quotas": [quota(names[0], 2), quota(names[1], 1), quota(names[2], 432_000, "L-33A961FD")]},
        "sagemaker:ListTrainingJobs": jobs,
        "sagemaker:DescribeTrainingJob": described("ml.m5.xlarge", False),
        "pricing:GetProducts": products,
        "ec2:DescribeSpotPriceHistory": {"SpotPriceHistory": [{"SpotPrice": "0.4024"}, {"SpotPrice": "0.5"}]},
        "cloudtrail:DescribeTrails": {"trailList": [{"Name": "all", "TrailARN": "arn:aws:cloudtrail:x", "IsMultiRegionTrail": True}]},
        "cloudtrail:GetTrailStatus": {"IsLogging": True},
        "sagemaker:ListEndpoints": {"Endpoints": []},
        "sagemaker:ListNotebookInstances": {"NotebookInstances": []},
    }
    return {**made, **{name.replace("__", ":").replace("_", "-"): answer for name, answer in changed.items()}}


def mount_target(zone: str) -> dict[str, Any]:
    target = {"MountTargetId": "fsmt-01234567", "FileSystemId": "fs-01234567", "SubnetId": "subnet-01234567"}
    return {**target, "LifeCycleState": "available", "AvailabilityZoneId": zone}


def described(instance_type: str, spot: bool, count: int = 1) -> dict[str, Any]:
    return {
        "TrainingJobName": "a",
        "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:111122223333:training-job/a",
        "ModelArtifacts": {"S3ModelArtifacts": ""},
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Training",
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"InstanceType": instance_type, "InstanceCount": count, "VolumeSizeInGB": 1},
        "StoppingCondition": {},
        "CreationTime": SINCE,
        "EnableManagedSpotTraining": spot,
    }


def checks(job: Wanted | None = JOB, **changed: Answer) -> dict[str, Check]:
    """The checks by name; of several with one name the last that is not well."""
    found: dict[str, Check] = {}
    for check in examined(job, **changed)[0]:
        if check.name not in found or check.state != WELL:
            found[check.name] = check
    return found


def examined(job: Wanted | None = JOB, **changed: Answer) -> tuple[list[Check], Wire]:
    with wired(answers(**changed)) as wire:
        jobs = [job] if job else []
        return [check for _, check in account_checks(jobs, "eu-west-1", session())], wire


def test_where_all_is_well() -> None:
    found, wire = examined()
    assert [check.name for check in found if check.state not in (WELL, NOTE)] == []
    told = {check.name: check.told for check in found}
    assert told["caller"] == f"arn:aws:iam::{NUMBER}:user/ann in eu-west-1"
    assert told["quota on demand"] == "ml.g5.xlarge for training job usage: 2, running now: 0"
    assert told["price"] == "SageMaker on demand $1.41 an hour; the same on EC2 $1.01; at most $169 for max_run of 120 h"
    assert "60 % below on demand" in told["price of spot"]
    changing = re_changing([name.partition(":")[2] for name, _ in wire.calls])
    assert changing == [], "the doctor changes nothing"


def re_changing(operations: list[str]) -> list[str]:
    return [name for name in operations if not name.startswith(("Get", "List", "Describe", "Head", "BatchGet"))]


@pytest.mark.parametrize(
    ("job", "name", "told", "remedy"),
    [
        ({"role": None}, "role", "no role yet", "--with iam"),
        ({"role": "training"}, "role", "no ARN", "arn:aws:iam"),
        ({"role": "arn:aws:iam::999999999999:role/x"}, "role", "another account", "AWS_PROFILE"),
        ({"bucket": None}, "bucket", "no bucket yet", "aws s3 mb"),
        ({"image": None}, "image", "no image yet", "Dockerfile"),
        ({"image": IMAGE.replace("eu-west-1", "us-east-1")}, "image", "lies in us-east-1", "push it"),
        ({"max_run": 600_000}, "longest run", "432000 s (5 days)", "--quota-code L-33A961FD --desired-value 600000"),
        ({"instance_count": 4}, "quota on demand", "the job needs 4", "--desired-value 4 --region eu-west-1"),
        ({"instance_count": 2, "spot": True}, "quota spot", "the job needs 2", "request-service-quota-increase"),
    ],
)
def test_what_the_job_asks_wrongly(job: dict[str, Any], name: str, told: str, remedy: str) -> None:
    check = checks(replace(JOB, **job))[name]
    assert (check.state, told in check.told, remedy in (check.remedy or "")) == (WRONG, True, True), check


@pytest.mark.parametrize(
    ("changed", "name", "told"),
    [
        ({"iam__GetRole": denied("NoSuchEntity")}, "role", "does not exist"),
        ({"iam__GetRole": role(trust("ec2.amazonaws.com"))}, "role", "cannot be taken on by SageMaker"),
        ({"s3__HeadBucket": denied("404")}, "bucket", "there is no bucket"),
        ({"s3__HeadBucket": {"BucketRegion": "us-east-1"}}, "bucket", "lies in us-east-1, the job runs in eu-west-1"),
        ({"s3__ListObjectsV2": {"KeyCount": 0}}, "channel training", "nothing lies under"),
        ({"ecr__BatchGetImage": {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}}, "image", "not in its registry"),
        ({"ecr__BatchGetImage": denied("RepositoryNotFoundException")}, "image", "there is no repository"),
        ({"ec2__DescribeSubnets": denied("InvalidSubnetID.NotFound", "The subnet ID 'x' does not exist")}, "network", "does not exist"),
        ({"ec2__DescribeSecurityGroups": {"SecurityGroups": [{"VpcId": "vpc-2"}]}}, "network", "several VPCs"),
        ({"ec2__DescribeVpcEndpoints": {"VpcEndpoints": []}, "ec2__DescribeRouteTables": {"RouteTables": []}}, "way to S3", "would hang"),
        ({"efs__DescribeMountTargets": {"MountTargets": [mount_target("euw1-az2")]}}, "channel shared", "no mount target in euw1-az1"),
        ({"efs__DescribeMountTargets": denied("FileSystemNotFound")}, "channel shared", "there is no file system fs-01234567"),
        ({"sagemaker__DescribeTrainingJob": described("ml.g5.xlarge", False, 2)}, "quota on demand", "running now: 2; the job needs 1"),
    ],
)
def test_what_the_account_lacks(changed: dict[str, Answer], name: str, told: str) -> None:
    check = checks(**changed)[name]
    assert (check.state, told in check.told) == (WRONG, True), check
    assert check.remedy


def test_a_nat_gateway_is_a_way_out_and_an_internet_gateway_is_none() -> None:
    def tables(**route: str) -> dict[str, Answer]:
        table = {"Associations": [{"Main": True}], "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", **route}]}
        return {"ec2__DescribeVpcEndpoints": {"VpcEndpoints": []}, "ec2__DescribeRouteTables": {"RouteTables": [table]}}

    assert checks(**tables(NatGatewayId="nat-1"))["way to S3"].state == WELL
    assert checks(**tables(GatewayId="igw-1"))["way to S3"].state == WRONG


def test_spot_in_use_counts_for_spot_alone() -> None:
    found = checks(sagemaker__DescribeTrainingJob=described("ml.g5.xlarge", True))
    assert found["quota on demand"].state == WELL
    assert found["quota spot"].told.endswith("running now: 1")


def test_defaults_where_the_account_has_no_value_of_its_own() -> None:
    default = {"Quotas": [quota("ml.g5.xlarge for training job usage", 0), quota("ml.g5.xlarge for spot training job usage", 0)]}
    own = {"Quotas": [quota("Longest run time for a training job", 432_000)]}
    found = checks(service_quotas__ListServiceQuotas=own, service_quotas__ListAWSDefaultServiceQuotas=default)
    assert (found["quota on demand"].state, found["quota spot"].state, found["longest run"].state) == (WRONG, NOTE, WELL)


def test_no_trail_is_a_note() -> None:
    for changed in ({"cloudtrail__DescribeTrails": {"trailList": []}}, {"cloudtrail__GetTrailStatus": {"IsLogging": False}}):
        check = checks(**changed)["CloudTrail"]  # type: ignore[arg-type]
        assert (check.state, "no trail is on for eu-west-1" in check.told) == (NOTE, True)


def test_what_was_left_running() -> None:
    endpoint = {
        "EndpointName": "old",
        "EndpointArn": "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/old",
        "EndpointStatus": "InService",
    }
    summary = {**endpoint, "CreationTime": SINCE, "LastModifiedTime": SINCE}
    full = {**summary, "EndpointConfigName": "x", "ProductionVariants": [{"VariantName": "all"}]}
    notebook = {"NotebookInstanceName": "n", "NotebookInstanceArn": "arn:x", "InstanceType": "ml.t3.medium"}
    instance = {"InstanceId": "i-0123", "InstanceType": "p3.2xlarge", "LaunchTime": SINCE, "Tags": [{"Key": "Name", "Value": "trainer"}]}
    found = checks(
        None,
        sagemaker__ListEndpoints={"Endpoints": [summary]},
        sagemaker__DescribeEndpoint=full,
        sagemaker__ListNotebookInstances={"NotebookInstances": [notebook]},
        sagemaker__ListApps={"Apps": [{"AppType": "JupyterLab", "Status": "InService", "SpaceName": "ann"}]},
        ec2__DescribeInstances={"Reservations": [{"Instances": [instance]}]},
        cloudwatch__GetMetricStatistics=lambda asked: {
            "Datapoints": [] if asked["Namespace"] == "AWS/SageMaker" else [{"Average": 1.0}, {"Average": 2.0}]
        },
    )
    assert "delete-endpoint --endpoint-name old" in (found["endpoint"].remedy or "")
    assert "stop-notebook-instance" in (found["notebook"].remedy or "")
    assert "JupyterLab of ann" in found["Studio app"].told
    assert "i-0123 (p3.2xlarge, trainer) runs since 2026-01-02 with 1.5 % of its CPU" in found["EC2 instance"].told
    assert "stop-instances --instance-ids i-0123" in (found["EC2 instance"].remedy or "")
    assert {check.state for check in found.values()} == {NOTE, WELL}


def test_rights_that_lack_leave_the_other_checks() -> None:
    found = checks(iam__GetRole=denied(), pricing__GetProducts=denied(), ec2__DescribeInstances=denied("UnauthorizedOperation"))
    assert (found["role"].state, found["role"].told) == (UNCHECKED, "GetRole is not allowed to these credentials")
    assert found["price"].state == found["EC2"].state == UNCHECKED
    assert found["bucket"].state == WELL


def test_without_a_network() -> None:
    found = checks(sts__GetCallerIdentity=EndpointConnectionError(endpoint_url="https://sts"))
    assert {check.state for check in found.values()} == {UNCHECKED}
    assert set(found) == {"caller", *NAMES, *OF_REGION}


def test_without_credentials_what_job_toml_lacks_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    with wired({}) as wire:
        found = [check for _, check in account_checks([replace(JOB, role=None)], "eu-west-1", boto3.Session(region_name="eu-west-1"))]
    assert wire.calls == []
    assert [check.name for check in found if check.state == WRONG] == ["role"]
    assert all("no AWS credentials here" in check.told for check in found if check.state == UNCHECKED)
