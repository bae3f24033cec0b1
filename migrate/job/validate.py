"""A ``create_training_job`` request against botocore's service model, with what botocore itself leaves unchecked.

botocore checks required members, types and minimums; patterns, maximum lengths, list sizes, ranges and enums it leaves to the service.
Here all of them are checked, and the rules that span several members. The model is an extract (``data/create_training_job.json``, made
by ``tools/extract_service_model.py``), so nothing is loaded but a small JSON file.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SDK_CHANNELS = ("code", "sm_drivers")  # the two that ModelTrainer adds: 18 of 20 are left
LONGEST_RUN = 28 * 86_400  # seconds; the service's documented maximum, above which no quota goes

# Java's classes, as the model's patterns use them, in Python's re: letters and numbers are what \w takes, separators are listed.
_JAVA = (
    (r"\p{Alnum}", "a-zA-Z0-9"),
    (r"\p{L}\p{Z}\p{N}_", r"\w\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"),
)


@dataclass(frozen=True)
class Problem:
    """What the service would refuse. ``where`` is the way to the member: ``HyperParameters.lr``, ``InputDataConfig[2].ChannelName``."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def validate(request: Mapping[str, Any], *, sdk: bool = False) -> list[Problem]:
    """Every problem of a ``create_training_job`` request, in the order of its members; empty when the service would take it.

    ``sdk`` says that the request is still to go through the SDK v3, which adds two channels and hands hyperparameters over by a shell file.
    """
    model = _model()
    problems = list(_check(request, model["root"], "", model["shapes"]))
    problems += _across(request)
    if sdk:
        problems += _under_sdk(request)
    return problems


def training_instance_types() -> tuple[str, ...]:
    """The ml types of the service model, as it lists them."""
    return tuple(_model()["shapes"]["TrainingInstanceType"]["enum"])


def pattern_matches(pattern: str, value: str) -> bool:
    """Whether the whole of ``value`` matches a pattern of the model, whose flavour is Java's."""
    return _compiled(pattern).fullmatch(value) is not None


def _check(value: Any, name: str, where: str, shapes: Mapping[str, Any]) -> Iterator[Problem]:
    shape = shapes[name]
    kind = shape["type"]
    if not _has_type(value, kind):
        yield Problem(where or "the request", f"{_short(value)} is no {kind}")
        return
    if kind == "structure":
        yield from _check_structure(value, shape, where, shapes)
    elif kind == "list":
        yield from _check_size(len(value), shape, where, "entries")
        for index, item in enumerate(value):
            yield from _check(item, shape["member"], f"{where}[{index}]", shapes)
    elif kind == "map":
        yield from _check_size(len(value), shape, where, "entries")
        for key, item in value.items():
            yield from _check(key, shape["key"], f"{where} key {_short(key)}", shapes)
            yield from _check(item, shape["value"], f"{where}.{key}", shapes)
    elif kind == "string":
        yield from _check_string(value, shape, where)
    elif kind in ("integer", "long", "float", "double"):
        yield from _check_range(value, shape, where)


def _check_structure(value: Mapping[str, Any], shape: Mapping[str, Any], where: str, shapes: Mapping[str, Any]) -> Iterator[Problem]:
    members = shape["members"]
    dot = f"{where}." if where else ""
    for name in shape["required"]:
        if name not in value:
            yield Problem(dot + name, "is required")
    for name, member in value.items():
        if name not in members:
            yield Problem(f"{dot}{name}", "is no member of the request")
        else:
            yield from _check(member, members[name], dot + name, shapes)


def _check_string(value: str, shape: Mapping[str, Any], where: str) -> Iterator[Problem]:
    if "enum" in shape and value not in shape["enum"]:
        yield Problem(where, f"{_short(value)} is none of the {len(shape['enum'])} values that the service knows")
        return
    yield from _check_size(len(value), shape, where, "characters")
    if "pattern" in shape and not pattern_matches(shape["pattern"], value):
        yield Problem(where, f"{_short(value)} does not match {shape['pattern']}")


