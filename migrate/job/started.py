"""The command that starts a script on EC2, as the job's settings."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from migrate.job.model import EntryPoint, Hyperparameter
from migrate.repo.ec2.model import Command, Ec2Side
from migrate.repo.ec2.secrets import HIDDEN

_OPEN = re.compile(r"^\[|\$[\w{(@*#]|`|<[\w ./-]+>|\{[\w.-]+\}|\.\.\.")
_NUMBER = re.compile(r"-(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}
_ELSEWHERE = ("/", "~", "$")
_FILE = re.compile(r"\.{1,2}/|[^:]*/[^:]*\.[A-Za-z]\w{0,5}$")  # not the name of a model on a hub: facebook/opt-125m


class Placed(Protocol):
    """A fact with its place."""

    @property
    def path(self) -> str: ...

    @property
    def place(self) -> str: ...


@dataclass(frozen=True)
class Given:
    """What the usual start gives. ``values`` are by a setting's name, and go to the job; ``texts`` are all values as the command has them,
    by the setting's dest; ``skipped`` says of a setting why its value does not go."""

    start: Command | None = None
    values: dict[str, object] | None = None
    texts: dict[str, str] | None = None
    skipped: dict[str, str] | None = None


def ranked(side: Ec2Side) -> tuple[Command, ...]:
    """The starts, the usual one first: what EC2 runs by itself before what a README shows, whole ones before those with gaps."""
    machine = {each.path for each in side.machines} | {each.path for each in side.mounts} | {each.path for each in side.transfers}
    machine |= {each.path for each in side.habits if each.kind != "setup"} | {each.path for each in side.schedules}

    def rank(start: Command) -> tuple[bool, bool, bool]:
        readme = start.path.rpartition("/")[2].lower().startswith("readme")
        runs = start.detached is not None or start.path in machine or start.image is not None
        return not (runs and not readme), not start.complete, readme

    return tuple(sorted(side.starts, key=rank))


def told(fact: Placed) -> str:
    """The place of a fact as a job's files tell it: without the line in a Python file, which an apply may move."""
    return fact.path if fact.path.endswith(".py") else fact.place


def given(start: Command | None, entry: EntryPoint) -> Given:
    """The settings that ``start`` gives, as argparse would read its arguments."""
    if start is None:
        return Given()
    declared = entry.hyperparameters
    defaults = [*(channel.default for channel in entry.channels), *(output.default for output in entry.outputs)]
    places = {posixpath.normpath(default) for default in defaults if default}
    values: dict[str, object] = {}
    texts: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for setting, words in _read(start.argv, declared):
        texts[setting.dest] = " ".join(words)
        reason = _why_not(setting, words, start)
        if reason is None and any(_holds(word, place) for word in words for place in places):
            reason = f"{told(start)} gives {' '.join(words)}, a place of data or results, which the job has its own for"
        value = None if reason else _value(setting, words)
        if reason is None and value is None:
            reason = f"{told(start)} gives {' '.join(words)!r}, which is none of its values"
        if reason is not None:
            skipped[setting.name] = reason
            values.pop(setting.name, None)
        else:
            values[setting.name] = value
            skipped.pop(setting.name, None)
    return Given(start, values, texts, skipped)


def _holds(word: str, place: str) -> bool:
    return not word.isdecimal() and word not in {"", "."} and f"{place}/".startswith(f"{posixpath.normpath(word)}/")


def _why_not(setting: Hyperparameter, words: Sequence[str], start: Command) -> str | None:
    text = " ".join(words)
    if HIDDEN in text:
        return f"{told(start)} gives it a secret, which no job may hold"
    if any(_OPEN.search(word) for word in words):
        return f"{told(start)} gives {text}, which nothing there sets"
    if any(word.startswith(_ELSEWHERE) or (_FILE.match(word) and word not in start.inside) for word in words):
        return f"{told(start)} gives {text}, a place on the EC2 machine"
    by_place = not any(option.startswith("-") for option in setting.options)
    if by_place and not setting.required and setting.default is None and setting.type == "str":
        return "has no default"  # a folder, as likely as not: given, it would beat the job's
    return None


