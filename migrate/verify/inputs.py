"""What a run is given in place of what it would have: packages in an environment of its own, data made up, a sample of the data."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from migrate.verify import checks, install, interpreter
from migrate.verify.data import synthetic
from migrate.verify.data.sample import sample
from migrate.verify.interpreter import Interpreter
from migrate.verify.model import Check

if TYPE_CHECKING:
    from migrate.verify.stage import Stage

_ABSENT = re.compile(r"No such file|not found|does not exist", re.IGNORECASE)


def installed(stage: Stage) -> Interpreter:
    """Another Python in place of the one there is: with the job's packages alone."""
    lines, left_out = install.wanted(stage.root, stage.entry, checks.imported(stage.root, stage.entry))
    stage.step("pip install")
    made = interpreter.find(install.environment(lines, stage.python, stage.on_line))
    stage.notes.append(f"installed for this run: {', '.join(lines) or 'nothing'}")
    if left_out:
        stage.notes.append(f"not installed, since that writes into the repo: {', '.join(left_out)}")
    return made


def make_up(stage: Stage) -> None:
    """Data in the shape that the program expects, for each channel that has none, and say so; a lone header gets its rows."""
    defaults = {channel.name: channel.default for channel in stage.entry.channels}
    for name, there in stage.declared().items():
        target = stage.scratch / "synthetic" / name
        made: str | None
        source = stage.channels.get(name)
        if source is not None and source.is_file() and synthetic.rows_for(source, target / source.name):
            made, missing = f"rows below the header of {source.name}", ""
        elif not there:
            made, missing = synthetic.make(target, checks.sources(stage.root, stage.entry), defaults.get(name))
        else:
            continue
        if made is not None:
            stage.channels[name] = target
            stage.made_up.append(name)
            stage.notes.append(f"channel {name}: made up, {made}")
        if missing:
            stage.notes.append(f"channel {name}: {'not all' if made else 'nothing'} could be made up ({missing}): --channel {name}=DIR")


def take_sample(stage: Stage, count: int) -> None:
    """A sample in place of each channel's data, and say so."""
    for name in sorted(set(stage.channels) - set(stage.made_up)):
        source, target = stage.channels[name], stage.scratch / "sample" / name
        words = sample(source, target, count)
        if words is not None:
            stage.channels[name] = target
            stage.sampled = True
            stage.notes.append(f"channel {name}: a sample, {words}")


def told(stage: Stage, check: Check) -> Check:
    """A run that failed, told of what its data are."""
    if check.name != "run" or check.verdict != "fail" or check.advice:
        return check
    if stage.made_up:
        return replace(check, advice=f"the data of {', '.join(stage.made_up)} are made up: --channel NAME=DIR gives real ones")
    if stage.sampled:
        return replace(check, advice="it had a sample of the data: --sample 0 gives all of it")
    name = next((name for name in stage.channels if _ABSENT.search(check.message) and f"/input/data/{name}/" in check.message), None)
    return (
        check if name is None else replace(check, advice=f"{stage.channels[name]} has no such file: --channel {name}=DIR gives other data")
    )
