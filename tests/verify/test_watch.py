"""Who opens anything in a folder, and what is said where that cannot be seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.verify import watch
from migrate.verify.watch import Watch
from tests.verify.repos import HEAD, SAVE, Repo, check


def folders(tmp_path: Path) -> dict[str, Path]:
    made = {name: tmp_path / name for name in ("a", "b")}
    for path in made.values():
        (path / "deep" / "er").mkdir(parents=True)
        (path / "deep" / "er" / "file").write_text("x")
    return made


def test_only_what_is_opened_is_touched(tmp_path: Path) -> None:
    made = folders(tmp_path)
    with Watch(made) as seen:
        assert seen.touched() == frozenset() and seen.complete
        (made["b"] / "deep" / "er" / "file").read_text()
        assert seen.touched() == {"b"} and seen.complete
    assert (made["a"] / "deep").exists()


def test_looking_at_attributes_is_no_reading(tmp_path: Path) -> None:
    made = folders(tmp_path)
    with Watch(made) as seen:
        assert (made["a"] / "deep" / "er" / "file").stat().st_size == 1
        assert seen.touched() == frozenset()


def test_too_many_folders_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_MOST_FOLDERS", 2)
    with Watch(folders(tmp_path)) as seen:
        assert not seen.complete


def test_a_doubtful_verdict_is_only_a_note(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate.verify.watch.sys.platform", "other")
    found = check(repo.verify(HEAD + SAVE), "channels")
    assert found.verdict == "note" and "could not be seen in full" in found.message
