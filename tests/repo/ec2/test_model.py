from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from migrate.repo.ec2.model import Command, Ec2Side, Fact, Machine, Mount, Schedule, Transfer
from migrate.repo.ec2.rebuilt import rebuilt

SIDE = Ec2Side(
    starts=(Command("python train.py", ("--lr", "1"), "run.sh", 3, environment=(("A", "1"),), entry="train.py", processes=8),),
    transfers=(Transfer("s3://b/d", "data", True, True, "run.sh", 2, "aws s3 sync", before=("train.py",)),),
    mounts=(Mount("efs", "fs-01:/", "fs-01", "/", "/mnt/efs", False, "ud.sh", 4, region="us-east-1"),),
    machines=(
        Machine("aws_instance.a", "a.tf", 1, (Fact("p3.2xlarge", "a.tf", 2), Fact("p2.xlarge", "a.tf", 2)), spot=Fact(True, "a.tf", 3)),
        Machine("aws ec2 run-instances", "run.sh", 9, (Fact("g5.xlarge", "run.sh", 9),), volume=Fact(200, "run.sh", 9)),
    ),
    environment=(("A", Fact("1", "run.sh", 3)),),
    schedules=(Schedule("@daily", "run.sh", "crontab", 1),),
)


def test_it_comes_back_from_json() -> None:
    assert rebuilt(json.loads(json.dumps(asdict(SIDE)))) == SIDE


@pytest.mark.parametrize("value", [{"starts": [{"text": 1}]}, {"other": []}, {"spot": []}, {"machines": [["a"]]}, {"regions": [None]}])
def test_what_is_no_side_is_refused(value: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        rebuilt(value)


def test_two_types_contradict_each_other_and_a_fleets_choice_does_not() -> None:
    assert [str(each) for each in SIDE.contradictions] == ["instance type: p3.2xlarge (a.tf:2), g5.xlarge (run.sh:9)"]


def test_a_fact_concerns_the_entry_points_of_the_nearest_folder_that_holds_any() -> None:
    facts = [Fact("us-east-1", path, 1) for path in ("run.sh", "a/run.sh", "a/deep/er/run.sh", "b/run.sh", "c/run.sh")]
    side, entries = Ec2Side(regions=tuple(facts)), ("a/train.py", "a/deep/train.py", "b/train.py")
    assert [fact.path for fact in side.of("a/train.py", entries).regions] == ["run.sh", "a/run.sh", "c/run.sh"]
    assert [fact.path for fact in side.of("a/deep/train.py", entries).regions] == ["run.sh", "a/run.sh", "a/deep/er/run.sh", "c/run.sh"]
    assert [fact.path for fact in side.of("b/train.py", entries).regions] == ["run.sh", "b/run.sh", "c/run.sh"]
    assert len(side.of("a/train.py").regions) == 5  # with no other one, all concern it


def test_an_entry_point_has_no_transfers_of_another_one() -> None:
    assert SIDE.of("train.py") == SIDE
    other = SIDE.of("other.py")
    assert (other.starts, other.transfers, other.machines) == ((), (), SIDE.machines)
