"""Command lines as public training repositories have them: whole parsers, set from a launcher, against the EC2 line that means the same."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.runtime.sagemaker_support import sagemaker_argv
from tests.runtime.containers import STYLES, deliver, inside
from tests.runtime.shapes import str2bool

Read = Callable[[], dict[str, Any]]


def _image_classifier() -> dict[str, Any]:
    """A positional data folder, single-dash long aliases, flags, a nargs list with a default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", metavar="DIR", nargs="?", default="images", help="path to dataset")
    parser.add_argument("-a", "--arch", metavar="ARCH", default="net18", choices=["net18", "net50"])
    parser.add_argument("-j", "--workers", default=4, type=int)
    parser.add_argument("--lr", "--learning-rate", default=0.1, type=float, dest="lr")
    parser.add_argument("--wd", "--weight-decay", default=1e-4, type=float, dest="weight_decay")
    parser.add_argument("--schedule", default=[60, 80], nargs="*", type=int)
    parser.add_argument("-e", "--evaluate", dest="evaluate", action="store_true")
    parser.add_argument("--pretrained", dest="pretrained", action="store_true")
    parser.add_argument("--gpu", default=None, type=int)
    parser.add_argument("--cos", action="store_true")
    return vars(parser.parse_args(sagemaker_argv(parser)))


def _options_class() -> dict[str, Any]:
    """A base parser asked first; the model that it names adds options and asks again, then all is parsed."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--dataroot", required=True)
    parser.add_argument("--model", type=str, default="plain")
    parser.add_argument("--gpu_ids", type=str, default="0", help="0,1,2; -1 for the CPU")
    parser.add_argument("--no_dropout", action="store_true")
    opt, _ = parser.parse_known_args(sagemaker_argv(parser))
    if opt.model == "cycle":
        parser.set_defaults(no_dropout=True)
        parser.add_argument("--lambda_A", type=float, default=10.0)
        parser.add_argument("--pool", dest="pool_size", type=int, default=50)
    opt, _ = parser.parse_known_args(sagemaker_argv(parser))
    parser.add_argument("--b", type=int, default=1)
    return vars(parser.parse_args(sagemaker_argv(parser)))


def _made_in_a_loop() -> dict[str, Any]:
    """Options made from a dict of defaults, booleans through a converter, None as text."""
    parser = argparse.ArgumentParser()
    for name, default in {"steps": 100, "rate": 1e-4, "use_scale": False, "learn_sigma": True, "resume": "", "cond": None}.items():
        kind: Any = str if default is None else str2bool if isinstance(default, bool) else type(default)
        parser.add_argument(f"--{name}", default=default, type=kind)
    return vars(parser.parse_args(sagemaker_argv(parser)))


def _devices() -> dict[str, Any]:
    """A device as text or number with a bare form, an old spelling of it in a group, aliases of one letter in both cases."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", "-d", type=str, default="-1")
    parser.add_argument("--batchsize", "-b", type=int, default=100)
    parser.add_argument("--no-plot", dest="plot", action="store_false")
    parser.add_argument("--out", "-o", default="result")
    group = parser.add_argument_group("deprecated arguments")
    group.add_argument("--gpu", "-g", dest="device", type=int, nargs="?", const=0)
    parser.add_argument("--adam", action="store_const", const="adam", dest="rule", default="sgd")
    return vars(parser.parse_args(sagemaker_argv(parser)))


def _datasets_as_subcommands() -> dict[str, Any]:
    """One subcommand for each kind of data set, with its own positional arguments; the general options are main's."""
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(dest="dataset_type")
    subparsers.required = True
    boxes = subparsers.add_parser("boxes")
    boxes.add_argument("boxes_path")
    table = subparsers.add_parser("table")
    table.add_argument("annotations")
    table.add_argument("classes")
    table.add_argument("--labels-filter", type=lambda text: text.split(","), default=None)
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument("--snapshot")
    one_of.add_argument("--imagenet-weights", action="store_const", const=True, default=True)
    one_of.add_argument("--no-weights", dest="imagenet_weights", action="store_const", const=False)
    parser.add_argument("--image-min-side", type=int, default=800)
    parser.add_argument("--no-snapshots", dest="snapshots", action="store_false")
    return vars(parser.parse_args(sagemaker_argv(parser)))


