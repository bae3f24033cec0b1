"""Flags of absl and of TensorFlow, under both real serialisers, with the real libraries."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from migrate.runtime import support_source
from tests.environments import python_of
from tests.runtime.containers import STYLES, deliver

DEFINED = """
flags.DEFINE_string("name", "base", "")
flags.DEFINE_string("text", None, "")
flags.DEFINE_integer("steps", 10, "")
flags.DEFINE_integer("seed", None, "")
flags.DEFINE_float("learning_rate", 0.1, "")
flags.DEFINE_boolean("shuffle", True, "")
flags.DEFINE_bool("amp", False, "")
flags.DEFINE_enum("optimizer", "adam", ["adam", "sgd"], "")
flags.DEFINE_list("layers", ["1"], "")
NAMES = "name text steps seed learning_rate shuffle amp optimizer layers".split()
"""
ABSL = f"""
import json, sys
from absl import app, flags
from sagemaker_support import sagemaker_flags
FLAGS = flags.FLAGS
{DEFINED}
flags.DEFINE_multi_string("include", [], "")
flags.DEFINE_multi_integer("sizes", [3], "")
flags.DEFINE_spaceseplist("words", [], "")

def main(rest):
    print(json.dumps(dict({{name: getattr(FLAGS, name) for name in NAMES + ["include", "sizes", "words"]}}, rest=rest[1:])))

if __name__ == "__main__":
    sys.argv[1:] = sagemaker_flags(FLAGS)
    app.run(main)
"""
TENSORFLOW = f"""
import json, sys
import tensorflow.compat.v1 as tf
from sagemaker_support import sagemaker_flags
flags = tf.app.flags
FLAGS = flags.FLAGS
{DEFINED}
sys.argv[1:] = sagemaker_flags(FLAGS)
print(json.dumps({{name: getattr(FLAGS, name) for name in NAMES}}))
"""
GIVEN: dict[str, Any] = {
    "name": "a b",
    "text": None,
    "steps": 20,
    "seed": None,
    "learning-rate": 1e-5,
    "shuffle": False,
    "amp": True,
    "optimizer": "sgd",
    "layers": [64, 32],
}
HELD = {"name": "a b", "text": None, "steps": 20, "seed": None, "learning_rate": 1e-5, "shuffle": False, "amp": True, "optimizer": "sgd"}


def run(folder: Path, source: str, arguments: list[str], environ: dict[str, str]) -> Any:
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(source)
    (folder / "sagemaker_support.py").write_bytes(support_source(["sagemaker_flags"]))
    environ = {"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", **environ}
    command = [str(python_of("tf")), "train.py", *arguments]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def arrived(folder: Path, source: str, hyperparameters: dict[str, Any], style: str) -> Any:
    delivery = deliver(hyperparameters, style)
    folder.mkdir(exist_ok=True)
    (folder / "hyperparameters.json").write_text(delivery.file)
    return run(folder, source, list(delivery.argv), {**delivery.environ, "SM_INPUT_CONFIG_DIR": str(folder)})


@pytest.mark.parametrize("style", STYLES)
def test_flags_of_absl_arrive(style: str, tmp_path: Path) -> None:
    given = {**GIVEN, "include": ["x", "y,z"], "sizes": [1, 2], "words": ["q", "r"], "model_dir": "s3://put/in/by/the/platform"}
    seen = arrived(tmp_path, ABSL, given, style)
    assert seen == {**HELD, "layers": ["64", "32"], "include": ["x", "y,z"], "sizes": [1, 2], "words": ["q", "r"], "rest": []}


@pytest.mark.parametrize("style", STYLES)
def test_flags_of_tensorflow_arrive_where_nothing_runs_them(style: str, tmp_path: Path) -> None:
    assert arrived(tmp_path, TENSORFLOW, GIVEN, style) == {**HELD, "layers": ["64", "32"]}


def test_on_ec2_the_command_line_is_what_it_was(tmp_path: Path) -> None:
    seen = run(tmp_path, ABSL, ["--noshuffle", "--steps", "7", "rest", "--include=a", "--include=b"], {})
    assert (seen["shuffle"], seen["steps"], seen["include"], seen["rest"]) == (False, 7, ["a", "b"], ["rest"])


class _Old:
    """TensorFlow before 1.5: nothing lists the flags."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def test_flags_that_nothing_lists_are_all_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    from migrate.runtime.read_flags import sagemaker_flags

    for name, value in deliver({"steps": 5, "shuffle": False, "hparams": {"a": 1, "b": "x"}}, "v3").environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["train.py", *deliver({"steps": 5, "shuffle": False, "hparams": {"a": 1, "b": "x"}}, "v3").argv])
    assert sagemaker_flags(_Old()) == ["--steps=5", "--shuffle=false", "--hparams=a=1,b=x"]
