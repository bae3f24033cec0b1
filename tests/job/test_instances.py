"""EC2's instance types as SageMaker's: GPU count and memory are kept, and what is proposed exists."""

from __future__ import annotations

import pytest

from migrate.job.instances import choose_instance, machine_of, today_of
from migrate.job.validate import training_instance_types
from tests.job.extracts import tool

# EC2 type: the ml type, and what its note says ("" for none)
CHOICES = {
    "p3.2xlarge": ("ml.p3.2xlarge", "(1 GPU with 16 GiB (V100, Volta), compute capability 7.0); today's likely choice is ml.g5.xlarge"),
    "p3.16xlarge": ("ml.p3.16xlarge", "today's likely choice is ml.g5.48xlarge (8 GPUs with 22.4 GiB (A10G, Ampere))"),
    "p3dn.24xlarge": ("ml.p3dn.24xlarge", "today's likely choice is ml.g6e.48xlarge (8 GPUs with 44.7 GiB (L40S, Ada))"),
    "p2.xlarge": ("ml.p2.xlarge", "today's likely choice is ml.g5.xlarge"),
    "p4d.24xlarge": ("ml.p4d.24xlarge", ""),
    "g4dn.xlarge": ("ml.g4dn.xlarge", ""),
    "g5.12xlarge": ("ml.g5.12xlarge", ""),
    "ml.g5.xlarge": ("ml.g5.xlarge", ""),
    "g3.4xlarge": ("ml.g5.xlarge", "SageMaker has no g3.4xlarge for training (1 GPU with 8 GiB (M60, Maxwell))"),
    "g3.16xlarge": ("ml.g5.12xlarge", "SageMaker has no g3.16xlarge"),
    "g2.2xlarge": ("ml.g5.xlarge", "SageMaker has no g2.2xlarge"),
    "g4ad.xlarge": ("ml.g5.xlarge", "Radeon Pro V520"),
    "t2.micro": ("ml.m5.large", "SageMaker has no t2.micro"),
    "m4.xlarge": ("ml.m4.xlarge", ""),
    "c3.8xlarge": ("ml.c5.9xlarge", "(32 vCPUs, 60 GiB)"),
    "r3.2xlarge": ("ml.r5.2xlarge", "(8 vCPUs, 61 GiB)"),
    "P3.2XLarge": ("ml.p3.2xlarge", "previous generation"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHOICES)
def test_the_choice(name: str) -> None:
    choice = choose_instance(name)
    assert choice is not None
    wanted, said = CHOICES[name]
    assert choice.instance_type == wanted
    assert said in (choice.note or "") if said else choice.note is None


def test_what_nobody_knows() -> None:
    for name in ("q9.huge", "", "p3", "p3.2xlarge; rm -rf /", "-"):
        assert choose_instance(name) is None
        assert machine_of(name) is None


def test_every_ec2_type_becomes_one_that_exists_and_is_no_smaller() -> None:
    from migrate.job.instances import _rows

    for name in _rows():
        machine, choice = machine_of(name), choose_instance(name)
        assert machine is not None and choice is not None, name
        assert choice.instance_type in training_instance_types()
        made = machine_of(choice.instance_type)
        assert made is not None
        assert made.gpus >= min(machine.gpus, 8), name
        assert made.gpu_memory >= machine.gpu_memory or machine.gpus == 0, name


def test_every_type_for_training_is_known() -> None:
    assert [name for name in training_instance_types() if machine_of(name) is None] == []


def test_todays_choice_is_not_of_yesterday() -> None:
    for name in training_instance_types():
        machine = machine_of(name)
        assert machine is not None
        if machine.gpus:
            today = today_of(machine)
            assert today is not None and today.architecture in ("Ampere", "Ada", "Hopper", "Blackwell")


def test_every_gpu_of_nvidia_has_an_architecture() -> None:
    from migrate.job.instances import _rows

    for name in _rows():
        machine = machine_of(name)
        assert machine is not None
        assert bool(machine.architecture) == (bool(machine.gpu) and not machine.gpu.startswith("Radeon")), name


def test_the_extract_is_what_moto_has() -> None:
    from migrate.job.instances import _tables

    assert _tables()["types"] == tool("extract_instances").extract()


def test_as_many_gpus_of_the_same_kind() -> None:
    from migrate.job.instances import with_gpus

    assert with_gpus("ml.g5.xlarge", 4) == "ml.g5.12xlarge"
    assert with_gpus("ml.g5.xlarge", 8) == "ml.g5.48xlarge"
    assert with_gpus("ml.g5.xlarge", 3) == "ml.g5.12xlarge"
    assert with_gpus("ml.p3.2xlarge", 8) == "ml.p3.16xlarge"
    assert with_gpus("ml.m5.xlarge", 8) == "ml.m5.xlarge"
