"""Data or weights that come from the internet when the script runs.

What it finds
    Data sets with ``download=True``, weights of model hubs (``pretrained=True``, ``from_pretrained("name")``, Keras applications),
    ``urlretrieve``, ``get_file``, ``load_dataset``, ``gdown`` and their like, ``wget`` and ``curl``. Told once a file.

Why it matters on SageMaker
    A job with network isolation, or in a VPC without a way out, cannot fetch anything. Any other job fetches it again at each start, on a
    machine that is paid for, and fails when the server does.

Fix and its safety
    None: it works as long as the job may reach the internet. What is to be there before can be put into S3 once, and come as a channel.

Source
    Network isolation: https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.habits.fetches import Fetch, find_fetches
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM407"
MOST_NAMES = 5
REASON = "it works where the job may reach the internet, so not with network isolation; a channel brings it from S3 instead"


def check(context: Context) -> Iterator[Finding]:
    by_path: dict[str, list[Fetch]] = {}
    for fetch in find_fetches(context.program, context.arguments):
        by_path.setdefault(fetch.module.path, []).append(fetch)
    for fetches in by_path.values():
        first = min(fetches, key=lambda fetch: (fetch.call.lineno, fetch.call.col_offset))
        what = list(dict.fromkeys(fetch.what for fetch in sorted(fetches, key=lambda f: f.call.lineno)))
        told = ", ".join(what[:MOST_NAMES]) + (f" and {len(what) - MOST_NAMES} more" if len(what) > MOST_NAMES else "")
        message = f"may be fetched from the internet while the job runs: {told}"
        yield Finding(CODE, "network-download", first.module.place(first.call), "note", message, "none", REASON, 2)


SOURCE = """\
import os
from urllib.request import urlretrieve

import torchvision
from transformers import AutoModel

urlretrieve("https://example.org/words.txt", "words.txt")
data = torchvision.datasets.MNIST("data", download=True)
model = torchvision.models.resnet18(pretrained=True)
text = AutoModel.from_pretrained("bert-base-uncased")
os.system("wget -q https://example.org/glove.zip")
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (
    """\
import os

import torchvision
from tensorflow.keras.applications import ResNet50
from transformers import AutoModel

data = torchvision.datasets.MNIST("data", download=False)
model = torchvision.models.resnet18(pretrained=False)
other = torchvision.models.resnet18(weights=None)
keras = ResNet50(weights=None)
text = AutoModel.from_pretrained("./checkpoints/bert")
os.system("curl -s http://localhost:8080/ready")
""",
)
