"""A sample is a channel of the same shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.verify.data.sample import sample
from tests.verify.repos import BOTH, GOOD, READ, Repo, check, contract_run, verdicts


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_every_split_and_class_is_there(tmp_path: Path) -> None:
    source = filled(
        tmp_path / "in",
        *(f"{split}/{kind}/{n:03}.jpg" for split in ("train", "val") for kind in ("cat", "dog") for n in range(20)),
        "classes.txt",
    )
    assert sample(source, tmp_path / "out", 8) == "9 of 81 files"
    wanted = [f"{split}/{kind}/00{n}.jpg" for split in ("train", "val") for kind in ("cat", "dog") for n in range(2)]
    assert names(tmp_path / "out") == sorted([*wanted, "classes.txt"])


def test_more_classes_than_files(tmp_path: Path) -> None:
    """Then both splits have the same ones."""
    source = filled(tmp_path / "in", *(f"{split}/{kind:03}/{n}.png" for split in ("train", "val") for kind in range(50) for n in range(3)))
    sample(source, tmp_path / "out", 8)
    assert names(tmp_path / "out") == sorted(f"{split}/{kind:03}/0.png" for split in ("train", "val") for kind in range(4))


def test_images_keep_their_labels(tmp_path: Path) -> None:
    images = [f"images/{n:03}.jpg" for n in range(30)]
    labels = [f"labels/{n:03}.txt" for n in range(0, 30, 3)]
    source = filled(tmp_path / "in", *images, *labels, *(f"masks/{n:03}.png" for n in range(29, -1, -1)))
    sample(source, tmp_path / "out", 5)
    kept = names(tmp_path / "out")
    assert {Path(name).stem for name in kept if name.startswith("masks")} == {Path(name).stem for name in kept if name.startswith("images")}
    assert "labels/000.txt" in kept and "labels/003.txt" in kept


def test_rows_of_a_table(tmp_path: Path) -> None:
    rows = ["name,text\n", *(f'{n},"first line\nsecond ""line"""\n' for n in range(10))]
    (tmp_path / "a.csv").write_text("".join(rows))
    assert sample(tmp_path / "a.csv", tmp_path / "out", 3) == "3 rows of a.csv"
    assert (tmp_path / "out" / "a.csv").read_text() == "".join(rows[:4])


@pytest.mark.parametrize("count", [10, 11])
def test_what_is_small_stays_as_it_is(tmp_path: Path, count: int) -> None:
    source = filled(tmp_path / "in", *(f"{n}.png" for n in range(10)), "big.npy")
    (source / "a.csv").write_text("".join(f"{n}\n" for n in range(count)))
    assert sample(source, tmp_path / "out", 10) is None and not (tmp_path / "out").exists()


COUNTS = GOOD + "print(len(os.listdir(args.data)), len(open(os.path.join(args.data, 'table.csv')).readlines()))\n"


@BOTH
def test_a_quick_run_has_a_sample_and_says_so(repo: Repo, engine: str, tmp_path: Path) -> None:
    data = tmp_path / "much"
    filled(data, "rows.txt", *(f"{n:03}.bin" for n in range(100)))
    (data / "table.csv").write_text("a\n" * 1000)
    report = repo.verify(COUNTS, channels={"training": data}, quick=True, sample=64, engine=engine)
    assert verdicts(report) == {} and contract_run(report).tail[-1] == "66 65"
    assert "channel training: a sample, 66 of 102 files, 64 rows of table.csv" in report.notes
    assert len(names(data)) == 102


def test_a_run_that_fails_on_a_sample_is_told_of_it(repo: Repo, tmp_path: Path) -> None:
    data = filled(tmp_path / "much", "rows.txt", *(f"{n:03}.bin" for n in range(100)))
    script = GOOD.replace(READ, READ + "1 / (len(os.listdir(args.data)) - 65)\n")
    found = check(repo.verify(script, channels={"training": data}, sample=64), "run")
    assert found.verdict == "fail" and found.advice == "it had a sample of the data: --sample 0 gives all of it"
