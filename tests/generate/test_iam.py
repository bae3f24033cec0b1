"""iam.yaml: linted, its policies checked by parliament, and each thing that a job does held against them."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from migrate.generate import iam
from migrate.generate.files import jobs_of
from migrate.job.model import Channel
from migrate.job.rights import FileSystem, Location, rights_of
from tests.generate.small import ROLE, entry_point, write
from tests.generate.templates import filled, lint, read

NAMES = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "111122223333",
    "Bucket": "some-bucket",
    "Role.Arn": ROLE,
    "!*": "${*}",
    "!?": "${?}",
    "!$": "${$}",
}
REQUEST: dict[str, Any] = {
    "TrainingJobName": "demo-train-20240101000000",
    "RoleArn": ROLE,
    "AlgorithmSpecification": {
        "TrainingImage": "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.1-gpu",
        "TrainingInputMode": "File",
    },
    "InputDataConfig": [
        {"ChannelName": "training", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train"}}},
        {
            "ChannelName": "efs",
            "DataSource": {
                "FileSystemDataSource": {
                    "FileSystemId": "fs-01234567",
                    "FileSystemAccessMode": "ro",
                    "FileSystemType": "EFS",
                    "DirectoryPath": "/",
                }
            },
        },
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://some-bucket/demo-train", "KmsKeyId": "alias/train"},
    "CheckpointConfig": {"S3Uri": "s3://some-bucket/demo-train/demo-train-20240101000000/checkpoints"},
    "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "VolumeKmsKeyId": "01234567-89ab-cdef-0123-456789abcdef"},
    "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
}


def policies(path: Path) -> dict[str, Any]:
    """The execution role's policy and the developer's, with everything filled in."""
    resources = read(path)["Resources"]
    role = resources["Role"]["Properties"]
    made = {
        "role": role["Policies"][0]["PolicyDocument"],
        "developer": resources["Developer"]["Properties"]["PolicyDocument"],
        "trust": role["AssumeRolePolicyDocument"],
    }
    return {name: filled(policy, NAMES) for name, policy in made.items()}


def parliament(policy: dict[str, Any]) -> list[str]:
    """What parliament finds, in a process of its own: it warns when it is loaded."""
    code = (
        "import importlib, json, sys, types\n"
        # It asks setuptools where its own files lie, which newer ones do not tell.
        "where = lambda package, name: str(importlib.resources.files(package) / name)\n"
        "sys.modules['pkg_resources'] = types.SimpleNamespace(resource_filename=where)\n"
        "import importlib.resources, parliament\n"
        "found = parliament.analyze_policy_string(sys.stdin.read()).findings\n"
        "print(json.dumps([str(f) for f in map(parliament.enhance_finding, found) if f.severity != 'MUTED']))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=json.dumps(policy), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    # A condition that keys can be allowed by, newer than its tables:
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-resource-aliases
    return [text for text in json.loads(done.stdout) if "Unknown condition kms:ResourceAliases" not in text]


def allows(policy: dict[str, Any], action: str, resource: str, **context: str) -> bool:
    """Whether a policy allows it: as IAM decides, for the kinds of conditions that are used here."""
    for statement in policy["Statement"]:
        actions, resources = (value if isinstance(value, list) else [value] for value in (statement["Action"], statement["Resource"]))
        if action in actions and any(_matches(resource, pattern) for pattern in resources) and _holds(statement, context):
            return True
    return False


def _matches(text: str, pattern: str) -> bool:
    escaped = pattern.replace("[", "[[]")
    for literal in "*?$":
        escaped = escaped.replace(f"${{{literal}}}", f"[{literal}]")
    return fnmatch.fnmatchcase(text, escaped)


def _holds(statement: dict[str, Any], context: dict[str, str]) -> bool:
    for tests in statement.get("Condition", {}).values():
        for key, wanted in tests.items():
            value = context.get(key.partition(":")[2].replace("-", "_"), "")
            if not any(_matches(value, pattern) for pattern in ([wanted] if isinstance(wanted, str) else wanted)):
                return False
    return True


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("iam")
    (root / "requirements.txt").write_text("librosa\n")  # which needs a package of the system: an image is built
    write(root, extras=["iam"])
    return root / "sagemaker_job" / "iam.yaml"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job with everything that needs rights."""
    root = tmp_path_factory.mktemp("full")
    entry = entry_point(channels=(Channel("training", "./data", "train.py", 3, "s3://data/odd*${x}/train"),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(iam, "request_of", lambda job, bucket: json.loads(json.dumps(REQUEST).replace("some-bucket", bucket)))
        write(root, [entry], extras=["iam"])
    return root / "sagemaker_job" / "iam.yaml"


def test_it_is_a_clean_template(template: Path, full: Path) -> None:
    assert lint(template) == ""
    assert lint(full) == ""


@pytest.mark.parametrize("which", ["template", "full"])
def test_parliament_finds_nothing(which: str, request: pytest.FixtureRequest) -> None:
    found = policies(request.getfixturevalue(which))
    for name in ("role", "developer"):
        assert parliament(found[name]) == [], name


def test_only_training_jobs_of_the_account_may_use_the_role(template: Path) -> None:
    [statement] = policies(template)["trust"]["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}


S3 = "arn:aws:s3:::some-bucket"
JOB = "arn:aws:sagemaker:eu-west-1:111122223333:training-job/demo-train-20240101000000"
ECR = "arn:aws:ecr:eu-west-1:763104351884:repository"


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("s3:GetObject", f"{S3}/demo/training/a.csv", {}),
        ("s3:PutObject", f"{S3}/demo-train/demo-train-20240101000000/output/model.tar.gz", {}),
        ("s3:DeleteObject", f"{S3}/demo-train/demo-train-20240101000000/checkpoints/1", {}),
        ("s3:ListBucket", S3, {"prefix": "demo/training"}),
        ("s3:ListBucket", S3, {"prefix": "demo-train/demo-train-20240101000000/checkpoints/"}),
        ("ecr:BatchGetImage", f"{ECR}/pytorch-training", {}),
        ("ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:111122223333:repository/demo-train", {}),
        ("ecr:GetAuthorizationToken", "*", {}),
        ("logs:PutLogEvents", "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/sagemaker/TrainingJobs:log-stream:x", {}),
        ("cloudwatch:PutMetricData", "*", {"namespace": "/aws/sagemaker/TrainingJobs"}),
    ],
)
def test_the_role_may_do_what_the_job_does(template: Path, action: str, resource: str, context: dict[str, str]) -> None:
    assert allows(policies(template)["role"], action, resource, **context)


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("s3:PutObject", f"{S3}/demo/training/a.csv", {}),
        ("s3:GetObject", f"{S3}/other/a.csv", {}),
        ("s3:ListBucket", S3, {"prefix": "other/"}),
        ("ecr:BatchGetImage", f"{ECR}/other", {}),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:x-aBcDeF", {}),
        ("ec2:CreateNetworkInterface", "*", {}),
        ("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/x", {}),
    ],
)
def test_the_role_may_do_nothing_else(template: Path, action: str, resource: str, context: dict[str, str]) -> None:
    assert not allows(policies(template)["role"], action, resource, **context)


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("sagemaker:CreateTrainingJob", JOB, {}),
        ("sagemaker:AddTags", JOB, {}),
        ("sagemaker:StopTrainingJob", JOB, {}),
        ("iam:PassRole", ROLE, {"PassedToService": "sagemaker.amazonaws.com"}),
        ("s3:PutObject", f"{S3}/demo-train/demo-train-20240101000000/source/sourcedir.tar.gz", {}),
        ("logs:GetLogEvents", "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/sagemaker/TrainingJobs:log-stream:x", {}),
    ],
)
def test_a_developer_may_start_it(template: Path, action: str, resource: str, context: dict[str, str]) -> None:
    policy = policies(template)["developer"]
    assert allows(policy, action, resource, **context)
    assert not allows(policy, "iam:PassRole", ROLE, PassedToService="ec2.amazonaws.com")
    assert not allows(policy, "sagemaker:CreateTrainingJob", JOB.replace("demo", "other"))


