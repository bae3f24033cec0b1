"""Parsers and settings by chance: what arrives under each real serialiser is what EC2's argparse makes of the same settings."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from migrate.runtime.sagemaker_support import parse_args, sagemaker_argv
from tests.runtime.containers import STYLES, Delivery, deliver, inside
from tests.runtime.shapes import Shape, build, ec2_argv, parsers

MANY = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


def _hyperparameters(shapes: list[Shape], order: int) -> dict[str, Any]:
    pairs = [(shape.key, shape.value) for shape in shapes]
    random.Random(order).shuffle(pairs)
    return dict(pairs)


def _expected(shapes: list[Shape]) -> dict[str, Any]:
    return {shape.kwargs.get("dest", shape.args[0]): shape.expected for shape in shapes}


@pytest.mark.parametrize("style", STYLES)
@MANY
@given(shapes=parsers(), order=st.integers(0, 5))
def test_arrives_as_on_ec2(style: str, shapes: list[Shape], order: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    on_ec2 = vars(build(shapes).parse_args(ec2_argv(shapes)))
    assert on_ec2 == _expected(shapes), "the test's own idea of EC2"
    folder = tmp_path_factory.getbasetemp()
    with inside(deliver(_hyperparameters(shapes, order), style), folder):
        assert vars(parse_args(build(shapes))) == on_ec2


@pytest.mark.parametrize("style", STYLES)
@MANY
@given(shapes=parsers(), order=st.integers(0, 5))
def test_parse_known_args_leaves_what_it_does_not_know(
    style: str, shapes: list[Shape], order: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An options class asks several parsers one after the other; each takes its own."""
    first, second = build(shapes[::2]), build(shapes[1::2])
    with inside(deliver(_hyperparameters(shapes, order), style), tmp_path_factory.getbasetemp()):
        one = vars(first.parse_known_args(sagemaker_argv(first))[0])
        two = vars(second.parse_known_args(sagemaker_argv(second))[0])
    assert {**one, **two} == _expected(shapes)


@MANY
@given(shapes=parsers())
@example(shapes=[])
def test_without_sagemaker_argv_is_argv(shapes: list[Shape]) -> None:
    with inside(Delivery(tuple(ec2_argv(shapes)), {}, ""), None):
        assert sagemaker_argv(build(shapes)) == sys.argv[1:] == ec2_argv(shapes)


@pytest.mark.parametrize("style", STYLES)
@MANY
@given(shapes=parsers())
def test_a_child_with_an_argv_of_its_own_keeps_its_meaning(style: str, shapes: list[Shape], tmp_path: Path) -> None:
    delivery = deliver(_hyperparameters(shapes, 0), style)
    with inside(Delivery(tuple(ec2_argv(shapes)), delivery.environ, delivery.file), tmp_path):
        assert vars(parse_args(build(shapes))) == _expected(shapes)


@pytest.mark.parametrize("style", STYLES)
@MANY
@given(main=parsers(), sub=parsers(), order=st.integers(0, 5))
def test_subcommand(style: str, main: list[Shape], sub: list[Shape], order: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Options of the subcommand come after it. A list of the main parser needs something to end it, as on EC2."""
    main = [shape for shape in main if not shape.positional and shape.kwargs.get("nargs") not in ("+", "*", "?")]
    taken = {shape.kwargs["dest"].replace("use_", "") for shape in main}
    sub = [shape for shape in sub if shape.positional or shape.kwargs["dest"].replace("use_", "") not in taken]
    parser = build(main)
    commands = parser.add_subparsers(dest="mode")
    build(sub, commands.add_parser("fit", allow_abbrev=False))
    commands.add_parser("eval")
    values = {**_hyperparameters(main + sub, order), "mode": "fit"}
    with inside(deliver(values, style), tmp_path_factory.getbasetemp()):
        assert vars(parse_args(parser)) == {**_expected(main), **_expected(sub), "mode": "fit"}


@pytest.mark.parametrize("style", STYLES)
@MANY
@given(shapes=parsers(), order=st.integers(0, 5))
def test_a_parser_that_asks_twice(style: str, shapes: list[Shape], order: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A subclass whose parse_args is hooked, called by a hooked line: the second time finds nothing left to translate."""
    with inside(deliver(_hyperparameters(shapes, order), style), tmp_path_factory.getbasetemp()):
        parser = build(shapes)
        assert vars(parser.parse_args(sagemaker_argv(parser, sagemaker_argv(parser)))) == _expected(shapes)
