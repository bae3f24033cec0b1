"""From an interrupted run and an uninterrupted one to what is told of a way. Nothing here runs anything but the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from migrate.verify.drill import lines, results
from migrate.verify.drill.model import TOLERANCE, Drilled, Result, Trial
from migrate.verify.drill.results import Fault
from migrate.verify.interpreter import Interpreter
from migrate.verify.model import Check

MORE_TO_DO = "more-to-do.json"
_ADVICE = {
    "zero": "let the script read what it finds in the checkpoint folder: migrate apply writes that where it can",
    "different": "something that training depends on is not saved, or not put back: see what first differs",
    "short": "more epochs, so that there is something to interrupt: --hp NAME=VALUE",
}


@dataclass(frozen=True)
class Plain:
    """Two uninterrupted runs: the first is what all others are held against; ``differ`` and ``kinds`` are what they do not have alike."""

    first: Trial
    reference: Trial  # the one whose saves were seen
    differ: Mapping[str, tuple[Fault, ...]]
    kinds: frozenset[str]
    files: int

    @property
    def apart(self) -> tuple[str, ...]:
        """The files in which more differs than single values."""
        return tuple(name for name, faults in self.differ.items() if any(fault.heavy for fault in faults))

    @property
    def steps(self) -> int:
        return self.reference.steps


def plain(first: Trial, second: Trial, python: Interpreter) -> Plain:
    """Compare two runs that nothing has interrupted. Raises UserError."""
    found = results.compare(first.kept, second.kept, python)
    return Plain(first, first if first.saves else second, found.differ, lines.volatile(first.lines, second.lines), found.files)


def judge(way: str, base: Plain, parts: Sequence[Trial], moments: Sequence[str], ended: Check, python: Interpreter) -> Drilled:
    """What is told of one way: ``parts`` are the interrupted starts and the last; ``ended`` says how that one went. Raises UserError."""
    cut, last = parts[:-1], parts[-1]
    out = Drilled(
        way,
        "same",
        "",
        moments=tuple(moments),
        endings=tuple(part.ending for part in cut),
        lost_seconds=round(sum(_lost_seconds(part) for part in cut), 3),
        lost_steps=sum(part.steps - _saved_steps(part) for part in cut) if base.steps else None,
        repeated_steps=sum(_saved_steps(part) for part in cut) + last.steps - base.steps if base.steps else None,
    )
    if ended.verdict != "pass":
        where = tuple(f"{item.where}: {item.text}" if item.where else item.text for item in ended.evidence)
        return replace(out, result="ended", message=f"the start after the interruption did not end well: {ended.message}", faults=where)
    if _from_zero(base, cut, last):
        return _told(replace(out, result="zero", faults=_there(cut[-1])), base)
    return _told(_compared(out, base, parts, python), base)


def short(way: str, base: Plain, message: str) -> Drilled:
    """A way that could not be gone: the script was over before it could be interrupted."""
    return Drilled(way, "short", message, advice=_ADVICE["short"])


def _compared(out: Drilled, base: Plain, parts: Sequence[Trial], python: Interpreter) -> Drilled:
    last = parts[-1]
    found = results.compare(base.first.kept, last.kept, python)
    faults = _faults(found.differ, base)
    differing = lines.differing(base.first.lines, last.lines, base.kinds)
    faults += [f"printed: {line.strip()!r} instead of {better.strip()!r}" for line, better in differing if better is not None]
    if parts[-1].checkpoints and any(name.endswith(MORE_TO_DO) for name, _ in last.checkpoints):
        faults.append(f"{MORE_TO_DO} is still there, although nothing is left to do: the next job of the chain would start for nothing")
    largest = max(found.largest, TOLERANCE if any(better is None for _, better in differing) else 0.0)
    result: Result = "different" if faults else "apart" if base.apart else "close" if largest else "same"
    missing = lines.absent(base.first.lines, [line for part in parts for line in part.lines], base.kinds)
    return replace(
        out,
        result=result,
        files=found.files - len(base.apart),
        lines=len(last.lines),
        largest=largest,
        faults=tuple(faults),
        missing_lines=missing,
    )


def _faults(differ: Mapping[str, tuple[Fault, ...]], base: Plain) -> list[str]:
    """What differs beyond what two plain runs differ in."""
    apart = {results.plain_name(name) for name in base.apart}
    out = []
    for name, faults in differ.items():
        known = {fault.place for fault in base.differ.get(name, ())}
        new = [fault for fault in faults if fault.place not in known]
        if new and results.plain_name(name) not in apart:
            more = f" (and {len(new) - 1} more)" if len(new) > 1 else ""
            out.append(f"{name}: {new[0].words}{more}")
    return out


def _told(out: Drilled, base: Plain) -> Drilled:
    """The same with its words."""
    compared = f"{_count(out.files, 'file')}, {_count(out.lines, 'printed line')}"
    heads = {
        "same": f"same to the bit: {compared}",
        "close": f"same within {TOLERANCE:g} (largest relative difference {out.largest:.1e}): {compared}",
        "different": f"different: {out.faults[0] if out.faults else ''}",
        "zero": "it began again from the start, although there were checkpoints",
        "apart": f"it went on; what two plain runs have alike is the same: {compared}",
    }
    cuts = [f"{moment} ({ending})" for moment, ending in zip(out.moments, out.endings, strict=True)]
    words = [heads[out.result], f"interrupted {', and '.join(cuts)}", _losses(out, base)]
    if out.way == "term" and "exit code 0" in out.endings:
        words.append("exit code 0 after SIGTERM tells SageMaker that the job is complete")
    if out.missing_lines:
        words.append(f"{_count(len(out.missing_lines), 'line')} printed by neither part, the first: {out.missing_lines[0].strip()[:80]!r}")
    return replace(out, message="; ".join(word for word in words if word), advice=_ADVICE.get(out.result))


def _losses(out: Drilled, base: Plain) -> str:
    text = f"work lost: {out.lost_seconds:.2f} s"
    if out.lost_steps is not None:
        text += f", {out.lost_steps} of {base.steps} steps"
    if out.repeated_steps and out.repeated_steps > 0 and out.result != "zero":
        text += f"; {out.repeated_steps} saved steps were run again"
    if out.repeated_steps is not None and out.repeated_steps < 0:
        text += f"; {-out.repeated_steps} steps were never run"
    return text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _saved_steps(part: Trial) -> int:
    """The steps of this process that its last complete save holds."""
    return part.saves[-1].steps if part.saves else 0


def _lost_seconds(part: Trial) -> float:
    if part.struck is None:
        return 0.0
    if not part.saves:
        return part.seen.outcome.seconds
    return max(0.0, float(part.struck["time"]) - part.saves[-1].ended)


def _from_zero(base: Plain, cut: Sequence[Trial], last: Trial) -> bool:
    """Whether the last start made the whole way again, although something had been saved before it."""
    if not any(part.saves for part in cut):
        return False
    if base.steps:
        return last.steps >= base.steps > 0 and any(_saved_steps(part) for part in cut)
    return len(last.saves) >= len(base.reference.saves)


def _there(part: Trial) -> tuple[str, ...]:
    names = [name for name, size in part.checkpoints if size and not name.rpartition("/")[2].startswith(".")]
    return tuple(f"in the checkpoint folder at the interruption: {name}" for name in names[:5])
