"""Data made up in the shape that the source of a program tells, read back by those who would read the real ones."""

from __future__ import annotations

import csv
import pickle
import struct
import textwrap
import zlib
from pathlib import Path

import pytest

from migrate.verify.data.synthetic import make, rows_for
from tests.verify.repos import BOTH, GOOD, Repo, check, contract_run, verdicts


def made(tmp_path: Path, source: str, default: str | None = "./data") -> list[str]:
    """What lies in the channel after making data for one module."""
    make(tmp_path, [("train.py", textwrap.dedent(source).encode())], default)
    return sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "source",
    [
        "ImageFolder(os.path.join(args.data, 'train')); ImageFolder(os.path.join(args.data, 'val'))",
        "a = os.path.join(args.data, 'train')\nb = f'{args.data}/val'\nImageFolder(a)\ndatasets.ImageFolder(root=b)",
        "ImageFolder('data/train')\nImageFolder('./data/val/')",
        "root = Path(args.data)\nImageFolder(root / 'train')\nImageFolder(str(root) + '/val')",
        "g.flow_from_directory(os.environ.get('SM_CHANNEL_TRAINING', './data') + '/train')\ng.flow_from_directory(directory='data/val')",
    ],
)
def test_folders_of_classes(tmp_path: Path, source: str) -> None:
    folders = {Path(name).parent.as_posix() for name in made(tmp_path, source)}
    assert folders == {f"{split}/class{kind}" for split in ("train", "val") for kind in range(3)}


def test_mnist(tmp_path: Path) -> None:
    names = made(tmp_path, "datasets.MNIST(args.data, train=True, download=True)\ndatasets.MNIST(args.data, train=False)")
    assert len(names) == 8 and "MNIST/raw/t10k-labels-idx1-ubyte.gz" in names


def test_mnist_by_its_file_names(tmp_path: Path) -> None:
    assert "train-images-idx3-ubyte" in made(tmp_path, "read(os.path.join(args.data, 'train-images-idx3-ubyte.gz'))")


def test_cifar_is_read_as_the_real_one(tmp_path: Path) -> None:
    names = made(tmp_path, "load(os.path.join(args.data, 'cifar-10-batches-py', 'data_batch_1'))")
    assert "cifar-10-batches-py/data_batch_5" in names
    with (tmp_path / "cifar-10-batches-py" / "data_batch_1").open("rb") as file:
        batch = pickle.load(file, encoding="bytes")
    assert batch[b"data"].shape == (20, 3072) and batch[b"data"].dtype == "uint8" and batch[b"labels"][:3] == [0, 1, 2]
    with (tmp_path / "cifar-10-batches-py" / "test_batch").open("rb") as file:
        assert set(pickle.load(file, encoding="latin1")) == {"batch_label", "labels", "data", "filenames"}


def test_torchvisions_cifar_cannot_be_made_up(tmp_path: Path) -> None:
    told = make(tmp_path, [("train.py", b"CIFAR10(root=args.data, train=True)")], None)
    assert told == (None, "CIFAR10: torchvision takes the real data alone")


def test_a_table_by_the_columns_that_are_used(tmp_path: Path) -> None:
    source = """
    table = pd.read_csv(os.path.join(args.data, "drives.csv"))
    x, y = table[["speed", "angle"]], table["label"]
    """
    assert made(tmp_path, source) == ["drives.csv"]
    rows = list(csv.DictReader((tmp_path / "drives.csv").read_text().splitlines()))
    assert set(rows[0]) == {"speed", "angle", "label"} and {row["label"] for row in rows} == {"0", "1"}


def test_a_table_without_names(tmp_path: Path) -> None:
    source = """
    for path in glob.glob(os.path.join(folder, 'part*.csv')):
        rows = np.loadtxt(path, delimiter=',')
    x, y = rows[:, :4], rows[:, 4]
    """
    assert made(tmp_path, source) == ["part1.csv", "part2.csv", "part3.csv"]
    assert {len([float(cell) for cell in row]) for row in csv.reader((tmp_path / "part1.csv").read_text().splitlines())} == {5}


def test_keys_of_dictionaries_are_no_columns(tmp_path: Path) -> None:
    source = "table = np.loadtxt(os.path.join(args.data, 'roads.csv'), delimiter=',', skiprows=1)\nstate['model'] = table[:, 3]"
    made(tmp_path, source)
    assert (tmp_path / "roads.csv").read_text().splitlines()[0] == "column0,column1,column2,column3"


def test_texts(tmp_path: Path) -> None:
    assert made(tmp_path, "words(os.path.join(args.data, 'wiki/train.txt'))") == ["wiki/train.txt"]
    assert len((tmp_path / "wiki" / "train.txt").read_text().splitlines()) == 96


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    assert make(tmp_path, [("train.py", b"x = torch.load(args.data)"), ("old.py", b"print 1")], None) == (
        None,
        "the source does not tell what it expects",
    )


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        make(tmp_path / folder, [("t.py", b"MNIST('d'); ImageFolder('e'); open('f.csv')")], None)
    for path in (tmp_path / "a").rglob("*"):
        assert not path.is_file() or path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_rows_below_a_header(tmp_path: Path) -> None:
    header, more = tmp_path / "header.csv", tmp_path / "more.csv"
    header.write_text("speed,label\n")
    more.write_text("speed,label\n1,2\n")
    assert rows_for(header, tmp_path / "out" / "header.csv") and not rows_for(more, tmp_path / "no.csv")
    assert len((tmp_path / "out" / "header.csv").read_text().splitlines()) == 97


LEARNS = GOOD.replace(
    'rows = open(os.path.join(args.data, "rows.txt")).read().split()',
    'import csv\nrows = list(csv.DictReader(open(os.path.join(args.data, "drives.csv"))))\nprint(len(rows), sorted(rows[0]))\n'
    'total = sum(float(row["speed"]) for row in rows)',
)


@BOTH
def test_a_repo_without_data_is_verified(repo: Repo, engine: str) -> None:
    report = repo.verify(LEARNS, channels={}, synthetic=True, engine=engine)
    assert verdicts(report) == {} and check(report, "channels").message == "read: training"
    assert "channel training: made up, drives.csv" in report.notes and contract_run(report).tail[-1] == "96 ['speed']"


def test_a_run_that_fails_on_made_up_data_is_told_of_it(repo: Repo) -> None:
    report = repo.verify(LEARNS.replace('float(row["speed"])', "row['a' + 'b']"), channels={}, synthetic=True)
    assert check(report, "run").advice == "the data of training are made up: --channel NAME=DIR gives real ones"


def test_nothing_is_made_up_where_there_are_data(repo: Repo) -> None:
    assert not any("made up" in note for note in repo.verify(GOOD, synthetic=True).notes)


def test_images_are_whole(tmp_path: Path) -> None:
    """Seen by Pillow too, when this was written; no environment of the tests has it for sure."""
    made(tmp_path, "ImageFolder(args.data)")
    image = (tmp_path / "class1" / "000.png").read_bytes()
    assert image.startswith(b"\x89PNG\r\n\x1a\n") and image.endswith(b"IEND\xaeB`\x82")
    [length] = struct.unpack(">I", image[33:37])
    rows = zlib.decompress(image[41 : 41 + length])
    assert len(rows) == 64 * (1 + 3 * 64)
    assert struct.unpack(">I", image[41 + length : 45 + length])[0] == zlib.crc32(image[37 : 41 + length])
