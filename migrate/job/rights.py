"""What a job may touch, read off the very request that it is sent with: the least that its execution role has to be allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.[a-z.]+/(?P<repository>[^:@]+)")


@dataclass(frozen=True, order=True)
class Location:
    """A place in S3: ``bucket`` and the beginning of the keys, which may be empty."""

    bucket: str
    prefix: str


@dataclass(frozen=True, order=True)
class FileSystem:
    """An EFS or FSx file system; ``writes`` where it is mounted for writing."""

    kind: str  # EFS or FSxLustre, as the service calls them
    id: str
    writes: bool


@dataclass(frozen=True)
class Rights:
    """Everything that the requests name. ``repositories`` are (account, name) of images in ECR; ``keys`` of KMS as the request has them."""

    reads: tuple[Location, ...]
    writes: tuple[Location, ...]
    repositories: tuple[tuple[str, str], ...]
    data_keys: tuple[str, ...]
    volume_keys: tuple[str, ...]
    file_systems: tuple[FileSystem, ...]
    in_vpc: bool

    @property
    def listed(self) -> dict[str, list[str]]:
        """By bucket, the beginnings of keys that are listed."""
        found: dict[str, list[str]] = {}
        for place in sorted({*self.reads, *self.writes}):
            found.setdefault(place.bucket, []).append(place.prefix)
        return found


def rights_of(requests: Iterable[Mapping[str, Any]]) -> Rights:
    """The rights that all of ``requests`` (for ``create_training_job``) need together."""
    requests = list(requests)
    reads, writes = set[Location](), set[Location]()
    for request in requests:
        reads |= {place for channel in request.get("InputDataConfig", ()) for place in _source(channel)}
        uris = [request["OutputDataConfig"]["S3OutputPath"], request.get("CheckpointConfig", {}).get("S3Uri")]
        writes |= {location(_folder(uri, request["TrainingJobName"])) for uri in uris if uri}
        more = ("TensorBoardOutputConfig", "DebugHookConfig")
        writes |= {location(_path(request[name])) for name in more if name in request}
    return Rights(
        reads=tuple(sorted(reads)),
        writes=tuple(sorted(_widest(writes))),
        repositories=tuple(sorted({found for request in requests for found in _repository(request)})),
        data_keys=_keys(requests, ("OutputDataConfig", "KmsKeyId")),
        volume_keys=_keys(requests, ("ResourceConfig", "VolumeKmsKeyId")),
        file_systems=tuple(sorted({system for request in requests for system in _file_systems(request)})),
        in_vpc=any("VpcConfig" in request for request in requests),
    )


def location(uri: str) -> Location:
    """``s3://bucket/beginning`` as its two parts."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return Location(bucket, prefix)


def _source(channel: Mapping[str, Any]) -> Iterator[Location]:
    uri = channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri", "")
    if uri.startswith("s3://"):
        yield location(uri)


def _folder(uri: str, job: str) -> str:
    """``uri`` without what is of this one job: the next one writes beside it."""
    return uri.partition(f"/{job}")[0].rstrip("/") + "/"


def _path(config: Mapping[str, Any]) -> str:
    return str(config["S3OutputPath"]).rstrip("/") + "/"


def _widest(places: set[Location]) -> set[Location]:
    """``places`` without those that lie inside another."""
    return {
        place
        for place in places
        if not any(other != place and other.bucket == place.bucket and place.prefix.startswith(other.prefix) for other in places)
    }


def _repository(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    found = _ECR.match(request.get("AlgorithmSpecification", {}).get("TrainingImage", ""))
    if found:
        yield found["account"], found["repository"]


def _keys(requests: Sequence[Mapping[str, Any]], where: tuple[str, str]) -> tuple[str, ...]:
    outer, inner = where
    return tuple(sorted({request[outer][inner] for request in requests if request.get(outer, {}).get(inner)}))


def _file_systems(request: Mapping[str, Any]) -> Iterator[FileSystem]:
    for channel in request.get("InputDataConfig", ()):
        source = channel.get("DataSource", {}).get("FileSystemDataSource")
        if source:
            yield FileSystem(source["FileSystemType"], source["FileSystemId"], source["FileSystemAccessMode"] == "rw")
