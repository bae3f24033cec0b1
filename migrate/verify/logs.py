"""The logs of all runs: where they are kept when the scratch folder goes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from migrate.verify import layout
from migrate.verify.model import Run


def keep(runs: Sequence[Run], scratch: Path, folder: Path | None, failed: bool) -> list[Run]:
    """Remove the scratch folder. The logs go into ``folder``, where there is one; else those stay where something has ``failed``.

    Returns the runs, each with the place of its log.
    """
    moved = _moved(runs, folder) if folder is not None else None
    if moved is not None:
        layout.remove(scratch)
        return moved
    names = tuple(Path(run.log).name for run in runs if run.log)
    for child in list(scratch.iterdir()):
        layout.discard(child, names if failed else ())
    if failed:
        return list(runs)
    layout.discard(scratch)
    return [replace(run, log=None) for run in runs]


def _moved(runs: Sequence[Run], folder: Path) -> list[Run] | None:
    """Put the logs into ``folder``, made anew; None where that cannot be written."""
    out = []
    try:
        layout.remove(folder)
        folder.mkdir(parents=True)
        for run in runs:
            log = Path(run.log) if run.log else None
            target = folder / f"{log.parent.name}-{log.name}" if log is not None else None
            if log is not None and target is not None and log.exists():  # else an earlier run's, written over under the same name
                shutil.move(log, target)
            out.append(replace(run, log=str(target) if target else None))
    except OSError:
        return None
    return out
