"""How public training scripts are run in seconds: made-up data, the EC2 command shortened, and the same as hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ecosystem import tiny


@dataclass(frozen=True)
class Recipe:
    """One script. ``folder`` is what a person would call the repository, and where the command is typed.

    ``data`` fills that folder; ``channel`` is the folder, from there, that the job's channels are filled from.
    ``extra``: packages of ``--extra`` are needed. ``environment`` is set wherever the script runs.
    ``edits``: text of files, and what stands there instead in both copies, where no option makes a run short. ``terminal``: the script
    asks how wide its terminal is, and is told. ``installed``: as a package, for editing, from the folder where the command is typed.
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
    drill: str = ""  # why it is not to be resumed, where it is not
    offline: str = ""  # why it cannot be run without the network, where it cannot
    environment: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[tuple[str, str, str], ...] = ()
    terminal: bool = False
    installed: bool = False
    variant: str = ""  # tells two recipes of one script apart

    @property
    def label(self) -> str:
        place = "" if self.folder == "." else f"{self.folder}/"
        return f"{self.repo} {place}{self.entry}{f' ({self.variant})' if self.variant else ''}"


def nothing(folder: Path) -> None:
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


def kept(fill: Callable[[Path], None]) -> Callable[[Path], None]:
    """Chainer downloads: what it keeps of that lies beside the script here, so that it needs no network."""
    return lambda folder: fill(folder / "kept")


def _papers(folder: Path) -> None:
    tiny.graph(folder / "cora")


def _archived(folder: Path) -> None:
    """What is downloaded at every start."""
    tiny.graph(folder / "kept/cora")
    tiny.packed(folder / "kept/cora", folder / "kept/cora.tgz")


