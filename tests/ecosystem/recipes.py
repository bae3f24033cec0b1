"""How public training scripts are run in seconds: made-up data, the EC2 command shortened, and the same as hyperparameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ecosystem import tiny


@dataclass(frozen=True)
class Recipe:
    """One script. ``folder`` is what a person would call the repository, and where the command is typed.

    ``data`` fills that folder; ``channel`` is the folder, from there, that the job's channels are filled from.
    ``extra``: torchvision is needed.
    """

    repo: str
    folder: str
    entry: str
    options: str
    data: Callable[[Path], None]
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    channel: str = ""
    python: str = "main"
    extra: bool = False
    verify: str = ""  # why ``verify`` cannot pass, where it cannot


def _nothing(folder: Path) -> None:
    """The script makes its data up itself."""


def _words(place: str) -> Callable[[Path], None]:
    return lambda folder: tiny.texts(folder / place)


def _digits(folder: Path) -> None:
    tiny.mnist(folder.parent / "data")


def _digits_below(folder: Path) -> None:
    tiny.mnist(folder / "data")


def _waves(folder: Path) -> None:
    import torch

    rows = torch.sin(torch.arange(40, dtype=torch.float64) / 4 + torch.arange(6, dtype=torch.float64).unsqueeze(1))
    torch.save(rows.numpy(), folder / "traindata.pt")


def _classes(folder: Path) -> None:
    for part in ("train", "val"):
        tiny.images(folder / "pictures" / part, ("cat", "dog"), 4)


def _scenes(folder: Path) -> None:
    tiny.images(folder / "dataset/BSDS300/images", ("train", "test"), 4, 260)


def _papers(folder: Path) -> None:
    tiny.graph(folder / "cora")


EXAMPLES = "pytorch/examples"
_FETCHED = "the script fetches its data"
_GRAPH = {"epochs": 4, "num-heads": 2, "hidden-dim": 4, "val-every": 1}
_GAN = {"dataset": "fake", "niter": 3, "batchSize": 250, "imageSize": 64, "ngf": 2, "ndf": 2, "nz": 4, "manualSeed": 1, "workers": 0}
_LM = {"epochs": 2, "emsize": 8, "nhid": 8, "batch_size": 4}
_GPT = {"device": "cpu", "compile": False, "eval_iters": 1, "eval_interval": 2, "max_iters": 4, "block_size": 16, "batch_size": 4}
_GPT |= {"n_layer": 1, "n_head": 2, "n_embd": 16, "dataset": "tiny", "gradient_accumulation_steps": 1, "dtype": "float32"}
_THREE = {"epochs": 3, "save-model": True}

RECIPES = (
    Recipe(
        EXAMPLES,
        "word_language_model",
        "main.py",
        "--epochs 2 --emsize 8 --nhid 8 --batch_size 4",
        _words("data/wikitext-2"),
        _LM,
        "data/wikitext-2",
    ),
    Recipe(
        EXAMPLES,
        "word_language_model",
        "main.py",
        "--model Transformer --epochs 3 --emsize 8 --nhid 8 --use-optimizer --lr 0.01",
        _words("data/wikitext-2"),
        {"model": "Transformer", "epochs": 3, "emsize": 8, "nhid": 8, "use-optimizer": True, "lr": 0.01},
        "data/wikitext-2",
    ),
    Recipe(EXAMPLES, "regression", "main.py", "", _nothing, verify="the script saves no model"),
    Recipe(EXAMPLES, "mnist", "main.py", "--epochs 3 --save-model --no-accel", _digits, _THREE, "../data", extra=True),
    Recipe(
        EXAMPLES,
        "vae",
        "main.py",
        "--epochs 3 --batch-size 64",
        _digits,
        {"epochs": 3, "batch-size": 64},
        "../data",
        extra=True,
    ),
    Recipe(
        EXAMPLES,
        "imagenet",
        "main.py",
        "-a resnet18 --epochs 3 -b 4 -j 0 --seed 1 --no-accel pictures",
        _classes,
        {"arch": "resnet18", "epochs": 3, "batch_size": 4, "workers": 0, "seed": 1, "no_accel": True},
        "pictures",
        extra=True,
    ),
    Recipe(
        EXAMPLES,
        "dcgan",
        "main.py",
        "--dataset fake --niter 3 --batchSize 250 --imageSize 64 --ngf 2 --ndf 2 --nz 4 --manualSeed 1 --workers 0",
        _nothing,
        _GAN,
        extra=True,
    ),
    Recipe(
        EXAMPLES,
        "super_resolution",
        "main.py",
        "--upscale_factor 3 --batchSize 2 --testBatchSize 2 --nEpochs 3 --threads 0",
        _scenes,
        {"upscale_factor": 3, "batchSize": 2, "testBatchSize": 2, "nEpochs": 3, "threads": 0},
        "dataset",
        extra=True,
        verify=_FETCHED,
    ),
    Recipe(EXAMPLES, "gat", "main.py", "--epochs 4 --num-heads 2 --hidden-dim 4 --val-every 1", _papers, _GRAPH, "cora", verify=_FETCHED),
    Recipe(
        EXAMPLES,
        "gcn",
        "main.py",
        "--epochs 6 --val-every 1",
        _papers,
        {"epochs": 6, "val-every": 1},
        "cora",
        verify=_FETCHED,
    ),
    Recipe(
        EXAMPLES,
        "mnist_forward_forward",
        "main.py",
        "--epochs 4 --train_size 64 --test_size 32 --no_accel",
        _digits_below,
        {"epochs": 4, "train_size": 64, "test_size": 32, "no_accel": True},
        "data",
        extra=True,
    ),
    Recipe(
        EXAMPLES,
        "time_sequence_prediction",
        "train.py",
        "--steps 3",
        _waves,
        {"steps": 3},
        ".",
        extra=True,
    ),
    Recipe(EXAMPLES, "mnist_rnn", "main.py", "--epochs 3 --save-model", _digits, _THREE, "../data", extra=True),
    Recipe(EXAMPLES, "siamese_network", "main.py", "--epochs 3 --save-model --no-accel", _digits, _THREE, "../data", extra=True),
    Recipe(
        "karpathy/nanoGPT",
        ".",
        "train.py",
        " ".join(f"--{key}={value}" for key, value in _GPT.items()),
        lambda folder: tiny.tokens(folder / "data/tiny"),
        _GPT,
        "data",
        verify="its settings are no argparse: exec of a file",
    ),
    Recipe(
        "salesforce/awd-lstm-lm",
        ".",
        "main.py",
        "--data data/penn --epochs 2 --emsize 8 --nhid 8 --nlayers 2 --batch_size 4 --wdrop 0 --cuda --save PTB.pt",
        _words("data/penn"),
        {"epochs": 2, "emsize": 8, "nhid": 8, "nlayers": 2, "batch_size": 4, "wdrop": 0.0, "cuda": True},
        "data/penn",
    ),
    Recipe(
        "chainer/chainer",
        "examples/sentiment",
        "train_sentiment.py",
        "--epoch 2 --epocheval 1 --unit 4",
        lambda folder: tiny.trees(folder / "trees"),
        {"epoch": 2, "epocheval": 1, "unit": 4},
        "trees",
        python="chainer",
    ),
)
