"""How the job starts the script's processes, from the command that starts it on EC2, else from what the code waits for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.facts.processes import Processes
from migrate.job.job import Distribution
from migrate.repo.ec2.model import Command

TORCHRUN = ("torchrun", "torch.distributed.launch", "torch.distributed.run", "accelerate", "deepspeed")
MPI = ("mpirun", "mpiexec", "horovodrun")


@dataclass(frozen=True)
class Spread:
    """How a script is spread over processes and instances. ``note`` is for a person; ``why`` says where it was found."""

    distribution: Distribution | None = None
    instances: int = 1
    why: str = ""
    note: str | None = None


def spread_of(starts: Sequence[Command], found: Processes | None) -> Spread:
    """``starts`` are the commands that start the script on EC2, the usual one first; ``found`` is what the code says."""
    launched = next((start for start in starts if _kind(start)), None)
    needed = found is not None and found.always and found.kind != "spawn"
    if launched is not None and (launched is starts[0] or needed):
        return _started(launched, _kind(launched))
    if launched is not None:
        other = f"{launched.place} starts it by {_kind(launched)}, {starts[0].place} alone: alone is what the job does"
        return Spread(note=f'{other}; distribution = "{"mpi" if _kind(launched) in MPI else "torchrun"}" is the other way')
    if found is None:
        return Spread()
    where = f"{found.call} in {found.place.path}"  # not the line: an apply moves it
    if found.kind == "spawn":
        return Spread(note=f"the script starts its processes itself ({where}): leave instance_count at 1, or start it by torchrun instead")
    if found.always and found.kind == "torchrun":
        why = f"{where} waits for the processes of a launcher, and no command here has one: one process for each GPU"
        return Spread(Distribution("torchrun"), why=why)
    start = "torchrun" if found.kind == "torchrun" else "mpi"
    told = f'it would with distribution = "{start}"'
    return Spread(note=f"the script can train with several processes ({where}), but no command here starts it so: {told}")


def _kind(start: Command) -> str:
    words = [word.rpartition("/")[2] for word in start.launcher]
    return next((word for word in words if word in TORCHRUN + MPI), "")


def _started(start: Command, kind: str) -> Spread:
    nodes = start.nodes or 1
    why = f"{kind} in {start.place}"
    if kind in MPI:
        processes = _number(start.launcher, "np", "n", "num-proc") or start.processes
        hosts = _hosts(start.launcher) or nodes
        return Spread(Distribution("mpi", max(1, processes // hosts) if processes else None), hosts, why)
    processes = start.processes or _number(start.launcher, "nproc_per_node", "nproc-per-node", "num_gpus")
    total = _number(start.launcher, "num_processes")
    if kind == "accelerate" and total is not None:
        processes = max(1, total // nodes)
    if kind == "accelerate" and processes in (None, 1) and nodes == 1 and "--multi_gpu" not in start.launcher:
        told = "starts as many processes as its own configuration file says: set distribution if more than one"
        return Spread(note=f"accelerate launch ({start.place}) {told}")
    return Spread(Distribution("torchrun", processes), nodes, why, _local_rank(kind, start.launcher))


def _local_rank(kind: str, words: Sequence[str]) -> str | None:
    """What a script misses that was started by a launcher of the old kind."""
    old = kind == "torch.distributed.launch" and "--use_env" not in words and "--use-env" not in words
    if old or kind == "deepspeed":
        return f"{kind} gives the script --local_rank; torchrun sets LOCAL_RANK in the environment instead"
    return None


def _hosts(words: Sequence[str]) -> int:
    """The hosts that mpirun or horovodrun is given (``-H one:4,two:4``); 0 where it is given none."""
    pairs = zip(words, words[1:], strict=False)
    given = next((following for word, following in pairs if word in ("-H", "--host", "--hosts", "-host")), "")
    return len([host for host in given.split(",") if host])


def _number(words: Sequence[str], *names: str) -> int | None:
    """The number given to the first of the options, as ``--name=8`` or ``--name 8``; None for anything else (``gpu``, a variable)."""
    for name in names:
        for position, word in enumerate(words):
            option, equals, value = word.partition("=")
            if option.lstrip("-") == name and option.startswith("-"):
                text = value if equals else words[position + 1] if position + 1 < len(words) else ""
                return int(text) if re.fullmatch(r"[1-9]\d{0,4}", text) else None
    return None
