"""A command that needs a machine of one's own.

What it finds
    ``tmux``, ``screen``, ``nohup``, ``crontab``, ``at``, ``systemctl``, ``service``, ``mount``, ``docker`` and anything by ``sudo``, run by
    ``os.system`` or ``subprocess``.

Why it matters on SageMaker
    The container has no login session to leave, no cron, no other services and no Docker, and its images have no ``sudo``: the script is
    root already. What the command starts ends with the script.

Fix and its safety
    None: whether the job needs what the command does, only its author knows.

Source
    Adapting a container for training: https://docs.aws.amazon.com/sagemaker/latest/dg/adapt-training-container.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.habits.commands import Command, ends_machine, find_commands
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding
from migrate.rules.together import by_file

CODE = "SM405"
SESSIONS = {"tmux", "screen", "nohup"}
SERVICES = {"crontab", "at", "systemctl", "service", "docker", "nvidia-docker", "docker-compose", "mount", "umount"}


def check(context: Context) -> Iterator[Finding]:
    found = [command for command in find_commands(context.program, context.arguments) if _is_machines(command)]
    for name, place, others in by_file((c.run.module, c.run.call, "sudo" if c.sudo else c.name) for c in found):
        message = f"{name} is run here, which a job's container does not have{others}"
        if name in SESSIONS:
            message = f"{name} starts something here that would outlive a login; in a job it ends with the script{others}"
        reason = "whether the job needs what it does, only the script's author knows"
        yield Finding(CODE, "machine-command", place, "warning", message, "none", reason, 2)


def _is_machines(command: Command) -> bool:
    own = command.sudo or command.name in SESSIONS or command.name in SERVICES
    return own and not command.run.guarded and not ends_machine(command)  # that has a rule of its own


SOURCE = """\
import os
import subprocess

subprocess.Popen(["tmux", "new", "-d", "tensorboard --logdir runs"])
os.system("sudo apt-get install -y libsndfile1")
os.system("sudo mount -t nfs4 fs-1:/ /mnt/efs && ls /mnt/efs")
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (
    """\
import os
import subprocess

os.system("mkdir -p runs; rm -rf runs/old")
subprocess.run(["python", "prepare.py"])
os.system("echo tmux")
""",
    SOURCE.replace("subprocess.Popen", 'if "SM_MODEL_DIR" not in os.environ:\n    subprocess.Popen')
    .replace('os.system("sudo apt', 'if "SM_MODEL_DIR" not in os.environ:\n    os.system("sudo apt')
    .replace('os.system("sudo mount', 'if "SM_MODEL_DIR" not in os.environ:\n    os.system("sudo mount'),
)