def _check_size(size: int, shape: Mapping[str, Any], where: str, unit: str) -> Iterator[Problem]:
    if size < shape.get("min", 0):
        yield Problem(where, f"has {size} {unit}; at least {shape['min']} are needed")
    if "max" in shape and size > shape["max"]:
        yield Problem(where, f"has {size} {unit}; at most {shape['max']} are allowed")


def _check_range(value: float, shape: Mapping[str, Any], where: str) -> Iterator[Problem]:
    if "min" in shape and value < shape["min"]:
        yield Problem(where, f"{value} is below {shape['min']}")
    if "max" in shape and value > shape["max"]:
        yield Problem(where, f"{value} is above {shape['max']}")


def _has_type(value: Any, kind: str) -> bool:
    if kind in ("structure", "map"):
        return isinstance(value, Mapping)
    if kind == "list":
        return isinstance(value, (list, tuple))
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("integer", "long"):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in ("float", "double"):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return True


def _across(request: Mapping[str, Any]) -> Iterator[Problem]:
    """The rules that span several members. Sources: the API reference of CreateTrainingJob and the notes of its members."""
    stopping = _mapping(request.get("StoppingCondition"))
    resources = _mapping(request.get("ResourceConfig"))
    spot = request.get("EnableManagedSpotTraining") is True
    longest, wait = stopping.get("MaxRuntimeInSeconds"), stopping.get("MaxWaitTimeInSeconds")
    if isinstance(longest, int) and longest > LONGEST_RUN:
        yield Problem("StoppingCondition.MaxRuntimeInSeconds", f"{longest} is above 28 days ({LONGEST_RUN})")
    if spot and wait is None:
        yield Problem("StoppingCondition.MaxWaitTimeInSeconds", "is required with managed spot")
    if wait is not None and not spot:
        yield Problem("StoppingCondition.MaxWaitTimeInSeconds", "is for managed spot only")
    if isinstance(wait, int) and isinstance(longest, int) and wait < longest:
        yield Problem("StoppingCondition.MaxWaitTimeInSeconds", f"{wait} is less than MaxRuntimeInSeconds, {longest}")
    if spot and resources.get("KeepAlivePeriodInSeconds"):
        yield Problem("ResourceConfig.KeepAlivePeriodInSeconds", "a warm pool cannot be kept for managed spot")
    yield from _resources(resources)
    yield from _metrics(_listed(_mapping(request.get("AlgorithmSpecification")).get("MetricDefinitions")))
    yield from _tags(_listed(request.get("Tags")))
    yield from _image(_mapping(request.get("AlgorithmSpecification")))
    yield from _channels(request)


def _resources(resources: Mapping[str, Any]) -> Iterator[Problem]:
    if resources.get("InstanceGroups") or resources.get("InstancePreferences") or resources.get("InstancePoolName"):
        return
    for member in ("InstanceType", "InstanceCount"):
        if resources and member not in resources:
            yield Problem(f"ResourceConfig.{member}", "is required where there are no instance groups")
    for member in ("InstanceCount", "VolumeSizeInGB"):  # the model's minimum of 0 is for groups, and for disks of the instance's own
        if resources.get(member) == 0 and resources[member] is not False:
            yield Problem(f"ResourceConfig.{member}", "is 0")


def _metrics(definitions: Sequence[Any]) -> Iterator[Problem]:
    """CloudWatch gets what the one group of each expression takes."""
    seen: set[str] = set()
    for index, definition in enumerate(definitions):
        where = f"AlgorithmSpecification.MetricDefinitions[{index}]"
        name, regex = (str(_mapping(definition).get(member, "")) for member in ("Name", "Regex"))
        if name in seen:
            yield Problem(f"{where}.Name", f"{_short(name)} is there twice")
        seen.add(name)
        try:
            groups = re.compile(regex).groups
        except (re.error, RecursionError, OverflowError):
            yield Problem(f"{where}.Regex", f"{_short(regex)} is no regular expression")
            continue
        if groups < 1:
            yield Problem(f"{where}.Regex", f"{_short(regex)} has no group around the number")


