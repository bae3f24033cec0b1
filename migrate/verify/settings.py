"""Which hyperparameters a run is sent, and what the answers say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from migrate.job.model import EntryPoint, Hyperparameter

# Words that name how long a training goes on, as whole words of a hyperparameter's name.
_LENGTH = re.compile(
    r"^((num|n|max|total|train|nb|number_of|training)_?)*(epochs?|steps?|iterations?|iters?|updates?|rounds?|episodes?|batches_per_epoch)$"
)
_NOT_LENGTH = re.compile(r"(warm_?up|decay|save|log|print|eval|val|display|start|resume|accum|size|every|interval|freq)")
_PATH_LIKE = re.compile(r"[/\\]|^\.|^~|\.(pth?|ckpt|h5|npz|json|ya?ml|txt|csv|pkl|cfg|py)$")


def shortened(values: Mapping[str, object], entry: EntryPoint) -> tuple[dict[str, object], list[str]]:
    """The values with every count of epochs or steps set to 1, and the names of those that were changed."""
    out, changed = dict(values), []
    for item in entry.hyperparameters:
        name = re.sub(r"[-\s]+", "_", item.name).lower()
        if item.type == "int" and _LENGTH.match(name) and not _NOT_LENGTH.search(name) and out.get(item.name) != 1:
            out[item.name] = 1
            changed.append(item.name)
    return out, changed


def merged(entry: EntryPoint, base: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """The values of ``base`` with the ``given`` ones in place of theirs, however a person spells the keys.

    Dashes and underscores are the same; another spelling of an option (``noplot`` for ``plot``) keeps its own meaning as a key, and
    takes the place of the one value that both would set.
    """
    out = dict(base)
    for key, value in given.items():
        named = [item for item in entry.hyperparameters if _plainly(item.name) == _plainly(key)]
        meant = [item for item in entry.hyperparameters if _plainly(key) in {_plainly(word) for word in (*item.options, item.dest)}]
        for item in named or meant:
            out.pop(item.name, None)
        out[named[0].name if named else key] = value
    return out


def _plainly(key: str) -> str:
    return key.lstrip("-").replace("-", "_")


def changed(entry: EntryPoint, overrides: Mapping[str, object]) -> dict[str, object]:
    """A value other than the default for every hyperparameter that allows one: what the settings proof sends.

    Choices, types and counts are respected; text that looks like a path stays, and so does what only a converter understands.
    A path that has to be given is made up: nothing is read before the run is stopped.
    """
    out: dict[str, object] = {}
    for item in entry.hyperparameters:
        if item.is_path and not item.required:
            continue
        value = _other(item)
        if value is not None:
            out[item.name] = value
    # What only the caller knows of is sent too; for the rest, another value than the default proves more than the caller's.
    known = {_plainly(word) for item in entry.hyperparameters for word in (item.name, item.dest, *item.options)}
    return out | {name: value for name, value in overrides.items() if _plainly(name) not in known}


def _other(item: Hyperparameter) -> object:
    default = item.default
    if item.choices:
        others = [choice for choice in item.choices if choice != default]
        chosen = others[0] if others else item.choices[0]
        return [chosen] * (item.nargs if isinstance(item.nargs, int) else 1) if _many(item) else chosen
    if _many(item):
        parts = default if isinstance(default, (list, tuple)) and default else [None]
        if isinstance(item.nargs, int) and len(parts) != item.nargs:
            parts = [parts[0]] * item.nargs
        made = [_other_plain(_element(item.type, part), part) for part in parts]
        return made if all(part is not None for part in made) else default
    return _other_plain(item.type, default)


def _many(item: Hyperparameter) -> bool:
    return item.nargs in ("*", "+") or (isinstance(item.nargs, int) and item.nargs > 0)


def _element(kind: str, part: object) -> str:
    if kind != "list":
        return kind
    return type(part).__name__ if part is not None else "str"


def _other_plain(kind: str, default: object) -> object:
    if kind == "bool" or (isinstance(default, bool) and kind != "str"):
        return not default
    if kind == "int" and (default is None or isinstance(default, (int, float))):
        return int(default) + 1 if default is not None and math.isfinite(default) else 3
    if kind == "float" and (default is None or isinstance(default, (int, float))):
        return 0.25 if default is None else float(default) + 1
    if kind == "str" and (default is None or isinstance(default, (bool, int, float))):  # which no text gives
        return "x"
    if kind == "str" and isinstance(default, str):
        return default if _PATH_LIKE.search(default) else f"{default}-x" if default else "x"
    return default


def informed(values: Mapping[str, object], events: Iterable[Mapping[str, Any]]) -> dict[str, object]:
    """The made-up values, put right by what the live parser has said: choices from a list made at run time, kinds of flags."""
    out = dict(values)
    told: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event["kind"] == "parser":
            told |= event["actions"]
            for command in event["commands"]:
                _choose(command, out)
    for name, fact in told.items():
        value = out.get(name)
        if fact["choices"] and not fact["command"] and value not in fact["choices"] and not isinstance(value, list):
            out[name] = next((choice for choice in fact["choices"] if choice != fact["default"]), fact["choices"][0])
        elif fact["count"] and not isinstance(value, int):
            out[name] = (fact["default"] or 0) + 1
        elif fact["flag"] and not fact["count"] and not isinstance(value, bool):
            out[name] = True if fact["spelt"] else fact["const"]
    return out


def _choose(command: Mapping[str, Any], out: dict[str, object]) -> None:
    """Take the subcommand that knows most of the settings, unless one is given; what only others know is not sent."""
    known: Mapping[str, list[str]] = command["known"]
    names = [name for name in known if name]
    given = out.get(command["dest"], out.get("command"))
    if not names:
        return
    if given not in names:
        given = max(names, key=lambda name: len(known[name]))
        out[command["dest"]] = given
    others = {name for other in names for name in known[other]} - set(known[str(given)]) - set(known[""])
    for name in others:
        out.pop(name, None)


def describe(entry: EntryPoint, values: Mapping[str, object]) -> list[dict[str, object]]:
    """What the probe needs to know of the values that are sent."""
    known = {item.name: item for item in entry.hyperparameters}
    out: list[dict[str, object]] = []
    for name, value in values.items():
        item = known.get(name)
        options = list(item.options or ((item.option,) if item.option else ())) if item else [f"--{name}"]
        out.append({"name": name, "value": value, "options": options, "dest": item.dest if item else name.replace("-", "_")})
    return out


def harmful(values: Mapping[str, object], usual: Mapping[str, object], events: Sequence[Mapping[str, Any]]) -> list[str]:
    """The made-up texts that a script had taken when it died before its last parser: a name to import, a class to look up."""
    found = answers(events)
    if not found or refused(events) or all(name in found for name in values):
        return []
    return [name for name in found if isinstance(values.get(name), str) and values[name] != usual.get(name)]


def refused(events: Iterable[Mapping[str, Any]]) -> str | None:
    """The message of the last parser that refused its arguments."""
    return next((event["message"] for event in reversed(list(events)) if event["kind"] == "refused"), None)


def needed(message: str, sent: Mapping[str, object]) -> list[str]:
    """The settings that a parser asks for and that were not sent, by the names that they would be sent under."""
    found = re.match(r"the following arguments are required: (.*)", message)
    names = [option.split("/")[-1].lstrip("-") for option in found[1].split(", ")] if found else []
    return [] if {_plainly(name) for name in names} & {_plainly(name) for name in sent} else names


def culprit(message: str, entry: EntryPoint, values: Mapping[str, object]) -> str | None:
    """The hyperparameter whose made-up value a parser refused, where leaving it at its default is fair.

    That is: a choice or a converter's rule that is known only at run time, or two members of an exclusive group. The value
    must have arrived whole; what came as other text, at the wrong place or with the wrong count is a fault and stays one.
    """
    found = re.match(r"argument (?P<option>[^:]+): (?P<why>.*)", message, re.DOTALL)
    if not found or re.match(r"expected |ignored explicit|ambiguous|invalid (int|float) value", found["why"]):
        return None
    name = _named(found["option"], entry, values)
    exclusive = re.match(r"not allowed with argument (.*)", found["why"])
    if exclusive:
        return name or _named(exclusive[1], entry, values)
    if name is None:
        return None
    value = values[name]
    parts = value if isinstance(value, list) else [value]
    if found["why"].startswith("invalid "):
        return name if any(f": {text}" in found["why"] for part in parts for text in (repr(part), repr(str(part)))) else None
    return None if isinstance(value, (list, bool)) else name


def _named(spelling: str, entry: EntryPoint, values: Mapping[str, object]) -> str | None:
    """The setting that a message of argparse names: ``-a/--arch``."""
    words = set(re.split(r"[/,]\s*", spelling.strip()))
    return next(
        (item.name for item in entry.hyperparameters if item.name in values and words & {*item.options, item.option, item.dest}), None
    )


def answers(events: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The last answer of any parser about each hyperparameter."""
    return {result["name"]: result for event in events if event["kind"] == "parsed" for result in event["results"]}


def known(events: Iterable[Mapping[str, Any]]) -> frozenset[str] | None:
    """The settings that some parser has an option for; None where none was seen at work."""
    told = [event for event in events if event["kind"] == "parser"]
    commands = [names for event in told for command in event["commands"] for names in command["known"].values()]
    return frozenset(name for event in told for name in event["actions"]).union(*commands) if told else None
