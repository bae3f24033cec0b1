"""One training job as the launchers send it. Every value that only the user knows is :data:`ROLE` or :data:`BUCKET`."""

from __future__ import annotations

from dataclasses import dataclass, field

from migrate.job.images import Image
from migrate.job.recipe import Recipe

ROLE = "REPLACE-WITH-ROLE-ARN"
BUCKET = "REPLACE-WITH-BUCKET"
REGION = "us-east-1"
CHECKPOINTS = "/opt/ml/checkpoints"  # CheckpointConfig.LocalPath's default; there is no SM_ variable for it (CONTRACT)
FILE_SYSTEMS = {"efs": "EFS", "fsx": "FSxLustre"}  # efs://fs-0123abcd/folder: the scheme, and the service's name for it

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


@dataclass(frozen=True)
class JobChannel:
    """An input channel and where its data comes from.

    ``source`` is ``s3://...`` (a prefix: a folder, or the one file of that name; it may hold ``{bucket}``), ``efs://fs-ID/folder`` or
    ``fsx://fs-ID/mount-name/folder``. ``default`` is the path on EC2. ``mode`` is File, FastFile or Pipe; ``access`` is ro or rw, for
    file systems. ``why`` says where ``source`` was found.
    """

    name: str
    source: str
    default: str | None
    known: bool  # the source was found in the repo, not made up
    mode: str = "File"
    access: str = "ro"
    why: str = ""


@dataclass(frozen=True)
class Network:
    """The VPC of the job, and what may pass. Empty ids: no VPC of one's own."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    isolation: bool = False  # no network at all for the container; pip cannot install anything then
    encrypt_traffic: bool = False  # between the instances of one job


@dataclass(frozen=True)
class Distribution:
    """How the script's processes are started: ``torchrun`` or ``mpi``; ``processes`` on each instance, None for one per GPU."""

    kind: str
    processes: int | None = None
    options: tuple[str, ...] = ()  # of mpirun


@dataclass(frozen=True)
class LeftOut:
    """A setting of the script that the launcher does not pass by itself, with the reason."""

    name: str
    reason: str
    required: bool = False


@dataclass(frozen=True)
class Job:
    """What is sent to SageMaker for one entry point. Times are in seconds, the volume in GB.

    What is None, empty or False from ``role`` on is not sent. ``reasons`` says by the field's name where a value came from: a place in
    the repo (``found in run.sh:12``), or the default with its cause.
    """

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
    folder: str | None = None  # of the repo, that it runs in; None: the root
    requirements: tuple[str, ...] = ()  # what pip adds to the image
    dropped: tuple[str, ...] = ()  # requirements that the image has
    notes: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()  # what a person should know of how it ran on EC2
    role: str | None = None  # an ARN; None: asked of the user
    region: str = REGION
    output: str | None = None  # s3://..., may hold {bucket} and {name}; None: s3://BUCKET/NAME
    checkpoints: str | None = None  # s3://... that every run uses; None: a folder of each run's own
    output_kms_key: str | None = None  # an id, ARN or alias
    volume_kms_key: str | None = None
    network: Network = Network()
    metrics: dict[str, str] = field(default_factory=dict)  # name to regular expression
    retries: int | None = None  # times that a failed start or machine is tried again
    keep_alive: int | None = None  # seconds that the instances are kept for the next job; not with spot
    distribution: Distribution | None = None
    recipe: Recipe | None = None  # how an image is built for it; None: the official one has all but what pip adds in little time
    tensorboard: str | None = None  # the folder in the container that is copied to S3 for TensorBoard

    @property
    def required(self) -> tuple[str, ...]:
        """The settings that have to be given at each launch."""
        return tuple(item.name for item in self.left_out if item.required)