def _tags(tags: Sequence[Any]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, tag in enumerate(tags):
        key = str(_mapping(tag).get("Key", ""))
        if key in seen:
            yield Problem(f"Tags[{index}].Key", f"{_short(key)} is there twice")
        if key.lower().startswith("aws:"):
            yield Problem(f"Tags[{index}].Key", f"{_short(key)}: aws: is kept for AWS itself")
        seen.add(key)


def _image(algorithm: Mapping[str, Any]) -> Iterator[Problem]:
    if algorithm and ("TrainingImage" in algorithm) == ("AlgorithmName" in algorithm):
        yield Problem("AlgorithmSpecification", "needs either TrainingImage or AlgorithmName")


def _channels(request: Mapping[str, Any]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, channel in enumerate(_listed(request.get("InputDataConfig"))):
        where = f"InputDataConfig[{index}]"
        channel = _mapping(channel)
        name = str(channel.get("ChannelName"))
        if name in seen:
            yield Problem(f"{where}.ChannelName", f"{_short(name)} is there twice")
        seen.add(name)
        source = _mapping(channel.get("DataSource"))
        if not source:
            yield Problem(f"{where}.DataSource", "is empty")
        if "FileSystemDataSource" in source and "VpcConfig" not in request:
            yield Problem(f"{where}.DataSource.FileSystemDataSource", "EFS and FSx need a VpcConfig")
        if "FileSystemDataSource" in source and channel.get("InputMode", "File") != "File":
            yield Problem(f"{where}.InputMode", "EFS and FSx are read in File mode only")


def _under_sdk(request: Mapping[str, Any]) -> Iterator[Problem]:
    """What the v3 containers' shell file cannot carry (``export SM_HP_KEY='value'``), and the channels that the SDK adds."""
    names = [_mapping(channel).get("ChannelName") for channel in _listed(request.get("InputDataConfig"))]
    if len(names) + len(SDK_CHANNELS) > 20:
        yield Problem("InputDataConfig", f"has {len(names)} channels; the SDK adds {len(SDK_CHANNELS)} of its own and 20 are allowed")
    for index, name in enumerate(names):
        where = f"InputDataConfig[{index}].ChannelName"
        if name in SDK_CHANNELS:
            yield Problem(where, f"{name} is the SDK's own channel")
        elif isinstance(name, str) and not re.fullmatch(r"[A-Za-z0-9_]+", name):
            yield Problem(where, f"{_short(name)} makes no variable name: SDK v3 jobs with it die at their start")
    for key, value in _mapping(request.get("HyperParameters")).items():
        if not re.fullmatch(r"[A-Za-z0-9_-]+", str(key)):
            yield Problem(f"HyperParameters.{key}", "makes no variable name: SDK v3 jobs with it die at their start")
        if "'" in str(value):
            yield Problem(f"HyperParameters.{key}", "holds a single quote, which breaks the shell file of SDK v3 jobs")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _JAVA:
        pattern = pattern.replace(java, python)
    # In Java a dot takes no line end of any kind; Python's leaves out only the line feed.
    return re.compile(_dots(pattern))


def _dots(pattern: str) -> str:
    """``pattern`` with each dot outside a class made Java's dot."""
    made: list[str] = []
    inside, position = False, 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            made.append(pattern[position : position + 2])
            position += 2
            continue
        inside = (inside or character == "[") and character != "]"
        made.append(r"[^\n\r\u0085\u2028\u2029]" if character == "." and not inside else character)
        position += 1
    return "".join(made)


@functools.cache
def _model() -> Any:
    return json.loads(importlib.resources.files("migrate.job").joinpath("data/create_training_job.json").read_text("utf-8"))