def _read(argv: Sequence[str], declared: Sequence[Hyperparameter]) -> Iterator[tuple[Hyperparameter, list[str]]]:
    """Each setting that is given, with its words; those that nothing declares are passed over."""
    options = {option: setting for setting in declared for option in setting.options if option.startswith("-")}
    positionals = [setting for setting in declared if not any(option.startswith("-") for option in setting.options)]
    numeric = any(_NUMBER.fullmatch(option) for option in options)
    at = 0
    while at < len(argv):
        word = argv[at]
        at += 1
        if not word.startswith("-") or word == "-" or (_NUMBER.fullmatch(word) and not numeric):
            if positionals:
                setting = positionals.pop(0)
                words = [word]
                if setting.nargs in ("+", "*") or isinstance(setting.nargs, int):
                    more = _taken(setting, argv, at, numeric)[: (setting.nargs - 1) if isinstance(setting.nargs, int) else None]
                    words, at = [word, *more], at + len(more)
                yield setting, words
            continue
        name, equals, value = word.partition("=")
        found, inverse = _option(name, options)
        if found is None:
            if equals == "" and len(name) > 2 and name[1] != "-" and (short := options.get(name[:2])) is not None and not _is_flag(short):
                yield short, [name[2:]]  # -b64
            continue
        if equals:
            yield found, [value]
            continue
        words = ["false"] if inverse else _taken(found, argv, at, numeric)
        at += 0 if inverse else len(words)
        yield found, words


def _option(name: str, options: dict[str, Hyperparameter]) -> tuple[Hyperparameter | None, bool]:
    """The setting that an option means: by its name, by a beginning that only one has, or as its opposite."""
    if name in options:
        return options[name], False
    if name.startswith("--no-") and f"--{name[5:]}" in options:
        return options[f"--{name[5:]}"], True
    if name.startswith("--no") and (flag := options.get(f"--{name[4:]}")) is not None and _is_flag(flag):  # as absl spells it
        return flag, True
    meant = {id(options[option]): options[option] for option in options if option.startswith(name)} if name.startswith("--") else {}
    return (next(iter(meant.values())), False) if len(meant) == 1 else (None, False)


def _taken(setting: Hyperparameter, argv: Sequence[str], at: int, numeric: bool) -> list[str]:
    """The words after an option that are its own."""
    free = []
    for word in argv[at:]:
        if word.startswith("-") and word != "-" and (numeric or not _NUMBER.fullmatch(word)):
            break
        free.append(word)
    if _is_flag(setting):
        return free[:1] if free and free[0].lower() in _TRUTH and setting.nargs is None and setting.type == "bool" else []
    if isinstance(setting.nargs, int):
        return free[: setting.nargs]
    if setting.nargs in ("+", "*"):
        return free
    return free[:1]


def _is_flag(setting: Hyperparameter) -> bool:
    return setting.type == "bool" and setting.nargs is None


def _value(setting: Hyperparameter, words: Sequence[str]) -> object:
    """The value as the launcher gives it; None where the words make none."""
    if _is_flag(setting):
        return _flag(setting, words)
    if setting.nargs in ("+", "*") or isinstance(setting.nargs, int):
        made = [_single(setting, word) for word in words]
        return None if any(value is None for value in made) else made
    return _single(setting, words[0]) if words else None


def _flag(setting: Hyperparameter, words: Sequence[str]) -> object:
    """A flag that is there: under a key that is spelt as the option, its presence; else the value that it sets."""
    if words:
        return _TRUTH.get(words[0].lower())
    spelt = any(re.sub(r"[^A-Za-z0-9_]", "_", option.lstrip("-")) == setting.name for option in setting.options)
    return True if spelt else not setting.default


def _single(setting: Hyperparameter, word: str) -> object:
    value: object = word
    try:
        if setting.type == "int":
            value = int(word)
        elif setting.type == "float":
            value = float(word)
            if value != value or value in (float("inf"), float("-inf")):
                return None
    except ValueError:
        return None
    return value if setting.choices is None or value in setting.choices else None
