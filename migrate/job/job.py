"""One training job as the launchers send it. Every value that only the user knows is :data:`ROLE` or :data:`BUCKET`."""

from __future__ import annotations

from dataclasses import dataclass, field

from migrate.job.images import Image

ROLE = "REPLACE-WITH-ROLE-ARN"
BUCKET = "REPLACE-WITH-BUCKET"
REGION = "us-east-1"
CHECKPOINTS = "/opt/ml/checkpoints"  # CheckpointConfig.LocalPath's default; there is no SM_ variable for it (CONTRACT)

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


@dataclass(frozen=True)
class JobChannel:
    """An input channel and where its data comes from. ``source`` may hold ``{bucket}``; ``default`` is the path on EC2."""

    name: str
    source: str
    default: str | None
    known: bool  # the source was found in the repo, not made up


@dataclass(frozen=True)
class LeftOut:
    """A setting of the script that the launcher does not pass by itself, with the reason."""

    name: str
    reason: str
    required: bool = False


@dataclass(frozen=True)
class Job:
    """What is sent to SageMaker for one entry point. Times are in seconds, the volume in GB."""

    key: str  # the job's name in job.toml, and what --entry takes
    name: str  # the base of the training job's name; the time is added
    entry: str
    image: Image | None
    instance_type: str
    instance_count: int
    volume_size: int
    max_run: int
    max_wait: int  # used with spot only
    spot: bool
    channels: tuple[JobChannel, ...]
    hyperparameters: dict[str, JSON]
    left_out: tuple[LeftOut, ...]
    environment: dict[str, str]
    tags: dict[str, str]
    module: str | None = None  # started by python -m
    requirements: tuple[str, ...] = ()  # what pip adds to the image
    dropped: tuple[str, ...] = ()  # requirements that the image has
    notes: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)  # setting to where its value came from

    @property
    def required(self) -> tuple[str, ...]:
        """The settings that have to be given at each launch."""
        return tuple(item.name for item in self.left_out if item.required)
