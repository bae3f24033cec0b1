"""What is told of settings that a script did not get: the parser's own words, and no option that would have arrived."""

from __future__ import annotations

import pytest

from migrate.verify import arrival
from migrate.verify.model import Check, Report
from tests.verify.repos import GOOD, Repo, check, entry_point, hyperparameter

HOOK = "run migrate apply"
SUPPORT = "def sagemaker_argv(parser):\n    import sys\n    return sys.argv[1:]\n"
HOOKED = GOOD.replace("parse_args()", "parse_args(sagemaker_argv(parser))").replace(
    "import argparse", "import argparse\nfrom sagemaker_support import sagemaker_argv"
)


def failed(report: Report) -> dict[str, Check]:
    return {item.name: item for item in report.checks if item.verdict == "fail"}


@pytest.fixture
def hooked(repo: Repo) -> Repo:
    repo.write({"sagemaker_support.py": SUPPORT})
    return repo


@pytest.mark.parametrize("script", [GOOD, HOOKED], ids=["as it was", "with the hook"])
def test_an_option_that_there_is_not_is_the_only_one_to_blame(hooked: Repo, script: str) -> None:
    found = failed(hooked.verify(script, hyperparameters={"kinds": 1}))
    assert set(found) == {"settings", "defaults", "run"}
    for name in ("settings", "defaults"):
        assert [item.text for item in found[name].evidence] == ["kinds = 1 was sent, but no parser has an option for it"]
        assert found[name].message.endswith("unrecognized arguments: --kinds 1") and found[name].rule is None
    wanted = "no option of the script's: kinds (did you mean kind?): leave it out of --hp and sagemaker_job/job.toml"
    assert {item.advice for item in found.values()} == {wanted}


@pytest.mark.parametrize("script", [GOOD, HOOKED], ids=["as it was", "with the hook"])
def test_a_value_that_the_parser_does_not_take(hooked: Repo, script: str) -> None:
    found = failed(hooked.verify(script, hyperparameters={"lr": "abc"}))
    assert set(found) == {"defaults", "run"}
    assert [item.text for item in found["defaults"].evidence] == ["lr = 'abc' was sent, and refused"]
    for item in found.values():
        assert "argument --lr: invalid float value: 'abc'" in item.message
        assert item.advice == "give what the script's parser takes: --hp lr=VALUE, or in sagemaker_job/job.toml"


@pytest.mark.parametrize("script", [GOOD, HOOKED], ids=["as it was", "with the hook"])
def test_a_crash_at_import_blames_no_option(hooked: Repo, script: str) -> None:
    hooked.write({"helper.py": "def work():\n    return {}['missing']\n\n\nwork()\n"})
    report = hooked.verify("import helper\n" + script, entry_point(closure=("train.py", "helper.py")))
    found = failed(report)
    assert set(found) == {"settings", "run"}
    for name, item in found.items():
        assert (item.evidence[0].where, item.evidence[0].text) == ("helper.py:2", "KeyError: 'missing'")
        assert [each.text for each in item.evidence[-3:]] == [
            'File "helper.py", line 2, in work',
            "return {}['missing']",
            "KeyError: 'missing'",
        ]
        log = "settings.log" if name == "settings" else "run.log"
        assert item.advice == f"see the last lines above; all of it is in {log}" and item.rule is None
    assert check(report, "defaults").verdict == "not run"


def test_the_hook_is_what_helps_a_script_that_has_none(repo: Repo) -> None:
    flag = GOOD.replace("args = parser", 'parser.add_argument("--flag", action="store_true")\nargs = parser')
    settings = (*entry_point().hyperparameters, hyperparameter("flag", "bool", False, line=13))
    found = failed(repo.verify(flag, entry_point(settings)))
    assert [item.where for item in found["settings"].evidence] == ["train.py:13"] and found["settings"].rule == "SM200"
    assert all(str(item.advice).startswith(HOOK) for item in found.values())


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("argument -l/--lr: invalid float value: 'abc'", ["lr"]),
        ("unrecognized arguments: --nope 1", ["nope"]),
        ("unrecognized arguments: --nope=1", ["nope"]),
        ("unrecognized arguments: True", ["flag"]),
        ("unrecognized arguments: --nope 1 True", ["nope"]),
        ("unrecognized arguments: --layer_sizes 3", ["layer_sizes"]),
        ("one of the arguments -a -b is required", []),
    ],
)
def test_whom_a_message_is_about(message: str, names: list[str]) -> None:
    entry = entry_point((hyperparameter("lr", "float", 0.1), hyperparameter("flag", "bool", False), hyperparameter("epochs", "int", 2)))
    values = {"lr": "abc", "epochs": 1, "flag": True, "nope": 1, "layer_sizes": 3}
    assert arrival.about(message, values, entry, {"lr", "epochs", "flag", "layer_sizes"}) == names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from sagemaker_support import keeper, sagemaker_argv\n", True),
        ("from sagemaker_support import (\n    keeper,\n    parse_args,\n)\n", True),
        ("from sagemaker_support import sagemaker_flags", True),
        ("from sagemaker_support import keeper\nargs = parser.parse_args()\n", False),
        ("from options import parse_args\n", False),
    ],
)
def test_a_script_that_has_the_hook(text: str, found: bool) -> None:
    assert arrival.hooked([("train.py", text.encode())]) is found
