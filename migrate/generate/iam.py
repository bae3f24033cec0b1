"""What iam.yaml is given: rights as ARNs, in the form that CloudFormation's ``!Sub`` and IAM's policies read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migrate.generate.environment import toml
from migrate.job.request import IMAGE_SHOWN, request_of
from migrate.job.rights import FileSystem, Location, rights_of

if TYPE_CHECKING:
    from migrate.job.job import Job

_BUCKET = "bucket-of-the-stack"  # stands in for the parameter until the ARNs are made
_HERE = "${AWS::Region}:${AWS::AccountId}"


@dataclass(frozen=True)
class Key:
    """A KMS key as a policy names it: by its ARN, or, where the job has an alias, any key on condition that it has this alias."""

    arn: str
    alias: str | None


def values_of(jobs: Sequence[Job], secrets: Collection[str] = ()) -> dict[str, Any]:
    """The rights of all ``jobs``, which read ``secrets`` by these names, for the template."""
    rights = rights_of(request_of(job, bucket=_BUCKET) for job in jobs)
    return {
        "sub": _sub,
        "reads": [_objects(place) for place in rights.reads],
        "writes": [_objects(place) for place in rights.writes],
        "lists": [(_s3(bucket), [_text(prefix) + "*" for prefix in prefixes]) for bucket, prefixes in rights.listed.items()],
        "repositories": list(dict.fromkeys(_repositories(jobs, rights.repositories))),
        "data_keys": [_key(key) for key in rights.data_keys],
        "volume_keys": [_key(key) for key in rights.volume_keys],
        "file_systems": [{"actions": _actions(system), "arn": _file_system(system)} for system in rights.file_systems],
        "in_vpc": rights.in_vpc,
        # Six characters that Secrets Manager adds to the name.
        "secrets": [f"arn:${{AWS::Partition}}:secretsmanager:{_HERE}:secret:{_text(name)}-??????" for name in sorted(secrets)],
        "job_names": sorted({name for job in jobs for name in (job.name, job.name.lower())}),  # ARNs of jobs are in lower case
    }


def _text(text: str) -> str:
    """Literal text for ``!Sub`` inside a policy: neither may take a part of it for a variable or a wildcard."""
    return re.sub(r"[*?$]", lambda match: f"${{!{match[0]}}}", text)


def _sub(text: str) -> str:
    """A YAML value for text that is meant for ``!Sub``, which wants to be used only where there is something to replace."""
    return f"!Sub {toml(text)}" if re.search(r"\$\{[^!]", text) else toml(text.replace("${!", "${"))


def _s3(bucket: str) -> str:
    return "arn:${AWS::Partition}:s3:::" + ("${Bucket}" if bucket == _BUCKET else _text(bucket))


def _objects(place: Location) -> str:
    return f"{_s3(place.bucket)}/{_text(place.prefix)}*"


def _repositories(jobs: Sequence[Job], found: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The images' repositories: official ones in whichever account has them in the stack's region, and those built from a Dockerfile."""
    official = {account for job in jobs if job.image for _, account in job.image.registries}
    shown = IMAGE_SHOWN.partition(".")[0], IMAGE_SHOWN.rpartition("/")[2].partition(":")[0]
    for account, name in found:
        if (account, name) != shown:
            yield f"arn:${{AWS::Partition}}:ecr:${{AWS::Region}}:{'*' if account in official else account}:repository/{_text(name)}"
    for job in jobs:
        if job.recipe is not None or job.image is None:
            yield f"arn:${{AWS::Partition}}:ecr:{_HERE}:repository/{job.name.lower()}"


def _key(key: str) -> Key:
    """``key`` as a request may have it: an ARN or an id, of the key or of an alias."""
    name = key.partition(":key/")[2] or key
    if "alias/" in key:
        return Key(f"arn:${{AWS::Partition}}:kms:{_HERE}:key/*", "alias/" + key.partition("alias/")[2])
    return Key(_text(key) if key.startswith("arn:") else f"arn:${{AWS::Partition}}:kms:{_HERE}:key/{_text(name)}", None)


def _file_system(system: FileSystem) -> str:
    service = "elasticfilesystem" if system.kind == "EFS" else "fsx"
    return f"arn:${{AWS::Partition}}:{service}:{_HERE}:file-system/{_text(system.id)}"


def _actions(system: FileSystem) -> list[str]:
    if system.kind != "EFS":
        return ["fsx:DescribeFileSystems"]
    write = ["elasticfilesystem:ClientWrite"] if system.writes else []
    return ["elasticfilesystem:ClientMount", *write, "elasticfilesystem:DescribeFileSystems", "elasticfilesystem:DescribeMountTargets"]