def test_what_the_request_asks_for_is_allowed(full: Path) -> None:
    policy = policies(full)["role"]
    here = "eu-west-1:111122223333"
    assert allows(policy, "s3:GetObject", "arn:aws:s3:::data/train/a")
    assert allows(policy, "kms:GenerateDataKey", f"arn:aws:kms:{here}:key/abc", ResourceAliases="alias/train")
    assert not allows(policy, "kms:GenerateDataKey", f"arn:aws:kms:{here}:key/abc", ResourceAliases="alias/other")
    assert allows(policy, "kms:CreateGrant", f"arn:aws:kms:{here}:key/01234567-89ab-cdef-0123-456789abcdef")
    assert allows(policy, "elasticfilesystem:ClientMount", f"arn:aws:elasticfilesystem:{here}:file-system/fs-01234567")
    assert not allows(policy, "elasticfilesystem:ClientWrite", f"arn:aws:elasticfilesystem:{here}:file-system/fs-01234567")
    assert allows(policy, "ec2:CreateNetworkInterface", f"arn:aws:ec2:{here}:subnet/subnet-1")
    assert allows(policy, "ec2:DescribeVpcs", "*")


def test_the_secrets_that_the_script_reads(tmp_path: Path) -> None:
    write(tmp_path, [entry_point(secrets=("DB_PASSWORD",))], extras=["iam"])
    path = tmp_path / "sagemaker_job" / "iam.yaml"
    assert lint(path) == ""
    policy = policies(path)["role"]
    assert parliament(policy) == []
    secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:DB_PASSWORD"
    assert allows(policy, "secretsmanager:GetSecretValue", f"{secret}-aBcDeF")
    assert not allows(policy, "secretsmanager:GetSecretValue", f"{secret}_OLD-aBcDeF")


