"""The request validator: takes what the service takes, and refuses each thing that CONTRACT lists."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.job.validate import _model, pattern_matches, training_instance_types, validate
from tests.job.extracts import service_model


def good() -> dict[str, Any]:
    return {
        "TrainingJobName": "demo-train-20260101000000",
        "RoleArn": "arn:aws:iam::111122223333:role/service-role/training",
        "AlgorithmSpecification": {"TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/x:1", "TrainingInputMode": "File"},
        "HyperParameters": {"lr": "0.1"},
        "InputDataConfig": [
            {"ChannelName": "training", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/training"}}}
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"},
        "Environment": {"SM_CHECKPOINT_DIR": "/opt/ml/checkpoints"},
        "Tags": [{"Key": "project", "Value": "Straße 日本 a@b"}],
    }


def changed(path: str, value: object) -> dict[str, Any]:
    request = copy.deepcopy(good())
    *way, last = path.split(".")
    inner: Any = request
    for step in way:
        inner = inner.setdefault(step, {}) if isinstance(inner, dict) else inner[int(step)]
    inner[int(last) if isinstance(inner, list) else last] = value
    return request


EFS = {"FileSystemId": "fs-12345678", "FileSystemAccessMode": "ro", "FileSystemType": "EFS", "DirectoryPath": "/data"}
CHANNEL = good()["InputDataConfig"][0]


def channels(count: int) -> list[dict[str, Any]]:
    return [{**CHANNEL, "ChannelName": f"c{number}"} for number in range(count)]


TAKEN = {
    "as it is": good(),
    "spot": {
        **changed("StoppingCondition", {"MaxRuntimeInSeconds": 10, "MaxWaitTimeInSeconds": 10}),
        "EnableManagedSpotTraining": True,
    },
    "warm pool": changed("ResourceConfig.KeepAlivePeriodInSeconds", 3600),
    "longest name": changed("TrainingJobName", "a" * 63),
    "names with dashes": changed("TrainingJobName", "a--b"),
    "EFS in a VPC": {
        **changed("InputDataConfig.0.DataSource", {"FileSystemDataSource": EFS}),
        "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
    },
    "twenty channels": changed("InputDataConfig", channels(20)),
    "100 hyperparameters": changed("HyperParameters", {f"k{number}": "v" for number in range(100)}),
    "longest value": changed("HyperParameters.lr", "x" * 2500),
    "empty value": changed("HyperParameters.lr", ""),
    "other partition": changed("RoleArn", "arn:aws-cn:iam::111122223333:role/x"),
    "28 days": changed("StoppingCondition.MaxRuntimeInSeconds", 28 * 86_400),
}

REFUSED = {
    "name with underscore": (changed("TrainingJobName", "a_b"), "TrainingJobName"),
    "name too long": (changed("TrainingJobName", "a" * 64), "TrainingJobName"),
    "name ends in dash": (changed("TrainingJobName", "a-"), "TrainingJobName"),
    "name with line end": (changed("TrainingJobName", "a\n"), "TrainingJobName"),
    "placeholder role": (changed("RoleArn", "REPLACE-WITH-ROLE-ARN"), "RoleArn"),
    "role of a user": (changed("RoleArn", "arn:aws:iam::111122223333:user/x"), "RoleArn"),
    "instance type of EC2": (changed("ResourceConfig.InstanceType", "p3.2xlarge"), "ResourceConfig.InstanceType"),
    "unknown instance type": (changed("ResourceConfig.InstanceType", "ml.q9.huge"), "ResourceConfig.InstanceType"),
    "no instance count": (changed("ResourceConfig", {"InstanceType": "ml.g5.xlarge", "VolumeSizeInGB": 1}), "ResourceConfig.InstanceCount"),
    "101 hyperparameters": (changed("HyperParameters", {f"k{n}": "v" for n in range(101)}), "HyperParameters"),
    "long key": (changed("HyperParameters", {"k" * 257: "v"}), "HyperParameters key"),
    "long value": (changed("HyperParameters.lr", "x" * 2501), "HyperParameters.lr"),
    "value with a line end": (changed("HyperParameters.lr", "a\nb"), "HyperParameters.lr"),
    "number as a value": (changed("HyperParameters.lr", 0.1), "HyperParameters.lr"),
    "environment key": (changed("Environment", {"MY-KEY": "x"}), "Environment key"),
    "environment value": (changed("Environment.A", "x" * 513), "Environment.A"),
    "101 variables": (changed("Environment", {f"K{n}": "v" for n in range(101)}), "Environment"),
    "no channels": (changed("InputDataConfig", []), "InputDataConfig"),
    "21 channels": (changed("InputDataConfig", channels(21)), "InputDataConfig"),
    "channel name": (changed("InputDataConfig.0.ChannelName", "my data"), "InputDataConfig[0].ChannelName"),
    "long channel name": (changed("InputDataConfig.0.ChannelName", "c" * 65), "InputDataConfig[0].ChannelName"),
    "channel twice": (changed("InputDataConfig", [CHANNEL, CHANNEL]), "InputDataConfig[1].ChannelName"),
    "no location": (changed("InputDataConfig.0.DataSource", {}), "InputDataConfig[0].DataSource"),
    "location on disk": (changed("OutputDataConfig.S3OutputPath", "/home/ubuntu/out"), "OutputDataConfig.S3OutputPath"),
    "input mode": (changed("InputDataConfig.0.InputMode", "Fast"), "InputDataConfig[0].InputMode"),
    "EFS without VPC": (changed("InputDataConfig.0.DataSource", {"FileSystemDataSource": EFS}), "FileSystemDataSource"),
    "EFS without its path": (
        changed("InputDataConfig.0.DataSource", {"FileSystemDataSource": {k: v for k, v in EFS.items() if k != "DirectoryPath"}}),
        "FileSystemDataSource.DirectoryPath",
    ),
    "EFS id": (
        changed("InputDataConfig.0.DataSource", {"FileSystemDataSource": {**EFS, "FileSystemId": "fs-123"}}),
        "FileSystemDataSource.FileSystemId",
    ),
    "17 subnets": (changed("VpcConfig", {"Subnets": ["subnet-1"] * 17, "SecurityGroupIds": ["sg-1"]}), "VpcConfig.Subnets"),
    "6 groups": (changed("VpcConfig", {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"] * 6}), "VpcConfig.SecurityGroupIds"),
    "51 tags": (changed("Tags", [{"Key": f"k{n}", "Value": "v"} for n in range(51)]), "Tags"),
    "tag characters": (changed("Tags", [{"Key": "k", "Value": "a\tb"}]), "Tags[0].Value"),
    "41 metrics": (
        changed("AlgorithmSpecification.MetricDefinitions", [{"Name": f"m{n}", "Regex": "(x)"} for n in range(41)]),
        "AlgorithmSpecification.MetricDefinitions",
    ),
    "long regex": (changed("AlgorithmSpecification.MetricDefinitions", [{"Name": "m", "Regex": "(" + "x" * 501 + ")"}]), "Regex"),
    "regex that is none": (changed("AlgorithmSpecification.MetricDefinitions", [{"Name": "m", "Regex": "loss ("}]), "Regex"),
    "regex without a group": (changed("AlgorithmSpecification.MetricDefinitions", [{"Name": "m", "Regex": "loss"}]), "Regex"),
    "metric twice": (
        changed("AlgorithmSpecification.MetricDefinitions", [{"Name": "m", "Regex": "(x)"}, {"Name": "m", "Regex": "(y)"}]),
        "MetricDefinitions[1].Name",
    ),
    "metric without a name": (changed("AlgorithmSpecification.MetricDefinitions", [{"Name": "", "Regex": "(x)"}]), "Name"),
    "long metric name": (changed("AlgorithmSpecification.MetricDefinitions", [{"Name": "m" * 256, "Regex": "(x)"}]), "Name"),
    "tag twice": (changed("Tags", [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]), "Tags[1].Key"),
    "tag of AWS's": (changed("Tags", [{"Key": "aws:x", "Value": "1"}]), "Tags[0].Key"),
    "long tag": (changed("Tags", [{"Key": "k" * 129, "Value": "1"}]), "Tags[0].Key"),
    "no instances": (changed("ResourceConfig.InstanceCount", 0), "ResourceConfig.InstanceCount"),
    "no volume": (changed("ResourceConfig.VolumeSizeInGB", 0), "ResourceConfig.VolumeSizeInGB"),
    "volume key": (changed("ResourceConfig.VolumeKmsKeyId", "key with blanks"), "ResourceConfig.VolumeKmsKeyId"),
    "output key": (changed("OutputDataConfig.KmsKeyId", "k" * 2049), "OutputDataConfig.KmsKeyId"),
    "subnet": (changed("VpcConfig", {"Subnets": ["subnet 1"], "SecurityGroupIds": ["sg-1"]}), "VpcConfig.Subnets"),
    "no groups": (changed("VpcConfig", {"Subnets": ["subnet-1"]}), "VpcConfig.SecurityGroupIds"),
    "EFS access": (
        {
            **changed("InputDataConfig.0.DataSource", {"FileSystemDataSource": {**EFS, "FileSystemAccessMode": "rwx"}}),
            "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        },
        "FileSystemDataSource.FileSystemAccessMode",
    ),
    "EFS streamed": (
        {
            **changed("InputDataConfig.0", {"ChannelName": "c", "InputMode": "FastFile", "DataSource": {"FileSystemDataSource": EFS}}),
            "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        },
        "InputDataConfig[0].InputMode",
    ),
    "retries none": (changed("RetryStrategy", {"MaximumRetryAttempts": 0}), "RetryStrategy.MaximumRetryAttempts"),
    "retries": (changed("RetryStrategy", {"MaximumRetryAttempts": 31}), "RetryStrategy.MaximumRetryAttempts"),
    "warm pool too long": (changed("ResourceConfig.KeepAlivePeriodInSeconds", 21_601), "ResourceConfig.KeepAlivePeriodInSeconds"),
    "spot without wait": ({**good(), "EnableManagedSpotTraining": True}, "StoppingCondition.MaxWaitTimeInSeconds"),
    "wait too short": (
        {**changed("StoppingCondition.MaxWaitTimeInSeconds", 3599), "EnableManagedSpotTraining": True},
        "StoppingCondition.MaxWaitTimeInSeconds",
    ),
    "wait on demand": (changed("StoppingCondition.MaxWaitTimeInSeconds", 7200), "StoppingCondition.MaxWaitTimeInSeconds"),
    "warm pool with spot": (
        {
            **changed("ResourceConfig.KeepAlivePeriodInSeconds", 60),
            "StoppingCondition": {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 1},
            "EnableManagedSpotTraining": True,
        },
        "ResourceConfig.KeepAlivePeriodInSeconds",
    ),
    "a month": (changed("StoppingCondition.MaxRuntimeInSeconds", 28 * 86_400 + 1), "StoppingCondition.MaxRuntimeInSeconds"),
    "no seconds": (changed("StoppingCondition.MaxRuntimeInSeconds", 0), "StoppingCondition.MaxRuntimeInSeconds"),
    "member misspelt": (changed("Enviroment", {}), "Enviroment"),
    "no image": (changed("AlgorithmSpecification", {"TrainingInputMode": "File"}), "AlgorithmSpecification"),
    "spot as text": (changed("EnableManagedSpotTraining", "true"), "EnableManagedSpotTraining"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_takes(name: str) -> None:
    assert validate(TAKEN[name]) == []


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    request, where = REFUSED[name]
    problems = validate(request)
    assert [problem for problem in problems if where in problem.where], problems
    assert len({problem.where.split(".")[0].split("[")[0].split(" ")[0] for problem in problems}) == 1, problems


def test_required_members_are_named() -> None:
    assert {problem.where for problem in validate({})} == {"TrainingJobName", "RoleArn", "OutputDataConfig"}


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        (changed("HyperParameters", {"optim.lr": "1"}), "HyperParameters.optim.lr"),
        (changed("HyperParameters.lr", "it's"), "HyperParameters.lr"),
        (changed("InputDataConfig.0.ChannelName", "my-data"), "InputDataConfig[0].ChannelName"),
        (changed("InputDataConfig.0.ChannelName", "code"), "InputDataConfig[0].ChannelName"),
        (changed("InputDataConfig", channels(19)), "InputDataConfig"),
    ],
)
def test_what_only_the_sdk_breaks_on(request_: dict[str, Any], where: str) -> None:
    assert validate(request_) == []
    assert [problem.where for problem in validate(request_, sdk=True)] == [where]


def test_the_extract_is_the_installed_service_model() -> None:
    document = _model()
    assert service_model() == {"root": document["root"], "shapes": document["shapes"]}


def test_java_patterns() -> None:
    assert pattern_matches(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "a b é 日 7 _.:/=+-@")
    assert not pattern_matches(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "a#b")
    assert pattern_matches(r"arn:[\p{Alnum}\-]+:lambda:.*", "arn:aws-cn:lambda:x")
    assert not pattern_matches(".*", "a\rb")
    assert pattern_matches(r"[\S\s]*", "a\nb")
    assert not pattern_matches(r"[\S]{1,4}", "a b")


def test_every_instance_type_has_the_form_of_one() -> None:
    assert len(training_instance_types()) > 200
    assert all(pattern_matches(r"ml\.[a-z0-9-]+\.[a-z0-9]+", name) for name in training_instance_types())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(path=st.sampled_from([*good(), "ResourceConfig.InstanceType", "InputDataConfig.0", "Tags.0"]), value=VALUES)
def test_never_fails_itself(path: str, value: object) -> None:
    assert isinstance(validate(changed(path, value), sdk=True), list)
