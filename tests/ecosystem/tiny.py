"""Tiny made-up data in the forms that public training scripts read. Every function fills a folder, the same bytes each time."""

from __future__ import annotations

import array
import pickle
import random
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Any

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


def images(folder: Path, names: tuple[str, ...], count: int = 4, size: int = 64) -> None:
    """Pictures as PNG files, ``count`` in each of the folders ``names``, each of a colour of its own with noise on it."""
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            dice = random.Random(f"{name} {number}")
            base = [dice.randrange(200) for _ in range(3)]
            rows = [b"\0" + bytes(part + dice.randrange(50) for _ in range(size) for part in base) for _ in range(size)]
            (folder / name / f"{number}.png").write_bytes(_png(size, b"".join(rows)))


def masks(folder: Path, count: int, size: int = 64) -> None:
    """Masks for such pictures: black, with a white square."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        low, high = number, size // 2 + number
        rows = [
            b"\0" + b"".join(b"\xff" * 3 if low <= x < high and low <= y < high else b"\0" * 3 for x in range(size)) for y in range(size)
        ]
        (folder / f"{number}.png").write_bytes(_png(size, b"".join(rows)))


def packed(folder: Path, archive: Path) -> None:
    """The folder as a tar.gz."""
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)


def _png(size: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def graph(folder: Path, nodes: int = 1700, words: int = 6) -> None:
    """Papers with words and a class, and who cites whom: ``cora.content`` and ``cora.cites``."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(0)
    rows = []
    for node in range(nodes):
        kind = dice.randrange(3)
        rows.append(
            " ".join([str(node), *(str(int(dice.random() < (0.8 if word % 3 == kind else 0.2))) for word in range(words)), f"c{kind}"])
        )
    (folder / "cora.content").write_text("\n".join(rows) + "\n", encoding="utf-8")
    pairs = sorted({(dice.randrange(nodes), dice.randrange(nodes)) for _ in range(2 * nodes)})
    (folder / "cora.cites").write_text("".join(f"{one} {two}\n" for one, two in pairs), encoding="utf-8")


def _tree(dice: random.Random, leaves: int) -> str:
    label = dice.randrange(5)
    if leaves == 1:
        return f"({label} {dice.choice(WORDS)})"
    left = dice.randint(1, leaves - 1)
    return f"({label} {_tree(dice, left)} {_tree(dice, leaves - left)})"


def cifar(folder: Path, train: int = 100, test: int = 40) -> None:
    """CIFAR-10's pickles as torchvision unpacks them. Their checksums are unlike: the reader is told not to look (``site``)."""
    place = folder / "cifar-10-batches-py"
    place.mkdir(parents=True, exist_ok=True)
    for name, count in (*((f"data_batch_{n}", train // 5) for n in range(1, 6)), ("test_batch", test)):
        pixels, labels = _pixels(name, count, 3072)
        rows = _array(pixels, (count, 3072))
        (place / name).write_bytes(pickle.dumps({"data": rows, "labels": labels, "batch_label": name, "filenames": []}, protocol=4))
    (place / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class{n}" for n in range(10)]}, protocol=4))


def cifar100(folder: Path, train: int = 100, test: int = 40) -> None:
    """CIFAR-100's pickles as torchvision unpacks them."""
    place = folder / "cifar-100-python"
    place.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", train), ("test", test)):
        pixels, labels = _pixels(name, count, 3072)
        (place / name).write_bytes(pickle.dumps({"data": _array(pixels, (count, 3072)), "fine_labels": labels}, protocol=4))
    (place / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"class{n}" for n in range(100)]}, protocol=4))


def chainer_mnist(root: Path, train: int = 256, test: int = 64) -> None:
    """What Chainer keeps of MNIST below its dataset root, once downloaded."""
    import numpy

    place = root / "pfnet/chainer/mnist"
    place.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", train), ("test", test)):
        pixels, labels = _pixels(name, count, 784)
        numpy.savez_compressed(place / f"{name}.npz", x=_array(pixels, (count, 784)), y=numpy.array(labels, dtype=numpy.uint8))


def chainer_cifar(root: Path, train: int = 8, test: int = 8) -> None:
    """What Chainer keeps of CIFAR-10."""
    import numpy

    place = root / "pfnet/chainer/cifar"
    place.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Any] = {}
    for name, count in (("train", train), ("test", test)):
        pixels, labels = _pixels(name, count, 3072)
        parts |= {f"{name}_x": _array(pixels, (count, 3072)), f"{name}_y": numpy.array(labels, dtype=numpy.uint8)}
    numpy.savez_compressed(place / "cifar-10.npz", **parts)


def chainer_ptb(root: Path, count: int = 600) -> None:
    """What Chainer keeps of the Penn Tree Bank: numbers of words, and the words."""
    import numpy

    place = root / "pfnet/chainer/ptb"
    place.mkdir(parents=True, exist_ok=True)
    words = [*sorted(set(WORDS)), "<eos>"]
    for name in ("train", "valid", "test"):
        dice = random.Random(name)
        numbers = [dice.randrange(len(words)) for _ in range(count - len(words))]
        numpy.savez_compressed(place / f"{name}.npz", x=numpy.array([*range(len(words)), *numbers], dtype=numpy.int32))
    (place / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")


def _pixels(seed: str, count: int, size: int) -> tuple[bytes, list[int]]:
    dice = random.Random(seed)
    labels = [dice.randrange(10) for _ in range(count)]
    return b"".join(bytes(min(255, 20 * label + dice.randrange(60)) for _ in range(size)) for label in labels), labels


def _array(pixels: bytes, shape: tuple[int, int]) -> Any:
    import numpy

    return numpy.frombuffer(pixels, dtype=numpy.uint8).reshape(shape)
