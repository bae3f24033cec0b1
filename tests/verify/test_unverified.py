"""What is said where nothing was verified, and where ``apply`` is still to be run."""

from __future__ import annotations

import json

import pytest

from migrate.verify import cli
from migrate.verify.model import Options
from tests.test_cli import SCRIPT, migrate
from tests.verify.repos import GOOD, Repo, entry_point

UNAPPLIED = "migrate apply has not been run: there is no sagemaker_job/job.toml, and this is the job as the scan infers it"


def notes(repo: Repo, **options: object) -> list[list[str]]:
    """Those of two entry points that are the same script, as far as they are about ``apply``."""
    given = {"channels": {"training": repo.data}, "styles": ("toolkit",), "engine": "process", "starter": "emulated", **options}
    repo.write({"other.py": (repo.root / "train.py").read_text()})
    reports = cli.run(repo.root, [entry_point(), entry_point(path="other.py")], Options(**given), write=False)  # type: ignore[arg-type]
    assert {report.exit_code for report in reports} == {0}
    return [[note for note in report.notes if "apply" in note] for report in reports]


def test_that_apply_has_not_been_run_is_told_once(repo: Repo) -> None:
    repo.write({"train.py": GOOD})
    assert notes(repo) == [[UNAPPLIED], []]
    repo.write({"sagemaker_job/verify.json": "{}"})  # what verify itself leaves
    assert notes(repo) == [[UNAPPLIED], []]


@pytest.mark.parametrize("hooked", [True, False])
def test_a_script_that_nothing_translates_for(repo: Repo, hooked: bool) -> None:
    repo.write({"train.py": ("from sagemaker_support import sagemaker_argv\n" if hooked else "") + GOOD})
    repo.write({"sagemaker_job/job.toml": "", "sagemaker_support.py": "sagemaker_argv = None\n"})
    findings = {"train.py:13": "SM200 untranslated-settings", "train.py:2": "SM102 lost-model"}
    told = "nothing translates the settings of train.py yet (train.py:13: SM200 untranslated-settings): migrate apply does, or says why not"
    assert notes(repo, findings=findings) == [[] if hooked else [told], []]


def test_exit_code_2_says_why_in_one_line(repo: Repo) -> None:
    repo.write({"train.py": "import no_such_thing\n" + SCRIPT})
    for words in ((), ("--format", "json")):
        ran = migrate("verify", repo.root, "--engine", "process", *words)
        assert ran.returncode == 2 and ran.stderr.splitlines()[-1] == (
            "migrate: not verified: train.py: Python has no module 'no_such_thing': "
            "it needs the package no-such-thing (pip install no-such-thing)"
        )
        assert "not verified" not in "".join(ran.stderr.splitlines()[:-1])
    assert json.loads(ran.stdout)["reports"][0]["notes"][0] == UNAPPLIED
