"""A missing module that is the repository's own is not looked for in a package index."""

from __future__ import annotations

import pytest

from migrate.verify import own
from tests.verify.proofs.test_parity import forget, git
from tests.verify.repos import GOOD, Repo, check, entry_point

HERE = ("lanes/__init__.py", "lanes/marks.py", "src/roads/__init__.py", "tools/helper.py", "lanes/wandb.py", "data/images/a.png")


@pytest.mark.parametrize(
    ("module", "found"),
    [
        ("lanes", ("lanes/", "", True)),
        ("lanes.marks", ("lanes/", "", True)),
        ("lanes.made", ("lanes/", "", False)),
        ("roads", ("src/roads/", "src", True)),
        ("helper", ("tools/helper.py", "tools", True)),
        ("wandb", None),  # lanes.wandb is another one
        ("images", None),  # a folder of data
        ("lane", None),
    ],
)
def test_where_a_module_lies(module: str, found: tuple[str, str, bool] | None) -> None:
    told = own.find(module, HERE)
    assert (told and (told.path, told.folder, told.whole)) == found


def test_a_package_of_the_repository_is_not_to_be_installed(repo: Repo) -> None:
    """The package that EC2 has installed from the repo itself, and whose script stands in it."""
    script = "from lanes.marks import paint\n" + GOOD
    repo.write({"src/lanes/__init__.py": "", "src/lanes/marks.py": "def paint(): pass\n", "src/lanes/train.py": script + "# before\n"})
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "before")
    entry = entry_point(path="src/lanes/train.py", closure=("src/lanes/train.py",), command="python src/lanes/train.py")
    report = repo.verify(script, entry)
    what = "lanes is the repository's own (src/lanes/), and src is not on Python's path"
    for name in ("settings", "run"):
        found = check(report, name)
        assert (found.verdict, found.rule) == ("fail", None)
        assert found.advice == (
            f'{what}: PYTHONPATH = "/opt/ml/input/data/code/src:/opt/ml/code/src" in the job\'s environment (sagemaker_job/job.toml)'
        )
    assert f"({what}: --ec2-command 'PYTHONPATH=src python src/lanes/train.py')" in check(report, "EC2 parity").message
    assert not any("pip install" in f"{item.message} {item.advice}" for item in report.checks)
    environment = {"PYTHONPATH": "/opt/ml/input/data/code/src:/opt/ml/code/src"}
    mended = repo.verify(script, entry, environment=environment, ec2_command="PYTHONPATH=src python src/lanes/train.py")
    forget(repo)
    assert check(mended, "run").verdict == "pass" and check(mended, "EC2 parity").verdict == "pass"
