"""A migrated script, started by the real toolkit and by the real v3 drivers, each as the container starts it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from migrate.runtime import SUPPORT_NAME, support_source
from tests.environments import python_of
from tests.runtime.containers import drivers_folder, wire

SCRIPT = """
import argparse, json, os, subprocess, sys
from sagemaker_support import sagemaker_argv, script_argv

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("-b", "--batch-size", type=int)
parser.add_argument("--pretrained", action="store_true")
parser.add_argument("--milestones", type=int, nargs="+")
parser.add_argument("--arch", choices=["1.10", "1.9"])
parser.add_argument("--no-aug", dest="aug", action="store_false")
parser.add_argument("--shuffle", type=bool, default=True)
parser.add_argument("--note", default="none")
args = parser.parse_args(sagemaker_argv(parser))
result = vars(args)
if args.note != "child":  # a child brings its own argv and inherits the environment
    own = [sys.executable, __file__, "D2", "--pretrained", "--note", "child"]
    result["child"] = json.loads(subprocess.run(own, check=True, stdout=subprocess.PIPE).stdout)
    with open(sys.argv[0] + ".json", "w") as file:
        json.dump(result, file)
else:
    print(json.dumps(result))
"""
SENT: dict[str, Any] = {
    "data": "DIR with space",
    "b": 64,
    "pretrained": True,
    "milestones": [30, 60],
    "arch": "1.10",
    "aug": False,
    "shuffle": False,
    "note": '-x "日本" $HOME\nline',
}
CHILD = {
    "data": "D2",
    "batch_size": None,
    "pretrained": True,
    "milestones": None,
    "arch": None,
    "aug": True,
    "shuffle": True,
    "note": "child",
}
ARRIVED = {key: value for key, value in SENT.items() if key != "b"} | {"batch_size": 64, "child": CHILD}


def _base(folder: Path, code: str, texts: dict[str, str]) -> Path:
    for name in ("input/config", "input/data/training", "model", "output/data", code):
        (folder / name).mkdir(parents=True)
    files = {
        "hyperparameters.json": texts,
        "inputdataconfig.json": {"training": {"TrainingInputMode": "File"}},
        "resourceconfig.json": {
            "current_host": "algo-1",
            "hosts": ["algo-1"],
            "network_interface_name": "eth0",
            "current_instance_type": "ml.m5.large",
            "current_group_name": "g",
            "instance_groups": [{"instance_group_name": "g", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}],
        },
    }
    for name, content in files.items():
        (folder / "input" / "config" / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / code / "train.py").write_text(SCRIPT, encoding="utf-8")
    (folder / code / SUPPORT_NAME).write_bytes(support_source())
    return folder


def _run(command: list[str], env: dict[str, str]) -> None:
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TRAINING_JOB_NAME": "job"}
    done = subprocess.run(command, env=clean | env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("encoded", [True, False], ids=["json", "plain"])
def test_under_the_real_toolkit(encoded: bool, tmp_path: Path) -> None:
    """SDK v2 writes strings as JSON; a launcher of another kind may write them plainly."""
    texts = wire(SENT, "toolkit" if encoded else "v3")
    base = _base(
        tmp_path / "ml",
        "code",
        texts | {"sagemaker_program": json.dumps("train.py"), "sagemaker_submit_directory": json.dumps(str(tmp_path / "ml" / "code"))},
    )
    _run(
        [str(python_of("main")), "-m", "sagemaker_training.cli.train"],
        {"SAGEMAKER_BASE_DIR": str(base), "SM_STUDIO_LOCAL_MODE": "true"},
    )
    assert json.loads((base / "code" / "train.py.json").read_text()) == ARRIVED


def test_under_the_real_v3_drivers(tmp_path: Path) -> None:
    bwrap = shutil.which("bwrap")
    assert bwrap, "bubblewrap is needed: the v3 drivers are fixed to /opt/ml"
    base = _base(tmp_path / "ml", "input/data/code", wire(SENT, "v3"))
    drivers = base / "input" / "data" / "sm_drivers"
    shutil.copytree(drivers_folder(), drivers)
    (drivers / "sourcecode.json").write_text(json.dumps({"entry_script": "train.py"}))
    # what sm_train.sh does
    python = str(python_of("main"))
    script = f"""set -e
{python} /opt/ml/input/data/sm_drivers/scripts/environment.py
source /opt/ml/input/sm_training.env
cd /opt/ml/input/data/code
{python} /opt/ml/input/data/sm_drivers/distributed_drivers/basic_script_driver.py"""
    mounts = [word for path in Path("/opt").iterdir() if path.name != "ml" for word in ("--dev-bind", str(path), str(path))]
    _run(
        [
            bwrap,
            "--dev-bind",
            "/",
            "/",
            "--tmpfs",
            "/opt",
            *mounts,
            "--bind",
            str(base),
            "/opt/ml",
            "--die-with-parent",
            "bash",
            "-c",
            script,
        ],
        {},
    )
    assert json.loads((base / "input" / "data" / "code" / "train.py.json").read_text()) == ARRIVED
