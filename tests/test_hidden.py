"""A repository full of secrets: none of them in anything that the commands print or write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DEFAULT, LITERAL, SHELL, WEBHOOK = (
    "horse7battery",
    "staple8correct",
    "0123456789abcdef0123456789abcdef01234567",
    "T0AAAAAAA/B0AAAAAAA/abcdefgh9jkl",
)
VALUES = (DEFAULT, LITERAL, SHELL, WEBHOOK)
SCRIPT = f"""\
import argparse
import os
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="/data/train.npy")
parser.add_argument("--db-password", default="{DEFAULT}")
parser.add_argument("--verbose", action="store_true")
parser.add_argument("--retries", type=int, default=3)
API_KEY = "{LITERAL}"
args = parser.parse_args()
WEBHOOK = "https://hooks.slack.com/services/{WEBHOOK}"
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(args.retries):
    optimizer.zero_grad()
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
"""
SHELL_SCRIPT = f"""\
#!/bin/bash
export WANDB_API_KEY={SHELL}
python train.py --db-password {DEFAULT} --retries 2
curl -X POST https://hooks.slack.com/services/{WEBHOOK} -d done
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "train.py").write_text(SCRIPT)
    (root / "run.sh").write_text(SHELL_SCRIPT)
    (root / "README.md").write_text(f"    WANDB_API_KEY={SHELL} python train.py --db-password {DEFAULT}\n")
    return root


def migrate(*words: str | Path) -> str:
    """All that a command prints."""
    done = subprocess.run([sys.executable, "-m", "migrate", *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr


def leaked(text: str) -> list[str]:
    return [value for value in VALUES if value in text]


def test_nothing_that_is_printed_shows_them(repo: Path) -> None:
    for words in (["scan"], ["scan", "--format", "json"], ["apply", "--check"], ["apply", "--diff"], ["apply", "--diff", "--unsafe-fixes"]):
        said = migrate(*words, repo)
        assert leaked(said) == [], words
    told = migrate("scan", repo)
    assert told.count("SM701") == 3
    assert told.count("SM703") == 5


def test_nothing_that_is_written_holds_them(repo: Path) -> None:
    assert leaked(migrate("apply", repo, "--with", "iam")) == []
    written = [path for path in repo.rglob("*") if path.is_file() and path.name not in ("train.py", "run.sh", "README.md")]
    assert {"job.toml", "MIGRATION.md", "iam.yaml"} <= {path.name for path in written}
    for path in written:
        if ".migrate" not in path.parts:  # what undo puts back
            assert leaked(path.read_text()) == [], path
    settings = (repo / "sagemaker_job" / "job.toml").read_text()
    [told] = [line for line in settings.splitlines() if line.startswith("# db_password: not passed, since")]
    assert "secret" in told
    assert DEFAULT in (repo / "train.py").read_text()  # EC2 goes on as it did


def test_a_file_that_a_person_has_edited_is_told_without_them(repo: Path) -> None:
    migrate("apply", repo)
    settings = repo / "sagemaker_job" / "job.toml"
    settings.write_text(settings.read_text().replace("[job.train.tags]", f'[job.train.tags]\nwandb_api_key = "{SHELL}"'))
    said = migrate("apply", repo)
    assert "wandb_api_key" in said
    assert leaked(said) == []


def test_with_a_persons_consent_they_are_taken_out_of_the_code(repo: Path) -> None:
    migrate("apply", "--unsafe-fixes", repo)
    code = (repo / "train.py").read_text()
    assert leaked(code) == []
    assert 'default=get_secret("DB_PASSWORD", None)' in code
    assert 'API_KEY = get_secret("API_KEY")' in code
    assert "def get_secret(" in (repo / "sagemaker_support.py").read_text()
