"""A scan that is kept: never a wrong answer, whatever happens to the repository, the tool or what is kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from migrate import kept
from migrate.kept import scan_to_tell
from migrate.repo import cache
from migrate.repo.tree import Tree, find_files
from migrate.report import as_json
from migrate.scan import Request, Scan, scan, scan_tree

TRAIN = """\
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="./data")
parser.add_argument("--opt", choices=("sgd", "adam"), default="sgd")
parser.add_argument("--fast", action="store_true")
args = parser.parse_args()
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
open(args.data + "/list.txt").read()
model(torch.ones(4, 2)).mean().backward()
optimizer.step()
torch.save(model.state_dict(), "model.pt")
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "README.md").write_text("```\npython train.py --fast\n```\n")
    _age(tmp_path)
    return tmp_path


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests that were really scanned for."""
    found: list[Request] = []

    def noted(tree: Tree, request: Request, processes: int | None = None) -> Scan:
        found.append(request)
        return scan_tree(tree, request, processes)

    monkeypatch.setattr(kept, "scan_tree", noted)
    return found


def _age(root: Path) -> None:
    for path in root.glob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 3600,) * 2)


def _tell(root: Path, **options: object) -> str:
    request = replace(Request(root), **options)
    return as_json(scan_to_tell(find_files(root), request))


def _values(root: Path) -> list[Path]:
    return [path for path in (root / ".git/migrate/cache").glob("*.json") if path.name != "files.json"]


def test_what_is_kept_tells_the_same(repository: Path, scans: list[Request]) -> None:
    fresh = as_json(scan(Request(repository)))
    assert _tell(repository) == _tell(repository) == fresh
    assert len(scans) == 1
    found = scan_to_tell(find_files(repository), Request(repository))
    assert found.findings and found.lines == 14 and found.entry_points[0].closure == ("train.py",)
    assert not any(finding.edits for finding in found.findings)


def test_a_change_of_the_same_size_and_time_counts(repository: Path, scans: list[Request]) -> None:
    first = _tell(repository)
    path = repository / "train.py"
    before = path.stat()
    path.write_text(TRAIN.replace("./data", "./date"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = _tell(repository)
    assert len(scans) == 2 and "./date" in second and "./date" not in first
    path.write_text(TRAIN)
    assert _tell(repository) == first and len(scans) == 2


def test_other_files_count(repository: Path, scans: list[Request]) -> None:
    _tell(repository)
    (repository / "README.md").write_text("nothing\n")
    assert '"command": null' in _tell(repository)
    (repository / "data").mkdir()
    (repository / "data" / "list.txt").write_text("x")
    _tell(repository)
    (repository / ".gitignore").write_text("train.py\n")
    assert json.loads(_tell(repository))["entry_points"] == []
    assert len(scans) == 4


def test_options_count(repository: Path, scans: list[Request], tmp_path: Path) -> None:
    every = _tell(repository)
    some = _tell(repository, select=("SM2",))
    assert every != some and _tell(repository, ignore=("SM2",)) not in (every, some)
    table = tmp_path.parent / f"{tmp_path.name}.txt"
    table.write_text("x.read 0 read data -\n")
    _tell(repository, calls=(str(table),))
    table.write_text("x.read 0 write data -\n")
    _tell(repository, calls=(str(table),))
    assert len(scans) == 5
    assert _tell(repository, select=("SM2",)) == some and len(scans) == 5


def test_the_version_of_the_tool_counts(repository: Path, scans: list[Request], monkeypatch: pytest.MonkeyPatch) -> None:
    _tell(repository)
    monkeypatch.setattr(cache, "__version__", "0.0.0")
    _tell(repository)
    monkeypatch.setattr(cache, "_own_digest", lambda: "its files have changed")
    _tell(repository)
    assert len(scans) == 3


@pytest.mark.parametrize("damage", ["", "\0\xff", "{}", "[]", '{"entry_points": 3}', '{"entry_points": [{}], "findings": []}'])
@pytest.mark.parametrize("sealed", [True, False])
def test_what_is_damaged_is_made_again(repository: Path, scans: list[Request], damage: str, sealed: bool) -> None:
    first = _tell(repository)
    (value,) = _values(repository)
    body = damage.encode("latin-1")
    head = hashlib.blake2b(body, digest_size=20).hexdigest().encode() + b"\n"
    value.write_bytes(head + body if sealed else body)
    assert _tell(repository) == first and len(scans) == 2
    assert _tell(repository) == first and len(scans) == 2


def test_without_a_place_to_keep_it_nothing_fails(repository: Path, scans: list[Request]) -> None:
    (repository / ".git" / "migrate").write_text("a file where the folder would be")
    assert _tell(repository) == _tell(repository)
    assert len(scans) == 2


def test_outside_git_the_place_ignores_itself(tmp_path: Path, scans: list[Request]) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    for number in range(kept.SMALL):
        (tmp_path / f"part_{number}.py").write_text("")
    assert _tell(tmp_path) == _tell(tmp_path)
    assert len(scans) == 1
    assert (tmp_path / ".migrate" / ".gitignore").read_text() == "*\n"


def test_a_small_folder_outside_git_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    _tell(tmp_path)
    assert os.listdir(tmp_path) == ["train.py"]


def test_a_scan_of_files_that_change_meanwhile_is_not_kept(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(tree: Tree, request: Request, processes: int | None = None) -> Scan:
        found = scan_tree(tree, request, processes)
        (repository / "train.py").write_text(TRAIN.replace("./data", "./date"))
        return found

    monkeypatch.setattr(kept, "scan_tree", slow)
    scan_to_tell(find_files(repository), Request(repository))
    assert not _values(repository)


def test_what_json_cannot_hold_is_not_kept(repository: Path, scans: list[Request]) -> None:
    path = repository / "train.py"
    path.write_text(TRAIN.replace('choices=("sgd", "adam"), default="sgd"', "choices=((1, 2), (3, 4))"))
    assert _tell(repository) == _tell(repository) == as_json(scan(Request(repository)))
    assert len(scans) == 2
