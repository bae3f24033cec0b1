"""What the job asks of the account, as ``sagemaker_job/job.toml`` has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.errors import UserError
from migrate.job.images import NoImage, address, processor_of
from migrate.job.job import REGION

PLACEHOLDER = "REPLACE-WITH"


@dataclass(frozen=True)
class Wanted:
    """One job of job.toml. ``role``, ``bucket`` and ``image`` are None where a placeholder still stands. Times are in seconds.

    ``image`` is a whole address, ``data`` are channels' locations by name (``s3://``, ``efs://``, ``fsx://``).
    """

    key: str
    region: str
    role: str | None
    bucket: str | None
    image: str | None
    instance_type: str
    instance_count: int
    spot: bool
    max_run: int
    data: dict[str, str]
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()

    @property
    def ec2_type(self) -> str:
        """The type as EC2 calls it."""
        return self.instance_type.removeprefix("ml.")


def read_wanted(root: Path) -> list[Wanted]:
    """The jobs of ``root``; none where no job.toml has been written yet. Raises UserError where it cannot be read."""
    path = root / "sagemaker_job" / "job.toml"
    if not path.is_file():
        return []
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
        return [_wanted(document, key, job) for key, job in document.get("job", {}).items()]
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: this is no TOML: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: it is not as it was made: {error}") from error


def _wanted(document: dict[str, Any], key: str, job: dict[str, Any]) -> Wanted:
    region = _filled(job.get("region", document.get("region"))) or REGION
    bucket = _filled(job.get("bucket", document.get("bucket")))
    instance = str(job["instance_type"])
    network = job.get("network", {})
    channels = {name: str(value["source"] if isinstance(value, dict) else value) for name, value in job.get("channels", {}).items()}
    return Wanted(
        key=key,
        region=region,
        role=_filled(job.get("role", document.get("role"))),
        bucket=bucket,
        image=_image(_filled(job.get("image")), region, instance),
        instance_type=instance,
        instance_count=int(job.get("instance_count", 1)),
        spot=bool(job.get("spot", False)),
        max_run=int(job["max_run"]),
        data={name: uri.replace("{bucket}", bucket or f"{PLACEHOLDER}-BUCKET") for name, uri in channels.items()},
        subnets=tuple(network.get("subnets", ())),
        security_groups=tuple(network.get("security_groups", ())),
    )


def _filled(value: object) -> str | None:
    return None if value is None or PLACEHOLDER in str(value) else str(value)


def _image(image: str | None, region: str, instance_type: str) -> str | None:
    """The whole address of an image that may be named by repository and tag alone."""
    if image is None or re.match(r"[^/]+\.[^/]+/", image):
        return image
    try:
        return address(image, region, processor_of(instance_type))
    except NoImage:
        return image
