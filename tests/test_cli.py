"""The commands as a person starts them: what they say and exit with, and that nothing is half-written."""

from __future__ import annotations

import os
import pty
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate import cli
from migrate.repo.entries import Entry
from migrate.scan import Request, scan
from migrate.study import Look, _Student

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """\
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=2)
args = parser.parse_args()
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(args.epochs):
    optimizer.zero_grad()
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
"""
Files = dict[str, bytes]


def migrate(*words: str | Path, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """Start the command; ``before`` is called in the child first."""
    command = [sys.executable, "-m", "migrate", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=before, timeout=120)


def files(root: Path) -> Files:
    """Every file below ``root``, with its bytes."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/train.py").write_text(SCRIPT)
    return tmp_path / "repo"


BAD: list[tuple[str, Files, str]] = [
    ("an empty folder", {}, "no entry point: no script here trains a model"),
    ("nothing that trains", {"a.py": b"print(1)\n"}, "no entry point: no script here trains a model"),
    ("a broken pyproject", {"train.py": SCRIPT.encode(), "pyproject.toml": b"[tool.migrate\n"}, "pyproject.toml: this is no TOML"),
    ("an unknown rule", {"train.py": SCRIPT.encode(), "migrate.toml": b'select = ["SM999"]\n'}, "SM999"),
]


@pytest.mark.parametrize("command", [("scan",), ("apply",), ("apply", "--diff"), ("apply", "--check"), ("verify",)], ids=" ".join)
@pytest.mark.parametrize(("content", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_cannot_be_worked_on_is_told_in_one_line(command: tuple[str, ...], content: Files, message: str, tmp_path: Path) -> None:
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    ran = migrate(command[0], tmp_path, *command[1:])
    assert ran.returncode == 2
    assert message in ran.stderr and ran.stderr.count("\n") == 1
    assert files(tmp_path) == content


@pytest.mark.parametrize("command", ["scan", "apply", "verify", "undo"])
@pytest.mark.parametrize(("name", "message"), [("nowhere", "no such file or folder"), ("notes.txt", "not a Python script")])
def test_a_path_that_is_none_is_told(command: str, name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    ran = migrate(command, tmp_path / name)
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert message in ran.stderr


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"import torch\nloss.backward()\nprint 'x'\n", "Python 2 source, line 3"),
        (b"import torch\nx = '\xe9'\nloss.backward()\n", "encoding"),
    ],
)
def test_a_script_that_cannot_be_read_is_a_finding_and_stays(source: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_bytes(source)
    scanned = migrate("scan", tmp_path)
    assert scanned.returncode == 1 and reason in scanned.stdout
    for command in (("apply",), ("apply", "--diff"), ("verify",)):
        ran = migrate(command[0], tmp_path, *command[1:])
        assert ran.returncode == 2 and reason in ran.stderr and ran.stderr.count("\n") == 1
    assert files(tmp_path) == {"train.py": source}


def test_a_full_disk_leaves_everything_as_it_was(repo: Path) -> None:
    was = files(repo)
    ran = migrate("apply", repo, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)))
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert "File too large" in ran.stderr
    assert files(repo) == was
    assert migrate("apply", repo).returncode == 0


def test_a_reader_who_stops_listening_is_no_error(repo: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "migrate", "apply", str(repo), "--diff"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    assert "Traceback" not in child.stderr.read()
    child.wait(timeout=60)
    child.stderr.close()


def test_scan_apply_undo(repo: Path) -> None:
    was = files(repo)
    assert migrate("scan", repo).returncode == 1
    patch = migrate("apply", repo, "--diff")
    assert patch.returncode == 1 and "\x1b" not in patch.stdout and files(repo) == was
    assert migrate("apply", repo, "--check").returncode == 1 and files(repo) == was
    assert migrate("apply", repo).returncode == 0
    now = files(repo)
    again = migrate("apply", repo)
    assert again.returncode == 0 and files(repo) == now
    assert migrate("undo", repo).returncode == 0
    assert files(repo) == was


def test_colour_is_for_terminals(repo: Path) -> None:
    assert "\x1b" not in migrate("scan", repo).stdout
    leader, follower = pty.openpty()
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "xterm"}
    child = subprocess.Popen([sys.executable, "-m", "migrate", "scan", str(repo)], cwd=ROOT, env=environment, stdout=follower)
    os.close(follower)
    said = b""
    while piece := _read(leader):
        said += piece
    os.close(leader)
    assert child.wait(timeout=60) == 1
    assert b"train.py" in said and b"\x1b[3" not in said


def _read(terminal: int) -> bytes:
    """What a terminal shows next; nothing at its end, which Linux tells by an error."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


def test_a_fault_of_the_tool_in_one_entry_point_leaves_the_others(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _Student._look

    def broken(self: _Student, entry: Entry, *rest: Any) -> Look:
        if entry.path == "bad.py":
            raise IndexError("list index out of range")
        return whole(self, entry, *rest)

    (repo / "bad.py").write_text(SCRIPT)
    monkeypatch.setattr(_Student, "_look", broken)
    found = scan(Request(repo))
    assert [point.path for point in found.entry_points] == ["train.py"]
    assert [(one.path, one.reason.split(" at ")[0]) for one in found.unreadable] == [("bad.py", "a fault of migrate itself, IndexError")]


def test_a_fault_of_the_tool_is_no_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object, **__: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(cli, "app", broken)
    assert cli.run() == 2
    assert capsys.readouterr().err.startswith("migrate: a fault of its own: IndexError: list index out of range")


def test_further_files_are_made_when_they_are_asked_for(repo: Path) -> None:
    there = repo / "sagemaker_job" / "iam.yaml"
    assert migrate("apply", repo).returncode in (0, 1)
    assert not there.exists()
    (repo / "migrate.toml").write_text('with = ["iam"]\n')
    assert migrate("apply", repo).returncode in (0, 1)
    assert there.exists()
    done = migrate("apply", repo, "--with", "iam,fountain")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("migrate: --with fountain: there are iam, ")


TWICE = {
    "a path in what a loop goes over": """\
import os
import torch

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for name in os.listdir("/home/ubuntu/data"):
    optimizer.zero_grad()
    model(torch.load(os.path.join("/home/ubuntu/data", name))).mean().backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
""",
    "a file named by a counter that is restored": """\
import torch


def train(folder, model, optimizer):
    step = 0
    for epoch in range(3):
        for batch in torch.ones(4, 4, 2):
            optimizer.zero_grad()
            model(batch).mean().backward()
            optimizer.step()
            step += 1
        torch.save(model.state_dict(), "%s/model_%d" % (folder, step))


model = torch.nn.Linear(2, 1)
train(input(), model, torch.optim.SGD(model.parameters(), lr=0.1))
""",
    "a script that imports from another one": """\
import torch
from pretrain import data


def train(batches, model, optimizer):
    for batch in batches:
        optimizer.zero_grad()
        model(batch).mean().backward()
        optimizer.step()


def main():
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for epoch in range(3):
        train(data(), model, optimizer)
    torch.save(model.state_dict(), "model.pt")


main()
""",
}
PRETRAIN = """\
import torch


def data():
    return torch.ones(4, 4, 2)


def train(model, optimizer):
    model.train()
    for batch in data():
        optimizer.zero_grad()
        model(batch).mean().backward()
        optimizer.step()


def main():
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(3):
        train(model, optimizer)
    torch.save(model.state_dict(), "pretrained.pt")


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("script", TWICE.values(), ids=TWICE)
def test_a_second_apply_changes_nothing(script: str, repo: Path) -> None:
    (repo / "train.py").write_text(script)
    (repo / "pretrain.py").write_text(PRETRAIN)
    migrate("apply", repo)
    now = files(repo)
    assert b"keeper." in now["train.py"]
    migrate("apply", repo)
    assert files(repo) == now


def test_a_support_file_that_was_lost_is_written_again(repo: Path) -> None:
    migrate("apply", repo)
    now = files(repo)
    (repo / "sagemaker_support.py").unlink()
    migrate("apply", repo)
    assert files(repo)["sagemaker_support.py"] == now["sagemaker_support.py"]


def test_a_job_that_is_filled_in_makes_no_tree_dirty(repo: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(repo)]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    migrate("apply", repo)
    job = repo / "sagemaker_job/job.toml"
    job.write_text(job.read_text().replace('bucket = ""', 'bucket = "mine"') + "# mine\n")
    done = migrate("apply", repo, "--with", "iam")
    assert done.returncode < 2 and (repo / "sagemaker_job/iam.yaml").exists() and job.read_text().endswith("# mine\n"), done.stderr
    (repo / "train.py").write_text(SCRIPT + "# mine\n")
    assert migrate("apply", repo, "--with", "v2").returncode == 2
