"""One entry point, run as SageMaker would run it, under each serialiser; what was seen becomes a report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from migrate.errors import UserError
from migrate.job.model import EntryPoint
from migrate.job.serialise import Style, problems
from migrate.verify import checks, inputs, interpreter, launched, logs, members, mends, settings, snapshot
from migrate.verify.drill.model import Drill
from migrate.verify.layout import Layout
from migrate.verify.model import Check, Evidence, Options, Report
from migrate.verify.proofs import compiles, metrics, network, parity, request
from migrate.verify.stage import Stage

_RETRIES = 6  # of the settings proof, each leaving one more made-up value at its default


class Verifier(Stage):
    """The ladder of proofs of one entry point."""

    def __init__(self, root: Path, entry: EntryPoint, options: Options) -> None:
        super().__init__(root, entry, options)
        self.drill: Drill | None = None
        self.idle: str | None = None  # why the drill could interrupt nothing

    def report(self) -> Report:
        """Run it all. The scratch folder is gone afterwards, but for the logs of runs that failed."""
        started, clock = datetime.now(timezone.utc), time.monotonic()
        found: list[Check] = []
        unable = None
        try:
            for rung in self._rungs():
                found += mends.all_named(rung, self.options.findings)
                if self.options.fail_fast and any(check.verdict == "fail" for check in found):
                    self.notes.append("stopped at the first proof that failed, as asked")
                    break
        except UserError as error:
            unable = str(error)
        finally:
            failed = any(check.verdict in ("fail", "not run") and check.style for check in found)
            self.runs = logs.keep(self.runs, self.scratch, self.options.logs, failed)
            found = mends.with_logs(found, self.runs)
        unable = unable or self.idle or next((check.message for check in found if check.verdict == "not run" and check.name == "run"), None)
        return Report(
            entry=self.entry.path,
            engine=self.engine.name,
            python=f"{self.inner.version} ({self.inner.executable})",
            tree=snapshot.tree_digest(self.root, self.files),
            checks=tuple(found),
            runs=tuple(self.runs),
            isolates=self.engine.isolates,
            does_not=self.engine.does_not,
            seconds=time.monotonic() - clock,
            started=started.isoformat(timespec="seconds"),
            notes=tuple(self.notes),
            unable=unable,
            drill=self.drill,
            why=self.why,
            starters={style: str(starter) for style, starter in self.starters.items()},
            versions=interpreter.versions(self.python, checks.imported(self.root, self.entry)),
        )

    def _rungs(self) -> Iterator[list[Check]]:
        """The ladder: each step's checks as they come."""
        yield self._before_running()
        if self.options.drill is not None:
            yield self._drill()
            return
        for style in self.options.styles:
            found = self._style(style)
            yield found
            if any(check.verdict == "not run" and check.name == "run" for check in found):
                break  # what this machine lacks, it lacks under the other convention too
        yield [parity.check(self)]
        yield request.checks(self)

    def _drill(self) -> list[Check]:
        """The drill of interruptions, under one convention: how settings arrive makes no difference to it."""
        from migrate.verify.drill.run import drill

        found, self.drill = drill(self)
        return found

    def _before_running(self) -> list[Check]:
        if self.options.dangerous and not self.options.trust and not self.engine.contained:
            raise UserError(
                "not run, since the script changes files outside the repo: "
                + "; ".join(self.options.dangerous[:5])
                + " (--engine sandbox keeps it apart; --trust runs it nevertheless)"
            )
        lacks = [self.lacks(style) for style in self.options.styles]
        if lacks and all(lacks):
            raise UserError(f"engine {self.engine.name}: {lacks[0]}")
        if self.entry.path not in self.files:
            raise UserError(f"{self.entry.path}: not among the files that would travel (ignored by git?)")
        told = problems(self.values, [*self.channels, *(name for name in self.job.channels if name not in self.channels)])
        for name in sorted(set(self.channels) - set(self.options.channels)):
            self.notes.append(f"channel {name}: {self.channels[name]}, as {launched.JOB_FILE} or the script says")
        for name in sorted(set(self.job.outside) - set(self.channels)):
            place = self.job.outside[name]
            self.notes.append(f"channel {name}: {place} lies outside of the repository, and is not used unasked: --channel {name}={place}")
        if self.options.synthetic:
            inputs.make_up(self)
        if self.options.sample is not None:
            inputs.take_sample(self, self.options.sample)
        literal = None if self.engine.contained else checks.literal_paths(self.root, self.entry)
        out = [compiles.check(self.root, self.entry, self.python), checks.serialisers(told)]
        return [*out, literal] if literal else out

    def _style(self, style: Style) -> list[Check]:
        lack = self.lacks(style)
        if lack is not None:
            return [Check("convention", style, "not run", lack)]
        place = Layout(self.scratch / style, style)
        self.fill(place)
        out = []
        proof = self._settings_proof(place)
        if proof:
            out.append(proof)
        values: Mapping[str, object] = self.values
        if self.options.quick:
            values, shortened = settings.shortened(values, self.entry)
            text = f"quick: {', '.join(shortened)} set to 1" if shortened else "quick: no hyperparameter says how long to train"
            if text not in self.notes:
                self.notes.append(text)
        seen = self.start(place, values, stop=False, timeout=self.options.timeout)
        if self.options.instances > 1:
            out.append(members.check(style, members.hosts(self.options.instances), self.outcomes))
        out += checks.judge(seen, self.entry, self.root, self.options, values, self.declared())
        out = [inputs.told(self, check) for check in out]
        if all(check.verdict != "not run" for check in out if check.name == "run"):
            out += [network.check(seen, self.job.isolated)]
            prints = {metric.regex: f"{metric.path}:{metric.line}" for metric in self.entry.metrics}
            found = metrics.check(seen.run, self.job.metrics, prints, self.options.quick)
            out += [found] if found is not None else []
        if all(check.verdict == "pass" for check in out if check.name == "read-only channels"):
            self.filled = {name: place.data / name for name in self.channels}
        return out

    def _settings_proof(self, place: Layout) -> Check | None:
        """Send another value for each hyperparameter, and stop as soon as the script has parsed them."""
        values = settings.changed(self.entry, self.options.hyperparameters)
        if not values:
            return None
        if not checks.has_parser(self.root, self.entry):
            return Check("settings", place.style, "not run", f"the script's settings are no argparse options ({self.entry.cli})")
        left: list[str] = []
        clock = time.monotonic()
        for _ in range(_RETRIES):
            seen = self.start(place, values, stop=True, timeout=min(self.options.timeout, self.options.settings_timeout))
            better = settings.informed(values, seen.events)
            if better != values:
                values = better
                continue
            fair = settings.harmful(values, self.values, seen.events) if seen.run.exit_code else []
            message = settings.refused(seen.events) or ""
            fair = fair or [name for name in (settings.culprit(message, self.entry, values),) if name is not None]
            if not fair or set(fair) & set(left):
                break
            left += fair
            for name in fair:
                del values[name]
                if name in self.values and "not allowed with" not in message:
                    values[name] = self.values[name]
        check = checks.settings_proof(seen, values, left, self.entry, self.declared(), self.hooked)
        return replace(check, seconds=time.monotonic() - clock)


def verify(root: Path, entry: EntryPoint, options: Options) -> Report:
    """Run one entry point under each serialiser and report. Raises UserError where not even a start was possible."""
    try:
        return Verifier(root, entry, options).report()
    except OSError as error:  # no room for the copies, a file that cannot be read, no temporary folder
        raise UserError(f"verify cannot work here: {error}") from error


def unable(entry: EntryPoint, options: Options, reason: str) -> Report:
    """The report of an entry point that could not be run at all."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    check = Check("run", None, "not run", reason, (Evidence(reason),))
    return Report(entry.path, options.engine or "", options.python or "", "", (check,), (), (), (), 0.0, now, unable=reason)
