"""The model and output folders of two runs, beside each other."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.errors import UserError
from migrate.verify import snapshot
from migrate.verify.drill import lines
from migrate.verify.drill.model import SMALLEST, TOLERANCE
from migrate.verify.interpreter import Interpreter

_TIMEOUT = 600  # seconds for reading all the files of two runs
_MOST_TEXT = 32 << 20
_LONGEST = 200  # characters that say where a file differs


@dataclass(frozen=True)
class Fault:
    """One place in which two files differ; ``place`` is empty for the file itself. ``heavy``: more than a single value beside the rest."""

    place: str
    words: str
    heavy: bool


@dataclass(frozen=True)
class Results:
    """How many files were compared, what of them differs, and the largest relative difference of what is close."""

    files: int
    differ: Mapping[str, tuple[Fault, ...]]
    largest: float


def compare(left: Path, right: Path, python: Interpreter) -> Results:
    """What the right run's folder holds, held against the left's. Raises UserError where the script's Python cannot tell."""
    ours, theirs = set(snapshot.take(left)), set(snapshot.take(right))
    pairs = _pairs(ours, theirs)
    differ: dict[str, tuple[Fault, ...]] = {name: (Fault("", "is not there", True),) for name in ours - set(pairs)}
    differ |= {name: (Fault("", "is not there without the interruption", True),) for name in theirs - set(pairs.values())}
    binary, largest = {}, 0.0
    for name, other in pairs.items():
        if snapshot.digest(left / name) == snapshot.digest(right / other):
            continue
        texts = [_text(left / name), _text(right / other)]
        if texts[0] is None or texts[1] is None or name.endswith(".json"):
            binary[name] = other
            continue
        where, gap = _texts(texts[0], texts[1])
        largest = max(largest, gap)
        if where:
            differ[name] = (Fault("", where, True),)
    for name, told in _contents(left, right, binary, python).items():
        faults, gap = _judged(told)
        largest = max(largest, gap)
        if faults:
            differ[name] = faults
    return Results(len(ours), dict(sorted(differ.items())), largest)


def plain_name(name: str) -> str:
    """Runs that name files by the time or the process have other names each time."""
    return re.sub(r"\d+", "#", name)


def _pairs(ours: set[str], theirs: set[str]) -> dict[str, str]:
    """Which file of the one belongs to which of the other: the same name, or else one that differs in numbers alone. Of several such
    files those numbers have to be the same in all of a run: of the folder that it is named by, not of the epochs in it."""
    out = {name: name for name in sorted(ours & theirs)}
    others = _grouped(theirs - ours)
    for plain, names in _grouped(ours - theirs).items():
        found = list(zip(names, others.get(plain, []), strict=False))
        if len(names) == len(others.get(plain, [])) and _of_the_run(found):
            out |= dict(found)
    return out


def _grouped(names: set[str]) -> dict[str, list[str]]:
    """The names that are alike but for numbers, in the order of these."""
    found: dict[str, list[str]] = {}
    for name in sorted(names, key=_numbers):
        found.setdefault(plain_name(name), []).append(name)
    return found


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _of_the_run(pairs: list[tuple[str, str]]) -> bool:
    """Whether each number that is not the same in a pair is one and the same in all files of a side."""
    places = zip(*(zip(_numbers(name), _numbers(other), strict=True) for name, other in pairs), strict=True)
    return all(all(one == other for one, other in place) or len(set(place)) == 1 for place in places)


def _judged(told: Mapping[str, Any]) -> tuple[tuple[Fault, ...], float]:
    """Where the contents of two files differ, and the largest difference of what is close."""
    faults = [Fault(place, words[:_LONGEST], heavy) for place, words, heavy in told["faults"]]
    largest = float(told["largest"])
    for place, expected, found in told["texts"]:
        where, gap = _texts(expected, found)
        largest = max(largest, gap)
        if where:
            faults.append(Fault(place, f"{place}: {where}"[:_LONGEST], False))
    return tuple(faults), largest


def _text(path: Path) -> str | None:
    if path.is_symlink() or path.stat().st_size > _MOST_TEXT:
        return None
    data = path.read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _texts(left: str, right: str) -> tuple[str, float]:
    """Where two texts differ, but for times; and the tolerance, where that is what it takes."""
    one, other = left.split("\n"), right.split("\n")
    gap = 0.0
    for number, (expected, found) in enumerate(zip(one, other, strict=False), 1):
        if lines.untimed(expected) == lines.untimed(found):
            continue
        if lines.skeleton(expected) != lines.skeleton(found) or any(better for _, better in lines.differing([expected], [found])):
            return f"line {number}: {found.strip()[:100]!r} instead of {expected.strip()[:100]!r}", 0.0
        gap = TOLERANCE
    if len(one) != len(other):
        return f"{len(other)} lines instead of {len(one)}", 0.0
    return "", gap


def _contents(left: Path, right: Path, names: Mapping[str, str], python: Interpreter) -> dict[str, dict[str, Any]]:
    if not names:
        return {}
    script = Path(__file__).with_name("contents.py")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AWS_"))}
    clean |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUSERBASE": python.user_base, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        told = subprocess.run(
            [python.executable, str(script), str(left), str(right), str(TOLERANCE), str(SMALLEST)],
            input=json.dumps(names).encode(),
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
            env=clean,
            cwd=left,
        ).stdout
        found: dict[str, dict[str, Any]] = json.loads(told)
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise UserError(f"the results of two runs could not be compared: {' '.join(last)}") from error
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UserError(f"the results of two runs could not be compared: {error}") from error
    return found
