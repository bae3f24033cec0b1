"""A script that shuts its own machine down, or ends EC2 instances.

What it finds
    ``shutdown``, ``poweroff``, ``halt``, ``reboot`` and ``aws ec2 terminate-instances`` or ``stop-instances`` by ``os.system`` or
    ``subprocess``, and ``terminate_instances`` / ``stop_instances`` of boto3.

Why it matters on SageMaker
    The job's machine goes by itself when the script ends, and is paid for until then. In the container there is no ``shutdown``, and no
    instance of yours to end: where the script looks at the result, the job would be told as Failed after it has trained.

Fix and its safety
    Safe where nothing is done with the result, or where it is a return code: the call is made only where ``SM_MODEL_DIR`` is not set,
    so EC2 goes on as before. Else none.

Source
    How SageMaker runs training: https://docs.aws.amazon.com/sagemaker/latest/dg/how-it-works-training.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.habits.calls import HabitCall, habit_calls
from migrate.facts.habits.commands import ends_machine, find_commands
from migrate.rules.base import Context, Example
from migrate.rules.guarding import guard, left_out, otherwise_of
from migrate.rules.model import Finding

CODE = "SM402"


def check(context: Context) -> Iterator[Finding]:
    for run in habit_calls(context.program, "stop"):
        if not run.guarded:
            yield _finding(context, run, f"{run.name[1:]}() ends EC2 machines", True)
    for command in find_commands(context.program, context.arguments):
        if ends_machine(command) and not command.run.guarded:
            yield _finding(context, command.run, f"`{' '.join(command.words)[:60]}` ends the machine", left_out(context, command))


def _finding(context: Context, run: HabitCall, what: str, whole: bool) -> Finding:
    message = f"{what}; a job's machine goes by itself when the script ends"
    otherwise = otherwise_of(run)
    place, name = run.module.place(run.call), "machine-shutdown"
    if otherwise is None or not whole:
        reason = "the call does other things as well" if otherwise is not None else "the script goes on with what the call gives"
        return Finding(CODE, name, place, "warning", message, "none", reason, 2)
    return Finding(CODE, name, place, "warning", message, "safe", None, 1, guard(context, run.module, run.call, otherwise=otherwise))


EXAMPLES = (
    Example(
        before="""\
import os
import subprocess

train()
os.system("sudo shutdown -h now")  # no machine is forgotten
if subprocess.call(["/sbin/poweroff"]) != 0:
    raise SystemExit("still on")
""",
        after="""\
import os
import subprocess

train()
if "SM_MODEL_DIR" not in os.environ:
    os.system("sudo shutdown -h now")  # no machine is forgotten
if (subprocess.call(["/sbin/poweroff"]) if "SM_MODEL_DIR" not in os.environ else 0) != 0:
    raise SystemExit("still on")
""",
    ),
    Example(
        before="""\
import boto3

ec2 = boto3.client("ec2")


def stop(instance):
    ec2.terminate_instances(
        InstanceIds=[instance],
    )


train()
stop(INSTANCE)
""",
        after="""\
import os
import boto3

ec2 = boto3.client("ec2")


def stop(instance):
    if "SM_MODEL_DIR" not in os.environ:
        ec2.terminate_instances(
            InstanceIds=[instance],
        )


train()
stop(INSTANCE)
""",
    ),
    Example(
        before="""\
import subprocess

INSTANCE = open("instance-id").read()
out = subprocess.check_output("aws ec2 stop-instances --instance-ids " + INSTANCE, shell=True)
print(out)
""",
        after="""\
import subprocess

INSTANCE = open("instance-id").read()
out = subprocess.check_output("aws ec2 stop-instances --instance-ids " + INSTANCE, shell=True)
print(out)
""",
    ),
)

UNTOUCHED = (
    """\
import logging
import os
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor()
pool.shutdown(wait=True)
logging.shutdown()
os.system("echo shutdown")
os.system("grep -r reboot logs/")
""",
    """\
import os

if "SM_MODEL_DIR" not in os.environ:
    os.system("sudo shutdown -h now")
""",
    """\
import os


def never_called():
    os.system("sudo shutdown -h now")


train()
""",
)
