"""A script that trains with several processes gets a job that starts them, or a note that says what it does not get."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.facts.processes import Processes, find_processes
from migrate.job.distribution import spread_of
from migrate.job.infer import infer
from migrate.job.job import Distribution
from migrate.repo.ec2.model import Command, Ec2Side
from tests.generate.small import entry_point
from tests.rules.harness import program_of


def start(*launcher: str, **more: Any) -> Command:
    return Command(" ".join((*launcher, "train.py")), (), "run.sh", 3, launcher=launcher, **more)


# launcher: kind, processes, instances
LAUNCHERS: dict[tuple[str, ...], tuple[str, int | None, int]] = {
    ("torchrun", "--nproc_per_node=8"): ("torchrun", 8, 1),
    ("torchrun", "--nproc_per_node", "gpu", "--nnodes", "1"): ("torchrun", None, 1),
    ("python", "-m", "torch.distributed.launch", "--nproc_per_node=4", "--use_env"): ("torchrun", 4, 1),
    ("/opt/conda/bin/torchrun", "--nproc-per-node=2"): ("torchrun", 2, 1),
    ("accelerate", "launch", "--num_processes", "4"): ("torchrun", 4, 1),
    ("accelerate", "launch", "--multi_gpu"): ("torchrun", None, 1),
    ("deepspeed", "--num_gpus=8"): ("torchrun", 8, 1),
    ("mpirun", "-np", "8", "-H", "localhost:8"): ("mpi", 8, 1),
    ("horovodrun", "-np", "16", "-H", "one:8,two:8"): ("mpi", 8, 2),
}


@pytest.mark.parametrize("words", LAUNCHERS)
def test_the_launcher_of_the_start_command(words: tuple[str, ...]) -> None:
    made = spread_of([start(*words)], None)
    kind, processes, instances = LAUNCHERS[words]
    assert made.distribution == Distribution(kind, processes)
    assert made.instances == instances
    assert "run.sh:3" in made.why


def test_machines_as_the_launcher_is_told() -> None:
    made = spread_of([start("torchrun", "--nproc_per_node=8", "--nnodes=2", nodes=2, processes=8)], None)
    assert (made.distribution, made.instances) == (Distribution("torchrun", 8), 2)


def test_what_an_old_launcher_gives_is_told() -> None:
    assert "LOCAL_RANK" in str(spread_of([start("python", "-m", "torch.distributed.launch", "--nproc_per_node=4")], None).note)


def test_the_usual_command_decides_and_the_other_is_told() -> None:
    made = spread_of([start("python"), start("torchrun", "--nproc_per_node=8")], None)
    assert made.distribution is None
    assert 'distribution = "torchrun"' in str(made.note)


def test_accelerate_without_a_number() -> None:
    made = spread_of([start("accelerate", "launch")], None)
    assert made.distribution is None
    assert "configuration file" in str(made.note)


CODE = {
    "spawn": ("import torch.multiprocessing as mp\nmp.spawn(work, nprocs=4)\n", "spawn", True),
    "group": ("import torch.distributed as dist\ndist.init_process_group('nccl')\n", "torchrun", True),
    "in main": (
        "from torch import distributed\ndef main():\n    distributed.init_process_group('nccl')\nif __name__ == '__main__':\n    main()\n",
        "torchrun",
        True,
    ),
    "when asked": (
        "import torch.distributed as dist\ndef main():\n    if args.distributed:\n        dist.init_process_group('nccl')\nmain()\n",
        "torchrun",
        False,
    ),
    "around the call": (
        "import torch.distributed as dist\ndef go():\n    dist.init_process_group('x')\nif big:\n    go()\n",
        "torchrun",
        False,
    ),
    "horovod": ("import horovod.torch as hvd\nhvd.init()\n", "mpi", True),
}


@pytest.mark.parametrize("name", CODE)
def test_what_the_code_waits_for(name: str) -> None:
    source, kind, always = CODE[name]
    found = find_processes(program_of({"train.py": source}))
    assert found is not None
    assert (found.kind, found.always) == (kind, always)


@pytest.mark.parametrize(
    "source", ["init()\n", "import torch\ntorch.init()\n", "def unused():\n    import torch.distributed as d\n    d.init_process_group()\n"]
)
def test_what_is_no_such_call(source: str) -> None:
    assert find_processes(program_of({"train.py": source})) is None


def processes(source: str) -> Processes:
    found = find_processes(program_of({"train.py": source}))
    assert found is not None
    return found


def test_without_a_launcher_it_is_never_silently_alone() -> None:
    always, asked, spawn = (processes(CODE[name][0]) for name in ("group", "when asked", "spawn"))
    assert spread_of([], always).distribution == Distribution("torchrun")
    assert "in train.py waits" in spread_of([], always).why
    for found in (asked, spawn):
        made = spread_of([start("python")], found)
        assert made.distribution is None
        assert f"{found.call} in train.py" in str(made.note)


def test_the_job_has_a_gpu_for_each_process() -> None:
    job = infer(entry_point(ec2=Ec2Side(starts=(start("torchrun", "--nproc_per_node=8"),))))
    assert job.distribution == Distribution("torchrun")  # one for each GPU: it follows the instance type
    assert job.instance_type == "ml.g5.48xlarge"
    assert "8 processes (torchrun in run.sh:3)" in job.reasons["instance_type"]
    job = infer(entry_point(ec2=Ec2Side(starts=(start("torchrun", "--nproc_per_node=2"),)), instance_type="p3.16xlarge"))
    assert (job.instance_type, job.distribution) == ("ml.p3.16xlarge", Distribution("torchrun", 2))
