"""Rows of the contract, one by one: what a hyperparameter means to a parser, under both real serialisers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.runtime.sagemaker_support import parse_args, sagemaker_argv, script_argv
from tests.runtime.containers import STYLES, Delivery, deliver, inside

both = pytest.mark.parametrize("style", STYLES)


def parser_of(*calls: tuple[Any, ...], **kwargs: Any) -> argparse.ArgumentParser:
    """A parser from calls of the form (name, ..., {keywords})."""
    parser = argparse.ArgumentParser(**kwargs)
    for call in calls:
        names = [part for part in call if isinstance(part, str)]
        parser.add_argument(*names, **next((part for part in call if isinstance(part, dict)), {}))
    return parser


def arrived(parser: argparse.ArgumentParser, hyperparameters: dict[str, Any], style: str, folder: Path | None) -> dict[str, Any]:
    with inside(deliver(hyperparameters, style), folder):
        return vars(parse_args(parser))


TRUE, FALSE = {"action": "store_true"}, {"action": "store_false"}
PAIR = (("--bias", {"action": "store_true", "default": True}), ("--no-bias", {"action": "store_false", "dest": "bias"}))


ROWS: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    # flags: the option's presence, or the value of a dest spelt differently
    ([("--amp", TRUE)], {"amp": True}, {"amp": True}),
    ([("--amp", TRUE)], {"amp": False}, {"amp": False}),
    ([("--amp", TRUE)], {"amp": ""}, {"amp": True}),
    ([("--amp", TRUE)], {"amp": None}, {"amp": False}),
    ([("--amp", TRUE)], {"amp": "yes"}, {"amp": True}),
    ([("--amp", TRUE)], {"amp": 0}, {"amp": False}),
    ([("--no-bias", {**FALSE, "dest": "bias"})], {"no-bias": True}, {"bias": False}),
    ([("--no-bias", {**FALSE, "dest": "bias"})], {"no_bias": False}, {"bias": True}),
    ([("--no-bias", {**FALSE, "dest": "bias"})], {"bias": False}, {"bias": False}),
    ([("--no-bias", {**FALSE, "dest": "bias"})], {"bias": True}, {"bias": True}),
    (PAIR, {"bias": False}, {"bias": False}),
    (PAIR, {"bias": True}, {"bias": True}),
    ([("--adam", {"action": "store_const", "const": "adam", "dest": "optim", "default": "sgd"})], {"optim": "adam"}, {"optim": "adam"}),
    ([("--adam", {"action": "store_const", "const": "adam", "dest": "optim", "default": "sgd"})], {"optim": "sgd"}, {"optim": "sgd"}),
    ([("--cache", {"action": argparse.BooleanOptionalAction, "default": True})], {"cache": False}, {"cache": False}),
    ([("--cache", {"action": argparse.BooleanOptionalAction})], {"no-cache": True}, {"cache": False}),
    ([("--cache", {"action": argparse.BooleanOptionalAction})], {"no_cache": False}, {"cache": None}),
    ([("--use-cache", {"action": argparse.BooleanOptionalAction, "dest": "c"})], {"c": False}, {"c": False}),
    ([("-v", "--verbose", {"action": "count", "default": 1})], {"verbose": 1}, {"verbose": 1}),
    ([("-v", "--verbose", {"action": "count", "default": 1})], {"v": 3}, {"verbose": 3}),
    (
        [
            ("--a", {"action": "append_const", "const": "a", "dest": "on"}),
            ("--b", {"action": "append_const", "const": "b", "dest": "on"}),
        ],
        {"on": ["b", "a"]},
        {"on": ["b", "a"]},
    ),
    # lists that add to their default; the launcher's value is the value that arrives
    ([("--tag", {"action": "append", "default": ["x"]})], {"tag": ["x"]}, {"tag": ["x"]}),
    ([("--tag", {"action": "append", "default": ["x"]})], {"tag": ["x", "y"]}, {"tag": ["x", "y"]}),
    ([("--tag", {"action": "extend", "nargs": "+"})], {"tag": ["x", "-y z"]}, {"tag": ["x", "-y z"]}),
    ([("--tag", {"action": "append"})], {"tag": "one"}, {"tag": ["one"]}),
    # names
    ([("--learning-rate", {"dest": "lr", "type": float})], {"lr": 0.1}, {"lr": 0.1}),
    ([("--learning-rate", {"dest": "lr", "type": float})], {"learning_rate": 0.1}, {"lr": 0.1}),
    ([("--learning-rate", {"dest": "lr", "type": float})], {"learning-rate": 1e-05}, {"lr": 1e-05}),
    ([("--optim.lr", {"type": float})], {"optim_lr": 0.5}, {"optim.lr": 0.5}),
    ([("-lr", {"type": float})], {"lr": -0.5}, {"lr": -0.5}),
    ([("-b", {"type": int}), ("-B", {"type": int})], {"b": 1, "B": 2}, {"b": 1, "B": 2}),
    ([("--a-b", {}), ("--a_b", {"dest": "c"})], {"a_b": "under", "a-b": "dash"}, {"a_b": "dash", "c": "under"}),
    # None is "not given"
    ([("--n", {"type": int, "default": 3})], {"n": None}, {"n": 3}),
    ([("--name", {"default": "x"})], {"name": None}, {"name": "x"}),
    ([("--lr", {"type": float, "default": 0.1})], {"lr": ""}, {"lr": 0.1}),
    # text and type
    ([("--version", {"choices": ["1.10", "1.9"]})], {"version": "1.10"}, {"version": "1.10"}),
    ([("--layers", {"choices": [18, 50], "type": int})], {"layers": 50}, {"layers": 50}),
    ([("--pre", {"choices": ["true", "false"]})], {"pre": True}, {"pre": "true"}),
    ([("--pre", {"choices": ["True", "False"]})], {"pre": False}, {"pre": "False"}),
    ([("--pre", {"default": "true"})], {"pre": False}, {"pre": "false"}),
    ([("--pre", {"default": "True"})], {"pre": False}, {"pre": "False"}),
    ([("--x", {"type": bool, "default": True})], {"x": False}, {"x": False}),
    ([("--x", {"type": bool, "default": True})], {"x": "False"}, {"x": False}),
    ([("--x", {"type": bool, "default": True})], {"x": 0}, {"x": False}),
    ([("--x", {"type": bool, "default": False})], {"x": True}, {"x": True}),
    ([("--x", {"type": eval})], {"x": True}, {"x": True}),
    ([("--x", {"type": eval})], {"x": {"a": None}}, {"x": {"a": None}}),
    ([("--kwargs", {"nargs": "*"})], {"kwargs": {"a": 1, "b": "c d"}}, {"kwargs": ["a=1", "b=c d"]}),
    ([("--gpu", {"nargs": "?", "const": 0, "type": int})], {"gpu": True}, {"gpu": 0}),
    ([("--gpu", {"nargs": "?", "const": 0, "type": int})], {"gpu": False}, {"gpu": None}),
    ([("--gpu", {"nargs": "?", "const": 0, "type": int})], {"gpu": 2}, {"gpu": 2}),
    ([("--xs", {"nargs": "+", "type": float})], {"xs": [-1e-05, 2]}, {"xs": [-1e-05, 2.0]}),
    ([("--xs", {"nargs": "*"})], {"xs": []}, {"xs": []}),
    ([("--xs", {"nargs": 1})], {"xs": "-q"}, {"xs": ["-q"]}),
    (
        [("--rest", {"nargs": argparse.REMAINDER}), ("--n", {"type": int})],
        {"rest": ["-q", "--n"], "n": 1},
        {"rest": ["-q", "--n"], "n": 1},
    ),
    ([("--folds", {"type": list, "default": [0, 1]})], {"folds": [0, 1]}, {"folds": [0, 1]}),
    ([("--folds", {"type": list, "default": [0, 1]})], {"folds": [3]}, {"folds": ["3"]}),
    # positionals
    ([("data",), ("--pre", TRUE)], {"pre": True, "data": "DIR"}, {"data": "DIR", "pre": True}),
    ([("data-dir",)], {"data_dir": "-x"}, {"data-dir": "-x"}),
    ([("a", {"nargs": "?", "default": 4, "type": int}), ("b", {"nargs": "?"})], {"b": "y"}, {"a": 4, "b": "y"}),
    ([("a", {"nargs": "?"}), ("b",)], {"b": "y"}, {"a": None, "b": "y"}),
    ([("a", {"nargs": "*"}), ("b", {"type": int})], {"b": -5}, {"a": [], "b": -5}),
    (
        [("cmd",), ("rest", {"nargs": "..."}), ("--n", {"type": int})],
        {"rest": ["-q", "1"], "cmd": "go", "n": 1},
        {"cmd": "go", "rest": ["-q", "1"], "n": 1},
    ),
]


@both
@pytest.mark.parametrize(("calls", "hyperparameters", "expected"), ROWS)
def test_row(calls: list[tuple[Any, ...]], hyperparameters: dict[str, Any], expected: dict[str, Any], style: str, tmp_path: Path) -> None:
    assert arrived(parser_of(*calls), hyperparameters, style, tmp_path) == expected


@both
def test_numbers_as_text_from_the_environment_alone(style: str) -> None:
    """Without the file v3 has made 1.1 of "1.10"; the choices still tell."""
    assert arrived(parser_of(("--version", {"choices": ["1.10", "1.9"]})), {"version": "1.10"}, style, None) == {"version": "1.10"}


@both
def test_platform_keys_are_dropped_unless_claimed(style: str, tmp_path: Path) -> None:
    platform = {"model_dir": "s3://b/m", "sagemaker_program": "t.py", "mp_parameters": "a=1", "_tuning_objective_metric": "loss", "lr": 1.0}
    lr = ("--lr", {"type": float})
    assert arrived(parser_of(lr), platform, style, tmp_path) == {"lr": 1.0}
    assert arrived(parser_of(lr, ("--model_dir",)), platform, style, tmp_path) == {"lr": 1.0, "model_dir": "s3://b/m"}


def test_a_model_dir_that_the_platform_rewrote(tmp_path: Path) -> None:
    """The TensorFlow container puts the job's name into model_dir on argv only."""
    delivery = deliver({"model_dir": "s3://b", "lr": 1.0}, "toolkit")
    argv = tuple("s3://b/job/model" if token == "s3://b" else token for token in delivery.argv)
    with inside(Delivery(argv, delivery.environ, delivery.file), tmp_path):
        assert vars(parse_args(parser_of(("--lr", {"type": float}), ("--model_dir",)))) == {"lr": 1.0, "model_dir": "s3://b/job/model"}
        assert vars(parse_args(parser_of(("--lr", {"type": float})))) == {"lr": 1.0}


