"""What on the EC2 side can go once the job runs, from what the repository says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrate.job.model import EntryPoint
from migrate.repo.ec2.model import Ec2Side


@dataclass(frozen=True)
class Retired:
    """Something of the EC2 side: ``what`` it is, the ``places`` that say so (``file:line``), and what stands ``instead`` of it.

    ``more`` counts the places that are not named.
    """

    what: str
    places: tuple[str, ...]
    instead: str
    more: int = 0


# In the order in which they are told: the kind, what it is, and what stands instead.
_KINDS = {
    "machine": ("instances, launch templates and spot requests", "each job has instances of its own, which go when it ends"),
    "image": ("the AMI, and the work of keeping it up to date", "the job's container image"),
    "setup": ("installing drivers, CUDA and packages on the machine", "the job's image and sagemaker_job/requirements.txt"),
    "user-data": ("user-data scripts", "nothing runs at a machine's start: what they set up is in the image"),
    "shutdown": ("shutting the machine down, or ending it", "a job is paid for from start to end, and ends by itself"),
    "spot-watcher": ("watching for a spot interruption", "managed spot with checkpoints; notify.yaml tells of each interruption"),
    "metadata": ("asking the instance's metadata", "the SM_ variables of the container"),
    "message": ("messages about the training", "notify.yaml: e-mail and Slack, with the failure's stack trace"),
    "schedule": (
        "starting the training by cron or a timer",
        "an EventBridge schedule that starts the pipeline",
    ),
    "detached": ("nohup, tmux, screen", "a job needs no terminal; its log is in CloudWatch"),
    "transfer": ("copying data in and results out", "channels bring the data, model and output go to S3 by themselves"),
    "mount": ("mounting file systems (the file systems themselves stay)", "a channel that mounts the same file system"),
}
_HABITS = {"terminate": "shutdown", "slack": "message", "mail": "message"}
MOST_PLACES = 6


def retired(entries: Sequence[EntryPoint]) -> list[Retired]:
    """What can go, by kind; empty where the repository says nothing of EC2."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        for kind, place in _things(entry.ec2):
            found.setdefault(kind, set()).add(_place(*place))
    told = []
    for kind, (what, instead) in _KINDS.items():
        places = sorted(found.get(kind, ()))
        if places:
            told.append(Retired(what, tuple(places[:MOST_PLACES]), instead, max(0, len(places) - MOST_PLACES)))
    return told


def _things(side: Ec2Side) -> Iterator[tuple[str, tuple[str, int]]]:
    for machine in side.machines:
        yield "machine", (machine.path, machine.line)
        for kind, fact in (("image", machine.ami), ("user-data", machine.user_data)):
            if fact is not None:
                yield kind, (fact.path, fact.line)
    for habit in side.habits:
        yield _HABITS.get(habit.kind, habit.kind), (habit.path, habit.line)
    for schedule in side.schedules:
        yield "schedule", (schedule.path, schedule.line)
    for start in side.starts:
        if start.detached in ("nohup", "tmux", "screen"):
            yield "detached", (start.path, start.line)
    for transfer in side.transfers:
        if not transfer.path.endswith(".py"):  # those of scripts are guarded, and stay in them
            yield "transfer", (transfer.path, transfer.line)
    for mount in side.mounts:
        yield "mount", (mount.path, mount.line)


def _place(path: str, line: int) -> str:
    """Scripts without a line: it moves with every edit, and the page has to say the same when nothing has changed."""
    return path if path.endswith(".py") else f"{path}:{line}"
