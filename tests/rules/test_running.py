"""What the settings rules write is run: as on EC2 it does what it did, and under either serialiser the settings arrive."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from migrate.job.serialise import Container, Style, argv, config_files, environment
from migrate.rules.base import all_rules
from tests.rules.harness import apply, check

RUNTIME = Path(__file__).resolve().parents[2] / "migrate" / "runtime" / "sagemaker_support.py"

CONSTANTS = {
    "train.py": """
import config
from package import options

class CFG:
    lr = 0.1
    name = "base"

EPOCHS = 10
USE_AMP = True
OFFSET = -1.5

if __name__ == "__main__":
    import sys
    print([config.SEED, options.BATCH_SIZE, CFG.lr, CFG.name, EPOCHS, USE_AMP, OFFSET], len(sys.argv))
""",
    "config.py": "SEED = 1\n",
    "package/options.py": "BATCH_SIZE = 32\n",
}
ARGV = {
    "train.py": """
import sys

epochs, rate = int(sys.argv[1]), float(sys.argv[2])
name = sys.argv[3] if len(sys.argv) > 3 else "none"
print([epochs, rate, name], len(sys.argv))
""",
}


def changed(code: str, sources: dict[str, str], folder: Path) -> None:
    """The sources after the rule, with the real support module, written to ``folder``."""
    rule = next(rule for rule in all_rules() if rule.code == code)
    after = apply(check(rule, sources), sources)
    assert after["train.py"] != sources["train.py"]
    for path, text in after.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(RUNTIME.read_text() if path.endswith("sagemaker_support.py") else text)


def run(folder: Path, arguments: Sequence[str], env: dict[str, str] | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def on_sagemaker(folder: Path, hyperparameters: dict[str, object], style: Style) -> tuple[int, str, str]:
    base = folder / "opt-ml"
    container = Container("train.py", base=str(base))
    for path, text in config_files(hyperparameters, container, style).items():
        target = base / "input" / "config" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return run(folder, argv(hyperparameters, style), environment(hyperparameters, container, style))


def original(sources: dict[str, str], folder: Path) -> Path:
    for path, text in sources.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.mark.parametrize("arguments", [[], ["--foreign", "x"], ["-v", "positional", "--no"]])
def test_constants_on_ec2_are_what_they_were(arguments: list[str], tmp_path: Path) -> None:
    changed("SM210", CONSTANTS, tmp_path / "after")
    expected = run(original(CONSTANTS, tmp_path / "before"), arguments)
    assert run(tmp_path / "after", arguments) == expected
    assert expected[0] == 0


def test_constants_take_options_on_ec2(tmp_path: Path) -> None:
    changed("SM210", CONSTANTS, tmp_path)
    code, out, _ = run(tmp_path, ["--epochs", "3", "--use-amp", "false", "--offset=-2.5", "--seed", "7"])
    assert (code, out) == (0, "[1, 32, 0.1, 'base', 3, False, -2.5] 8\n")  # an imported module takes nothing from a command line


@pytest.mark.parametrize("style", ["toolkit", "v3"])
def test_constants_arrive(style: Style, tmp_path: Path) -> None:
    changed("SM210", CONSTANTS, tmp_path)
    given: dict[str, object] = {
        "seed": 7,
        "batch_size": 8,
        "lr": 1e-5,
        "name": "1.10",
        "epochs": 2,
        "use_amp": False,
        "offset": -3.5,
    }
    code, out, err = on_sagemaker(tmp_path, given, style)
    assert (code, err) == (0, "")
    assert out.startswith("[7, 8, 1e-05, '1.10', 2, False, -3.5] ")


@pytest.mark.parametrize("arguments", [["3", "0.5"], ["3", "0.5", "n"], ["3", "0.5", "n", "more"], ["-1", "1e-3", "--x"], ["3"], []])
def test_argv_on_ec2_is_what_it_was(arguments: list[str], tmp_path: Path) -> None:
    changed("SM211", ARGV, tmp_path / "after")
    expected = run(original(ARGV, tmp_path / "before"), arguments)
    code, out, err = run(tmp_path / "after", arguments)
    assert (code, out) == expected[:2]
    assert err.splitlines()[-1:] == expected[2].splitlines()[-1:]


@pytest.mark.parametrize("style", ["toolkit", "v3"])
@pytest.mark.parametrize(
    ("given", "out"),
    [
        ({"epochs": 3, "rate": 0.5, "name": "n"}, "[3, 0.5, 'n'] 4\n"),
        ({"rate": -1e-5, "name": "1.10", "epochs": 2}, "[2, -1e-05, '1.10'] 4\n"),
        ({"epochs": 3, "rate": 0.5}, "[3, 0.5, 'none'] 3\n"),
    ],
)
def test_argv_arrives_in_its_order(given: dict[str, object], out: str, style: Style, tmp_path: Path) -> None:
    changed("SM211", ARGV, tmp_path)
    assert on_sagemaker(tmp_path, given, style) == (0, out, "")


# A first parser takes the name of a file of defaults, a second one all the rest.
TWO_PARSERS = {
    "train.py": """
import argparse
import json

config_parser = argparse.ArgumentParser(add_help=False)
config_parser.add_argument("-c", "--config", default="")
parser = argparse.ArgumentParser()
parser.add_argument("root", metavar="DIR")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--amp", action="store_true")
parser.add_argument("--sizes", nargs="+", type=int, default=[1])
parser.add_argument("--tag", default="none")


def read():
    first, remaining = config_parser.parse_known_args()
    if first.config:
        with open(first.config) as file:
            parser.set_defaults(**json.load(file))
    return parser.parse_args(remaining)


args = read()
print(args.root, args.epochs, args.amp, args.sizes, args.tag)
""",
    "defaults.json": '{"epochs": 9, "tag": "file"}',
}


@pytest.mark.parametrize(
    "arguments", [["d"], ["-c", "defaults.json", "d", "--amp"], ["--sizes", "1", "2", "--config=defaults.json", "--", "d"], []]
)
def test_two_parsers_on_ec2_are_what_they_were(arguments: list[str], tmp_path: Path) -> None:
    changed("SM200", TWO_PARSERS, tmp_path / "after")
    assert run(tmp_path / "after", arguments) == run(original(TWO_PARSERS, tmp_path / "before"), arguments)


@pytest.mark.parametrize("style", ["toolkit", "v3"])
def test_settings_reach_the_second_of_two_parsers(style: Style, tmp_path: Path) -> None:
    changed("SM200", TWO_PARSERS, tmp_path)
    given: dict[str, object] = {"root": "d", "amp": True, "sizes": [2, 3], "tag": "1.10", "config": "defaults.json"}
    assert on_sagemaker(tmp_path, given, style) == (0, "d 9 True [2, 3] 1.10\n", "")
    given = {"root": "a b", "amp": False, "epochs": 1}
    assert on_sagemaker(tmp_path, given, style) == (0, "a b 1 False [1] none\n", "")
