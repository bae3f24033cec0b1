"""The original beside the migrated script, both as on EC2."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from migrate.edits import journal
from migrate.edits.changes import Change
from migrate.verify.model import Report
from tests.verify.repos import BOTH, READ, Repo, check, contract_run, entry_point, verdicts

BEFORE = """
import argparse, json, os, random
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--kind", default="a", choices=["a", "b"])
parser.add_argument("--data", default="./data")
parser.add_argument("--out", default="./out")
args = parser.parse_args()
""" + READ + """
os.makedirs(args.out, exist_ok=True)
random.seed(0)
loss = random.random() * args.lr
print(f"loss {loss:.6f}")
with open(os.path.join(args.out, "model.json"), "w") as handle:
    json.dump({"lr": args.lr, "rows": len(rows), "loss": loss}, handle)
"""  # fmt: skip
AFTER = BEFORE.replace('"./data"', 'os.environ.get("SM_CHANNEL_TRAINING", "./data")').replace(
    '"./out"', 'os.environ.get("SM_MODEL_DIR", "./out")'
)
COMMAND = "python train.py --lr 0.5"


def git(repo: Repo, *words: str) -> None:
    subprocess.run(["git", "-C", str(repo.root), "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True)


def forget(repo: Repo) -> None:
    """All files are new to git again, as the other tests have them: what verify leaves is then seen."""
    git(repo, "update-ref", "-d", "HEAD")
    git(repo, "read-tree", "--empty")


def compared(repo: Repo, before: str, after: str, path: str = "train.py", command: str | None = COMMAND, **options: object) -> Report:
    """Commit ``before``, migrate it to ``after``, and verify."""
    repo.write({path: before})
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "before")
    report = repo.verify(after, entry_point(path=path, command=command), **options)
    forget(repo)
    return report


@BOTH
def test_the_same_on_ec2(repo: Repo, engine: str) -> None:
    report = compared(repo, BEFORE, AFTER, engine=engine)
    assert verdicts(report) == {}
    assert check(report, "EC2 parity").message == (
        "the original (from git's HEAD) and the migrated script, both started as `python train.py --lr 0.5`: "
        "1 file and 1 printed lines are the same"
    )
    assert [run.argv for run in report.runs if run.purpose == "ec2"] == [("train.py", "--lr", "0.5")] * 2


@pytest.mark.parametrize("engine", ["process"])
def test_the_order_of_sets_is_no_difference(repo: Repo, engine: str) -> None:
    more = "print(sorted(hash(word) for word in args.kind))\n"
    report = compared(repo, BEFORE + more, AFTER + more, engine=engine)
    assert check(report, "EC2 parity").message.endswith(": 1 file and 2 printed lines are the same")
    assert len([run for run in report.runs if run.purpose == "ec2"]) == 2


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("random.seed(0)", "random.seed(1)", "printed: 'loss 0.067182' instead of 'loss 0.422211'"),
        ('"model.json"', '"weights.json"', "out/weights.json: is written by the migrated script alone"),
        ('"model.json"', '"weights.json"', "out/model.json: is no longer written"),
        ('"rows": len(rows)', '"rows": 7', "out/model.json: rows: 7 instead of 3"),
        ('"SM_MODEL_DIR", "./out"', '"SM_MODEL_DIR", "./model"', "model/model.json: is written by the migrated script alone"),
    ],
)
def test_a_migration_that_changes_ec2(repo: Repo, old: str, new: str, fault: str) -> None:
    report = compared(repo, BEFORE, AFTER.replace(old, new))
    assert verdicts(report) == {"EC2 parity": "fail"} and report.exit_code == 1
    assert fault in [item.text for item in check(report, "EC2 parity").evidence]


def test_a_migration_that_breaks_ec2_is_told_with_its_line(repo: Repo) -> None:
    report = compared(repo, BEFORE, AFTER.replace('os.environ.get("SM_MODEL_DIR", "./out")', 'os.environ["SM_MODEL_DIR"]'))
    found = check(report, "EC2 parity")
    assert found.verdict == "fail" and found.message == "the migrated script no longer runs on EC2: exit code 1: KeyError: 'SM_MODEL_DIR'"
    assert [item.where for item in found.evidence] == ["train.py:8"] and contract_run(report).exit_code == 0


def test_what_the_original_does_not_do_twice_alike_is_left_out(repo: Repo) -> None:
    chance = ("random.seed(0)", "random.seed(); open('steady.txt', 'w').write('s')")
    found = check(compared(repo, BEFORE.replace(*chance), AFTER.replace(*chance)), "EC2 parity")
    assert found.verdict == "pass" and "1 file and 1 printed lines" in found.message
    assert found.message.endswith("out/model.json: not the same in two runs of the original either")


def test_a_command_that_changes_its_folder(repo: Repo) -> None:
    report = compared(repo, BEFORE, AFTER, "tools/train.py", "cd tools && python train.py")
    assert check(report, "EC2 parity").verdict == "pass", check(report, "EC2 parity")


def test_a_module(repo: Repo) -> None:
    report = compared(repo, BEFORE, AFTER, "pkg/train.py", "OMP_NUM_THREADS=1 python -m pkg.train --epochs 1")
    assert check(report, "EC2 parity").verdict == "pass", check(report, "EC2 parity")


def test_data_are_put_where_the_command_says(repo: Repo) -> None:
    both = [
        script.replace('parser.add_argument("--kind"', 'parser.add_argument("--name"); parser.add_argument("--kind"')
        for script in (BEFORE, AFTER)
    ]
    channel = entry_point().channels[0].__class__("training", "./data", "train.py", 11, option="--data")
    repo.write({"train.py": both[0]})
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "before")
    report = repo.verify(both[1], entry_point(command="python train.py --data /mnt/efs/set", channels=(channel,)), engine="sandbox")
    forget(repo)
    assert check(report, "EC2 parity").verdict == "pass", check(report, "EC2 parity")


def test_data_are_put_beside_what_git_has_of_the_folder(repo: Repo) -> None:
    """A folder of data often holds the script that fetched them."""
    repo.write({"data/fetch.py": "print('fetched')\n"})
    report = compared(repo, BEFORE, AFTER)
    assert check(report, "EC2 parity").verdict == "pass", check(report, "EC2 parity")


def test_quick_makes_both_short(repo: Repo) -> None:
    before, after = (script.replace('"rows": len', '"epochs": args.epochs, "rows": len') for script in (BEFORE, AFTER))
    report = compared(repo, before, after, quick=True)
    assert check(report, "EC2 parity").verdict == "pass" and "as briefly as --quick asks for" in check(report, "EC2 parity").message
    assert {run.argv for run in report.runs if run.purpose == "ec2"} == {("train.py", "--lr", "0.5", "--epochs", "1")}


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (None, "no command is known that starts it on EC2 (--ec2-command 'python ...')"),
        ("python train.py --lr $LR", "'python train.py --lr $LR' is no whole command: --ec2-command gives another one"),
        (
            "torchrun --nproc_per_node=4 train.py",
            "it is started by torchrun --nproc_per_node=4: --ec2-command gives a command for one process",
        ),
        ("python other.py", "'python other.py' does not start train.py"),
    ],
)
def test_a_command_that_cannot_be_run_here(repo: Repo, command: str | None, reason: str) -> None:
    found = check(compared(repo, BEFORE, AFTER, command=command), "EC2 parity")
    assert (found.verdict, found.message) == ("not run", reason)


def test_a_command_that_is_given(repo: Repo) -> None:
    report = compared(repo, BEFORE, AFTER, command=None, ec2_command="python train.py --lr 2")
    assert check(report, "EC2 parity").verdict == "pass"


def test_an_original_that_does_not_run_here(repo: Repo) -> None:
    found = check(compared(repo, BEFORE + "import no_such_thing\n", AFTER), "EC2 parity")
    assert found.verdict == "not run" and found.message == (
        "the original does not come to its end here, started as `python train.py --lr 0.5`: "
        "ModuleNotFoundError: No module named 'no_such_thing' (pip install no-such-thing)"
    )


def test_absolute_outputs_are_not_written_without_a_sandbox(repo: Repo, tmp_path: Path) -> None:
    from migrate.job.model import Output

    entry = entry_point(command=COMMAND, outputs=(Output("model", str(tmp_path / "precious"), "train.py", 12),))
    repo.write({"train.py": BEFORE})
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "before")
    found = check(repo.verify(AFTER, entry), "EC2 parity")
    assert found.verdict == "not run" and "--engine sandbox keeps it apart" in found.message
    forget(repo)


def test_the_journal_of_an_apply_comes_first(repo: Repo) -> None:
    """Also where git's HEAD is the migrated script already."""
    repo.write({"train.py": BEFORE})
    journal.write(repo.root, [Change("train.py", BEFORE.encode(), AFTER.encode()), Change("made.py", None, b"x = 1\n")])
    report = repo.verify(AFTER, entry_point(command=COMMAND))
    assert check(report, "EC2 parity").verdict == "pass" and "the journal of migrate apply" in check(report, "EC2 parity").message
