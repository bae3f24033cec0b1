"""Settings that did not arrive: which of them a parser's refusal is about, and what would mend it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping

from migrate.job.model import EntryPoint
from migrate.verify.model import Evidence

HOOK = "run migrate apply: its hook translates what SageMaker sends"
_NO_OPTION = "but no parser has an option for it"
_SUPPORT = re.compile(rb"from\s+sagemaker_support\s+import\s+(?:\([^)]*\)|[^\n]*)")
_HOOKS = re.compile(rb"\b(?:sagemaker_argv|sagemaker_flags|parse_args)\b")


def hooked(sources: Iterable[tuple[str, bytes]]) -> bool:
    """Whether a program translates what SageMaker sends already, as ``apply`` writes it."""
    return any(_HOOKS.search(found[0]) for _, text in sources for found in _SUPPORT.finditer(text))


def about(refusal: str, values: Mapping[str, object], entry: EntryPoint, known: Iterable[str]) -> list[str]:
    """The settings that a parser's message is about: those whose option it names, or whose text it left over."""
    options = {item.name: {*item.options, item.option, f"--{item.name}", item.dest} for item in entry.hyperparameters}
    spelt = {name: options.get(name, {f"--{name}"}) for name in values}
    named = re.match(r"argument ([^:]+): ", refusal)
    if named:
        words = set(re.split(r"[/,]\s*", named[1].strip()))
        return [name for name in values if words & spelt[name]]
    left = re.match(r"unrecognized arguments: (.*)", refusal, re.DOTALL)
    if not left:
        return []
    by_name = [name for name in values if any(re.search(rf"(?<!\S){re.escape(str(word))}(?=[\s=]|$)", left[1]) for word in spelt[name])]
    rest = left[1]
    for name in set(by_name) - set(known):  # with the option that there is not, its value is left over too
        rest = re.sub(rf"(?<!\S)--{re.escape(name)}(?:[\s=]+(?!-)\S+)*", "", rest)
    by_text = [name for name, value in values.items() if name in known and any(_holds(rest, text) for text in _texts(value))]
    return [name for name in values if name in by_name or name in by_text]


def _texts(value: object) -> list[str]:
    """The texts that a value may be sent as."""
    parts = value if isinstance(value, list) else []
    return [text for text in (str(value), json.dumps(value, default=str), *map(str, parts)) if text]


def _holds(words: str, text: str) -> bool:
    return re.search(rf"(?<!\S){re.escape(text)}(?!\S)", words) is not None


def faults(
    values: Mapping[str, object],
    found: Mapping[str, Mapping[str, object]],
    entry: EntryPoint,
    *,
    known: frozenset[str] | None,
    refusal: str | None,
    ended: bool,
) -> list[Evidence]:
    """One line for each value that did not arrive, with the line of its option.

    ``found`` are the parsers' answers, ``known`` the settings that some parser has an option for (None where none was seen at work).
    A value that a refusal, or a crash (not ``ended``), kept from being read is not told of: it would have arrived.
    """
    places = {item.name: f"{item.path}:{item.line}" for item in entry.hyperparameters}
    blamed = about(refusal, values, entry, known or ()) if refusal else []
    out = []
    for name, value in values.items():
        answer, sent = found.get(name), f"{name} = {value!r} was sent"
        if answer is not None:
            text = None if answer["ok"] else f"{sent}; the script has {answer['got']}, not {answer['expected']}"
        elif refusal or not ended:
            text = f"{sent}, {'and refused' if name in (known or ()) else _NO_OPTION}" if name in blamed else None
        elif known is None:
            text = None
        else:
            text = f"{sent}, {'but the parser that has an option for it did not read it' if name in known else _NO_OPTION}"
        if text is not None:
            out.append(Evidence(text, places.get(name)))
    return out


def mend(refusal: str | None, values: Mapping[str, object], entry: EntryPoint, known: frozenset[str] | None, hooked: bool) -> str | None:
    """What would mend values that did not arrive: those that are wrong themselves, no translation helps."""
    blamed = about(refusal, values, entry, known or ()) if refusal else []
    foreign = [name for name in blamed if name not in (known or ())]
    if foreign:
        names = [close(name, [item.name for item in entry.hyperparameters]) for name in foreign]
        return f"no option of the script's: {', '.join(names)}: leave it out of --hp and sagemaker_job/job.toml"
    # a text that the parser repeats came as it was sent
    whole = bool(blamed) and all(isinstance(values[name], str) and repr(values[name]) in str(refusal) for name in blamed)
    if not hooked and not whole:
        return HOOK
    if blamed:
        return f"give what the script's parser takes: {' '.join(f'--hp {name}=VALUE' for name in blamed)}, or in sagemaker_job/job.toml"
    return None


def close(name: str, names: Iterable[str]) -> str:
    """A name that there is not, with those that there are and that it may be meant for."""
    near = difflib.get_close_matches(name.lstrip("-").replace("-", "_"), [each for each in names if each != name], 3)
    return f"{name} (did you mean {' or '.join(near)}?)" if near else name
