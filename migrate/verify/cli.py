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
from migrate.job.serialise import STYLES, Style
from migrate.verify import pipeline, record
from migrate.verify.drill.model import WAYS, Wish
from migrate.verify.model import Options, Report

_SAMPLE = 64  # files of a kind, or rows of a table


def run(
    root: Path,
    entries: Sequence[EntryPoint],
    *,
    channels: Mapping[str, Path] | None = None,
    quick: bool = False,
    timeout: float = 3600.0,
    python: str | None = None,
    trust: bool = False,
    styles: Sequence[Style] = STYLES,
    hyperparameters: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    dangerous: Mapping[str, Sequence[str]] | None = None,
    engine: str | None = None,
    sdk_pythons: Sequence[str] = (),
    image: str | None = None,
    instances: int = 1,
    network: bool = False,
    memory: int | None = None,
    drill: Wish | None = None,
    ec2_command: str | None = None,
    sample: int | None = None,
    synthetic: bool = False,
    install: bool = False,
    fail_fast: bool = False,
    findings: Mapping[str, str] | None = None,
    unresumed: Mapping[str, Sequence[str]] | None = None,
    tell: Callable[[str, str, str], object] | None = None,
    write: bool = True,
) -> list[Report]:
    """Verify each entry point; ``exit_code`` of the reports' worst is the command's.

    ``channels`` maps a channel's name to a local file or folder; an entry point that declares channels is given those of its own
    names, and the ones that no entry point declares. ``dangerous`` maps an entry point's path to what its facts say of
    absolute paths, ``unresumed`` to what the scan says of going on after an interruption. With ``drill``, the interruptions are
    drilled instead of the ordinary runs. ``ec2_command`` starts the script on EC2, where the repo does not say how. ``findings`` are
    the codes of the scan's rules by ``path:line``. ``sample`` is how many files or rows of each channel a run has (0: all; without it,
    64 where it is to be ``quick``); ``synthetic`` makes data up for channels that have none; ``install`` has an environment made of the
    job's packages. ``fail_fast`` stops at an entry point's
    first proof that fails. ``tell`` is called with the entry point, the step, and a line of its output or nothing. ``timeout`` is in
    seconds of one run, ``memory`` in bytes of all its processes. Without ``engine``, it is the best that this machine has;
    ``image`` is for those that run containers, ``instances`` is
    how many hosts a job has, ``sdk_pythons`` have the SageMaker SDK, for the one that runs its local modes.
    Raises UserError for what no entry point could be run with (no such Python, no such engine, no such channel folder).
    """
    options = Options(
        channels=dict(channels or {}),
        quick=quick,
        timeout=timeout,
        python=python,
        trust=trust,
        styles=tuple(styles),
        hyperparameters=dict(hyperparameters or {}),
        environment=None if environment is None else dict(environment),
        engine=engine,
        sdk_pythons=tuple(sdk_pythons),
        image=image,
        instances=instances,
        network=network,
        memory=memory,
        drill=drill,
        ec2_command=ec2_command,
        sample=_rows(sample, quick),
        synthetic=synthetic,
        install=install,
        fail_fast=fail_fast,
        findings=dict(findings or {}),
    )
    if drill is not None and quick:
        raise UserError("--quick leaves nothing to interrupt: no --drill with it")
    if image is not None and engine not in (None, "docker", "sdk"):
        raise UserError(f"--image is for the engines docker and sdk, not for {engine}")
    if sdk_pythons and engine != "sdk":
        raise UserError("--sdk-python is for --engine sdk")
    if instances > 1 and (drill is not None or engine in ("process", "sdk")):
        raise UserError(f"--instances {instances} is for --engine sandbox and docker, without --drill")
    if drill is not None and engine == "sdk":
        raise UserError("the SDKs' local modes keep no checkpoint folder: no --drill with them; --engine docker has one")
    for name, folder in options.channels.items():
        if not folder.exists():
            raise UserError(f"channel {name}: no such file or folder: {folder}")
    reports = []
    with _ended_by_signal():
        for entry in entries:
            of_entry = replace(
                options,
                channels=_of(entry, entries, options),
                dangerous=tuple((dangerous or {}).get(entry.path, ())),
                unresumed=tuple((unresumed or {}).get(entry.path, ())),
                tell=partial(tell, entry.path) if tell else None,
                logs=_logs(root, entry, drill is not None) if write else None,
            )
            reports.append(pipeline.verify(root, entry, of_entry))
    if write and reports:
        record.write(reports, root, drill is not None)
    return reports


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