def test_a_pipeline_has_a_role_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, extras=["iam", "pipeline"])
    path = tmp_path / "sagemaker_job" / "iam.yaml"
    assert lint(path) == ""
    names = {**NAMES, "PipelineRole.Arn": ROLE + "-pipeline"}
    resources = read(path)["Resources"]
    policy = filled(resources["PipelineRole"]["Properties"]["Policies"][0]["PolicyDocument"], names)
    developer = filled(resources["Developer"]["Properties"]["PolicyDocument"], names)
    assert parliament(policy) == parliament(developer) == []
    here = "arn:aws:sagemaker:eu-west-1:111122223333"
    assert allows(policy, "sagemaker:CreateTrainingJob", f"{here}:training-job/pipelines-abc-train-xyz")
    assert allows(policy, "sagemaker:CreateModelPackage", f"{here}:model-package-group/demo-train")
    assert allows(policy, "iam:PassRole", ROLE, PassedToService="sagemaker.amazonaws.com")
    assert allows(developer, "sagemaker:StartPipelineExecution", f"{here}:pipeline/demo-train")
    assert allows(developer, "iam:PassRole", ROLE + "-pipeline", PassedToService="sagemaker.amazonaws.com")


def test_signs_in_a_location_are_no_wildcards(tmp_path: Path) -> None:
    entry = entry_point(channels=(Channel("training", "./data", "train.py", 3, "s3://data/odd*${x}/t?"),))
    write(tmp_path, [entry], extras=["iam"])
    path = tmp_path / "sagemaker_job" / "iam.yaml"
    assert lint(path) == ""
    policy = policies(path)["role"]
    assert allows(policy, "s3:GetObject", "arn:aws:s3:::data/odd*${x}/t?/a")
    assert not allows(policy, "s3:GetObject", "arn:aws:s3:::data/odd-and-more/t1/a")
    assert parliament(policy) == []


def test_rights_are_read_off_requests() -> None:
    rights = rights_of([REQUEST])
    assert rights.reads == (Location("data", "train"),)
    assert rights.writes == (Location("some-bucket", "demo-train/"),)
    assert rights.file_systems == (FileSystem("EFS", "fs-01234567", False),)
    assert rights.repositories == (("763104351884", "pytorch-training"),)


def test_names_with_capitals_are_there_in_both_spellings(tmp_path: Path) -> None:
    [job] = jobs_of(tmp_path, [entry_point()], "Demo")
    assert iam.values_of([job])["job_names"] == ["Demo-train", "demo-train"]
    assert iam.values_of([dataclasses.replace(job, name="x")])["job_names"] == ["x"]


def test_it_is_made_on_request_and_then_kept_up_to_date(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "sagemaker_job" / "iam.yaml"
    assert not path.exists()
    write(tmp_path, extras=["iam"])
    first = path.read_text()
    write(tmp_path, [entry_point(channels=(Channel("validation", "./v", "train.py", 3),))])
    assert path.read_text() != first
    assert "demo/validation" in path.read_text()
