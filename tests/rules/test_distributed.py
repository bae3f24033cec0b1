"""Scripts that name GPUs, hosts and ranks: what they do on EC2 stays, and the job is the same after an apply."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.job.describe import describe
from migrate.job.model import EntryPoint
from migrate.repo.entries import Entry
from tests.rules.harness import apply, check, context_of
from tests.rules.rules_by_code import rule_of

CODES = ("SM107", "SM601", "SM602", "SM603", "SM604")
SCRIPT = """\
import argparse
import os

import torch.distributed as dist
from torch.nn import DataParallel

os.environ["CUDA_VISIBLE_DEVICES"] = "2,3"
os.environ["MASTER_ADDR"] = "10.1.1.20"
parser = argparse.ArgumentParser()
parser.add_argument("--device", default="cuda:1")
parser.add_argument("--gpu_id", type=int, default=1)
parser.add_argument("--gpus", type=int, default=4)
parser.add_argument("--one-gpu", dest="num_gpus", type=int, default=1)
parser.add_argument("--workers", type=int, default=16)
parser.add_argument("--dist-url", default="tcp://10.1.1.20:23456")
parser.add_argument("--local_rank", type=int, default=-1)
args = parser.parse_args()
if os.environ.get("JOIN"):
    dist.init_process_group("nccl")
parallel = DataParallel(None, device_ids=[0, 1, 2, 3])
print(vars(args), parallel, os.environ["CUDA_VISIBLE_DEVICES"], os.environ["MASTER_ADDR"])
"""
STANDS_IN = {
    "torch/__init__.py": "",
    "torch/distributed.py": "",
    "torch/nn.py": "def DataParallel(model, device_ids=None):\n    return device_ids\n",
}


@pytest.fixture(scope="module")
def migrated() -> str:
    sources = {"train.py": SCRIPT}
    return apply([finding for code in CODES for finding in check(rule_of(code), sources)], sources)["train.py"]


def _run(folder: Path, source: str, **variables: str) -> str:
    for path, text in {**STANDS_IN, "train.py": source}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SM_")} | variables
    return subprocess.run([sys.executable, "train.py"], cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_on_ec2_nothing_changes(tmp_path: Path, migrated: str) -> None:
    assert migrated != SCRIPT
    assert _run(tmp_path, migrated) == _run(tmp_path, SCRIPT)
    assert _run(tmp_path, migrated, LOCAL_RANK="1") == _run(tmp_path, SCRIPT, LOCAL_RANK="1")


def test_on_sagemaker_it_follows_the_instance_and_never_asks_for_more(tmp_path: Path, migrated: str) -> None:
    said = _run(tmp_path, migrated, SM_NUM_GPUS="1", SM_NUM_CPUS="4", SM_HOSTS='["algo-1", "algo-2"]', LOCAL_RANK="3")
    expected = {"device": "cuda:0", "gpu_id": 0, "gpus": 1, "num_gpus": 1, "workers": 4, "dist_url": "tcp://algo-1:23456", "local_rank": 3}
    assert said == f"{expected} [0] 0,1 algo-1\n"
    more = _run(tmp_path, migrated, SM_NUM_GPUS="8", SM_NUM_CPUS="96", SM_HOSTS='["algo-1"]')
    expected |= {"gpus": 4, "workers": 16, "local_rank": -1}
    assert more == f"{expected} [0, 1, 2, 3] 0,1 algo-1\n"


def _point(source: str) -> EntryPoint:
    context = context_of({"train.py": source})
    return describe(Entry("train.py", "pytorch", None, ("train.py",), ()), context.program, context.arguments, context.paths, ())


def test_the_job_is_the_same_after_an_apply(migrated: str) -> None:
    before, after = ([(h.name, h.type, h.default, h.counts) for h in _point(text).hyperparameters] for text in (SCRIPT, migrated))
    assert before == after
    follows = {name: variable for name, _, _, variable in before if variable}
    assert follows == {
        "device": "SM_NUM_GPUS",
        "gpu_id": "SM_NUM_GPUS",
        "gpus": "SM_NUM_GPUS",
        "workers": "SM_NUM_CPUS",
        "dist_url": "SM_HOSTS",
        "local_rank": "LOCAL_RANK",
    }


def test_a_second_apply_changes_nothing(migrated: str) -> None:
    again = {"train.py": migrated}
    assert [finding for code in CODES for finding in check(rule_of(code), again) if finding.edits] == []
