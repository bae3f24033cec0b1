"""Parsers drawn by chance, with settings for them, and the EC2 command line that means the same."""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

WORDS = ("lr", "batch_size", "weight-decay", "optim.lr", "b", "num_workers", "data", "arch", "Xs", "no_cache", "layer-2", "seed", "out-dir")


def str2bool(text: str) -> bool:
    if text.lower() in ("yes", "true", "t", "1"):
        return True
    if text.lower() in ("no", "false", "f", "0"):
        return False
    raise argparse.ArgumentTypeError("a boolean is wanted")


def strict_bool(text: str) -> bool:
    return {"True": True, "False": False}[text]


def ints(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def words(text: str) -> list[str]:
    return text.split(",")


@dataclass
class Shape:
    """One add_argument call, the key and value given for it, and the tokens that mean it on EC2."""

    args: tuple[str, ...]
    kwargs: dict[str, Any]
    key: str
    value: Any
    tokens: list[str] = field(default_factory=list)
    expected: Any = None
    positional: bool = False


# A value on argv: no NUL. Nothing that v3 leaves in doubt: a text that is JSON for null or for another string.
def _plain(text: str) -> bool:
    try:
        return not (json.loads(text) is None or isinstance(json.loads(text), str))
    except ValueError:
        return True


# "--" alone as a value is lost by argparse itself.
TEXTS = st.one_of(
    st.sampled_from(
        ["adam", "1.10", "1e3", "-x", "--lr", "-5", "007", "a b", "", "$HOME", "it's", 'say "x"', "@file", "x=y", "[1, 2]", "日本"]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
).filter(lambda text: text != "--" and _plain(text))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTS = st.integers(-(10**12), 10**12)


@st.composite
def shapes(draw: Callable[..., Any], word: str, kinds: tuple[str, ...]) -> Shape:
    kind = draw(st.sampled_from(kinds))
    bare = word.replace(".", "_")
    dashes = "-" if len(word) == 1 else draw(st.sampled_from(["--", "--", "--", "-"]))
    option, dest = dashes + word, bare.replace("-", "_")
    key = draw(st.sampled_from([word, dest, dest.replace("_", "-")]))
    args: tuple[str, ...] = (option,)
    if draw(st.booleans()) and len(word) > 1 and "--alias-" not in word:
        args += ("--alias-" + word.replace(".", "-"),)
        if args[0].startswith("--"):
            key = draw(st.sampled_from([key, "alias_" + dest]))
    shape = Shape(args, {"dest": dest}, key, None)
    BUILDERS[kind](draw, shape, option)
    return shape


def _scalar(draw: Any, shape: Shape, option: str) -> None:
    kind, values = draw(st.sampled_from([(int, INTS), (float, FLOATS), (str, TEXTS), (None, TEXTS)]))
    shape.value = shape.expected = draw(values)
    shape.kwargs.update(type=kind, required=draw(st.booleans()))
    shape.tokens = [f"{option}={shape.value}"]


def _choice(draw: Any, shape: Shape, option: str) -> None:
    shape.kwargs["choices"] = ["1.10", "1e3", "18", "true", "adam"]
    shape.value = shape.expected = draw(st.sampled_from(shape.kwargs["choices"]))
    shape.tokens = [option, shape.value]


def _flag(draw: Any, shape: Shape, option: str) -> None:
    shape.value = draw(st.booleans())
    const = draw(st.booleans())
    shape.kwargs["action"] = "store_true" if const else "store_false"
    shape.tokens = [option] if shape.value else []
    shape.expected = const if shape.value else not const
    if not const and draw(st.booleans()):  # spelt as its dest: the value
        shape.args, shape.kwargs["dest"] = shape.args[:1], "use_" + shape.kwargs["dest"]
        shape.key, shape.expected = shape.kwargs["dest"], shape.value
        shape.tokens = [] if shape.value else [option]


def _const(draw: Any, shape: Shape, option: str) -> None:
    shape.value = draw(st.booleans())
    shape.kwargs.update(action="store_const", const="fast", default="slow")
    shape.tokens, shape.expected = ([option], "fast") if shape.value else ([], "slow")


def _both_ways(draw: Any, shape: Shape, option: str) -> None:
    shape.args = ("--" + shape.kwargs["dest"],)
    shape.key = shape.kwargs["dest"]
    shape.kwargs.update(action=argparse.BooleanOptionalAction, default=draw(st.sampled_from([None, True, False])))
    shape.value = shape.expected = draw(st.booleans())
    shape.tokens = [shape.args[0] if shape.value else "--no-" + shape.args[0][2:]]


def _bool(draw: Any, shape: Shape, option: str) -> None:
    shape.kwargs.update(type=bool, default=draw(st.booleans()))
    shape.value = shape.expected = draw(st.booleans())
    shape.tokens = [option, "True" if shape.value else ""]


def _list(draw: Any, shape: Shape, option: str) -> None:
    # EC2 can't give a list an item that looks like an option
    kind, values = draw(
        st.sampled_from(
            [(int, INTS), (float, st.floats(-1e6, 1e6)), (str, TEXTS.filter(lambda text: text[:1] != "-")), (str2bool, st.booleans())]
        )
    )
    nargs = draw(st.sampled_from(["+", "*", 2]))
    count = {"+": (1, 4), "*": (0, 4), 2: (2, 2)}[nargs]
    shape.value = shape.expected = draw(st.lists(values, min_size=count[0], max_size=count[1]))
    shape.kwargs.update(nargs=nargs, type=kind)
    plain = [f"{v:.400f}" if kind is float and v < 0 else str(v) for v in shape.value]  # no -1e-05, which argparse takes for an option
    shape.tokens = [option, *plain]


def _append(draw: Any, shape: Shape, option: str) -> None:
    shape.value = draw(st.lists(INTS, max_size=3))
    shape.kwargs.update(action="append", type=int)
    shape.expected = shape.value or None
    shape.tokens = [token for v in shape.value for token in (f"{option}={v}",)]


def _append_lists(draw: Any, shape: Shape, option: str) -> None:
    shape.value = draw(st.lists(st.lists(INTS, min_size=2, max_size=2), max_size=3))
    shape.kwargs.update(action="append", type=int, nargs=2)
    shape.expected = shape.value or None
    shape.tokens = [token for pair in shape.value for token in (option, *map(str, pair))]


def _count(draw: Any, shape: Shape, option: str) -> None:
    shape.value = draw(st.integers(0, 4))
    shape.kwargs.update(action="count", default=0)
    shape.tokens, shape.expected = [option] * shape.value, shape.value


def _maybe(draw: Any, shape: Shape, option: str) -> None:
    shape.kwargs.update(nargs="?", const="auto", default=None)
    shape.value = draw(st.one_of(st.just(True), TEXTS.filter(lambda text: text not in ("true", "false"))))
    shape.expected = "auto" if shape.value is True else shape.value
    shape.tokens = [option] if shape.value is True else [f"{option}={shape.value}"]


def _custom(draw: Any, shape: Shape, option: str) -> None:
    kind, value, token = draw(
        st.sampled_from(
            [
                (ints, [1, 2, 3], "1,2,3"),
                (words, ["a", "b"], "a,b"),
                (json.loads, {"a": [1, None]}, '{"a": [1, null]}'),
                (ast.literal_eval, {"a": [True]}, "{'a': [True]}"),
                (ast.literal_eval, [0.5, "x"], "[0.5, 'x']"),
                (str2bool, False, "no"),
                (strict_bool, True, "True"),
                (lambda text: text == "True", True, "True"),
                (lambda text: bool(int(text)), False, "0"),
                (int, True, "1"),
            ]
        )
    )
    shape.kwargs["type"] = kind
    shape.value, shape.tokens, shape.expected = value, [option, token], kind(token)


def _none(draw: Any, shape: Shape, option: str) -> None:
    default = draw(st.sampled_from([None, 3, 0.5]))
    shape.kwargs.update(type=float, default=default)
    shape.value, shape.expected, shape.tokens = None, default, []


BUILDERS: dict[str, Callable[[Any, Shape, str], None]] = {
    "scalar": _scalar,
    "choice": _choice,
    "flag": _flag,
    "const": _const,
    "both": _both_ways,
    "bool": _bool,
    "list": _list,
    "append": _append,
    "append_lists": _append_lists,
    "count": _count,
    "maybe": _maybe,
    "custom": _custom,
    "none": _none,
}


@st.composite
def positionals(draw: Callable[..., Any]) -> list[Shape]:
    """Zero to two single ones, then perhaps a list; a name of its own for each."""
    out = []
    for name in draw(st.sampled_from([(), ("src",), ("src", "model-dir")])):
        kind, values = draw(
            st.sampled_from([(int, INTS), (float, FLOATS), (str, TEXTS.filter(lambda text: text != "--" and text[:1] != "@"))])
        )
        value = draw(values)
        dest = name.replace("-", "_") if draw(st.booleans()) else name
        out.append(Shape((name,), {"type": kind}, dest, value, [str(value)], value, True))
    if draw(st.booleans()):
        value = draw(st.lists(INTS, min_size=1, max_size=3))
        out.append(
            Shape(
                ("files",), {"type": int, "nargs": draw(st.sampled_from(["+", "*"]))}, "files", value, [str(v) for v in value], value, True
            )
        )
    return out


@st.composite
def parsers(draw: Callable[..., Any]) -> list[Shape]:
    names = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=7, unique_by=lambda word: word.lower()))
    out = [draw(shapes(name, tuple(BUILDERS))) for name in names]
    return out + draw(positionals())


def build(shapes: list[Shape], parser: argparse.ArgumentParser | None = None) -> argparse.ArgumentParser:
    parser = parser or argparse.ArgumentParser(allow_abbrev=False)
    group = parser.add_argument_group("a group")
    for index, shape in enumerate(shapes):
        kwargs = {key: value for key, value in shape.kwargs.items() if not (key == "dest" and shape.positional)}
        (group if index % 2 and not shape.positional else parser).add_argument(*shape.args, **kwargs)
    return parser


def ec2_argv(shapes: list[Shape]) -> list[str]:
    """Options first, then ``--`` and the positional arguments: not the order that the hook uses."""
    positional = [token for shape in shapes if shape.positional for token in shape.tokens]
    return [token for shape in shapes if not shape.positional for token in shape.tokens] + (["--", *positional] if positional else [])
