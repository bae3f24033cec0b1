"""Results that the script itself sends to S3.

What it finds
    ``aws s3 cp`` or ``sync`` by ``os.system`` or ``subprocess``, ``upload_file`` of boto3 and ``put`` of s3fs, from the disk to S3.

Why it matters on SageMaker
    What lies in the model and output folders is sent to S3 at the end of the job, and what lies in the checkpoint folder while it runs.
    The script's own call would look for the files where they lay on EC2, and fail, or send them twice.

Fix and its safety
    Safe where what is sent is an output of the script's, and nothing is done with what the call gives: it is made only where
    ``SM_MODEL_DIR`` is not set, as on EC2. The results are then at the job's output location, not at the address in the code. Else none.

Source
    Output of training: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.habits.transfers import Transfer, find_transfers, kept
from migrate.rules.base import Context, Example
from migrate.rules.guarding import guard, left_out, otherwise_of
from migrate.rules.model import Finding

CODE = "SM404"
NAME = "upload-in-code"
WORKS = "it works in a job as well, where the role may write there and the image has the tool"


def check(context: Context) -> Iterator[Finding]:
    for transfer in find_transfers(context.program, context.arguments):
        if transfer.up and not transfer.run.guarded:
            yield _finding(context, transfer)


def _finding(context: Context, transfer: Transfer) -> Finding:
    run = transfer.run
    place = run.module.place(run.call)
    what = f"{transfer.path} is sent to {transfer.address} here"
    if not kept(transfer, context.paths):
        reason = f"what it sends is no output that has a place on SageMaker; {WORKS}"
        return Finding(CODE, NAME, place, "note", what, "none", reason, 2)
    message = f"{what}; the job sends its results to its output location by itself"
    otherwise = otherwise_of(run)
    if otherwise is None or (transfer.command is not None and not left_out(context, transfer.command)):
        reason = "the script goes on with what the call gives" if otherwise is None else "the call does other things as well"
        return Finding(CODE, NAME, place, "warning", message, "none", f"{reason}: leave it out where SM_MODEL_DIR is set", 2)
    return Finding(CODE, NAME, place, "warning", message, "safe", None, 1, guard(context, run.module, run.call, otherwise=otherwise))


_BEFORE = """\
import os
import subprocess

import boto3
import torch

torch.save(train(), "out/model.pth")
boto3.client("s3").upload_file("out/model.pth", "models", "latest/model.pth")
subprocess.check_call(["aws", "s3", "sync", "out/", "s3://models/run-1"])
os.system("aws s3 cp --recursive out s3://models/run-2; sudo shutdown -h now")
"""

EXAMPLES = (
    Example(
        before=_BEFORE,
        after=_BEFORE.replace("boto3.client(", 'if "SM_MODEL_DIR" not in os.environ:\n    boto3.client(')
        .replace("subprocess.check_call(", 'if "SM_MODEL_DIR" not in os.environ:\n    subprocess.check_call(')
        .replace("os.system(", 'if "SM_MODEL_DIR" not in os.environ:\n    os.system('),
    ),
    Example(
        before="""\
import subprocess

import boto3

answer = boto3.client("s3").upload_file("settings.json", "models", "settings.json")
subprocess.run(f"aws s3 cp {made()} s3://models/", shell=True)
""",
        after="""\
import subprocess

import boto3

answer = boto3.client("s3").upload_file("settings.json", "models", "settings.json")
subprocess.run(f"aws s3 cp {made()} s3://models/", shell=True)
""",
    ),
)

UNTOUCHED = (
    """\
import boto3
import torch

torch.save(train(), "model.pth")
boto3.client("s3").list_objects(Bucket="models")
print("aws s3 cp model.pth s3://models/")
""",
)
