"""Tiny made-up data in the forms that public training scripts read. Every function fills a folder, the same bytes each time."""

from __future__ import annotations

import array
import pickle
import random
import struct
from pathlib import Path

WORDS = "the a driver looks at road and car stops while light turns red green then goes on again to town by river".split()


def texts(folder: Path, names: tuple[str, ...] = ("train.txt", "valid.txt", "test.txt"), lines: int = 120) -> None:
    """Lines of words, one file for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        dice = random.Random(number)
        rows = [" ".join(dice.choice(WORDS) for _ in range(dice.randint(4, 9))) for _ in range(lines)]
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")


def mnist(folder: Path, train: int = 256, test: int = 64) -> None:
    """The four idx files, unpacked, as torchvision keeps them below ``MNIST/raw``."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("t10k", test)):
        dice = random.Random(part)
        labels = bytes(dice.randrange(10) for _ in range(count))
        images = b"".join(bytes(min(255, 20 * label + dice.randrange(60)) for _ in range(784)) for label in labels)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, count, 28, 28) + images)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, count) + labels)


def tokens(folder: Path, vocabulary: int = 40, count: int = 4000) -> None:
    """``train.bin`` and ``val.bin`` of 16-bit tokens, with ``meta.pkl``."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(("train.bin", "val.bin")):
        dice = random.Random(number)
        (folder / name).write_bytes(array.array("H", [dice.randrange(vocabulary) for _ in range(count)]).tobytes())
    letters = [chr(65 + n) for n in range(vocabulary)]
    meta = {"vocab_size": vocabulary, "itos": dict(enumerate(letters)), "stoi": {letter: n for n, letter in enumerate(letters)}}
    (folder / "meta.pkl").write_bytes(pickle.dumps(meta))


def trees(folder: Path, count: int = 12) -> None:
    """Sentiment trees as bracketed text: ``(3 (2 the) (4 road))``."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(("train.txt", "dev.txt", "test.txt")):
        dice = random.Random(number)
        rows = [_tree(dice, dice.randint(2, 5)) for _ in range(count)]
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")


def _tree(dice: random.Random, leaves: int) -> str:
    label = dice.randrange(5)
    if leaves == 1:
        return f"({label} {dice.choice(WORDS)})"
    left = dice.randint(1, leaves - 1)
    return f"({label} {_tree(dice, left)} {_tree(dice, leaves - left)})"
