"""From what was seen to verdicts. Nothing here runs anything."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.job.model import EntryPoint
from migrate.verify import arrival, ending, losses, own, settings, snapshot, trace
from migrate.verify.layout import Layout
from migrate.verify.model import Check, Evidence, Options, Verdict
from migrate.verify.proofs import artifacts

if TYPE_CHECKING:
    from migrate.verify.stage import Seen

_MUCH_OUTPUT = 100 << 20  # bytes
_MOST = 50  # lines of evidence that one check carries


def files_with_sizes(folder: Path) -> tuple[tuple[str, int], ...]:
    """Files below a folder with their bytes, sorted by name."""
    return tuple((name, seen.size) for name, seen in sorted(snapshot.take(folder).items()))


def has_parser(root: Path, entry: EntryPoint) -> bool:
    """Whether any module of the program calls an argument parser at all."""
    return any(b"parse_args" in text or b"parse_known_args" in text for _, text in sources(root, entry))


def literal_paths(root: Path, entry: EntryPoint) -> Check | None:
    """Lines that name /opt/ml itself, which this engine cannot provide."""
    places = []
    for path, text in sources(root, entry):
        if Path(path).name == "sagemaker_support.py":
            continue
        for number, line in enumerate(text.splitlines(), 1):
            # as the default of an SM_* variable it is never used here
            if b"/opt/ml" in line and b"SM_" not in line and not line.lstrip().startswith(b"#"):
                places.append(Evidence(line.strip().decode("utf-8", "replace")[:120], f"{path}:{number}"))
    if not places:
        return None
    message = "names /opt/ml literally; this engine rebases paths through SM_* variables alone, so those lines see nothing here"
    return Check("literal /opt/ml", None, "note", message, tuple(places[:_MOST]), advice="--engine sandbox has the real /opt/ml")


def sources(root: Path, entry: EntryPoint) -> list[tuple[str, bytes]]:
    """The program's own modules: path and content."""
    names = entry.closure or (entry.path,)
    return [(name, (root / name).read_bytes()) for name in names if (root / name).is_file()]


def imported(root: Path, entry: EntryPoint) -> set[str]:
    """The top-level modules that the program's own modules name in an import, wherever it stands."""
    out = set()
    for _, text in sources(root, entry):
        for found in re.finditer(rb"^\s*(?:from\s+(\w+)|import\s+(\w+(?:[\w. ]*,\s*\w+)*))", text, re.MULTILINE):
            names = (found[1] or found[2]).decode().split(",")
            out |= {name.split()[0].partition(".")[0] for name in names if name.split()}
    return out


def serialisers(told: Sequence[str]) -> Check:
    """What one of the two programs cannot carry, said before anything runs."""
    if not told:
        return Check("names and values", None, "pass", "both serialisers can carry every hyperparameter and channel")
    return Check("names and values", None, "fail", "a serialiser cannot carry these", tuple(Evidence(text) for text in told))


def watched_roots(place: Layout, entry: EntryPoint, trust: bool) -> dict[Path, tuple[Path, ...]]:
    """The folders that are looked at before and after, with what is left out of each."""
    roots: dict[Path, tuple[Path, ...]] = {
        place.base: (),
        place.home: (),
        place.temporary: (),
    }
    if trust:
        for output in entry.outputs:
            if output.default and os.path.isabs(output.default) and not output.default.startswith("/opt/ml"):
                folder = Path(output.default) if Path(output.default).is_dir() else Path(output.default).parent
                if folder != Path("/") and not any(folder.is_relative_to(root) for root in roots):
                    roots[folder] = ()
    return roots


