"""A channel or a setting that there is not is refused before anything runs, with the names that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.errors import UserError
from migrate.scan import Request, scan
from migrate.verify import names
from migrate.verify.model import Options
from tests.test_cli import migrate
from tests.verify.repos import GOOD, Repo

LOOP = """
import torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    optimizer.zero_grad()
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
"""
TRAINING = GOOD + LOOP


def refused(root: Path, **options: object) -> str | None:
    """The one line that is told, by the scan's own entry points."""
    try:
        names.refuse(root, scan(Request(root)).entry_points, Options(**options))  # type: ignore[arg-type]
    except UserError as error:
        return str(error)
    return None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(TRAINING)
    return tmp_path


def test_a_channel_that_the_job_has_not(root: Path) -> None:
    here = Path(".")
    assert refused(root, channels={"foo": here}) == "--channel foo: the job has no such channel; there are training"
    assert refused(root, channels={"trainin": here}) == (
        "--channel trainin: the job has no such channel; did you mean training? There are training"
    )
    assert refused(root, channels={"training": here}) is None
    (root / "sagemaker_job").mkdir()
    (root / "sagemaker_job/job.toml").write_text('[job.a]\nentry = "train.py"\n[job.a.channels]\nmore = "s3://b/x"\n')
    assert refused(root, channels={"more": here, "training": here}) is None
    assert refused(root, channels={"foo": here}) == "--channel foo: the job has no such channel; there are more, training"


@pytest.mark.parametrize("name", ["lr", "--lr", "epochs", "epo", "kind", "data", "sagemaker_program"])
def test_a_setting_that_there_is(root: Path, name: str) -> None:
    assert refused(root, hyperparameters={name: 1}) is None


def test_a_setting_that_there_is_not(root: Path) -> None:
    assert refused(root, hyperparameters={"nope": 1}) == ("--hp nope: train.py has no such setting; there are data, epochs, kind, lr, out")
    assert str(refused(root, hyperparameters={"epoch_s": 1})).startswith("--hp epoch_s: train.py has no such setting; did you mean epochs?")


OPEN = {
    "it leaves what it does not know": TRAINING.replace("parser.parse_args()", "parser.parse_known_args()[0]"),
    "another adds options": TRAINING.replace("args = parser", "from framework import Trainer\nTrainer.add_options(parser)\nargs = parser"),
    "it reads them itself": TRAINING + "print(os.environ['SM_HP_NOPE'])\n",
    "it has no parser": "import sys\nlr = float(sys.argv[1])\n" + LOOP,
    "subcommands": TRAINING.replace("args = parser", "sub = parser.add_subparsers()\nsub.add_parser('train')\nargs = parser"),
}


@pytest.mark.parametrize("name", OPEN)
def test_a_script_whose_settings_are_not_all_known(root: Path, name: str) -> None:
    (root / "train.py").write_text(OPEN[name])
    assert len(scan(Request(root)).entry_points) == 1
    assert refused(root, hyperparameters={"nope": 1}) is None


def test_the_command_says_so_in_one_line_and_runs_nothing(repo: Repo) -> None:
    repo.write({"train.py": TRAINING + "open('/tmp/never', 'w')\n"})
    for words, told in ((("--channel", f"foo={repo.data}"), "--channel foo"), (("--hp", "nope=1"), "--hp nope")):
        ran = migrate("verify", repo.root, *words)
        assert ran.returncode == 2 and ran.stderr.startswith(f"migrate: {told}: ") and ran.stderr.count("\n") == 1
        assert ran.stdout == ""
    assert not (repo.root / "sagemaker_job").exists()


def test_what_apply_writes_keeps_them_known(repo: Repo) -> None:
    repo.write({"train.py": TRAINING})
    assert migrate("apply", repo.root, "--force").returncode in (0, 1)
    assert "sagemaker_argv" in (repo.root / "train.py").read_text()
    told = refused(repo.root, hyperparameters={"nope": 1})
    assert migrate("undo", repo.root).returncode == 0
    assert str(told).startswith("--hp nope: train.py has no such setting")
