"""The EC2 side of an entry point as the job's settings, each with the place that says it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from migrate.job.instances import machine_of
from migrate.job.model import EntryPoint
from migrate.job.sources import output_of, remarks, with_sources
from migrate.job.started import Given, given, ranked, told
from migrate.repo.ec2.machines import INSTANCE_TYPE
from migrate.repo.ec2.model import Command, Contradiction, Ec2Side, Fact, Machine
from migrate.repo.ec2.secrets import is_secret
from migrate.repo.started_in import folders_of

T = TypeVar("T")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+){1,3}-\d{1,2}")
_SUBNET, _GROUP = re.compile(r"subnet-[0-9a-f]{8,17}"), re.compile(r"sg-[0-9a-f]{8,17}")
_KEY = re.compile(r"(?:arn:aws[\w-]*:kms:[\w:/-]+|alias/[\w/-]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})")
ON_CPU = ("sklearn", "lightgbm", "xgboost")  # frameworks that seldom use a GPU
_VOLUME = range(1, 16_385)  # GiB, of ResourceConfig.VolumeSizeInGB in the service model
_TAG = re.compile(r"[\w.:/=+\-@ ]*")
# Of the machine, of its launcher or of AWS: a job has its own.
_OF_THE_MACHINE = re.compile(
    r"CUDA_VISIBLE_DEVICES|NVIDIA_VISIBLE_DEVICES|PATH|LD_LIBRARY_PATH|PYTHONPATH|HOME|USER|SHELL|PWD|TERM|LANG|LC_\w+|DISPLAY|TZ|MASTER_\w+"
    r"|WORLD_SIZE|(?:LOCAL_|NODE_)?RANK|SLURM_\w+|AWS_\w+|SM_\w+|CONDA_\w+|DEBIAN_FRONTEND|HOSTNAME|TMPDIR|NCCL_SOCKET_IFNAME|GLOO_SOCKET_IFNAME"
)


@dataclass(frozen=True)
class Settled:
    """What the EC2 side says of a job; None or empty where it says nothing. ``reasons`` are by the job's field, ``notes`` for a person."""

    given: Given = Given()
    region: str | None = None
    volume_size: int | None = None
    volume_kms_key: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    output: str | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def on_ec2(entry: EntryPoint, side: Ec2Side) -> EntryPoint:
    """``entry`` with its part of the EC2 side: the usual start first, the instance type, spot, and where its channels' data come from."""
    side = replace(side, starts=ranked(side))
    start = side.starts[0] if side.starts else None
    machine = _machine(side)
    kind = _type(side, entry.framework)
    spot = machine.spot if machine is not None else next(iter(side.spot), None)
    made = replace(
        entry,
        ec2=side,
        command=start.text if start is not None else entry.command,
        instance_type=entry.instance_type or (kind.value if kind is not None else None),
        spot=entry.spot if entry.spot is not None else spot.value if spot is not None else None,
    )
    return replace(made, channels=with_sources(made, given(start, made).texts or {}))


def settled(entry: EntryPoint) -> Settled:
    """What the EC2 side of ``entry`` (see :func:`on_ec2`) says of its job."""
    side = entry.ec2
    if not side:
        return Settled()
    start = side.starts[0] if side.starts else None
    said = given(start, entry)
    reasons: dict[str, str] = {}
    region = _first(reasons, "region", (fact for fact in _regions(side) if _REGION.fullmatch(fact.value)))
    volume = _first(reasons, "volume_size", (fact for fact in side.volumes if fact.value in _VOLUME))
    key = _first(reasons, "volume_kms_key", (fact for fact in side.kms_keys if _KEY.fullmatch(fact.value)))
    output = output_of(entry, said.texts or {})
    if output is not None:
        reasons["output"] = f"found in {output.place}"
    _first(reasons, "instance_type", (fact for fact in side.instance_types if fact.value == entry.instance_type))
    _first(reasons, "spot", (fact for fact in side.spot if fact.value == entry.spot))
    if said.values:
        reasons["hyperparameters"] = f"those that {told(start) if start else ''} gives, else the script's defaults"
    subnets = _ids(side.subnets, _SUBNET)
    groups = _ids(side.security_groups, _GROUP)
    role = next(iter(side.all_roles), None)
    if role is not None:
        reasons["role"] = (
            f"asked of the user: EC2 has {role.value} ({told(role)}), which may serve once sagemaker.amazonaws.com may assume it"
        )
    return Settled(
        said,
        region,
        volume,
        key,
        tuple(fact.value for fact in subnets),
        tuple(fact.value for fact in groups),
        _tags(side),
        _environment(start),
        output.uri if output is not None else None,
        reasons,
        tuple(_notes(entry, said, subnets, groups)),
    )