def _overrides() -> dict[str, Any]:
    """A configuration file and what follows it, to the end of the line, as overrides in pairs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-file", default="", metavar="FILE")
    parser.add_argument("--num-gpus", type=int, default=1)
    parser.add_argument("--eval-only", action="store_true")
    parser.add_argument("opts", default=None, nargs=argparse.REMAINDER)
    return vars(parser.parse_args(sagemaker_argv(parser)))


def _script_and_its_own() -> dict[str, Any]:
    """parse_known_args; what is left over is another's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--local_rank", type=int, default=0)
    parser.add_argument("--tied", action="store_false")
    parser.add_argument("--nonmono", type=int, default=5)
    args, rest = parser.parse_known_args(sagemaker_argv(parser))
    return {**vars(args), "rest": len(rest)}


CASES: list[tuple[Read, list[dict[str, Any]], list[str]]] = [
    (
        _image_classifier,
        [{"data": "/d", "evaluate": True, "lr": 0.5, "schedule": [1, 2]}, {"e": 1, "learning_rate": 0.5, "schedule": [1, 2], "data": "/d"}],
        ["--lr", "0.5", "-e", "/d", "--schedule", "1", "2"],
    ),
    (
        _image_classifier,
        [{"schedule": [], "wd": 1e-05, "cos": False, "gpu": None, "j": 0, "arch": "net50"}],
        ["--schedule", "--wd", "1e-05", "-j", "0", "-a", "net50"],
    ),
    (_image_classifier, [{"schedule": [60, 80], "weight_decay": 1e-4, "data": "images", "workers": 4}], []),
    (
        _options_class,
        [
            {"model": "cycle", "dataroot": "d e", "lambda_A": 5, "pool_size": 0, "b": 2, "gpu_ids": "-1"},
            {"b": 2, "pool": 0, "lambda-A": 5.0, "gpu-ids": -1, "dataroot": "d e", "model": "cycle", "no_dropout": True},
        ],
        ["--dataroot", "d e", "--model", "cycle", "--lambda_A", "5", "--pool", "0", "--b", "2", "--gpu_ids=-1"],
    ),
    (_options_class, [{"dataroot": "d", "gpu_ids": "0,1"}], ["--dataroot", "d", "--gpu_ids", "0,1"]),
    (
        _made_in_a_loop,
        [{"steps": 5, "rate": 0.1, "use_scale": True, "learn_sigma": False, "resume": "x", "cond": "1.10"}],
        ["--steps", "5", "--rate", "0.1", "--use_scale", "True", "--learn_sigma", "False", "--resume", "x", "--cond", "1.10"],
    ),
    (_made_in_a_loop, [{"resume": "", "cond": None, "use_scale": False, "learn_sigma": True}], ["--resume", ""]),
    (_devices, [{"device": "-1", "batchsize": 5, "plot": False}, {"no_plot": True, "b": 5}], ["-b", "5", "--no-plot"]),
    (_devices, [{"gpu": True, "rule": "adam"}, {"g": 0, "adam": True}], ["-g", "--adam"]),
    (_devices, [{"gpu": 3, "o": "r s", "rule": "sgd", "plot": True}], ["-g", "3", "-o", "r s"]),
    (
        _datasets_as_subcommands,
        [
            {
                "dataset_type": "table",
                "annotations": "a.csv",
                "classes": "c d.csv",
                "labels_filter": ["x", "y"],
                "snapshots": False,
                "image_min_side": 5,
                "no_weights": True,
            }
        ],
        ["--no-snapshots", "--image-min-side", "5", "--no-weights", "table", "--labels-filter", "x,y", "a.csv", "c d.csv"],
    ),
    (
        _datasets_as_subcommands,
        [{"command": "boxes", "boxes-path": "-b", "imagenet_weights": False}],
        ["--no-weights", "boxes", "--", "-b"],
    ),
    (
        _overrides,
        [{"opts": ["A.B", "0.1", "C", "x y"], "eval_only": True, "config_file": "c.yaml"}],
        ["--config-file", "c.yaml", "--eval-only", "A.B", "0.1", "C", "x y"],
    ),
    (_overrides, [{"num-gpus": 2}], ["--num-gpus", "2"]),
    (_script_and_its_own, [{"tied": True, "other": 5, "nonmono": 8}], ["--tied", "--nonmono", "8", "--other", "5"]),
    (_script_and_its_own, [{"tied": False}, {}], []),
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("read", "settings", "ec2"), CASES)
def test_shape(
    read: Read, settings: list[dict[str, Any]], ec2: list[str], style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *ec2])
    on_ec2 = read()
    for hyperparameters in settings:
        with inside(deliver(hyperparameters, style), tmp_path):
            assert read() == on_ec2
