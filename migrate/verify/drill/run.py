"""The drill: two plain runs, then each way of interrupting, each on a machine that has nothing but the checkpoint folder of the last."""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from migrate.verify import checks, ending
from migrate.verify.drill import judge, plan
from migrate.verify.drill.judge import Plain
from migrate.verify.drill.model import WAYS, Drill, Drilled, Trial, Wish
from migrate.verify.drill.trials import Machine
from migrate.verify.model import Check, Evidence, Verdict

if TYPE_CHECKING:
    from migrate.verify.pipeline import Verifier

_SEEDS = re.compile(
    rb"\b(?:manual_seed(?:_all)?|set_random_seed|seed_everything|set_seed|(?:np|numpy|random|torch)\.seed|default_rng)\s*\(\s*\S"
)
_VERDICTS: dict[str, Verdict] = {
    "same": "pass",
    "close": "pass",
    "different": "fail",
    "zero": "fail",
    "ended": "fail",
    "apart": "note",
    "short": "not run",
    "unheeded": "note",
}


def drill(verifier: Verifier) -> tuple[list[Check], Drill | None]:
    """Drill one entry point. Raises UserError where results cannot be compared."""
    wish = verifier.options.drill
    assert wish is not None
    return _Driller(verifier, wish).drill()


class _Driller:
    def __init__(self, verifier: Verifier, wish: Wish) -> None:
        self.verifier, self.wish = verifier, wish
        self.style = verifier.options.styles[0]
        self.machine = Machine(verifier)

    def drill(self) -> tuple[list[Check], Drill | None]:
        clock = time.monotonic()
        first = self.machine.start({}, keep=False)
        ended = self._ended(first)
        if ended.verdict != "pass":
            return [ended], None
        if not any(not name.rpartition("/")[2].startswith(".") for name, _ in first.checkpoints):
            return [self._no_checkpoint()], None
        self.machine.poll = not first.saves  # written by compiled code: the second run is looked at from outside
        second = self.machine.start({}, keep=False)
        ended = self._ended(second)
        if ended.verdict != "pass":
            return [ended], None
        self.verifier.notes.append(f"the moments are drawn by chance: --drill-seed {self.wish.seed} gives the same ones again")
        base = judge.plain(first, second, self.verifier.python)
        out = [self._plain(base, time.monotonic() - clock), self._checkpoints(base)]
        told = []
        for way in WAYS:
            if way in self.wish.ways:
                told.append(self._way(way, base))
                out.append(self._check(told[-1]))
        if all(way.result in ("short", "unheeded") for way in told):
            self.verifier.idle = f"nothing was interrupted: {told[0].message}"
        return out, _as_data(self.wish, base, told)

    def _way(self, way: str, base: Plain) -> Drilled:
        clock, before = time.monotonic(), len(self.verifier.runs)
        rng = random.Random(f"{self.wish.seed} {way}")
        parts, moments, why = self._interrupted(way, base, rng)
        if not parts:
            return replace(judge.short(way, base, why), seconds=time.monotonic() - clock)
        if way == "limit" and moments[-1] == "":
            message = "the script does not heed SM_MAX_SECONDS: SageMaker would stop it at the limit, and the next job would go on"
            return Drilled(way, "unheeded", message, seconds=time.monotonic() - clock)
        last = self.machine.start({}, keep=True)
        told = judge.judge(way, base, [*parts, last], moments, self._ended(last), self.verifier.python)
        for part in (*parts, last):
            self.machine.drop(part)
        if _VERDICTS[told.result] != "fail":  # its logs say nothing more
            self.verifier.runs[before:] = [replace(run, log=None) for run in self.verifier.runs[before:]]
        return replace(told, seconds=time.monotonic() - clock)

    def _interrupted(self, way: str, base: Plain, rng: random.Random) -> tuple[list[Trial], list[str], str]:
        """The interrupted starts and their moments in words; or none, and why."""
        saves, over = base.reference.saves, "it was over before it could be interrupted"
        if not saves:
            return [], [], "no save was seen while it ran"
        if way == "limit":
            return self._limited(base, rng)
        if way == "save":
            moment = plan.in_a_save(rng, saves)
            if moment is None:
                return [], [], "there is one save only, at the end or after the first turn: none to interrupt after a complete one"
            return self._first_cut([[moment]], base, over)
        sure = [plan.before_a_save(2)] if len(saves) > 1 else []
        end = max(event.get("time", 0.0) for event in base.reference.seen.events)
        if way != "twice":
            act = "term" if way == "term" else "kill"
            tries = [[plan.after_a_save(rng, saves, end, act)], *([moment.acting(act)] for moment in sure)]
            return self._first_cut(tries, base, over)
        if len(saves) < 3:
            return [], [], f"{len(saves)} saves are too few to interrupt it between them twice"
        half = len(saves) // 2
        early = plan.after_a_save(rng, saves[: half + 1], end, "kill")
        late = plan.after_a_save(rng, saves[half:], end, "kill")
        return self._first_cut([[early, late], [*sure, plan.before_a_save(2)]], base, over)

    def _first_cut(self, tries: Sequence[Sequence[plan.Moment]], base: Plain, over: str) -> tuple[list[Trial], list[str], str]:
        """The first of the tries in which every start is really interrupted."""
        for moments in tries:
            parts: list[Trial] = []
            for moment in moments:
                trial = self.machine.start(moment.spec, keep=bool(parts))
                if not _cut(trial, base):
                    break
                parts.append(trial)
            if len(parts) == len(moments):
                return parts, [moment.words for moment in moments], ""
        return [], [], over

    def _limited(self, base: Plain, rng: random.Random) -> tuple[list[Trial], list[str], str]:
        saves = base.reference.saves
        seconds = rng.uniform(0.05, 0.8) * (saves[-1].ended - saves[0].began)
        for limit in (max(0.001, round(seconds, 3)), 0.001):
            trial = self.machine.start({}, keep=False, environment={"SM_MAX_SECONDS": str(limit)})
            if any(name.rpartition("/")[2] == judge.MORE_TO_DO for name, _ in trial.checkpoints):
                return [trial], [f"SM_MAX_SECONDS={limit:g}"], ""
        return [trial], [""], ""

    def _ended(self, trial: Trial) -> Check:
        verifier = self.verifier
        return ending.ended(trial.seen, verifier.options, verifier.declared(), verifier.entry, verifier.hooked)

    def _no_checkpoint(self) -> Check:
        told = tuple(Evidence(text) for text in self.verifier.options.unresumed)
        text = "the script saved nothing into the checkpoint folder: after an interruption it begins again"
        return Check("checkpoints", self.style, "fail", text, told, advice="run migrate apply; where it cannot help, it says why")

    def _plain(self, base: Plain, seconds: float) -> Check:
        count = f"{base.files - len(base.apart)} files, {len(base.first.lines)} printed lines"
        evidence = tuple(Evidence(f"{name}: {faults[0].words}") for name, faults in base.differ.items())
        if not base.apart:
            rest = f"; left out since they differ: {len(evidence)} values beside the rest" if evidence else ""
            rest += f"; printed lines that differ each time: {', '.join(sorted(base.kinds)[:2])}"[:160] if base.kinds else ""
            return Check("plain runs", self.style, "pass", f"two uninterrupted runs give the same: {count}{rest}", evidence, seconds)
        text = f"two uninterrupted runs differ from each other already in {len(base.apart)} of {base.files} files; {self._cause()}"
        advice = "set the seeds of Python, NumPy and the framework; without, no drill can show that the result is the same"
        return Check("plain runs", self.style, "note", text, evidence, seconds, advice)

    def _cause(self) -> str:
        for path, source in checks.sources(self.verifier.root, self.verifier.entry):
            if path.rpartition("/")[2] == "sagemaker_support.py":
                continue
            for number, line in enumerate(source.splitlines(), 1):
                if _SEEDS.search(line):
                    return f"a seed is set ({path}:{number}), so the cause is another generator, the order of a set, threads, or the time"
        return "likely since no seed is set anywhere in the script"

    def _checkpoints(self, base: Plain) -> Check:
        saves = base.reference.saves
        total = sum(size for _, size in base.first.checkpoints)
        if not saves:
            return Check("checkpoints", self.style, "fail", f"{len(base.first.checkpoints)} files, {total} bytes: no save was seen")
        cost = f" in {1000 * seconds:.0f} ms" if (seconds := _save_seconds(base)) is not None else ""
        text = f"{len(saves)} saves, each of {saves[-1].size or total} bytes{cost}; {total} bytes in the folder at the end"
        return Check("checkpoints", self.style, "pass", text)

    def _check(self, told: Drilled) -> Check:
        evidence = [Evidence(fault) for fault in told.faults]
        name = f"interrupt: {WAYS[told.way]}"
        return Check(name, self.style, _VERDICTS[told.result], told.message, tuple(evidence), told.seconds, told.advice)


def _cut(trial: Trial, base: Plain) -> bool:
    """Whether the interruption came before the script's own end."""
    if trial.struck is None:
        return False
    return trial.seen.outcome.exit_code != 0 or trial.overdue or len(trial.saves) < len(base.reference.saves)


def _save_seconds(base: Plain) -> float | None:
    """What a save takes, from its first file to the name of its last; not known where that file is not renamed."""
    took = [save.ended - save.began for save in base.reference.saves]
    return statistics.median(took) if any(took) else None


def _as_data(wish: Wish, base: Plain, ways: Sequence[Drilled]) -> Drill:
    saves = base.reference.saves
    return Drill(
        seed=wish.seed,
        saves=len(saves),
        steps=base.steps or None,
        checkpoint_bytes=saves[-1].size if saves else 0,
        save_seconds=_save_seconds(base),
        plain_differ=base.apart,
        ways=tuple(ways),
    )
