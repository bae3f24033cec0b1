"""Data that the script itself fetches from S3.

What it finds
    ``aws s3 cp`` or ``sync`` by ``os.system`` or ``subprocess``, ``download_file`` of boto3 and ``get`` of s3fs, from S3 to the disk.
    Calls that take an ``s3://`` address in the place of a path are told as well.

Why it matters on SageMaker
    A channel brings the data before the script starts, and its folder is the script's input then: a download into it would fail, since it
    may not be written, or bring all of it twice and be paid for on a machine with GPUs.

Fix and its safety
    Safe where a channel stands for what is downloaded, and nothing is done with what the call gives: it is made only where the channel is
    not there, as on EC2. The channel's address in job.toml is that of the download, where it is known. Else none: the call works in a job
    as well, as far as the job's role may read the bucket and the image has the tool.

Source
    Channels: https://docs.aws.amazon.com/sagemaker/latest/dg/model-access-training-data.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.habits.transfers import S3, Transfer, brought, find_transfers, shown_address
from migrate.rules.base import Context, Example
from migrate.rules.guarding import guard, otherwise_of
from migrate.rules.model import Finding

CODE = "SM403"
NAME = "download-in-code"
DIRECT = "it works in a job as well, where the role may and the image has the package; data can come by a channel instead"
WORKS = "it works in a job as well, where the role may read the bucket and the image has the tool"


def check(context: Context) -> Iterator[Finding]:
    for transfer in find_transfers(context.program, context.arguments):
        if not transfer.up and not transfer.run.guarded:
            yield _finding(context, transfer)
    for place, address in context.paths.remote:
        if address.startswith(S3):
            message = f"{shown_address(address)} is reached over the network here"
            yield Finding(CODE, NAME, place, "note", message, "none", DIRECT, 2)


def _finding(context: Context, transfer: Transfer) -> Finding:
    run = transfer.run
    place = run.module.place(run.call)
    match = brought(transfer, context.paths)
    what = f"{transfer.path} is fetched from {transfer.address} here"
    if match is None:
        reason = f"no channel stands for it, since what reads it was not found; {WORKS}"
        return Finding(CODE, NAME, place, "note", what, "none", reason, 2)
    message = f"{what}; on SageMaker the channel {match.channel!r} brings it"
    otherwise = otherwise_of(run)
    if otherwise is None or (transfer.command is not None and not transfer.command.alone):
        reason = "the script goes on with what the call gives" if otherwise is None else "the call does other things as well"
        return Finding(CODE, NAME, place, "warning", message, "none", f"{reason}: leave it out where the channel is there", 2)
    edits = guard(context, run.module, run.call, f"SM_CHANNEL_{match.channel.upper()}", otherwise)
    return Finding(CODE, NAME, place, "warning", message, "safe", None, 1, edits)


_BEFORE = """\
import os
import subprocess

import boto3
import pandas as pd

BUCKET = "sensor-data"
s3 = boto3.client("s3")
s3.download_file(BUCKET, "2019/train/events.csv", "data/train/events.csv")
assert os.system("aws s3 sync s3://sensor-data/2019/test data/test --quiet") == 0
events = pd.read_csv("data/train/events.csv")
test = [pd.read_csv(os.path.join("data/test", name)) for name in os.listdir("data/test")]
"""

_ARCHIVE = """\
import subprocess

import boto3
import numpy as np

boto3.resource("s3").Bucket("b").download_file("2019/all.tar", "all.tar")
subprocess.check_call(["tar", "xf", "all.tar"])
np.load("data/x.npy")
"""

_DIRECT = """\
import pandas as pd

rows = pd.read_csv("s3://sensor-data/2019/events.csv")
"""

EXAMPLES = (
    Example(
        before=_BEFORE,
        after=_BEFORE.replace(
            "s3.download_file(",
            'if "SM_CHANNEL_TRAINING" not in os.environ:\n    s3.download_file(',
        ).replace(
            'os.system("aws s3 sync s3://sensor-data/2019/test data/test --quiet") == 0',
            '(os.system("aws s3 sync s3://sensor-data/2019/test data/test --quiet") if "SM_CHANNEL_TEST" not in os.environ else 0) == 0',
        ),
    ),
    Example(before=_ARCHIVE, after=_ARCHIVE),
    Example(before=_DIRECT, after=_DIRECT),
)

UNTOUCHED = (
    _BEFORE.replace("s3 = boto3", "s3 = drive").replace("import boto3\n", "import drive\n").replace("aws s3 sync", "echo"),
    """\
import os

if "SM_CHANNEL_TRAINING" not in os.environ:
    os.system("aws s3 cp s3://b/x.csv data/x.csv")
""",
    """\
import os

os.system("aws s3 ls s3://b/")
os.system("aws s3 cp s3://b/x s3://c/x")
""",
)
