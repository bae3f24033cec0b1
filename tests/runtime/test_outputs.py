"""Finished output travels with a framework's own checkpoints: carried after a save, put back as it was, whatever lies there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate.runtime import carrying, outputs
from migrate.runtime.carrying import carry_outputs, put_back_outputs
from migrate.runtime.outputs import checkpoint_folder


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job's folders. What an earlier process remembers of them is forgotten."""
    for name in ("SM_TRAINING_ENV", "SM_HPS", "SM_HOSTS", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("MODEL", "OUTPUT_DATA", "CHECKPOINT"):
        monkeypatch.setenv(f"SM_{name}_DIR", str(tmp_path / name.lower()))
    carrying._outputs.cache_clear()
    for name in ("model", "output_data"):
        (tmp_path / name).mkdir()
    return tmp_path


def _another_machine(job: Path) -> None:
    carrying._outputs.cache_clear()
    for name in ("model", "output_data"):
        for file in sorted((job / name).rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()


def _manifests(job: Path) -> list[Path]:
    return sorted((job / "checkpoint" / "outputs").glob("*.json"))


def test_inactive_there_is_no_folder_and_nothing_is_done(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SM_CHECKPOINT_DIR")
    assert checkpoint_folder("keras") is None
    carry_outputs(checkpoint_folder())
    put_back_outputs(checkpoint_folder())
    assert not (job / "checkpoint").exists()


def test_the_folder_is_made(job: Path) -> None:
    assert checkpoint_folder() == str(job / "checkpoint")
    assert checkpoint_folder("keras") == str(job / "checkpoint" / "keras")
    assert (job / "checkpoint" / "keras").is_dir()


def test_files_come_back_on_another_machine(job: Path) -> None:
    (job / "model" / "fold" / "1").mkdir(parents=True)
    (job / "model" / "fold" / "1" / "best.pt").write_bytes(b"best")
    (job / "output_data" / "run.sh").write_text("exit")
    (job / "output_data" / "run.sh").chmod(0o755)
    carry_outputs(checkpoint_folder())
    _another_machine(job)
    put_back_outputs(checkpoint_folder())
    assert (job / "model" / "fold" / "1" / "best.pt").read_bytes() == b"best"
    assert (job / "output_data" / "run.sh").stat().st_mode & 0o777 == 0o755


def test_appended_files_are_cut_back_and_overwritten_ones_are_as_they_were(job: Path) -> None:
    log, best = job / "output_data" / "log.txt", job / "model" / "best.pt"
    log.write_text("epoch 1\n")
    best.write_bytes(b"one")
    carry_outputs(checkpoint_folder())
    log.write_text("epoch 1\nepoch 2\nepo")
    best.write_bytes(b"two")  # the same size, at once: the file's time may not tell
    carrying._outputs.cache_clear()
    put_back_outputs(checkpoint_folder())
    assert (log.read_text(), best.read_bytes()) == ("epoch 1\n", b"one")


def test_a_change_of_the_same_size_at_once_is_carried(job: Path) -> None:
    best = job / "model" / "best.pt"
    for text in (b"one", b"two", b"six"):
        best.write_bytes(text)
        carry_outputs(checkpoint_folder())
    _another_machine(job)
    put_back_outputs(checkpoint_folder())
    assert best.read_bytes() == b"six"


@pytest.mark.parametrize("mode", ["a", "w"])
def test_a_log_that_the_script_has_open_goes_on_at_its_end(job: Path, mode: str) -> None:
    log = job / "output_data" / "log.txt"
    log.write_text("header\nepoch 1\nepoch 2\n")
    carry_outputs(checkpoint_folder())
    _another_machine(job)
    with log.open(mode) as file:
        file.write("header\n")
        put_back_outputs(checkpoint_folder())
        file.write("epoch 3\n")
    assert log.read_text() == "header\nepoch 1\nepoch 2\nepoch 3\n"


def test_a_damaged_carrying_falls_back_to_the_one_before(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("one", "two", "three"):
        (job / "model" / "best.pt").write_text(text)
        carry_outputs(checkpoint_folder())
    old, new = _manifests(job)
    blob = json.loads(new.read_text())["files"][0]["blob"]
    (job / "checkpoint" / "outputs" / "blobs" / blob).write_text("thr")
    _another_machine(job)
    put_back_outputs(checkpoint_folder())
    assert (job / "model" / "best.pt").read_text() == "two"
    assert f"checkpoint {new.name} is damaged" in capsys.readouterr().out


def test_nothing_is_copied_twice_and_only_the_last_two_stay(job: Path) -> None:
    (job / "model" / "large.bin").write_bytes(b"x" * 1000)
    for text in ("one", "two", "three"):
        (job / "output_data" / "log.txt").write_text(text)
        carry_outputs(checkpoint_folder())
    assert len(_manifests(job)) == 2
    assert len(list((job / "checkpoint" / "outputs" / "blobs").iterdir())) == 3


def test_checkpoints_below_the_outputs_are_no_outputs(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SM_CHECKPOINT_DIR", str(job / "output_data" / "checkpoints"))
    (job / "model" / "checkpoint-10").mkdir()
    (job / "model" / "best.pt").write_text("best")
    for _ in range(3):
        carry_outputs(checkpoint_folder())
        carry_outputs(str(job / "model" / "checkpoint-10"))
    carried = {
        file["path"] for manifest in job.rglob("*.json") for file in json.loads(manifest.read_text())["files"] if "blobs" in file["path"]
    }
    assert carried == set()


def test_no_file_leaves_the_output_folders(job: Path) -> None:
    (job / "model" / "best.pt").write_text("best")
    carry_outputs(checkpoint_folder())
    (found,) = _manifests(job)
    body = json.loads(found.read_text())
    body["files"][0]["path"] = "../outside"
    carrying._outputs(str(job / "checkpoint")).put_back(body["files"])
    assert not (job / "outside").exists()


def test_only_the_first_process_carries(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    (job / "model" / "best.pt").write_text("best")
    carry_outputs(checkpoint_folder())
    assert _manifests(job) == []


def test_a_save_that_fails_is_told_and_leaves_what_was_there(
    job: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (job / "model" / "best.pt").write_text("one")
    carry_outputs(checkpoint_folder())
    (job / "model" / "best.pt").write_text("other")
    monkeypatch.setattr(outputs.os, "fsync", _full)
    carry_outputs(checkpoint_folder())
    monkeypatch.undo()
    assert "could not carry the output files ([Errno 28]" in capsys.readouterr().out
    assert len(list((job / "checkpoint" / "outputs" / "blobs").iterdir())) == 1


def _full(handle: int) -> None:
    raise OSError(28, "No space left on device")


def test_of_a_later_version_ends_with_its_name(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_VERSION", 2)
    carry_outputs(checkpoint_folder())
    monkeypatch.setattr(outputs, "_VERSION", 1)
    with pytest.raises(SystemExit, match="was made by a later version"):
        put_back_outputs(checkpoint_folder())