@both
@pytest.mark.parametrize("value", [3, True, "a b", ["a b"], {"a": "b c"}])
@pytest.mark.parametrize("calls", [[], [("data", {"nargs": "?"})]])
def test_what_no_parser_knows_is_rejected(
    value: object, calls: list[tuple[Any, ...]], style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with inside(deliver({"lr": 0.1, "typo": value}, style), tmp_path):
        parser = parser_of(("--lr", {"type": float}), *calls)
        known, rest = parser.parse_known_args(sagemaker_argv(parser))
        assert known.lr == 0.1 and getattr(known, "data", None) is None and rest[0].startswith("--typo")
        with pytest.raises(SystemExit, match="2"):
            parse_args(parser)
    assert "unrecognized arguments: --typo" in capsys.readouterr().err


@both
def test_rest_handed_from_parser_to_parser(style: str, tmp_path: Path) -> None:
    first, second = parser_of(("--lr", {"type": float}), ("data", {"nargs": "?"})), parser_of(("--amp", TRUE), ("--note",))
    with inside(deliver({"lr": 0.1, "amp": True, "note": "two words"}, style), tmp_path):
        one, rest = first.parse_known_args(sagemaker_argv(first))
        two = second.parse_args(sagemaker_argv(second, rest))
    assert (vars(one), vars(two)) == ({"lr": 0.1, "data": None}, {"amp": True, "note": "two words"})


@both
def test_a_missing_positional_is_named(style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        arrived(parser_of(("a",), ("b", {"nargs": "*"})), {"b": ["x", "y"]}, style, tmp_path)
    assert "required: a" in capsys.readouterr().err


@both
def test_what_is_read_by_number_is_given_its_defaults(style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def parser(folder: str | None) -> argparse.ArgumentParser:
        return parser_of(("epochs", {"type": int}), ("data", {"nargs": "?", "default": folder}), ("lr", {"nargs": "?"}), prefix_chars="\0")

    with inside(deliver({"epochs": 2}, style), tmp_path):
        assert sagemaker_argv(parser("/data")) == ["2", "/data"]
    with inside(deliver({"epochs": 2, "lr": "-1e-5"}, style), tmp_path):
        assert sagemaker_argv(parser("/data")) == ["2", "/data", "-1e-5"]
        with pytest.raises(SystemExit, match="2"):
            sagemaker_argv(parser(None))
    assert "required: data" in capsys.readouterr().err


@both
def test_parents_groups_and_exclusive_groups(style: str, tmp_path: Path) -> None:
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument_group("g").add_argument("--lr", type=float)
    parser = argparse.ArgumentParser(parents=[parent])
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument("--epochs", type=int, default=10)
    one_of.add_argument("--steps", type=int, default=1000)
    one_of.add_argument("--fast", action="store_true")
    # a launcher that names every option with its default
    given = {"lr": 0.1, "epochs": 10, "steps": 5, "fast": False}
    assert arrived(parser, given, style, tmp_path) == given


@both
@pytest.mark.parametrize(("key", "dest"), [("mode", {"dest": "mode"}), ("command", {"dest": "mode"}), ("command", {})])
def test_nested_subcommands(key: str, dest: dict[str, str], style: str, tmp_path: Path) -> None:
    parser = parser_of(("--seed", {"type": int, "default": 0}), ("where",))
    train = parser.add_subparsers(**dest).add_parser("train", aliases=["t"])
    train.add_argument("--amp", action="store_true")
    train.add_argument("data")
    deep = train.add_subparsers(dest="kind").add_parser("deep")
    deep.add_argument("--layers", nargs="+", type=int)
    given = {key: "t", "kind": "deep", "layers": [3, 4], "data": "D", "amp": True, "where": "here", "seed": 7}
    got = arrived(parser, given, style, tmp_path)
    assert got == {
        "seed": 7,
        "where": "here",
        "amp": True,
        "data": "D",
        "kind": "deep",
        "layers": [3, 4],
        **({"mode": "t"} if dest else {}),
    }


@both
def test_a_shell_script_that_passes_its_arguments_on(style: str, tmp_path: Path) -> None:
    """``python main.py --quiet train "$@" --last 1``: the person's tokens stay, the others are translated where they stand."""
    parser = parser_of(("--quiet", TRUE), ("--seed", {"type": int}))
    train = parser.add_subparsers(dest="mode").add_parser("train")
    train.add_argument("--amp", action="store_true")
    train.add_argument("--last", type=int)
    delivery = deliver({"amp": True, "seed": 3}, style)
    argv = ("--quiet", "train", *delivery.argv, "--last", "1")
    with inside(Delivery(argv, delivery.environ, delivery.file), tmp_path):
        assert vars(parse_args(parser)) == {"quiet": True, "seed": 3, "mode": "train", "amp": True, "last": 1}


def test_other_prefixes_and_argument_files(tmp_path: Path) -> None:
    parser = parser_of(("+n", {"type": int}), ("/s",), ("++flag", TRUE), prefix_chars="+/", fromfile_prefix_chars="@")
    assert arrived(parser, {"n": -3, "s": "+x", "flag": True}, "toolkit", tmp_path) == {"n": -3, "s": "+x", "flag": True}
    assert arrived(parser, {"n": 3, "s": "@notafile"}, "v3", tmp_path) == {"n": 3, "s": "@notafile", "flag": False}
    (tmp_path / "args.txt").write_text("+n\n5\n")
    with inside(Delivery((f"@{tmp_path}/args.txt",), {}, ""), None):
        assert vars(parse_args(parser)) == {"n": 5, "s": None, "flag": False}


def test_options_that_look_like_negative_numbers(tmp_path: Path) -> None:
    parser = parser_of(("-1", {"dest": "one", "type": int}), ("x", {"type": int}))
    assert arrived(parser, {"one": -4, "x": -5}, "toolkit", tmp_path) == {"one": -4, "x": -5}


def test_argv_of_a_v3_command_stays_to_the_letter(tmp_path: Path) -> None:
    delivery = deliver({"lr": 0.1, "amp": True, "data": "D"}, "v3")
    argv = ("--amp", "--lr", "0.1", "DIR", "true")
    for entry in ("", "null"):  # environment.py writes null for an entry_script of None
        with inside(Delivery(argv, {**delivery.environ, "SM_ENTRY_SCRIPT": entry}, delivery.file), tmp_path):
            assert sagemaker_argv(parser_of(("--amp", TRUE), ("--lr",), ("data",))) == list(argv)


@both
def test_a_child_with_its_own_argv_keeps_it(style: str, tmp_path: Path) -> None:
    delivery = deliver({"lr": 0.1, "amp": True, "data": "D", "classes": 3}, style)
    argv = ("--amp", "--lr", "0.2", "--classes", "3", "4", "--rank", "1")
    with inside(Delivery(argv, delivery.environ, delivery.file), tmp_path):
        assert sagemaker_argv(parser_of(("--amp", TRUE), ("--lr",), ("data",), ("--classes", {"nargs": "+"}))) == list(argv)


def test_argv_is_the_last_source() -> None:
    parser = parser_of(("--amp", TRUE), ("--xs", {"nargs": "+"}), ("--lr", {"type": float}), ("-b", {"type": int}))
    argv = ("-b", "64", "--amp", "True", "--lr", "0.1", "--xs", "[1, 2]")
    with inside(Delivery(argv, {"SM_TRAINING_ENV": "{}"}, ""), None):
        assert vars(parse_args(parser)) == {"amp": True, "xs": ["1", "2"], "lr": 0.1, "b": 64}
    with inside(Delivery(("--amp", "--lr", "0.1"), {"SM_TRAINING_ENV": "{}"}, ""), None):
        assert sagemaker_argv(parser) == ["--amp", "--lr", "0.1"]
    # a person who tries the defaults out on EC2
    with inside(Delivery(argv, {"SM_MODEL_DIR": "m", "SM_CHANNEL_TRAINING": "d"}, ""), None):
        assert sagemaker_argv(parser) == list(argv)


@both
def test_the_file_beats_the_environment(style: str, tmp_path: Path) -> None:
    delivery = deliver({"name": "1.10"}, style)
    with inside(delivery, tmp_path):
        os.environ["SM_HPS"] = json.dumps({"name": 1.1})
        assert vars(parse_args(parser_of(("--name",)))) == {"name": "1.10"}


@both
def test_a_distributed_launcher_puts_a_token_in_front(style: str, tmp_path: Path) -> None:
    delivery = deliver({"arch": "r50", "xs": [1, 2]}, style)
    parser = parser_of(
        ("data", {"nargs": "?", "default": "D"}), ("arch", {"nargs": "?"}), ("--xs", {"nargs": "+"}), ("--local_rank", {"type": int})
    )
    with inside(Delivery(("--local_rank=1", *delivery.argv), delivery.environ, delivery.file), tmp_path):
        assert vars(parse_args(parser)) == {"data": "D", "arch": "r50", "xs": ["1", "2"], "local_rank": 1}


@pytest.mark.parametrize("text", ["", "not json", "[1]", "null"])
def test_a_file_that_holds_no_hyperparameters(text: str, tmp_path: Path) -> None:
    with inside(Delivery(("--amp", "--x", "1"), {}, text), tmp_path):
        assert sagemaker_argv(parser_of(("--amp", TRUE))) == ["--amp", "--x", "1"]


def test_file_under_the_toolkits_base_folder(tmp_path: Path) -> None:
    (tmp_path / "input" / "config").mkdir(parents=True)
    (tmp_path / "input" / "config" / "hyperparameters.json").write_text(json.dumps({"amp": "true", "n": 5}))
    with inside(Delivery(("--amp", "True", "--n", "5"), {"SAGEMAKER_BASE_DIR": str(tmp_path)}, ""), None):
        assert vars(parse_args(parser_of(("--amp", TRUE), ("--n", {"type": int})))) == {"amp": True, "n": 5}


@pytest.mark.parametrize("argv", [(), ("--amp", "True"), ("--x=1", "DIR", "--", "-q"), ("--lr", "0.1", "")])
def test_ec2_argv_is_untouched(argv: tuple[str, ...]) -> None:
    parser = parser_of(("--amp", TRUE), ("--lr",))
    with inside(Delivery(argv, {}, ""), None):
        assert sagemaker_argv(parser) == list(argv) == script_argv(parser, "__main__") == script_argv(parser, "__mp_main__")
        assert script_argv(parser, "config") == []


@both
def test_other_methods_and_other_parsers(style: str, tmp_path: Path) -> None:
    class NotArgparse:
        def parse(self, argv: list[str]) -> list[str]:
            return argv

    with inside(deliver({"amp": True, "left": 1}, style), tmp_path):
        known, rest = parse_args(parser_of(("--amp", TRUE)), "parse_known_args")
        assert (known.amp, rest) == (True, ["--left", "1"])
        assert vars(parse_args(parser_of(("--amp", TRUE), ("--left",)), "parse_intermixed_args")) == {"amp": True, "left": "1"}
        assert parse_args(NotArgparse(), "parse") == sys.argv[1:]


@both
def test_script_argv(style: str, tmp_path: Path) -> None:
    """A script that had no parser: its constants become options; other settings and arguments are not its own."""
    make: Callable[[], argparse.ArgumentParser] = lambda: parser_of(("--lr", {"type": float}), ("--amp", TRUE), ("data", {"nargs": "?"}))  # noqa: E731
    delivery = deliver({"lr": 0.1, "amp": True, "data": "D", "other": 1}, style)
    expected = {"lr": 0.1, "amp": True, "data": "D"}
    for name in ("__main__", "config"):
        with inside(delivery, tmp_path):
            parser = make()
            assert vars(parser.parse_known_args(script_argv(parser, name))[0]) == expected
    # a child with an argv of its own: the settings reach it, its own arguments stay, and win
    with inside(Delivery(("--lr", "5", "E"), delivery.environ, delivery.file), tmp_path):
        parser = make()
        assert vars(parser.parse_known_args(script_argv(parser, "__main__"))[0]) == {"lr": 5.0, "amp": True, "data": "E"}
        assert vars(parser.parse_known_args(script_argv(parser, "config"))[0]) == expected