def _first(reasons: dict[str, str], name: str, facts: Iterable[Fact[T]]) -> T | None:
    """The first value, its place told as the reason."""
    fact = next(iter(facts), None)
    if fact is None:
        return None
    reasons[name] = f"found in {told(fact)}"
    return fact.value


def _machine(side: Ec2Side) -> Machine | None:
    """The machine that trains: the first that says its type."""
    return next((machine for machine in side.machines if machine.instance_types), None)


def _type(side: Ec2Side, framework: str) -> Fact[str] | None:
    """The first type that is said; of several that one machine may have, the first with a GPU where the framework has a use for it."""
    for machine in side.machines:
        known = [fact for fact in machine.instance_types if INSTANCE_TYPE.fullmatch(fact.value)]
        with_gpu = [fact for fact in known if (found := machine_of(fact.value)) is not None and found.gpus]
        if known:
            return with_gpu[0] if with_gpu and framework not in ON_CPU else known[0]
    return None


def _regions(side: Ec2Side) -> list[Fact[str]]:
    """Regions, then those that a zone or a mounted file system lies in."""
    zones = [replace(machine.zone, value=machine.zone.value.rstrip("abcdef")) for machine in side.machines if machine.zone is not None]
    mounted = [Fact(mount.region, mount.path, mount.line, mount.by) for mount in side.mounts if mount.region is not None]
    return [*side.all_regions, *zones, *mounted]


def _ids(facts: Iterable[Fact[str]], pattern: re.Pattern[str]) -> list[Fact[str]]:
    found: dict[str, Fact[str]] = {}
    for fact in facts:
        if pattern.fullmatch(fact.value):
            found.setdefault(fact.value, fact)
    return list(found.values())


def _tags(side: Ec2Side) -> dict[str, str]:
    """Tags of the machine but for its name, and those whose values are known."""
    found: dict[str, str] = {}
    for name, fact in side.tags:
        sure = name.strip() and _TAG.fullmatch(name) and _TAG.fullmatch(fact.value) and len(name) <= 128 and len(fact.value) <= 256
        if sure and name.lower() != "name" and not name.lower().startswith("aws:") and "aws_" not in fact.value:
            found.setdefault(name, fact.value)
    return dict(list(found.items())[:40])


def _environment(start: Command | None) -> dict[str, str]:
    """What is set for the script itself, as far as it is known and means anything elsewhere."""
    found = {}
    for name, value in start.environment if start is not None else ():
        plain = re.fullmatch(r"[A-Za-z_]\w{0,255}", name) and value and len(value) <= 512 and value.isprintable()
        if plain and not re.search(r"[$`]", value) and not value.startswith(("/", "~")) and not _OF_THE_MACHINE.fullmatch(name):
            if not is_secret(name, value):
                found[name] = value
    return found


def _both(each: Contradiction) -> str:
    return f"{each.name} is " + ", ".join(f"{fact.value} ({told(fact)})" for fact in each.facts) + "; the job takes the first"


def _notes(entry: EntryPoint, said: Given, subnets: list[Fact[str]], groups: list[Fact[str]]) -> list[str]:
    side = entry.ec2
    notes = [f"the repo says two things of one setting: {_both(each)}" for each in side.contradictions if each.name != "role"]
    choice = next((machine.instance_types for machine in side.machines if len(machine.instance_types) > 1), ())
    if choice:
        notes.append(f"EC2 takes one of {', '.join(fact.value for fact in choice)} ({told(choice[0])})")
    others = [start for start in side.starts[1:] if start.argv != side.starts[0].argv]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        notes.append(
            f"the job takes the settings of {told(side.starts[0])}; {told(others[0])}{more} start{'' if more else 's'} the script otherwise"
        )
    places = folders_of(side.starts)
    if entry.opens is not None and entry.folder is None:
        said_of = ", ".join(f"{place or 'the root'} ({told(start)})" for place, start in places.items())
        unsure = "" if all(start.typed_in is not None for start in side.starts) else ", and where another start is typed is not known"
        notes.append(f"EC2 starts it in {said_of}{unsure}, and from there it opens {entry.opens}; the job runs in the root")
    if subnets and not any((channel.source or "").startswith(("efs://", "fsx://")) for channel in entry.channels):
        ids = ", ".join(fact.value for fact in (*subnets, *groups))
        notes.append(f"EC2 runs in a VPC of its own ({ids}; {told(subnets[0])}): give them as the job's network if its data need it")
    return notes + remarks(entry)
