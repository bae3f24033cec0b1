"""What a person and another program are told."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from migrate.errors import UserError
from migrate.verify import cli, record, text
from migrate.verify.model import Options, Report
from tests.verify.repos import GOOD, HEAD, READ, Repo, entry_point, verdicts


def test_the_proof_file(repo: Repo) -> None:
    repo.write({"train.py": HEAD + READ})
    reports = cli.run(repo.root, [entry_point()], Options(engine=None, channels={"training": repo.data}, styles=("toolkit",)))
    told = json.loads((repo.root / "sagemaker_job" / "verify.json").read_text())
    assert told["version"] == 1 and cli.exit_code(reports) == 1
    report = told["reports"][0]
    assert report["entry"] == "train.py" and report["engine"] == "sandbox" and report["why"] == "bubblewrap works here"
    assert report["exit_code"] == 1 and len(report["tree"]) == 64
    assert {check["name"]: check["verdict"] for check in report["checks"]}["model"] == "fail"
    assert report["runs"][0]["hyperparameters"] == {"lr": 1.1, "epochs": 3, "kind": "b"}
    # the proof itself is no part of what is verified
    again = cli.run(repo.root, [entry_point()], Options(engine=None, channels={"training": repo.data}, styles=("toolkit",)))
    assert again[0].tree == reports[0].tree


def test_a_repo_that_cannot_be_written(repo: Repo) -> None:
    (repo.root / "sagemaker_job").write_text("a file, not a folder")
    repo.write({"train.py": GOOD})
    shown: list[Report] = []
    with pytest.raises(UserError, match="cannot be written"):
        given = Options(engine=None, channels={"training": repo.data}, styles=("toolkit",), starter="emulated")
        cli.run(repo.root, [entry_point()], given, show=shown.extend)
    assert [verdicts(report) for report in shown] == [{}]  # what was seen is told all the same
    (repo.root / "sagemaker_job").unlink()


def shown(repo: Repo, script: str, **console: object) -> str:
    out = io.StringIO()
    text.show([repo.verify(script)], Console(file=out, width=110, **console))  # type: ignore[arg-type]
    return out.getvalue()


def test_the_text_of_a_good_run(repo: Repo) -> None:
    told = shown(repo, GOOD)
    assert "verified: it trains as the sagemaker-training toolkit starts it" in told and "\x1b" not in told
    assert "not kept apart: /opt/ml itself" in told


def test_the_text_of_a_fault_names_line_and_mend(repo: Repo) -> None:
    told = shown(repo, GOOD + "open('[red]lost.txt', 'w').write('x')\n")
    assert "    train.py:19: [red]lost.txt (1 bytes)\n" in told
    assert "-> write below SM_MODEL_DIR or SM_OUTPUT_DATA_DIR" in told and "1 check failed" in told


def test_no_color_is_kept(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in shown(repo, GOOD, force_terminal=True)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[3" in shown(repo, GOOD, force_terminal=True)


def test_json_holds_no_nan() -> None:
    from dataclasses import replace

    from migrate.verify.model import Options
    from migrate.verify.pipeline import unable

    report = replace(unable(entry_point(), Options(), "no reason"), seconds=float("nan"))
    assert record.as_json([report], Path("/r"))["reports"][0]["seconds"] == "nan"
    assert report.exit_code == 2


def test_control_characters_of_the_child_do_not_reach_the_reader(repo: Repo) -> None:
    script = GOOD + r"print('\x1b[2J\x1b[31mred\x07 \x1b]0;title\x07end'); print('10%\r20%\r30%'); raise ValueError('\x1b[1mbold')" + "\n"
    report = repo.verify(script)
    assert report.runs[1].tail[:2] == ("red 0;titleend", "30%") and "\x1b" not in shown(repo, script)