def settings_proof(
    seen: Seen, values: Mapping[str, object], left: Sequence[str], entry: EntryPoint, channels: Mapping[str, bool], hooked: bool
) -> Check:
    """The verdict on the run that stopped after parsing. ``hooked``: the script translates what SageMaker sends."""
    style = seen.run.style
    found = settings.answers(seen.events)
    faults = _faults(seen, values, entry)
    missing = [name for name in values if name not in found]
    refused = settings.refused(seen.events)
    failure = trace.read(seen.outcome.tail, seen.inside.code)
    tail = f"; left at their default, since the script knows better what they may be: {', '.join(left)}" if left else ""
    if refused and missing:
        advice = arrival.mend(refused, values, entry, settings.known(seen.events), hooked)
        return _not_arrived("settings", seen, f"the script refused its settings: {refused}", faults, advice)
    if missing and failure and not (found and faults):
        module = own.of_run(failure.missing, seen.layout) if failure.missing else None
        if failure.missing and module is None:
            return Check("settings", style, "not run", f"the script ended before it parsed: {ending.missing(failure.missing)}")
        text = f"the script ended before it parsed its settings: {failure.message}"
        advice = ending.without_data(failure.message, channels)
        verdict: Verdict = "not run" if advice else "fail"
        return Check("settings", style, verdict, text, ending.at(failure), advice=advice or (module.in_job() if module else None))
    if not found and seen.outcome.out_of_memory:
        return Check("settings", style, "not run", "the script was killed for want of memory before it parsed its settings")
    if not found:
        why = "time was over" if seen.run.timed_out else f"it ended with exit code {seen.run.exit_code}"
        return Check("settings", style, "fail", f"no argument parser was seen at work before {why}", faults or ending.last(seen.run.tail))
    if faults:
        message = f"{len(faults)} of {len(values)} settings did not arrive{tail}"
        return _not_arrived("settings", seen, message, faults, None if hooked else arrival.HOOK)
    if missing:
        message = f"the script ended before it parsed {len(missing)} of {len(values)} settings{tail}"
        return Check("settings", style, "fail", message, ending.last(seen.run.tail))
    return Check("settings", style, "pass", f"all {len(values)} settings arrived, in value and type{tail}")


def _faults(seen: Seen, values: Mapping[str, object], entry: EntryPoint) -> tuple[Evidence, ...]:
    events = seen.events
    told = {"known": settings.known(events), "refusal": settings.refused(events), "ended": seen.run.exit_code == 0}
    return tuple(arrival.faults(values, settings.answers(events), entry, **told)[:_MOST])  # type: ignore[arg-type]


def _not_arrived(name: str, seen: Seen, message: str, faults: tuple[Evidence, ...], advice: str | None) -> Check:
    rule = "SM200" if advice == arrival.HOOK else None
    return Check(name, seen.run.style, "fail", message, faults, advice=advice, rule=rule)


def judge(
    seen: Seen, entry: EntryPoint, root: Path, options: Options, values: Mapping[str, object], channels: Mapping[str, bool]
) -> list[Check]:
    """All checks on a contract run. ``channels`` says of each channel of the job whether it had data here."""
    out = [ending.ended(seen, options, channels, entry, arrival.hooked(sources(root, entry)))]
    if out[0].verdict == "not run":
        return out
    out += [
        _sent_defaults(seen, values, entry, root),
        losses.lost(seen, entry, root),
        _channels(seen, entry, channels),
        losses.into_channels(seen),
        losses.into_system(seen),
        _outside(seen),
        artifacts.check(seen),
        _survivors(seen),
        _output(seen),
        _habits(seen),
    ]
    return [check for check in out if check.message]


def _sent_defaults(seen: Seen, values: Mapping[str, object], entry: EntryPoint, root: Path) -> Check:
    style = seen.run.style
    if not values or not has_parser(root, entry):
        return Check("defaults", style, "pass", "")
    hooked = arrival.hooked(sources(root, entry))
    found, faults, refused = settings.answers(seen.events), _faults(seen, values, entry), settings.refused(seen.events)
    missing = [name for name in values if name not in found]
    if refused and missing:
        advice = arrival.mend(refused, values, entry, settings.known(seen.events), hooked)
        return _not_arrived("defaults", seen, f"the script refused the job's values: {refused}", faults, advice)
    if faults:
        message = f"{len(faults)} of the launcher's own values did not arrive"
        return _not_arrived("defaults", seen, message, faults, None if hooked else arrival.HOOK)
    if missing and seen.run.exit_code != 0:
        return Check("defaults", style, "not run", "the script ended before it parsed its settings")
    if missing:
        return Check("defaults", style, "fail", "no argument parser was seen at work")
    return Check("defaults", style, "pass", f"the launcher's {len(values)} values arrived")


