"""What a real ``argparse`` parser takes, told by the parser itself: its actions, and a value for each that is not its default.

Runs inside the probed process; standard library alone.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from typing import Any

TEXTS = ("alpha", "3", "0.5", "true", "false", "1,2", "[1, 2]", '{"a": 1}', "a=1", "2020-01-01", "1e-3", "1x2")


def plain(value: object) -> list[Any]:
    """A value as JSON that keeps its type: ``["int", 3]``, ``["list", [["str", "a"]]]``."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return [kind.__name__, value]
    if kind is float:
        return ["float", repr(value)]
    if kind in (list, tuple, set, frozenset):
        items = [plain(item) for item in value]  # type: ignore[attr-defined]
        return [kind.__name__, sorted(items, key=str) if kind in (set, frozenset) else items]
    if isinstance(value, dict):
        return [kind.__name__, [[plain(key), plain(item)] for key, item in value.items()]]
    if isinstance(value, argparse.Namespace):
        return ["Namespace", {name: plain(item) for name, item in vars(value).items()}]
    name = getattr(value, "__qualname__", None)
    if callable(value) and isinstance(name, str):
        return ["callable", name]
    return [kind.__name__, re.sub(r"0x[0-9a-f]+", "0x", repr(value))]


def describe(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """The parser's actions with a sample each; groups that exclude one another share a number."""
    groups = {id(action): number for number, group in enumerate(parser._mutually_exclusive_groups) for action in group._group_actions}
    needed = [number for number, group in enumerate(parser._mutually_exclusive_groups) if group.required]
    actions = [_action(parser, action, groups.get(id(action))) for action in parser._actions]
    return {"prog": parser.prog, "actions": actions, "required_groups": needed, "allow_abbrev": parser.allow_abbrev}


def _action(parser: argparse.ArgumentParser, action: argparse.Action, group: int | None) -> dict[str, Any]:
    kind = type(action).__name__.strip("_").removesuffix("Action")
    told: dict[str, Any] = {
        "dest": action.dest,
        "options": list(action.option_strings),
        "kind": kind,
        "nargs": action.nargs,
        "type": getattr(action.type, "__name__", str(action.type)) if action.type is not None else None,
        "default": plain(action.default),
        "const": action.const if isinstance(action.const, bool) else None,
        "required": action.required,
        "choices": [plain(choice) for choice in action.choices] if action.choices is not None else None,
        "group": group,
    }
    if isinstance(action, argparse._SubParsersAction):
        told["commands"] = {name: describe(sub) for name, sub in action.choices.items()}
        told["choices"] = None
    else:
        told["sample"] = _sample(parser, action)
    return told


def _sample(parser: argparse.ArgumentParser, action: argparse.Action) -> dict[str, Any] | None:
    """A value that is not the default, or None: ``tokens`` as typed on EC2, ``value`` as a person would give it in Python."""
    if action.nargs == 0:
        return {"tokens": [], "value": True}
    for text, value in _candidates(action):
        many = _repeat(action.nargs)
        tokens = [text] * many if many else [text]
        try:
            made = parser._get_values(action, list(tokens))
        except (
            argparse.ArgumentError,
            argparse.ArgumentTypeError,
            TypeError,
            ValueError,
            KeyError,
            AttributeError,
            OSError,
            SyntaxError,
            NameError,
            IndexError,
        ):
            continue
        except (Exception, SystemExit):  # a converter of the script's own may raise anything
            continue
        if plain(made) != plain(action.default):
            return {"tokens": tokens, "value": [value] * many if many else value}
    return None


def _repeat(nargs: object) -> int:
    if isinstance(nargs, int):
        return nargs
    return 2 if nargs in ("+", "*", argparse.REMAINDER) else 0


def _candidates(action: argparse.Action) -> list[tuple[str, Any]]:
    """(text, Python value) pairs to try, the likeliest first."""
    if action.choices is not None:
        return [(str(choice), choice if isinstance(choice, (str, int, float, bool)) else str(choice)) for choice in action.choices]
    default = action.default
    if action.type is bool:
        return [("True", True), ("", False)]
    if action.type is int:
        number = (default if isinstance(default, int) else 2) + 1
        return [(str(number), number), (str(number + 1), number + 1)]
    if action.type is float:
        small = default / 2 if isinstance(default, float) and default else 0.25
        return [(repr(small), small)]
    if action.type in (None, str):
        return [("alpha", "alpha"), ("beta", "beta")]
    return [(text, _native(text)) for text in (*TEXTS, sys.argv[0], os.curdir)]


def _native(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