EXAMPLES, CHAINER, CLEANRL = "pytorch/examples", "chainer/chainer", "vwxyzjn/cleanrl"
NO_MODEL = "the script saves no model"
_GRAPH = {"epochs": 4, "num-heads": 2, "hidden-dim": 4, "val-every": 1}
_GAN = {"dataset": "folder", "niter": 3, "batchSize": 4, "imageSize": 64, "ngf": 2, "ndf": 2, "nz": 4, "manualSeed": 1, "workers": 0}
_LM = {"epochs": 2, "emsize": 8, "nhid": 8, "batch_size": 4}
# No options, and settings that a file is executed for: a person who migrates it sets them in the script.
_GPT = {
    "eval_interval = 2000": "eval_interval = 2",
    "eval_iters = 200": "eval_iters = 1",
    "dataset = 'openwebtext'": "dataset = 'tiny'",
    "gradient_accumulation_steps = 5 * 8": "gradient_accumulation_steps = 1",
    "batch_size = 12": "batch_size = 4",
    "block_size = 1024": "block_size = 16",
    "n_layer = 12": "n_layer = 1",
    "n_head = 12": "n_head = 2",
    "n_embd = 768": "n_embd = 16",
    "dropout = 0.0": "dropout = 0.1",
    "max_iters = 600000 #": "max_iters = 8 #",
    "device = 'cuda' #": "device = 'cpu' #",
    "dtype = 'bfloat16' if": "dtype = 'float32' if True or",
    "compile = True": "compile = False",
}
_THREE = {"epochs": 3, "save-model": True}
KEPT = {"CHAINER_DATASET_ROOT": "kept"}
_STEPS = {"epoch": 3, "unit": 8}
_SIMULATED = "an environment of RL goes on from where it stood, which no checkpoint holds"

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
        variant="Transformer",
    ),
    Recipe(EXAMPLES, "regression", "main.py", "", nothing, verify=NO_MODEL),
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
        verify=NO_MODEL,
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
        "--dataset folder --dataroot pictures --niter 3 --batchSize 4 --imageSize 64 --ngf 2 --ndf 2 --nz 4 --manualSeed 1 --workers 0",
        _classes,
        _GAN,
        "pictures",
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
    ),
    Recipe(EXAMPLES, "gat", "main.py", "--epochs 4 --num-heads 2 --hidden-dim 4 --val-every 1", _papers, _GRAPH, "cora", verify=NO_MODEL),
    Recipe(
        EXAMPLES,
        "gcn",
        "main.py",
        "--epochs 6 --val-every 1",
        _archived,
        {"epochs": 6, "val-every": 1},
        "kept/cora",
        verify=NO_MODEL,
        environment={"RUNS_FETCHED": "kept"},
    ),
    Recipe(
        EXAMPLES,
        "mnist_forward_forward",
        "main.py",
        "--epochs 4 --train_size 64 --test_size 32 --no_accel --save-model",
        _digits_below,
        {"epochs": 4, "train_size": 64, "test_size": 32, "no_accel": True, "save-model": True},
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
        verify=NO_MODEL,
    ),
    Recipe(EXAMPLES, "mnist_rnn", "main.py", "--epochs 3 --save-model", _digits, _THREE, "../data", extra=True),
    Recipe(EXAMPLES, "siamese_network", "main.py", "--epochs 3 --save-model --no-accel", _digits, _THREE, "../data", extra=True),
    Recipe(
        "karpathy/nanoGPT",
        ".",
        "train.py",
        "",
        lambda folder: tiny.tokens(folder / "data/tiny"),
        channel="data",
        edits=tuple(("train.py", f"\n{old}", f"\n{new}") for old, new in _GPT.items()),
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
        "kuangliu/pytorch-cifar",
        ".",
        "main.py",
        "--lr 0.01",
        lambda folder: tiny.cifar(folder / "data"),
        {"lr": 0.01},
        "data",
        extra=True,
        edits=(("main.py", "start_epoch+200", "start_epoch+3"), ("main.py", "net = SimpleDLA()", "net = LeNet()")),
        terminal=True,
    ),
    Recipe(
        CLEANRL,
        ".",
        "cleanrl/ppo.py",
        "--total-timesteps 512 --num-steps 64 --num-envs 2 --no-cuda",
        nothing,
        {"total-timesteps": 512, "num-steps": 64, "num-envs": 2},
        extra=True,
        verify=NO_MODEL,
        drill=_SIMULATED,
    ),
    Recipe(
        CLEANRL,
        ".",
        "cleanrl/dqn.py",
        "--total-timesteps 300 --learning-starts 100 --buffer-size 200 --no-cuda",
        nothing,
        {"total-timesteps": 300, "learning-starts": 100, "buffer-size": 200},
        extra=True,
        installed=True,
        drill=_SIMULATED,
    ),
    Recipe(
        CHAINER,
        "examples/mnist",
        "train_mnist.py",
        "--epoch 3 --unit 8",
        kept(tiny.chainer_mnist),
        _STEPS,
        python="chainer",
        extra=True,
        environment=KEPT,
    ),
    Recipe(
        CHAINER,
        "examples/mnist",
        "train_mnist_custom_loop.py",
        "--epoch 3 --unit 8",
        kept(tiny.chainer_mnist),
        _STEPS,
        python="chainer",
        extra=True,
        environment=KEPT,
    ),
    Recipe(
        CHAINER,
        "examples/vae",
        "train_vae.py",
        "--epoch 3 --dim-h 8 --dim-z 2",
        kept(tiny.chainer_mnist),
        {"epoch": 3, "dim-h": 8, "dim-z": 2},
        python="chainer",
        extra=True,
        environment=KEPT,
    ),
    Recipe(
        CHAINER,
        "examples/dcgan",
        "train_dcgan.py",
        "--epoch 2 --batchsize 4 --n_hidden 4 --snapshot_interval 2 --display_interval 1",
        kept(tiny.chainer_cifar),
        {"epoch": 2, "batchsize": 4, "n_hidden": 4, "snapshot_interval": 2, "display_interval": 1},
        python="chainer",
        extra=True,
        environment=KEPT,
    ),
    Recipe(
        CHAINER,
        "examples/ptb",
        "train_ptb.py",
        "--test --epoch 3 --unit 8 --bproplen 4",
        kept(tiny.chainer_ptb),
        {"test": True, "epoch": 3, "unit": 8, "bproplen": 4},
        python="chainer",
        environment=KEPT,
    ),
    Recipe(
        CHAINER,
        "examples/ptb",
        "train_ptb_custom_loop.py",
        "--test --epoch 3 --unit 8 --bproplen 4",
        kept(tiny.chainer_ptb),
        {"test": True, "epoch": 3, "unit": 8, "bproplen": 4},
        python="chainer",
        environment=KEPT,
    ),
    Recipe(
        CHAINER,
        "examples/word2vec",
        "train_word2vec.py",
        "--test --epoch 3 --unit 8 --batchsize 20",
        kept(tiny.chainer_ptb),
        {"test": True, "epoch": 3, "unit": 8, "batchsize": 20},
        python="chainer",
        environment=KEPT,
    ),
    Recipe(
        CHAINER,
        "examples/sentiment",
        "train_sentiment.py",
        "--epoch 2 --epocheval 1 --unit 4",
        lambda folder: tiny.trees(folder / "trees"),
        {"epoch": 2, "epocheval": 1, "unit": 4},
        "trees",
        python="chainer",
    ),
)
