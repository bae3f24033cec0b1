"""More public training scripts that run in seconds: repositories that the tool was not made on. See ``recipes.py``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ecosystem import tiny
from tests.ecosystem.recipes import KEPT, NO_MODEL, Recipe, kept, nothing

TUTORIALS = "yunjey/pytorch-tutorial"
_TESTS = "weiaicunzai/pytorch-cifar100"


def _tutorial(place: str, *edits: tuple[str, str], data: Callable[[Path], None], **more: Any) -> Recipe:
    """A script without options, whose settings are constants."""
    texts = tuple(("main.py", old, new) for old, new in edits)
    return Recipe(TUTORIALS, f"tutorials/{place}", "main.py", "", data, extra=True, edits=texts, **more)


def _digits(folder: Path) -> None:
    tiny.mnist(folder.parent.parent / "data", 400, 100)


def _epochs(old: int, new: int = 3) -> tuple[str, str]:
    return f"num_epochs = {old}\n", f"num_epochs = {new}\n"


def _faces(folder: Path) -> None:
    tiny.images(folder / "data/RaFD/train", ("angry", "happy"), 4)


def _masked(folder: Path) -> None:
    tiny.images(folder / "data", ("imgs",), 10)
    tiny.masks(folder / "data/masks", 10)


def _pictures(folder: Path) -> None:
    for part in ("train", "val"):
        tiny.images(folder / "pictures" / part, ("cat", "dog"), 4, 32)


def _papers(folder: Path) -> None:
    tiny.graph(folder.parent / "data/cora")


_STARS = {
    "dataset": "RaFD",
    "c_dim": 2,
    "rafd_crop_size": 64,
    "image_size": 32,
    "g_conv_dim": 4,
    "d_conv_dim": 4,
    "g_repeat_num": 1,
    "d_repeat_num": 3,
    "batch_size": 2,
    "num_iters": 8,
    "num_iters_decay": 4,
    "num_workers": 0,
    "n_critic": 2,
    "log_step": 1,
    "sample_step": 4,
    "model_save_step": 4,
    "lr_update_step": 4,
    "use_tensorboard": False,
}
_TIMM = {"model": "test_resnet", "epochs": 2, "device": "cpu", "workers": 0, "num-classes": 2, "batch-size": 4, "experiment": "one"}
_WALK = {"env": "Pendulum-v1", "start_timesteps": 40, "max_timesteps": 120, "eval_freq": 60, "batch_size": 8, "save_model": True}
_GANS = {"gpu": -1, "algorithm": "stdgan", "batchsize": 2, "max_iter": 4, "n_dis": 1, "snapshot_interval": 2, "display_interval": 1}


def options(settings: dict[str, Any]) -> str:
    """The settings as a person types them: a flag without a value where it is True."""
    return " ".join(f"--{name}" if value is True else f"--{name} {value}" for name, value in settings.items())


FRESH = (
    _tutorial("01-basics/linear_regression", data=nothing),
    _tutorial("01-basics/logistic_regression", data=_digits, channel="../../data"),
    _tutorial("01-basics/feedforward_neural_network", _epochs(5), data=_digits, channel="../../data"),
    _tutorial("02-intermediate/convolutional_neural_network", _epochs(5), data=_digits, channel="../../data"),
    _tutorial("02-intermediate/recurrent_neural_network", _epochs(2), data=_digits, channel="../../data"),
    _tutorial("02-intermediate/bidirectional_recurrent_neural_network", _epochs(2), data=_digits, channel="../../data"),
    _tutorial(
        "02-intermediate/language_model",
        _epochs(5),
        ("embed_size = 128", "embed_size = 8"),
        ("hidden_size = 1024", "hidden_size = 16"),
        data=lambda folder: tiny.texts(folder / "data", ("train.txt",), 240),
        channel="data",
    ),
    _tutorial(
        "02-intermediate/deep_residual_network",
        _epochs(80),
        data=lambda folder: tiny.cifar(folder.parent.parent / "data"),
        channel="../../data",
    ),
    _tutorial("03-advanced/generative_adversarial_network", _epochs(200), data=_digits, channel="../../data"),
    _tutorial("03-advanced/variational_autoencoder", _epochs(15), data=_digits, channel="../../data"),
    Recipe("tkipf/pygcn", ".", "pygcn/train.py", "--epochs 6", _papers, {"epochs": 6}, "../data/cora", verify=NO_MODEL, installed=True),
    Recipe(
        _TESTS,
        ".",
        "train.py",
        "-net squeezenet -b 20",
        lambda folder: tiny.cifar100(folder / "data"),
        {"net": "squeezenet", "b": 20, "gpu": False},
        "data",
        extra=True,
        edits=(
            ("conf/global_settings.py", "\nEPOCH = 200", "\nEPOCH = 3"),
            ("conf/global_settings.py", "SAVE_EPOCH = 10", "SAVE_EPOCH = 1"),
        ),
    ),
    Recipe(
        "meliketoy/wide-resnet.pytorch",
        ".",
        "main.py",
        "--lr 0.01 --net_type lenet",
        lambda folder: tiny.cifar(folder / "data"),
        {"lr": 0.01, "net_type": "lenet", "dataset": "cifar10"},
        "data",
        extra=True,
        edits=(("config.py", "num_epochs = 200", "num_epochs = 3"),),
    ),
    Recipe("yunjey/stargan", ".", "main.py", options(_STARS), _faces, _STARS, "data/RaFD/train", extra=True),
    Recipe(
        "sthalles/SimCLR",
        ".",
        "run.py",
        "-data datasets -dataset-name cifar10 --epochs 2 -b 20 -j 0 --disable-cuda --log-every-n-steps 1 --seed 1",
        lambda folder: tiny.cifar(folder / "datasets", 40),
        {
            "dataset-name": "cifar10",
            "epochs": 2,
            "batch-size": 20,
            "workers": 0,
            "disable-cuda": True,
            "log-every-n-steps": 1,
            "seed": 1,
        },
        "datasets",
        extra=True,
    ),
    Recipe(
        "milesial/Pytorch-UNet",
        ".",
        "train.py",
        "--epochs 2 --batch-size 3",
        _masked,
        {"epochs": 2, "batch-size": 3, "amp": False},
        "data",
        extra=True,
        drill="it trains again where an exception has ended it",
        environment={"WANDB_MODE": "disabled"},
    ),
    Recipe(
        "huggingface/pytorch-image-models",
        ".",
        "train.py",
        f"--data-dir pictures --input-size 3 32 32 {options(_TIMM)}",
        _pictures,
        {**_TIMM, "input-size": [3, 32, 32]},
        "pictures",
        python="hf",
        extra=True,
        edits=(("timm/data/loader.py", "persistent_workers: bool = True,", "persistent_workers: bool = False,"),),  # needs workers
    ),
    Recipe(
        "sfujim/TD3", ".", "main.py", options(_WALK), nothing, _WALK, extra=True, drill="an environment of RL goes on from where it stood"
    ),
    Recipe(
        "pfnet-research/chainer-gan-lib",
        ".",
        "train.py",
        options(_GANS),
        kept(tiny.chainer_cifar),
        _GANS,
        python="chainer",
        extra=True,
        offline="a package that it imports is a repository of its own, which is not here",
        environment=KEPT,
    ),
    Recipe("ghmagazine/kagglebook", "ch04", "ch04-03-run_lgb.py", "", nothing, {}, "../input/sample-data", "boost", True, NO_MODEL),
    Recipe("ghmagazine/kagglebook", "ch04", "ch04-05-run_linear.py", "", nothing, {}, "../input/sample-data", "boost", True, NO_MODEL),
)
