"""What an official image holds, as far as the public Dockerfiles say (``data/contents.json``, remade by ``tools/extract_contents.py``).

A list names what a Dockerfile installs, and not all that these packages bring along: it is short of the image, never long.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from dataclasses import dataclass
from typing import Any

# What some of the packages bring along (their own metadata), where scripts import it.
_BROUGHT = {
    "boto3": "botocore s3transfer",
    "chainer": "filelock protobuf six numpy",
    "fastai": "matplotlib pandas pillow pyyaml requests scikit-learn scipy",
    "mxnet": "numpy requests graphviz",
    "pandas": "numpy python-dateutil pytz",
    "sagemaker": "attrs boto3 cloudpickle packaging pandas pyyaml requests tqdm",
    "sagemaker-training": "numpy scipy protobuf psutil six boto3",
    "scikit-learn": "joblib numpy scipy threadpoolctl",
    "seaborn": "matplotlib numpy pandas",
    "shap": "numba tqdm cloudpickle",
    "tensorflow": "absl-py h5py keras numpy protobuf six tensorboard wrapt",
    "tensorflow-datasets": "tqdm dill promise",
    "torchvision": "numpy pillow",
    "torch": "filelock jinja2 networkx sympy typing-extensions",
}
_OWN = {"pytorch": "torch", "sklearn": "scikit-learn"}
_SAME = {"tensorflow-gpu": "tensorflow", "tensorflow-cpu": "tensorflow"}


@dataclass(frozen=True)
class Contents:
    """An image as its Dockerfile tells it. ``python`` and ``cuda`` are such as ``3.10`` and ``12.1``; ``system`` is ``ubuntu20.04`` or
    ``amzn2023``; what is not told is None. ``packages`` is package to version (None: any), ``system_packages`` what apt or dnf adds."""

    python: str | None
    cuda: str | None
    system: str | None
    packages: dict[str, str | None]
    system_packages: frozenset[str]
    dockerfile: str


@functools.cache
def contents_of(framework: str, version: str) -> Contents | None:
    """What the image of ``framework`` at ``version`` (a key of the image tables) holds; None where no Dockerfile is public."""
    raw = _extract()["images"].get(framework, {}).get(version)
    if raw is None:
        return None
    packages: dict[str, str | None] = {}
    for word in raw["python_packages"].split():
        name, _, number = word.partition("==")
        packages[_SAME.get(name, name)] = packages.get(name) or number or None
        if name.startswith("mxnet-"):
            packages["mxnet"] = number or None
    packages.setdefault(_OWN.get(framework, framework), None)
    for name in list(packages):
        for brought in _BROUGHT.get(name, "").split():
            packages.setdefault(brought, None)
    system = frozenset(raw["system_packages"].split())
    return Contents(raw["python"], raw["cuda"], raw["system"], packages, system, raw["dockerfile"])


def source() -> str:
    """Where the lists come from and when they were taken."""
    return f"{_extract()['source']}, {_extract()['date']}"


@functools.cache
def _extract() -> Any:
    return json.loads(importlib.resources.files("migrate.job").joinpath("data/contents.json").read_text("utf-8"))
