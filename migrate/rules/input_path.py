"""An input path of the EC2 machine's disk.

What it finds
    A literal or an option's default that ends in a call which reads data: ``open``, pandas, torchvision datasets, ``glob`` and the
    others of the table.

Why it matters on SageMaker
    The disk of the EC2 machine is not there. Data arrives in channels, mounted under /opt/ml/input/data; ``SM_CHANNEL_<NAME>`` tells
    where.

Fix and its safety
    Safe. The path takes its default from the channel's variable and keeps its EC2 value, to the byte, where the variable is not set.
    A required option stops being required, and a positional one may be left out, only where the variable is set. An explicit value
    always wins.

Source
    SageMaker training toolkit, ``SM_CHANNEL_*``: https://github.com/aws/sagemaker-training-toolkit#sm_channel_channel_name
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.model import Finding
from migrate.rules.redirecting import redirected

CODE = "SM101"


def check(context: Context) -> Iterator[Finding]:
    yield from redirected(
        context,
        CODE,
        "input-path",
        ("channel",),
        "error",
        "{path} is read from the EC2 machine's disk; on SageMaker it arrives as a channel ({env})",
    )


EXAMPLES = (
    Example(
        before="""\
import argparse
import os
import pandas as pd

parser = argparse.ArgumentParser()
parser.add_argument("--data-dir", default="./data")
args, _ = parser.parse_known_args([])
frame = pd.read_csv(os.path.join(args.data_dir, "train.csv"))
""",
        after="""\
import argparse
import os
import pandas as pd

parser = argparse.ArgumentParser()
parser.add_argument("--data-dir", default=os.environ.get("SM_CHANNEL_TRAINING", "./data"))
args, _ = parser.parse_known_args([])
frame = pd.read_csv(os.path.join(args.data_dir, "train.csv"))
""",
    ),
    Example(
        before="""\
import numpy as np

def load():
    x = np.load("/home/ubuntu/mnist/train.npy")
    return x, np.load("/home/ubuntu/mnist/test.npy")

load()
""",
        after="""\
import os
import numpy as np

def load():
    x = np.load(os.path.join(os.environ.get("SM_CHANNEL_TRAINING", "/home/ubuntu/mnist"), "train.npy"))
    return x, np.load(os.path.join(os.environ.get("SM_CHANNEL_TRAINING", "/home/ubuntu/mnist"), "test.npy"))

load()
""",
    ),
)

UNTOUCHED = (
    """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="cifar10", choices=["cifar10", "mnist"])
args, _ = parser.parse_known_args([])
print(open(__file__).read(), args.data)
""",
)
