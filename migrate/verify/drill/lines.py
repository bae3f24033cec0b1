"""What two runs have printed, or written as text, beside each other: the numbers count, the times do not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from migrate.verify.drill.model import SMALLEST, TOLERANCE

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)")
_UNIT = r"(?:s|secs?|seconds?|ms|milliseconds?|us|mins?|minutes?|h|hrs?|hours?|(?:it|s|ms|sec|\w+)/(?:s|sec|step|it|batch|epoch))"
_TIME = re.compile(
    r"\d{4}[-/]\d\d?[-/]\d\d?(?:[T ]\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?)?"  # a date
    r"|\d+:\d\d(?::\d\d(?:[.,]\d+)?)?"  # a clock, or what has passed
    r"|(?:\d+(?:ms|[dhms])){2,}(?![\w/])"  # 1h20m, 1s230ms
    rf"|\d+(?:\.\d*)?\s*{_UNIT}(?![\w/])"
    r"|(?:time|elapsed|took|duration|eta|speed|throughput)[\"']?\s*[:=]?\s*\d+(?:\.\d*)?(?:e[-+]?\d+)?",
    re.IGNORECASE,
)
_BAR = re.compile(r"\d+%\|.*\||\bit/s\b|\bs/it\b")  # a progress bar's line
_OWN = "keeper: "


def read(log: Path) -> tuple[str, ...]:
    """The lines that a run has printed: without the keeper's and those of progress bars, as a terminal would leave them."""
    text = log.read_bytes().decode("utf-8", "replace")
    return tuple(normal(text))


def normal(text: str) -> list[str]:
    """The lines of a text, without what rewrites itself."""
    lines = (line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in text.split("\n"))
    return [line for line in lines if line.strip() and not line.startswith(_OWN) and not _BAR.search(line)]


def untimed(line: str) -> str:
    """The line with its times taken out."""
    return _TIME.sub("<time>", line)


def skeleton(line: str) -> str:
    """The line with its numbers taken out: what the lines of all epochs have in common."""
    return re.sub(r"\s+", " ", _NUMBER.sub("#", untimed(line))).strip()


def volatile(first: Iterable[str], second: Iterable[str]) -> frozenset[str]:
    """The kinds of lines that two runs of the same thing do not print alike."""
    one, other = {untimed(line) for line in first}, {untimed(line) for line in second}
    return frozenset(skeleton(line) for line in one ^ other)


def differing(expected: Sequence[str], found: Sequence[str], leave_out: frozenset[str] = frozenset()) -> list[tuple[str, str | None]]:
    """Lines of ``found`` that say something else than the run they are held against, each with the line that it should be (None: close).

    A line of a kind that the expected run does not have at all says nothing: "resuming from ...".
    """
    there = {untimed(line) for line in expected}
    kinds: dict[str, list[str]] = {}
    for line in expected:
        kinds.setdefault(skeleton(line), []).append(line)
    out: list[tuple[str, str | None]] = []
    for line in found:
        kind = skeleton(line)
        if untimed(line) in there or kind in leave_out or kind not in kinds:
            continue
        nearest = max(kinds[kind], key=lambda other: _alike(line, other))
        out.append((line, None if any(_close(line, other) for other in kinds[kind]) else nearest))
    return out


def absent(expected: Sequence[str], found: Iterable[str], leave_out: frozenset[str]) -> tuple[str, ...]:
    """Lines of the uninterrupted run that no part of the interrupted one has printed."""
    there = {untimed(line) for line in found}
    return tuple(line for line in expected if untimed(line) not in there and skeleton(line) not in leave_out)


def _numbers(line: str) -> list[str]:
    return _NUMBER.findall(untimed(line))


def _alike(line: str, other: str) -> int:
    """How many numbers, from the left, are the same: epoch and step come first."""
    pairs = list(zip(_numbers(line), _numbers(other), strict=False))
    return next((n for n, (a, b) in enumerate(pairs) if a != b), len(pairs))


def _close(line: str, other: str) -> bool:
    """Whether whole numbers are the same, and broken ones within the tolerance, or one in the last place that is printed."""
    for a, b in zip(_numbers(line), _numbers(other), strict=True):
        if a == b:
            continue
        if not any(sign in a + b for sign in ".eE"):
            return False
        place = 10.0 ** -len(b.partition(".")[2].lower().partition("e")[0]) if "e" not in b.lower() else 0.0
        if abs(float(a) - float(b)) > max(SMALLEST + TOLERANCE * abs(float(b)), place * 1.0001):
            return False
    return True
