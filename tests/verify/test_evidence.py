"""What verify leaves in the repo: its proofs, in files and on the page, and no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate.edits.changes import Change
from migrate.edits.journal import undo, write
from migrate.generate import generate
from migrate.generate.mark import read_mark
from migrate.generate.proofs import BEGIN, insert, read
from migrate.verify import cli
from migrate.verify.model import Options, Report
from tests.verify.repos import GOOD, Repo, check, entry_point, lines

PAGE = "sagemaker_job/MIGRATION.md"


def applied(repo: Repo, script: str = GOOD) -> Path:
    """The repo after an apply that had nothing to rewrite."""
    repo.write({"train.py": script})
    files = generate(repo.root, [entry_point()]).files
    write(repo.root, [Change(file.path, None, file.content, file.mode) for file in files])
    return repo.root / PAGE


def verified(repo: Repo, **options: object) -> list[Report]:
    given: dict[str, object] = {"channels": {"training": repo.data}, "styles": ("toolkit",), "engine": "process", "starter": "emulated"}
    return cli.run(repo.root, [entry_point()], Options(**(given | options)))  # type: ignore[arg-type]


def headings(page: Path) -> list[str]:
    """Those of the proofs."""
    return [line for line in read(page.read_bytes()).splitlines() if line.startswith("### ")]


def test_the_page_tells_what_was_seen(repo: Repo) -> None:
    page = applied(repo)
    before = page.read_text()
    [report] = verified(repo)
    text = page.read_text()
    assert text.splitlines()[1:] == [*before.splitlines()[1:], "", *text.partition(f"\n\n{BEGIN}")[2].join((BEGIN, "")).splitlines()]
    assert f"The hash of all files that ran: `{report.tree}`." in text
    assert "UTC, engine process: **no proof fails**." in text and "Python 3." in text
    assert "| model | toolkit | holds | 1 file, 24 bytes in the model folder; model.tar.gz: " in text
    assert str(repo.root.parent) not in text  # no path of this machine


def test_an_apply_takes_the_proofs_for_its_own(repo: Repo) -> None:
    page = applied(repo)
    verified(repo)
    assert read_mark(page.read_bytes()) is True
    again = generate(repo.root, [entry_point()])
    assert again.files == () and again.kept == ()
    # what an apply has to say anew stands beside them
    entry = entry_point(loop_line=3, instance_type="p3.2xlarge")
    [made] = [file for file in generate(repo.root, [entry]).files if file.path == PAGE]
    assert b"ml.p3.2xlarge" in made.content and read(made.content) == read(page.read_bytes()) != ""


def test_verifying_twice_tells_once_and_of_the_same_files(repo: Repo) -> None:
    page = applied(repo)
    first, second = verified(repo)[0], verified(repo)[0]
    assert first.tree == second.tree and headings(page) == ["### train.py"]


def test_a_drill_stands_beside_the_proofs(repo: Repo) -> None:
    from migrate.verify.drill.model import Wish

    page = applied(repo)
    verified(repo)
    verified(repo, drill=Wish(1, ("kill",)))
    assert headings(page) == ["### train.py", "### train.py, interrupted"]
    assert "saved nothing into the checkpoint folder" in page.read_text()
    verified(repo)
    assert headings(page) == ["### train.py", "### train.py, interrupted"]


def test_a_page_that_a_person_has_edited_stays_theirs(repo: Repo) -> None:
    page = applied(repo)
    page.write_text(page.read_text().replace("## Proofs\n", "## Proofs\n\nSee also ticket 12.\n") + "\n## Later\n\nBuy cake.\n")
    verified(repo)
    text = page.read_text()
    assert "See also ticket 12." in text and text.endswith("\n## Later\n\nBuy cake.\n") and "### train.py" in text
    assert read_mark(page.read_bytes()) is False
    verified(repo)
    assert headings(page) == ["### train.py"] and page.read_text().endswith("\n## Later\n\nBuy cake.\n")


def test_a_page_without_the_heading_is_left_alone(repo: Repo) -> None:
    page = applied(repo)
    page.write_text("# Ours\n")
    verified(repo)
    assert page.read_text() == "# Ours\n" and insert(b"# Ours\n", "x") is None


def test_undo_takes_all_of_it_back(repo: Repo) -> None:
    applied(repo)
    verified(repo)
    assert (repo.root / ".git" / "migrate" / "logs").is_dir()
    undo(repo.root)
    assert not (repo.root / "sagemaker_job").exists() and not (repo.root / ".git" / "migrate").exists()


def test_the_logs_are_kept_and_named(repo: Repo) -> None:
    applied(repo, GOOD + "print('the whole story')\n")
    [report] = verified(repo)
    [log] = [run.log for run in report.runs if run.purpose == "contract"]
    assert log is not None and Path(log).read_text() == "the whole story\n"
    assert not list((repo.root.parent / "scratch").iterdir())
    verified(repo)
    assert sorted(path.name for path in Path(log).parent.iterdir()) == ["toolkit-run.log", "toolkit-settings.log"]


def test_the_file_tells_versions(repo: Repo) -> None:
    applied(repo, GOOD + "import torch\n")
    verified(repo)
    told = json.loads((repo.root / "sagemaker_job" / "verify.json").read_text())["reports"][0]["versions"]
    assert {"Python", "system", "torch"} == set(told) and told["system"].startswith("Linux ")


def test_a_fault_names_its_rule_and_mend(repo: Repo) -> None:
    script = GOOD + "open('lost.txt', 'w').write('x')\n"
    place = f"train.py:{lines(script, 'lost.txt')}"
    page = applied(repo, script)
    [report] = verified(repo)
    found = check(report, "lost files")
    assert found.rule == "SM103" and found.advice is not None
    assert f"- `{place}`: lost.txt (1 bytes)" in page.read_text() and "(rule SM103)" in page.read_text()
    [report] = verified(repo, findings={place: "SM104 lost-log"})
    assert check(report, "lost files").rule == "SM104 lost-log"


FAULTS = {
    "settings": (GOOD.replace('"--epochs", type=int, default=2', '"--epochs", action="store_true"'), "SM200"),
    "channels": (GOOD.replace('rows = open(os.path.join(args.data, "rows.txt")).read().split()\n', ""), "SM101"),
    "model": (GOOD.replace('"model.json"', '"../output/data/model.json"'), "SM102"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_has_a_rule_and_a_mend(repo: Repo, name: str) -> None:
    script, rule = FAULTS[name]
    found = check(repo.verify(script), name)
    assert (found.verdict, found.rule) == ("fail", rule) and found.advice


def test_it_stops_at_the_first_fault_only_on_request(repo: Repo) -> None:
    repo.write({"old.py": "print 1\n"})
    entry = entry_point(closure=("train.py", "old.py"))
    assert check(repo.verify(GOOD, entry), "run").verdict == "pass"
    report = repo.verify(GOOD, entry, fail_fast=True)
    assert [item.name for item in report.checks] == ["compiles", "names and values", "literal /opt/ml"][: len(report.checks)]
    assert report.runs == () and report.notes == ("stopped at the first proof that failed, as asked",) and report.exit_code == 1
