"""Which values a run is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.verify import probe_settings, settings
from tests.verify.repos import entry_point, hyperparameter


@pytest.mark.parametrize(
    ("kind", "default", "more", "sent"),
    [
        ("int", 3, {}, 4),
        ("int", None, {}, 3),
        ("int", 25e3, {}, 25001),
        ("int", float("inf"), {}, 3),
        ("float", 0.1, {}, 1.1),
        ("float", 1, {}, 2.0),
        ("bool", False, {}, True),
        ("bool", True, {}, False),
        ("str", "sgd", {}, "sgd-x"),
        ("str", "", {}, "x"),
        ("str", False, {}, "x"),
        ("str", 0.2, {}, "x"),
        ("str", "./runs/a", {}, "./runs/a"),
        ("str", "model.pth", {}, "model.pth"),
        ("str", "sgd", {"choices": ("sgd", "adam")}, "adam"),
        ("str", "sgd", {"choices": ("sgd",)}, "sgd"),
        ("int", [1, 2], {"nargs": "+"}, [2, 3]),
        ("list", ["a"], {"nargs": "*"}, ["a-x"]),
        ("float", None, {"nargs": 2}, [0.25, 0.25]),
        ("json.loads", "{}", {}, "{}"),
        ("str2bool", True, {}, False),
    ],
)
def test_another_value_of_the_same_kind(kind: str, default: object, more: dict[str, object], sent: object) -> None:
    entry = entry_point((hyperparameter("x", kind, default, **more),))
    assert settings.changed(entry, {}) == {"x": sent}


def test_paths_and_unknown_kinds_are_not_sent() -> None:
    entry = entry_point((hyperparameter("data", "str", "x", is_path=True), hyperparameter("f", "my_type", None)))
    assert settings.changed(entry, {}) == {}


@pytest.mark.parametrize(
    "name", ["epochs", "epoch", "n_epochs", "num-epochs", "max_steps", "iterations", "max_iter", "train_steps", "total_iters", "nepochs"]
)
def test_names_that_say_how_long(name: str) -> None:
    entry = entry_point((hyperparameter(name, "int", 90),))
    assert settings.shortened({name: 90}, entry) == ({name: 1}, [name])


@pytest.mark.parametrize(
    "name", ["start_epoch", "warmup_steps", "save_steps", "log_iterations", "decay_epochs", "batch_size", "step_size", "lr_step", "seed"]
)
def test_names_that_do_not(name: str) -> None:
    entry = entry_point((hyperparameter(name, "int", 90),))
    assert settings.shortened({name: 90}, entry) == ({name: 90}, [])


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("argument --arch: invalid choice: 'x' (choose from 'a')", "arch"),
        ("argument -a/--arch: invalid known value: 'x'", "arch"),
        ("argument --arch: not allowed with argument --other", "arch"),
        ("argument --arch: no such model", "arch"),
        ("argument --no-other: not allowed with argument --arch", "arch"),
        ("argument --arch: invalid choice: \"['x']\" (choose from 'a')", None),
        ("argument --arch: invalid int value: 'x'", None),
        ("argument --arch: ignored explicit argument 'x'", None),
        ("argument --arch: expected one argument", None),
        ("unrecognized arguments: True", None),
        ("argument --foreign: invalid choice: 'x'", None),
    ],
)
def test_whose_made_up_value_was_refused(message: str, found: str | None) -> None:
    entry = entry_point((hyperparameter("arch", "str", "a"),))
    assert settings.culprit(message, entry, {"arch": "x"}) == found


values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)


@given(values)
def test_a_value_is_the_same_as_itself(value: object) -> None:
    assert probe_settings.same(value, value)


@pytest.mark.parametrize(("left", "right"), [(1, True), (1, 1.0), ("1", 1), ([1], [1, 2]), ([1], ["1"]), (None, "")])
def test_values_that_differ_in_kind_are_not_the_same(left: object, right: object) -> None:
    assert not probe_settings.same(left, right)
