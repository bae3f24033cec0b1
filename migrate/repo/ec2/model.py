"""What a repository says of how it runs on EC2. Every fact keeps its file and line; where two disagree, both are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Fact(Generic[T]):
    """One value as a file says it. ``path`` is POSIX, relative to the root; ``line`` counts from 1; ``by`` is what says it there: a
    command (``aws ec2 run-instances``), a resource (``aws_instance.trainer``), a call (``boto3 run_instances``)."""

    value: T
    path: str
    line: int
    by: str = ""

    @property
    def place(self) -> str:
        """``file:line``, as people read it."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command that starts a Python script, as found, with what the shell around it makes of it.

    ``text`` is the command as it stands in the file. ``argv`` are the script's own arguments, with variables filled in where the file
    itself gives their values; one that holds a variable that nothing gives keeps its text, and ``complete`` is False. ``environment`` are
    the variables set for it (exported ones too). ``launcher`` is what stands before the script: ``("torchrun", "--nproc_per_node=4")``.
    ``as_module``: started by ``python -m``.
    """

    text: str
    argv: tuple[str, ...]
    path: str
    line: int
    complete: bool = True
    environment: tuple[tuple[str, str], ...] = ()
    launcher: tuple[str, ...] = ()
    as_module: bool = False
    entry: str = ""
    """The script of the tree that it starts (POSIX, relative to the root); empty while that is not known."""
    folder: str = ""
    """The working folder that ``cd`` led to: relative to the file's own, or absolute; empty where there was none."""
    processes: int | None = None
    """Processes on each machine, as the launcher is told (``--nproc_per_node``, ``-np``, ``--num_processes``); None where it is not."""
    nodes: int | None = None
    """Machines, as the launcher is told (``--nnodes``, ``--nodes``, ``--num_machines``); None where it is not."""
    conda: str | None = None
    """The conda or virtual environment that is active (``source activate NAME``, ``conda run -n NAME``, ``source venv/bin/activate``)."""
    image: str | None = None
    """The docker image that it runs in."""
    detached: str | None = None
    """What lets it outlive the terminal: nohup, tmux, screen, sbatch, cron or systemd."""
    volumes: tuple[tuple[str, str], ...] = ()
    """Folders of the machine that its container sees, each with the name that it has there."""
    inside: tuple[str, ...] = ()
    """Those of its arguments' values that name a file or folder of the tree."""
    unset: tuple[str, ...] = ()
    """Variables in it that no file gives a value: arguments (``1``), or names that a person exports."""
    typed_in: str | None = None
    """The folder of the tree that it is typed in, relative to the root (empty: the root itself); None where that is not known."""

    @property
    def gpus(self) -> str | None:
        """CUDA_VISIBLE_DEVICES, as it is set for it."""
        return dict(self.environment).get("CUDA_VISIBLE_DEVICES")

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Transfer:
    """Data moved between S3 and the machine, by the AWS CLI or boto3.

    ``s3`` is an ``s3://bucket/prefix`` uri and ``local`` a path as the script has it; a variable that nothing gives a value is left in
    them, and ``complete`` is then False. ``into`` is True for data that come in, False for results that go out. ``recursive``: a folder
    or prefix, not one file. ``folder`` is the working folder, as in :class:`Command`. ``by`` is ``aws s3 sync``, ``boto3
    download_file`` ...
    """

    s3: str
    local: str
    into: bool
    recursive: bool
    path: str
    line: int
    by: str
    complete: bool = True
    folder: str = ""
    after: tuple[str, ...] = ()
    """Entry points that the same file starts before it: it waits for them, so what it moves out are their results."""
    before: tuple[str, ...] = ()
    """Entry points that the same file starts after it: what it moves in is there when they start."""

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Mount:
    """A file system that the machine mounts. ``kind`` is efs, lustre, nfs, s3 or ebs; ``source`` what is mounted, as written.

    ``identifier`` is the file system's (``fs-0123abcd``), or a bucket or device; None where only a name is given. ``directory`` is the
    folder inside the file system ("/" is all of it); ``point`` is where it is mounted. For Lustre, ``mount_name`` is its mount name.
    """

    kind: str
    source: str
    identifier: str | None
    directory: str
    point: str
    read_only: bool
    path: str
    line: int
    by: str = ""
    region: str | None = None
    mount_name: str | None = None

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Machine:
    """An instance, launch template or fleet, as one command, resource or call asks for it. ``by`` names that.

    Values that are references to something the file does not hold stay as they are written (``aws_subnet.main.id``).
    """

    by: str
    path: str
    line: int
    instance_types: tuple[Fact[str], ...] = ()
    """EC2 types (``p3.2xlarge``), several where a fleet may choose."""
    count: Fact[int] | None = None
    """How many instances."""
    ami: Fact[str] | None = None
    """The image: an id (``ami-...``), or the name that it is looked up by (``Deep Learning AMI (Ubuntu 18.04) Version 44.0``)."""
    spot: Fact[bool] | None = None
    """Whether spot is asked for; None where nothing is said, which on EC2 means on demand."""
    max_price: Fact[str] | None = None
    """The most to be paid for an hour of spot, in US dollars."""
    profile: Fact[str] | None = None
    """The instance profile or the role in it: a name or an ARN."""
    region: Fact[str] | None = None
    zone: Fact[str] | None = None
    """The availability zone (``us-east-1a``)."""
    security_groups: tuple[Fact[str], ...] = ()
    subnets: tuple[Fact[str], ...] = ()
    kms_keys: tuple[Fact[str], ...] = ()
    """Keys of its volumes: an id, alias or ARN."""
    volume: Fact[int] | None = None
    """The largest volume, in GiB."""
    tags: tuple[tuple[str, Fact[str]], ...] = ()
    user_data: Fact[str] | None = None
    """The script that it runs at its start: a file of the tree, or ``inside`` where it stands in the same file."""

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Schedule:
    """A command that a clock starts. ``when`` is cron's five fields, ``@daily``, or systemd's OnCalendar text."""

    when: str
    command: str
    path: str
    line: int


