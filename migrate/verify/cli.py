"""What ``migrate verify`` calls: every entry point in turn, proofs written, nothing left running."""

from __future__ import annotations

import re
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

from migrate.edits.state import find_state
from migrate.errors import UserError
from migrate.job.model import EntryPoint
from migrate.verify import arrival, checks, launched, names, pipeline, record, starters
from migrate.verify.drill.model import WAYS, Wish
from migrate.verify.model import Options, Report

_SAMPLE = 64  # files of a kind, or rows of a table


def run(
    root: Path,
    entries: Sequence[EntryPoint],
    options: Options,
    *,
    dangerous: Mapping[str, Sequence[str]] | None = None,
    unresumed: Mapping[str, Sequence[str]] | None = None,
    tell: Callable[[str, str, str], object] | None = None,
    show: Callable[[Sequence[Report]], object] | None = None,
    write: bool = True,
) -> list[Report]:
    """Verify each entry point; ``exit_code`` of the reports' worst is the command's.

    An entry point that declares channels is given those of its own names, and the ones that no entry point declares.
    ``dangerous`` maps an entry point's path to what its facts say of absolute paths, ``unresumed`` to what the scan says of going
    on after an interruption. ``tell`` is called with the entry point, the step, and a line of its output or nothing, ``show`` with all
    reports before they are written.
    Raises UserError for what no entry point could be run with (no such Python, no such engine, no such channel folder).
    """
    _refuse(options)
    names.refuse(root, entries, options)
    options = replace(options, sample=_rows(options.sample, options.quick))
    drill = options.drill is not None
    reports = []
    with _ended_by_signal():
        for entry in entries:
            of_entry = replace(
                options,
                channels=_of(entry, entries, options),
                dangerous=tuple((dangerous or {}).get(entry.path, ())),
                unresumed=tuple((unresumed or {}).get(entry.path, ())),
                tell=partial(tell, entry.path) if tell else None,
                logs=_logs(root, entry, drill) if write else None,
            )
            reports.append(pipeline.verify(root, entry, of_entry))
    if reports and (note := _unapplied(root, entries, options)) is not None:
        reports[0] = replace(reports[0], notes=(note, *reports[0].notes))
    if show is not None:
        show(reports)
    if write and reports:
        record.write(reports, root, drill)
    return reports


def _refuse(options: Options) -> None:
    """Raise UserError for options that do not go together, and for what is not there."""
    engine, drill = options.engine, options.drill is not None
    if drill and options.quick:
        raise UserError("--quick leaves nothing to interrupt: no --drill with it")
    if options.image is not None and engine not in (None, "docker", "sdk"):
        raise UserError(f"--image is for the engines docker and sdk, not for {engine}")
    if options.sdk_pythons and engine in ("process", "docker"):
        raise UserError("--sdk-python is for --engine sdk and sandbox")
    if options.starter not in (None, *starters.CHOICES):
        raise UserError(f"--starter {options.starter}: {' or '.join(starters.CHOICES)}")
    if options.starter is not None and engine in ("docker", "sdk"):
        raise UserError("--starter is for --engine process and sandbox")
    if options.starter == "real" and drill:
        raise UserError("--starter real: the drill interrupts the script itself, so no other program may start it")
    if options.instances > 1 and (drill or engine in ("process", "sdk")):
        raise UserError(f"--instances {options.instances} is for --engine sandbox and docker, without --drill")
    if drill and engine == "sdk":
        raise UserError("the SDKs' local modes keep no checkpoint folder: no --drill with them; --engine docker has one")
    for name, folder in options.channels.items():
        if not folder.exists():
            raise UserError(f"channel {name}: no such file or folder: {folder}")


def wish(kind: str | None, seed: int | None, only: Sequence[str]) -> Wish | None:
    """What ``--drill``, ``--drill-seed`` and ``--only`` ask for. Raises UserError for what there is not."""
    if kind is None:
        if only or seed is not None:
            raise UserError(f"{'--only' if only else '--drill-seed'} says what to drill: give --drill interrupt with it")
        return None
    if kind != "interrupt":
        raise UserError(f"--drill {kind}: there is only interrupt")
    for way in only:
        if way not in WAYS:
            raise UserError(f"--only {way}: {', '.join(WAYS)}")
    return Wish(seed if seed is not None else secrets.randbelow(10_000), tuple(way for way in WAYS if way in only) or tuple(WAYS))


def _unapplied(root: Path, entries: Sequence[EntryPoint], options: Options) -> str | None:
    """What says that ``apply`` is still to be run: a note, since a script may train without it."""
    if not (root / launched.JOB_FILE).is_file():
        return f"migrate apply has not been run: there is no {launched.JOB_FILE}, and this is the job as the scan infers it"
    for entry in entries:
        if not arrival.hooked(checks.sources(root, entry)):
            for place, rule in options.findings.items():
                if rule.startswith("SM200") and place.rpartition(":")[0] in (entry.closure or (entry.path,)):
                    return f"nothing translates the settings of {entry.path} yet ({place}: {rule}): migrate apply does, or says why not"
    return None


def why_not(reports: Sequence[Report]) -> str:
    """Why nothing failed and not all was verified, in one line: of the first such entry point."""
    told = [f"{report.entry}: {' '.join(report.unable.split())}" for report in reports if report.unable]
    return (told[0] if told else "nothing was run") + (f" (and {len(told) - 1} more)" if len(told) > 1 else "")


def exit_code(reports: Sequence[Report]) -> int:
    """0 all pass, 1 a check failed, 2 something could not be run at all and nothing failed."""
    codes = {report.exit_code for report in reports}
    return 1 if 1 in codes else max(codes, default=2)


def _rows(sample: int | None, quick: bool) -> int | None:
    """How much of each channel a run has: what is asked for, where 0 is all of it; else a sample where it is to be quick."""
    return (_SAMPLE if quick else None) if sample is None else sample or None


def _logs(root: Path, entry: EntryPoint, drill: bool) -> Path:
    """Where the logs of an entry point are kept: with the tool's own state, where git does not look and ``undo`` clears up."""
    return find_state(root).folder / "logs" / (re.sub(r"\W+", "-", entry.path) + ("-drill" if drill else ""))


def _of(entry: EntryPoint, entries: Sequence[EntryPoint], options: Options) -> dict[str, Path]:
    own = {channel.name for channel in entry.channels}
    others = {channel.name for other in entries for channel in other.channels} - own
    return {name: path for name, path in options.channels.items() if name in own or name not in others}


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """While a child runs, SIGTERM and SIGHUP end this process the way Ctrl-C does: through every ``finally``."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
