"""Channels and settings that are given for a run, and that the job has none of: refused before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from migrate.errors import UserError
from migrate.job.model import EntryPoint
from migrate.verify import checks, launched
from migrate.verify.model import Options

_MOST = 12  # names that a line has room for
# How a program may take what no option of its parser tells.
_OTHER_WAYS = (b"parse_known", b"parse_intermixed", b"SM_HP", b"hyperparameters.json")


def refuse(root: Path, entries: Sequence[EntryPoint], options: Options) -> None:
    """Raise UserError for a channel that no job has, and for a setting that no script has, where all of its settings are known."""
    if options.channels:
        channels = {name for entry in entries for name in (*(each.name for each in entry.channels), *launched.of(root, entry).channels)}
        for name in options.channels:
            if name not in channels:
                raise UserError(f"--channel {name}: the job has no such channel; {_there('channels', name, channels)}")
    if not options.hyperparameters or not all(_closed(root, entry) for entry in entries):
        return
    sent = {name for entry in entries for name in launched.of(root, entry).hyperparameters}
    settings = [item for entry in entries for item in entry.hyperparameters]
    spelt = {_plainly(word) for item in settings for word in (item.name, item.dest, *item.options)} | {_plainly(name) for name in sent}
    for name in options.hyperparameters:
        plain = _plainly(name)
        # argparse takes the beginning of an option too; SageMaker's own begin with its name
        if not any(word.startswith(plain) for word in spelt) and not plain.startswith("sagemaker_"):
            whose = entries[0].path if len(entries) == 1 else "no entry point"
            has = "has" if len(entries) > 1 else "has no"
            raise UserError(f"--hp {name}: {whose} {has} such setting; {_there('settings', plain, {item.name for item in settings})}")


def _closed(root: Path, entry: EntryPoint) -> bool:
    """Whether the settings that are known of a script are all that it takes."""
    texts = [text for path, text in checks.sources(root, entry) if Path(path).name != "sagemaker_support.py"]
    return entry.whole and not any(way in text for text in texts for way in _OTHER_WAYS)


def _there(kind: str, name: str, names: set[str]) -> str:
    """The names that there are: those that are near, where any is."""
    near = get_close_matches(name, sorted(names), 3)
    if near:
        return f"did you mean {' or '.join(near)}?" + (f" There are {', '.join(sorted(names))}" if len(names) <= _MOST else "")
    if not names:
        return f"it has no {kind} at all"
    return f"there are {', '.join(sorted(names)[:_MOST])}" + (" and others" if len(names) > _MOST else "")


def _plainly(name: str) -> str:
    return name.lstrip("-").replace("-", "_").replace(".", "_").lower()
