"""What the events of a run tell of its saves: where one ends and the next begins."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from migrate.verify.drill.model import Save
from migrate.verify.probe_drill import pattern

# What the support file's own stores call a complete checkpoint.
_MARK = re.compile(r"(?:.*/)?\d{8,}(?:-[0-9a-f]{16,})*\.json")

Events = Sequence[Mapping[str, Any]]


def of_writer(events: Iterable[Mapping[str, Any]]) -> Events:
    """The save events of the process that has written the most: the others are helpers, or other ranks."""
    found = [event for event in events if event["kind"] == "save"]
    most = Counter(event["pid"] for event in found).most_common(1)
    return [event for event in found if event["pid"] == most[0][0]] if most else []


def commit_pattern(events: Events) -> str | None:
    """The event that completes a save: the keeper's mark, or the last that comes again and again."""
    for event in events:
        if event["verb"] == "rename" and _MARK.fullmatch(event["path"]):
            return pattern("rename", event["path"])
    counts = Counter(pattern(event["verb"], event["path"]) for event in events)
    again = [event for event in events if counts[pattern(event["verb"], event["path"])] > 1] or events
    return pattern(again[-1]["verb"], again[-1]["path"]) if again else None


def split(events: Events, commit: str | None, sizes: Mapping[str, int]) -> tuple[Save, ...]:
    """The complete saves. ``sizes`` are of the files that were there at the end of the run."""
    out: list[Save] = []
    current: list[Mapping[str, Any]] = []
    for event in events:
        current.append(event)
        if pattern(event["verb"], event["path"]) == commit:
            out.append(_save(current, sizes))
            current = []
    return tuple(out)


def _save(events: Events, sizes: Mapping[str, int]) -> Save:
    """Drafts have the bytes that they have when they get their name."""
    drafts = {event["source"]: event["bytes"] for event in events if event["verb"] == "rename" and event["source"]}
    told = []
    for event in events:
        size = drafts.get(event["path"], sizes.get(event["path"], -1)) if event["verb"] != "rename" else 0
        told.append((event["path"], size))
    return Save(events[0]["time"], events[-1]["time"], events[-1]["steps"], tuple(told))
