"""EC2's instance types as SageMaker's: the same one where the service has it, else the nearest with as many GPUs and as much memory.

What a type has is in ``data/instances.json`` (made by ``tools/extract_instances.py``; each section names its source); which types exist
for training is in the service model.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from dataclasses import dataclass, replace
from typing import Any

from migrate.job.validate import training_instance_types

# Generations of NVIDIA's GPUs that today's frameworks still build for, but that are slow or on their way out; Turing is for inference.
_OLD = ("Kepler", "Maxwell", "Volta")
_FOR_TRAINING = ("Ampere", "Ada", "Hopper", "Blackwell")
# Families to choose from where the same type is not there, the usual choice first; so that what is proposed is what people can get.
_USUAL = ("g5", "g6", "g6e", "p4d", "p4de", "p5", "p5en", "p6-b200")
_USUAL_CPU = ("m5", "c5", "r5")


@dataclass(frozen=True)
class Machine:
    """What an instance type has. Memory in GiB; ``gpu_memory`` is that of one GPU; ``architecture`` is of NVIDIA's GPUs, else empty."""

    name: str  # EC2's name
    vcpus: int
    memory: float
    gpus: int
    gpu: str
    gpu_memory: float
    architecture: str = ""
    capability: str = ""

    def __str__(self) -> str:
        if self.gpus:
            kind = f"{self.gpu}, {self.architecture}" if self.architecture else self.gpu
            return f"{self.gpus} GPU{'s' if self.gpus > 1 else ''} with {self.gpu_memory:g} GiB ({kind})"
        return f"{self.vcpus} vCPUs, {self.memory:g} GiB"


@dataclass(frozen=True)
class Choice:
    """The ml type for an EC2 type. ``note`` is what a person should know of it: a previous generation, or something not kept."""

    instance_type: str
    note: str | None = None


def machine_of(name: str) -> Machine | None:
    """What the type ``name`` (of EC2 or ``ml.``) has; None if the table does not know it."""
    name = name.removeprefix("ml.")
    row = _rows().get(name)
    if row is None:
        return None
    vcpus, memory, gpus, gpu, each = row
    architecture, capability = _tables()["architectures"].get(gpu, ("", ""))
    return Machine(name, vcpus, memory, gpus, gpu, each, architecture, capability)


def choose_instance(name: str) -> Choice | None:
    """The ml type that does the work of the EC2 type ``name``; None where the table does not know it."""
    name = name.strip().lower().removeprefix("ml.")
    machine = machine_of(name)
    if f"ml.{name}" in training_instance_types():
        return Choice(f"ml.{name}", _previous(machine) if machine else None)
    if machine is None:
        return None
    nearest = _nearest(machine, _USUAL if machine.gpus else _USUAL_CPU)
    if nearest is None:
        return None
    lost = [] if nearest.gpus >= machine.gpus else [f"{machine.gpus} GPUs are more than any has"]
    note = f"SageMaker has no {name} for training ({machine}): {_named(nearest)} is the nearest" + "".join(f"; {text}" for text in lost)
    return Choice(f"ml.{nearest.name}", note)


def with_gpus(instance_type: str, count: int) -> str:
    """An ml type with ``count`` GPUs like those of ``instance_type``, of the same family if it has one; the most that there are."""
    machine = machine_of(instance_type)
    if machine is None or not machine.gpus:
        return instance_type
    family = machine.name.split(".")[0]
    nearest = _nearest(replace(machine, gpus=count), (family,)) or machine
    if nearest.gpus < count:
        nearest = _nearest(replace(machine, gpus=count), _USUAL) or nearest
    return f"ml.{nearest.name}"


def today_of(machine: Machine) -> Machine | None:
    """Today's likely choice in place of a machine with old GPUs: as many GPUs, each with as much memory, of a generation for training."""
    return _nearest(machine, _USUAL) if machine.gpus else None


def _previous(machine: Machine) -> str | None:
    if machine.architecture not in _OLD:
        return None
    today = today_of(machine)
    instead = f"; today's likely choice is {_named(today)}" if today else ""
    return f"ml.{machine.name} is of a previous generation ({machine}, compute capability {machine.capability}){instead}"


def _named(machine: Machine) -> str:
    return f"ml.{machine.name} ({machine})"


def _nearest(machine: Machine, families: tuple[str, ...]) -> Machine | None:
    """The least of ``families`` that has what ``machine`` has: GPUs and their memory first, then memory and vCPUs; else the most."""
    known = [found for name in training_instance_types() if name.split(".")[1] in families and (found := machine_of(name))]
    if machine.gpus:
        most = max(found.gpus for found in known)
        usable = [found for found in known if found.architecture in _FOR_TRAINING] or known
        known = [found for found in usable if found.gpus >= min(machine.gpus, most)]
        enough = [found for found in known if found.gpu_memory >= machine.gpu_memory]
        # Of those with the same GPUs a previous generation's vCPUs and memory are no measure: the least of them will do.
        return min(enough or known, key=lambda f: (f.gpus, families.index(f.name.split(".")[0]), f.vcpus), default=None)
    enough = [found for found in known if found.memory >= machine.memory and found.vcpus >= machine.vcpus]
    if not enough:
        return max(known, key=lambda f: (f.vcpus, f.memory), default=None)
    return min(enough, key=lambda f: f.vcpus + f.memory / 8)  # about what they cost: 8 GiB as much as a vCPU


@functools.cache
def _rows() -> dict[str, Any]:
    tables = _tables()
    return {**tables["types"], **{name: row for name, row in tables["gone"].items() if name != "source"}}


@functools.cache
def _tables() -> Any:
    return json.loads(importlib.resources.files("migrate.job").joinpath("data/instances.json").read_text("utf-8"))
