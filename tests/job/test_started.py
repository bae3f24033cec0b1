"""The usual start on EC2, and the settings that it gives to the job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migrate.job.infer import infer
from migrate.job.model import Channel, Hyperparameter, Output
from migrate.job.started import given, ranked
from migrate.repo.ec2.model import Command, Ec2Side, Machine, Schedule
from tests.generate.small import entry_point


def hp(name: str, type_: str = "str", default: object = None, *options: str, **more: object) -> Hyperparameter:
    spelt = options or (f"--{name}",)
    return Hyperparameter(name, spelt[0], name, type_, default, 1, "train.py", options=spelt, **more)  # type: ignore[arg-type]


DECLARED = (
    hp("lr", "float", 0.1, "--lr", "-l"),
    hp("epochs", "int", 10),
    hp("amp", "bool", False),
    hp("shuffle", "bool", True, "--no_shuffle"),
    hp("pretrained", "bool", False),
    hp("sizes", "int", [1], nargs="+"),
    hp("pair", "float", None, nargs=2),
    hp("model", "str", "small", choices=("small", "big")),
    hp("name"),
    Hyperparameter("config", None, "config", "str", None, 1, "train.py", options=("config",), required=True),
)


def values(*argv: str, inside: tuple[str, ...] = ()) -> tuple[dict[str, object], dict[str, str]]:
    found = given(Command("x", argv, "run.sh", 3, inside=inside), entry_point(hyperparameters=DECLARED, channels=(), outputs=()))
    return found.values or {}, found.skipped or {}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("--lr", "0.5", "--epochs=3"), {"lr": 0.5, "epochs": 3}),
        (("-l", "1e-3"), {"lr": 0.001}),
        (("-l0.2",), {"lr": 0.2}),
        (("--ep", "4"), {"epochs": 4}),
        (("--amp", "--no_shuffle"), {"amp": True, "shuffle": False}),
        (("--pretrained", "True", "--lr", "1"), {"pretrained": True, "lr": 1.0}),
        (("--pretrained", "false"), {"pretrained": False}),
        (("--no-amp",), {"amp": False}),
        (("--sizes", "1", "2", "-3", "--amp"), {"sizes": [1, 2, -3], "amp": True}),
        (("--pair", "1", "2"), {"pair": [1.0, 2.0]}),
        (("--model", "big", "--name", "a b"), {"model": "big", "name": "a b"}),
        (("base", "--lr", "-1"), {"config": "base", "lr": -1.0}),
        (("--lr", "1", "--lr", "2"), {"lr": 2.0}),
        (("--name", "facebook/opt-125m"), {"name": "facebook/opt-125m"}),
        (("--unknown", "3", "--lr", "2"), {"config": "3", "lr": 2.0}),
        ((), {}),
    ],
)
def test_arguments_are_read_as_argparse_would(argv: tuple[str, ...], expected: dict[str, object]) -> None:
    assert values(*argv)[0] == expected


@pytest.mark.parametrize(
    ("argv", "name", "reason"),
    [
        (("--name", "$RUN"), "name", "which nothing there sets"),
        (("--name", "<run>"), "name", "which nothing there sets"),
        (("--name", "***"), "name", "a secret"),
        (("--name", "/mnt/x"), "name", "a place on the EC2 machine"),
        (("--name", "~/x"), "name", "a place on the EC2 machine"),
        (("--name", "conf/a.yaml"), "name", "a place on the EC2 machine"),
        (("--model", "huge"), "model", "none of its values"),
        (("--lr", "fast"), "lr", "none of its values"),
        (("--lr", "nan"), "lr", "none of its values"),
    ],
)
def test_what_does_not_go_to_the_job_has_a_reason(argv: tuple[str, ...], name: str, reason: str) -> None:
    found, skipped = values(*argv)
    assert name not in found and reason in skipped[name] and "run.sh:3" in skipped[name]


def test_a_file_of_the_repo_goes() -> None:
    assert values("--name", "conf/a.yaml", inside=("conf/a.yaml",))[0] == {"name": "conf/a.yaml"}


def test_a_place_of_results_or_data_does_not_go() -> None:
    entry = entry_point(
        hyperparameters=DECLARED,
        channels=(Channel("training", "data/x", "train.py", 1),),
        outputs=(Output("model", "out/model.pt", "train.py", 2),),
    )
    for name in ("out", "./out/", "data", "data/x"):
        found = given(Command("x", ("--name", name), "run.sh", 3), entry)
        assert found.values == {} and "name" in (found.skipped or {})
    assert given(Command("x", ("--name", "outer"), "run.sh", 3), entry).values == {"name": "outer"}


def test_what_ec2_runs_comes_before_what_a_readme_shows() -> None:
    readme, gap, plain, cron = (
        Command("a", ("1",), "README.md", 1),
        Command("b", ("$X",), "a.sh", 1, complete=False),
        Command("c", ("2",), "b.sh", 1),
        Command("d", ("3",), "crontab", 1, detached="cron"),
    )
    side = Ec2Side(starts=(readme, gap, plain, cron), schedules=(Schedule("@daily", "d", "crontab", 1),))
    assert ranked(side) == (cron, plain, readme, gap)
    machine = Ec2Side(starts=(readme, plain), machines=(Machine("aws ec2 run-instances", "b.sh", 1),))
    assert ranked(machine)[0] == plain


def test_the_job_has_them_and_asks_for_no_more() -> None:
    start = Command("python train.py base --lr 0.5", ("base", "--lr", "0.5"), "run.sh", 3)
    job = infer(replace(entry_point(hyperparameters=DECLARED), ec2=Ec2Side(starts=(start,))))
    assert (job.hyperparameters["config"], job.hyperparameters["lr"], job.required) == ("base", 0.5, ())
    assert job.reasons["hyperparameters"] == "those that run.sh:3 gives, else the script's defaults"
    assert infer(entry_point(hyperparameters=DECLARED)).required == ("config",)