def _channels(seen: Seen, entry: EntryPoint, channels: Mapping[str, bool]) -> Check:
    """A channel is read when any process opened something in it; without inotify only Python code is seen."""
    given = sorted(name for name, there in channels.items() if there)
    absent = sorted(name for name, there in channels.items() if not there)
    read = {event["name"] for event in seen.events if event["kind"] == "channel"} | seen.outcome.touched
    unread = [name for name in given if name not in read]
    note = "" if seen.outcome.saw_all else " by Python code (what compiled code opens could not be seen in full)"
    more = f"no data given for: {', '.join(absent)} (--channel NAME=DIR)" if absent else ""
    if unread:
        evidence = tuple(Evidence(f"nothing in {name} was opened", _declared(name, entry)) for name in unread)
        if seen.run.exit_code != 0:
            return Check("channels", seen.run.style, "not run", f"the script ended before it read: {', '.join(unread)}")
        verdict: Verdict = "fail" if seen.outcome.saw_all else "note"
        return Check("channels", seen.run.style, verdict, f"never read{note}: {', '.join(unread)}", evidence)
    if absent and not given:
        return Check("channels", seen.run.style, "note", more)
    if not given:
        return Check("channels", seen.run.style, "pass", "")
    return Check("channels", seen.run.style, "pass", f"read: {', '.join(given)}" + (f"; {more}" if more else ""))


def _declared(name: str, entry: EntryPoint) -> str | None:
    return next((f"{channel.path}:{channel.line}" for channel in entry.channels if channel.name == name), None)


def _outside(seen: Seen) -> Check:
    """Absolute paths of EC2: what was read or was stopped outside the run's folders."""
    events = [event for event in seen.events if event["kind"] in ("read", "stopped", "metadata") or _nowhere(event, seen)]
    if not events:
        return Check("EC2 paths", seen.run.style, "pass", "nothing outside the container's own folders was read or changed")
    evidence = tuple(Evidence(_told(event), event.get("where")) for event in events[:_MOST])
    return Check("EC2 paths", seen.run.style, "fail", f"{len(events)} places outside the container were touched", evidence)


def _nowhere(event: Mapping[str, Any], seen: Seen) -> bool:
    """A write that failed, since not even its folder is there in a container."""
    path = Path(event["path"]) if event["kind"] == "write" else None
    if path is None or event["inside"].startswith(losses.IMAGE):
        return False
    return path.is_relative_to(seen.layout.root) and not path.parent.exists()


def _told(event: Mapping[str, Any]) -> str:
    if event["kind"] == "read":
        return f"reads {event['path']}, which a container does not have"
    if event["kind"] == "write":
        return f"writes {event['inside']}, whose folder a container does not have"
    if event["kind"] == "metadata":
        return f"asks the EC2 metadata address {event['path']}"
    return f"{event['verb']} stopped: {event['path']}"


def _output(seen: Seen) -> Check:
    """How much it prints: CloudWatch keeps it all, and a job that fails for want of disk says nothing at all."""
    size = seen.run.output_bytes
    if size < _MUCH_OUTPUT:
        return Check("output", seen.run.style, "pass", "")
    text = f"{size / 2**30:.1f} GiB were printed; the log here has the beginning and the end"
    return Check(
        "output", seen.run.style, "note", text, advice="print less: CloudWatch takes and bills every line, and a reader finds none"
    )


def _survivors(seen: Seen) -> Check:
    if not seen.outcome.survivors:
        return Check("processes", seen.run.style, "pass", "no process outlived the script")
    evidence = tuple(Evidence(text) for text in seen.outcome.survivors[:_MOST])
    more = "; the SDK v3 drivers do not end the job while such a one holds the output open" if seen.run.style == "v3" else ""
    return Check("processes", seen.run.style, "fail", f"{len(evidence)} processes outlived the script, and were ended{more}", evidence)


def _habits(seen: Seen) -> Check:
    """Calls of programs that were only pretended."""
    evidence = [Evidence(f"called: {call}") for call in seen.calls]
    if not evidence:
        return Check("calls", seen.run.style, "pass", "")
    return Check(
        "calls",
        seen.run.style,
        "note",
        f"{len(evidence)} calls of programs that SageMaker has not, or has no use for",
        tuple(evidence[:_MOST]),
    )