@dataclass(frozen=True)
class Habit:
    """Something done on EC2 that a managed job does otherwise, or not at all.

    ``kind``: shutdown (the machine turns itself off), terminate (instances are ended by API), metadata (169.254.169.254 is asked),
    spot-watcher (it is asked for an interruption), slack, mail (SES, sendmail or SNS), setup (drivers, packages or AMIs are installed).
    ``text`` is the command or call, without webhook addresses or keys.
    """

    kind: str
    text: str
    path: str
    line: int

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Problem:
    """A file of the EC2 side that could not be read, or not whole, with the reason in plain words. ``line`` is 1 where none is known."""

    path: str
    line: int
    reason: str


@dataclass(frozen=True)
class Contradiction:
    """A setting that two places give different values. ``name``: instance type, spot, region, role, volume size, image."""

    name: str
    facts: tuple[Fact[str], ...]

    def __str__(self) -> str:
        return f"{self.name}: " + ", ".join(f"{fact.value} ({fact.place})" for fact in self.facts)


@dataclass(frozen=True)
class Ec2Side:
    """All that a repository says of how it runs on EC2. Tuples are in the order of files (README files first) and lines."""

    starts: tuple[Command, ...] = ()
    """Commands that start an entry point; ``entry`` names it."""
    transfers: tuple[Transfer, ...] = ()
    mounts: tuple[Mount, ...] = ()
    machines: tuple[Machine, ...] = ()
    images: tuple[Fact[str], ...] = ()
    """Docker images that are run, or built from (``FROM``)."""
    regions: tuple[Fact[str], ...] = ()
    """Regions said outside of a machine: AWS_DEFAULT_REGION, ``aws configure``, a provider."""
    roles: tuple[Fact[str], ...] = ()
    """IAM roles and instance profiles said outside of a machine: a name or an ARN."""
    environment: tuple[tuple[str, Fact[str]], ...] = ()
    """Environment variables that a Dockerfile, compose file, unit or shell sets for what it starts. Values that look like a secret are
    left out: the value is then empty."""
    schedules: tuple[Schedule, ...] = ()
    habits: tuple[Habit, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def instance_types(self) -> tuple[Fact[str], ...]:
        """Each EC2 instance type that a machine may have, in the order of ``machines``."""
        return tuple(fact for machine in self.machines for fact in machine.instance_types)

    @property
    def spot(self) -> tuple[Fact[bool], ...]:
        """What the machines say of spot."""
        return tuple(_there(machine.spot for machine in self.machines))

    @property
    def volumes(self) -> tuple[Fact[int], ...]:
        """The sizes of the machines' largest volumes, in GiB."""
        return tuple(_there(machine.volume for machine in self.machines))

    @property
    def all_regions(self) -> tuple[Fact[str], ...]:
        """The regions of machines, then those said elsewhere."""
        return (*_there(machine.region for machine in self.machines), *self.regions)

    @property
    def all_roles(self) -> tuple[Fact[str], ...]:
        """The instance profiles of machines, then roles said elsewhere."""
        return (*_there(machine.profile for machine in self.machines), *self.roles)

    @property
    def subnets(self) -> tuple[Fact[str], ...]:
        return tuple(fact for machine in self.machines for fact in machine.subnets)

    @property
    def security_groups(self) -> tuple[Fact[str], ...]:
        return tuple(fact for machine in self.machines for fact in machine.security_groups)

    @property
    def kms_keys(self) -> tuple[Fact[str], ...]:
        return tuple(fact for machine in self.machines for fact in machine.kms_keys)

    @property
    def tags(self) -> tuple[tuple[str, Fact[str]], ...]:
        return tuple(tag for machine in self.machines for tag in machine.tags)

    @property
    def contradictions(self) -> tuple[Contradiction, ...]:
        """Settings that have more than one value, with every place. A fleet's choice among types is none."""
        first_types = [machine.instance_types[0] for machine in self.machines if machine.instance_types]
        asked: list[tuple[str, Iterable[Fact[str]]]] = [
            ("instance type", first_types),
            ("spot", (Fact(str(fact.value).lower(), fact.path, fact.line, fact.by) for fact in self.spot)),
            ("region", self.all_regions),
            ("role", _there(machine.profile for machine in self.machines)),
            ("volume size", (Fact(str(fact.value), fact.path, fact.line, fact.by) for fact in self.volumes)),
            ("image", _there(machine.ami for machine in self.machines)),
        ]
        return tuple(Contradiction(name, found) for name, facts in asked if len(found := _different(facts)) > 1)

    def of(self, entry: str, entries: Iterable[str] = ()) -> Ec2Side:
        """The same for one entry point: its own starts, no transfer that belongs to others alone, and no fact of a folder that another of
        ``entries`` is nearer to."""
        starts = tuple(start for start in self.starts if start.entry == entry)
        depths = _Depths(entry, tuple(entries), frozenset(start.path for start in starts))

        def concerns(transfer: Transfer) -> bool:
            beside = transfer.before + transfer.after
            return entry in beside if beside else depths.near(transfer.path)

        return replace(
            self,
            starts=starts,
            transfers=tuple(filter(concerns, self.transfers)),
            mounts=tuple(mount for mount in self.mounts if depths.near(mount.path)),
            machines=tuple(machine for machine in self.machines if depths.near(machine.path)),
            images=tuple(image for image in self.images if depths.near(image.path)),
            regions=tuple(region for region in self.regions if depths.near(region.path)),
            roles=tuple(role for role in self.roles if depths.near(role.path)),
            environment=tuple(pair for pair in self.environment if depths.near(pair[1].path)),
            schedules=tuple(schedule for schedule in self.schedules if depths.near(schedule.path)),
            habits=tuple(habit for habit in self.habits if depths.near(habit.path)),
        )

    def __bool__(self) -> bool:
        return self != Ec2Side()


def _there(facts: Iterable[Fact[T] | None]) -> Iterator[Fact[T]]:
    return (fact for fact in facts if fact is not None)


def _different(facts: Iterable[Fact[str]]) -> tuple[Fact[str], ...]:
    """The first fact of each value."""
    found: dict[str, Fact[str]] = {}
    for fact in facts:
        found.setdefault(fact.value, fact)
    return tuple(found.values())


class _Depths:
    """Which files are nearest to one entry point: those that start it, and those whose first folder up that holds any holds this one."""

    def __init__(self, entry: str, entries: tuple[str, ...], own: frozenset[str]) -> None:
        self.folders, self.own = _folders(entry), own
        self.holding = _folders_of(entries).union(self.folders)

    def near(self, path: str) -> bool:
        return path in self.own or next(folder for folder in _folders(path) if folder in self.holding) in self.folders


@lru_cache(maxsize=1 << 14)
def _folders(path: str) -> tuple[str, ...]:
    """The folders that ``path`` lies in, the innermost first; the last is the root, which is empty."""
    parts = path.split("/")[:-1]
    return tuple("/".join(parts[:count]) for count in range(len(parts), -1, -1))


@lru_cache(maxsize=4)
def _folders_of(paths: tuple[str, ...]) -> frozenset[str]:
    return frozenset(folder for path in paths for folder in _folders(path))
