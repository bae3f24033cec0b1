"""Made-up data in the shape that a program expects, so that it can be verified with none at hand. The same bytes each time."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from migrate.verify.data.shapes import IMAGES, Shape, shape_of

_ROWS, _CLASSES, _OF_A_CLASS, _OF_A_BATCH, _SIZE = 96, 3, 8, 20, 64  # _SIZE in pixels
_WORDS = "the a driver looks at road and car stops while light turns red green then goes on again to town by river".split()


def make(target: Path, sources: Iterable[tuple[str, bytes]], default: str | None) -> tuple[str | None, str]:
    """Fill the folder ``target`` for a program; ``default`` is the channel's path on EC2.

    Returns what was made, and why nothing was or not all of it, in words.
    """
    shape = shape_of(sources, default)
    made: list[str] = []
    for folder in shape.classes:
        _classes(target / folder, shape.suffix)
        made.append(f"{_CLASSES} classes of images{f' in {folder}' if folder else ''}")
    for folder in shape.idx:
        _idx(target / folder)
        made.append(f"MNIST's idx files in {folder}")
    for folder in shape.cifar:
        _cifar(target / folder)
        made.append(f"CIFAR-10's pickles in {folder}")
    for path in shape.files if not made or shape.columns else ():
        for number in range(3) if "*" in path else (0,):
            _file(target / path.replace("*", str(number + 1)), shape)
        made.append(path)
    missing = "; ".join(shape.refused) or ("" if made else "the source does not tell what it expects")
    return "; ".join(made) or None, missing


def rows_for(header: Path, target: Path) -> bool:
    """Make a table below a header that stands alone in its file; False for any other file."""
    lines = header.read_text(encoding="utf-8", errors="replace").splitlines()
    if len(lines) != 1:
        return False
    separator = "\t" if header.suffix == ".tsv" else ","
    _write(target, _table([name.strip().strip('"') for name in lines[0].split(separator)], separator))
    return True


def _file(path: Path, shape: Shape) -> None:
    if path.suffix in (".csv", ".tsv"):
        separator = "\t" if path.suffix == ".tsv" else ","
        columns = shape.columns or [f"column{number}" for number in range(max(shape.width, 4))]
        text = _table(columns, separator, numbers=not shape.columns)
        _write(path, text if shape.header else text.partition(b"\n")[2])
    elif path.suffix.lower() in IMAGES:
        _write(path, _image(random.Random(path.name), path.suffix))
    else:
        dice = random.Random(path.name)
        _write(path, "".join(" ".join(dice.choices(_WORDS, k=dice.randint(4, 9))) + "\n" for _ in range(_ROWS)).encode())


def _table(columns: list[str], separator: str, numbers: bool = False) -> bytes:
    dice = random.Random(",".join(columns))
    lines = [separator.join(columns)]
    for number in range(_ROWS):
        cells = [_cell(name, number, dice, numbers) for name in columns]
        # of numbers alone, the last is most often what is learnt: 0 and 1 do for classes as for values
        lines.append(separator.join([*cells[:-1], str(number % 2)] if numbers else cells))
    return ("\n".join(lines) + "\n").encode()


def _cell(name: str, number: int, dice: random.Random, numbers: bool) -> str:
    words = set(name.lower().replace("-", "_").split("_"))
    if numbers:
        return f"{dice.uniform(-1, 1):.4f}"
    if words & {"label", "labels", "target", "class", "y", "is", "has"}:
        return str(number % 2)
    if words & {"id", "index", "idx", "fold", "kfold"}:
        return str(number % 5 if "fold" in name.lower() else number)
    if words & {"date", "time", "timestamp", "day"}:
        return f"2019-{number % 12 + 1:02}-{number % 28 + 1:02}"
    if words & {"text", "sentence", "comment", "title", "review", "name", "word", "words"}:
        return " ".join(dice.choices(_WORDS, k=6))
    return f"{dice.uniform(-1, 1):.4f}"


def _classes(folder: Path, suffix: str) -> None:
    for kind in range(_CLASSES):
        for number in range(_OF_A_CLASS):
            _write(folder / f"class{kind}" / f"{number:03}{suffix}", _image(random.Random(f"{kind} {number}"), suffix, kind))


def _image(dice: random.Random, suffix: str, kind: int = 0) -> bytes:
    """Noise, bright in one colour: a PPM, or else a PNG, which every reader knows by its content."""
    pixels = bytes(160 + dice.randrange(80) if colour == kind else dice.randrange(100) for _ in range(_SIZE * _SIZE) for colour in range(3))
    if suffix == ".ppm":
        return b"P6\n%d %d\n255\n" % (_SIZE, _SIZE) + pixels
    rows = b"".join(b"\0" + pixels[row * _SIZE * 3 : (row + 1) * _SIZE * 3] for row in range(_SIZE))
    header = struct.pack(">IIBBBBB", _SIZE, _SIZE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _idx(folder: Path) -> None:
    """The four files of MNIST (http://yann.lecun.com/exdb/mnist/), plain and packed."""
    for part, count in (("train", 256), ("t10k", 64)):
        dice = random.Random(part)
        labels = bytes(number % 10 for number in range(count))
        images = b"".join(bytes(min(255, 20 * label + dice.randrange(60)) for _ in range(784)) for label in labels)
        for name, content in (
            (f"{part}-images-idx3-ubyte", struct.pack(">IIII", 2051, count, 28, 28) + images),
            (f"{part}-labels-idx1-ubyte", struct.pack(">II", 2049, count) + labels),
        ):
            _write(folder / name, content)
            _write(folder / f"{name}.gz", gzip.compress(content, mtime=0))


def _cifar(folder: Path) -> None:
    """CIFAR-10's five batches, the test batch and the names, as its page tells them (https://www.cs.toronto.edu/~kriz/cifar.html).

    The keys are texts of Python 2, as in the real files: what they become depends on the encoding that the reader gives.
    """
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        dice = random.Random(name)
        data = bytes(dice.randrange(256) for _ in range(_OF_A_BATCH * 3072))
        labels = b"](" + bytes(byte for number in range(_OF_A_BATCH) for byte in (0x4B, number % 10)) + b"e"
        names = b"](" + b"".join(_old_text(f"{number}.png") for number in range(_OF_A_BATCH)) + b"e"
        values = {"batch_label": _old_text(name), "labels": labels, "data": _old_array(data, (_OF_A_BATCH, 3072)), "filenames": names}
        _write(folder / name, _old_dictionary(values))
    kinds = b"](" + b"".join(_old_text(f"class{number}") for number in range(10)) + b"e"
    _write(folder / "batches.meta", _old_dictionary({"label_names": kinds}))


def _old_dictionary(values: Mapping[str, bytes]) -> bytes:
    return b"\x80\x03}(" + b"".join(_old_text(name) + value for name, value in values.items()) + b"u."


def _old_text(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode()


def _old_array(data: bytes, shape: tuple[int, int]) -> bytes:
    """A NumPy array of bytes, pickled as NumPy does; so that nothing here needs NumPy."""
    dtype = b"cnumpy\ndtype\n(X\x02\0\0\0u1I0\nI1\ntR(I3\nX\x01\0\0\0|NNNI-1\nI-1\nI0\ntb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntC\x01btR"
    return empty + b"(I1\n(I%d\nI%d\nt" % shape + dtype + b"I00\nB" + struct.pack("<I", len(data)) + data + b"tb"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
