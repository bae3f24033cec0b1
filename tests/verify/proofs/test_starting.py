"""What a command says: where it is typed, what Python gets, where the data are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migrate.job.model import Channel
from migrate.repo.commands import command_of
from migrate.verify.proofs.starting import Starting
from tests.verify.repos import SETTINGS, entry_point, hyperparameter

HOME = Path("/home/me")
DATA = replace(hyperparameter("data", "str", "./data", is_path=True), options=("-d", "--data"))
POSITIONAL = replace(DATA, option=None, options=())


def starting(text: str, path: str = "train.py", data: object = DATA, quick: bool = False) -> Starting:
    flag, layers = hyperparameter("flag", "bool", False), hyperparameter("layers", "list", [1], nargs="+")
    settings = (*(item for item in SETTINGS if item.name != "data"), data, flag, layers)
    command = command_of(path, text)
    assert command is not None
    return Starting(entry_point(settings, path), command, quick)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "path", "folder", "argv"),
    [
        ("python train.py --lr 1", "train.py", "", ("train.py", "--lr", "1")),
        ("python tools/train.py", "tools/train.py", "", ("tools/train.py",)),
        ("cd tools && python3 ./train.py -d ~/set", "tools/train.py", "tools", ("train.py", "-d", "/home/me/set")),
        ("python -m pkg.train --x=~/a", "pkg/train.py", "", ("-m", "pkg.train", "--x=~/a")),
        ("cd src; nohup python -m pkg.train > log 2>&1 &", "src/pkg/train.py", "src", ("-m", "pkg.train")),
        ("python -m pkg", "pkg/__main__.py", "", ("-m", "pkg")),
    ],
)
def test_the_words_and_the_folder(text: str, path: str, folder: str, argv: tuple[str, ...]) -> None:
    found = starting(text, path)
    assert (found.folder, found.argv(HOME)) == (folder, argv)


@pytest.mark.parametrize(
    ("arguments", "data", "place"),
    [
        ("", DATA, "./data"),
        ("-d set", DATA, "set"),
        ("--data=~/set --lr 1", DATA, "~/set"),
        ("--data ~/set", DATA, "/home/me/set"),
        ("--lr 1 set --flag", POSITIONAL, "set"),
        ("--flag set", POSITIONAL, "set"),
        ("set more", POSITIONAL, "./data"),  # which of them is not known
        ("--layers 1 2 set", POSITIONAL, "./data"),
    ],
)
def test_where_the_data_are(arguments: str, data: object, place: str) -> None:
    channel = Channel("training", "./data", "train.py", 1, option="--data", dest="data")
    told = starting(f"python train.py {arguments}", data=data).data(channel, HOME)
    assert told == (f"{HOME}/set" if place == "~/set" else place)


def test_it_is_brief_where_asked() -> None:
    assert starting("python train.py --epochs 90", quick=True).argv(HOME) == ("train.py", "--epochs", "90", "--epochs", "1")
