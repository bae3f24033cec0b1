"""One entry point, run as SageMaker would run it, under each serialiser; what was seen becomes a report."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from migrate.errors import UserError
from migrate.job.model import EntryPoint
from migrate.job.serialise import Container, Style, argv, problems
from migrate.verify import checks, containers, install, interpreter, launched, layout, members, mends, settings, shims, snapshot
from migrate.verify.data import synthetic
from migrate.verify.data.sample import sample
from migrate.verify.drill.model import Drill, Start
from migrate.verify.engine import Command, Job, Outcome, choose
from migrate.verify.interpreter import Interpreter
from migrate.verify.layout import Inside, Layout
from migrate.verify.model import Check, Evidence, Options, Report, Run
from migrate.verify.proofs import compiles, metrics, network, parity, request

RUN_MODULE = "sagemaker_job/run_module.py"
_EVENTS, _CALLS = "events.jsonl", "calls.txt"
_RETRIES = 6  # of the settings proof, each leaving one more made-up value at its default


@dataclass(frozen=True)
class Seen:
    """Everything that one run has shown. Snapshots and events are of the contract run alone."""

    layout: Layout
    inside: Inside
    network: bool  # whether there was one
    run: Run
    outcome: Outcome
    events: tuple[Mapping[str, Any], ...]
    before: Mapping[Path, snapshot.Snapshot]
    after: Mapping[Path, snapshot.Snapshot]
    calls: tuple[str, ...]


class Verifier:
    """Holds what all runs of one entry point share."""

    def __init__(self, root: Path, entry: EntryPoint, options: Options) -> None:
        self.root = root.resolve()
        self.entry = entry
        self.options = options
        self.runs: list[Run] = []
        self.notes: list[str] = []
        self._step = ""
        self.python: Interpreter = interpreter.find(options.python)
        if options.install:
            self._install()
        self.files = layout.repo_files(self.root)
        shown = self.python.shown(self.root)
        name = options.engine or ("docker" if options.image else None)
        self.engine, self.why = choose(name, network=options.network, shown=shown, image=self._image, sdks=options.sdk_pythons)
        self.inner = self.engine.interpreter(self.python)
        # what runs a program of this machine's own Python
        self.here = self.engine if self.inner is self.python else choose(None, network=options.network, shown=shown)[0]
        self.job = launched.of(self.root, entry)
        self.environment = options.environment if options.environment is not None else self.job.environment
        self.values = settings.merged(entry, self.job.hyperparameters, options.hyperparameters)
        self.channels = {**self.job.local, **options.channels}
        self.outcomes: list[Outcome] = []  # of the last start's hosts
        self.drill: Drill | None = None
        self.sampled = False
        self.made_up: list[str] = []
        self.idle: str | None = None  # why the drill could interrupt nothing
        self.bound: dict[str, Path] = {}  # channels that the engine shows as they lie here
        self._filled: dict[str, Path] = {}
        self._code: tuple[Path, snapshot.Snapshot] | None = None
        self.scratch = Path(tempfile.mkdtemp(prefix="migrate-verify-")).resolve()

    def _image(self) -> containers.Wanted:
        """The image that the job runs in: the one that was asked for, else the job's own."""
        given = self.options.image
        recipe = launched.Recipe(given) if given else launched.image(self.root, self.entry, containers.gpus())
        image = containers.obtain(recipe, self.root, self.files)
        self.notes.append(f"image {image.name}")
        return image

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
            self._clean(found)
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
            versions=interpreter.versions(self.python, checks.imported(self.root, self.entry)),
        )

    def step(self, name: str) -> None:
        """Say what begins now."""
        self._step = name
        if self.options.tell is not None:
            self.options.tell(name, "")

    @property
    def on_line(self) -> Callable[[str], object] | None:
        """What takes the lines of what runs; None where nobody wants them."""
        tell = self.options.tell
        return (lambda line: tell(self._step, line)) if tell is not None else None

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
        lacks = [self.engine.lacks(style) for style in self.options.styles]
        if lacks and all(lacks):
            raise UserError(f"engine {self.engine.name}: {lacks[0]}")
        if self.entry.path not in self.files:
            raise UserError(f"{self.entry.path}: not among the files that would travel (ignored by git?)")
        told = problems(self.values, [*self.channels, *(name for name in self.job.channels if name not in self.channels)])
        for name in sorted(set(self.channels) - set(self.options.channels)):
            self.notes.append(f"channel {name}: {self.channels[name]}, as {launched.JOB_FILE} or the script says")
        if self.options.synthetic:
            self._make_up()
        if self.options.sample is not None:
            self._sample(self.options.sample)
        literal = None if self.engine.contained else checks.literal_paths(self.root, self.entry)
        out = [compiles.check(self.root, self.entry, self.python), checks.serialisers(told)]
        return [*out, literal] if literal else out

    def _install(self) -> None:
        """Another Python in place of the one there is: with the job's packages alone."""
        lines, left_out = install.wanted(self.root, self.entry, checks.imported(self.root, self.entry))
        self.step("pip install")
        self.python = interpreter.find(install.environment(lines, self.python, self.on_line))
        self.notes.append(f"installed for this run: {', '.join(lines) or 'nothing'}")
        if left_out:
            self.notes.append(f"not installed, since that writes into the repo: {', '.join(left_out)}")

    def _make_up(self) -> None:
        """Data in the shape that the program expects, for each channel that has none, and say so; a lone header gets its rows."""
        defaults = {channel.name: channel.default for channel in self.entry.channels}
        for name, there in self.declared().items():
            target = self.scratch / "synthetic" / name
            made: str | None
            source = self.channels.get(name)
            if source is not None and source.is_file() and synthetic.rows_for(source, target / source.name):
                made, missing = f"rows below the header of {source.name}", ""
            elif not there:
                made, missing = synthetic.make(target, checks.sources(self.root, self.entry), defaults.get(name))
            else:
                continue
            if made is not None:
                self.channels[name] = target
                self.made_up.append(name)
                self.notes.append(f"channel {name}: made up, {made}")
            if missing:
                self.notes.append(f"channel {name}: {'not all' if made else 'nothing'} could be made up ({missing}): --channel {name}=DIR")

    def _sample(self, count: int) -> None:
        """A sample in place of each channel's data, and say so."""
        for name in sorted(set(self.channels) - set(self.made_up)):
            source, target = self.channels[name], self.scratch / "sample" / name
            words = sample(source, target, count)
            if words is not None:
                self.channels[name] = target
                self.sampled = True
                self.notes.append(f"channel {name}: a sample, {words}")

    def _of_less_data(self, check: Check) -> Check:
        """A run that failed, told of what its data are."""
        if check.name != "run" or check.verdict != "fail" or check.advice:
            return check
        made = f"the data of {', '.join(self.made_up)} are made up: --channel NAME=DIR gives real ones"
        return replace(check, advice=made if self.made_up else "it had a sample of the data: --sample 0 gives all of it")

    def _style(self, style: Style) -> list[Check]:
        lack = self.engine.lacks(style)
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
        if self.sampled or self.made_up:
            out = [self._of_less_data(check) for check in out]
        if all(check.verdict != "not run" for check in out if check.name == "run"):
            out += [network.check(seen, self.job.isolated)]
            prints = {metric.regex: f"{metric.path}:{metric.line}" for metric in self.entry.metrics}
            found = metrics.check(seen.run, self.job.metrics, prints, self.options.quick)
            out += [found] if found is not None else []
        if all(check.verdict == "pass" for check in out if check.name == "read-only channels"):
            self._filled = {name: place.data / name for name in self.channels}
        return out

    def declared(self) -> dict[str, bool]:
        """The channels of the job, and whether each has data here."""
        names = [*self.job.channels, *(channel.name for channel in self.entry.channels), *self.channels]
        return {name: name in self.channels for name in names}

    def fill(self, place: Layout) -> None:
        """Channels: shown as they are where the engine can; else copied once, and moved on to the next style if the last left them so."""
        for name, source in self.channels.items():
            target = place.data / name
            if self.engine.shows and (name in self.bound or layout.whole(source)):
                self.bound[name] = source.resolve()
                target.mkdir(parents=True, exist_ok=True)
                continue
            ready = self._filled.pop(name, None)
            if ready is not None and ready.exists():
                layout.move_channel(ready, target)
            else:
                layout.fill_channel(name, source, place, self.options.copy_limit)

    def container(self, place: Layout, host: str = "algo-1") -> Container:
        return Container(
            hosts=members.hosts(self.options.instances),
            current_host=host,
            # a sandbox's hosts talk by the loopback that they share
            network_interface="lo" if self.options.instances > 1 and self.engine.name == "sandbox" else "eth0",
            entry=self._script(),
            channels=tuple(sorted(self.declared())),
            base=str(self.engine.inside(place).base),
            gpus=self.engine.gpus(),
            python_path=self.inner.path,
        )

    def _place_code(self, place: Layout) -> None:
        """Put the repo's copy where this convention has it: the last run's where that one left it as it was, else a new one."""
        if self.options.instances > 1:
            layout.copy_files(self.root, self.files, place.code)
            return
        if self._code is not None and self._code[0].exists() and snapshot.take(self._code[0]) == self._code[1]:
            if self._code[0] != place.code:
                layout.remove(place.code)
                self._code[0].rename(place.code)
        else:
            layout.copy_files(self.root, self.files, place.code)
        self._code = (place.code, snapshot.take(place.code))

    def _script(self) -> str:
        """The file that the job starts: the containers start files only, so a module has a file that starts it."""
        return RUN_MODULE if self.environment.get("SM_RUN_MODULE") and RUN_MODULE in self.files else self.entry.path

    def _start(self, style: Style) -> tuple[str, ...]:
        module = self.environment.get("SM_RUN_MODULE")
        script = self._script()
        if module and script != RUN_MODULE:
            note = f"{RUN_MODULE} is not there yet (migrate apply writes it): started by python -m {module}"
            if note not in self.notes:
                self.notes.append(note)
            return ("-m", module)
        return ("--", script) if style == "toolkit" else (script,)

    def start(self, place: Layout, values: Mapping[str, object], *, stop: bool, timeout: float, drill: Start | None = None) -> Seen:
        """Start the script once, and see how it goes. Raises nothing for what the script does."""
        what = f"drill, {drill.log.removesuffix('.log')}" if drill else "settings" if stop else "run"
        self.step(f"{what} ({place.style})")
        log = place.top / (drill.log if drill else "settings.log" if stop else "run.log")
        command = self._command(place, values, log, stop=stop, timeout=timeout, drill=drill)
        more = [] if stop else [self._member(place, host, values, timeout) for host in members.hosts(self.options.instances)[1:]]
        inside = self.engine.inside(place)
        roots = checks.watched_roots(place, self.entry, self.options.trust and not self.engine.contained)
        if self.engine.contained:
            roots[place.root] = ()
        before = {root: snapshot.take(root, skip) for root, skip in roots.items()}
        self.outcomes = members.run(self.engine, [command, *more])
        outcome = self.outcomes[0]
        after = {root: snapshot.take(root, skip) for root, skip in roots.items()}
        events = self._events(place)
        peak = max([outcome.peak_memory, *(event.get("peak", 0) for event in events if event["kind"] == "exit")])
        run = Run(
            style=place.style,
            purpose="drill" if drill else "settings" if stop else "contract",
            argv=tuple(argv(values, place.style)),
            hyperparameters=dict(values),
            exit_code=outcome.exit_code,
            signal=outcome.signal,
            timed_out=outcome.timed_out,
            seconds=outcome.seconds,
            peak_memory=peak,
            output_bytes=outcome.output_bytes,
            tail=outcome.tail[-20:],
            log=str(log),
            model_files=checks.files_with_sizes(place.model),
        )
        self.runs.append(run)
        calls = tuple(shims.calls(place.watch / _CALLS))
        return Seen(
            place,
            inside,
            self.options.network or not self.engine.contained,
            run,
            outcome,
            events,
            before,
            after,
            calls,
        )

    def _command(
        self,
        place: Layout,
        values: Mapping[str, object],
        log: Path,
        *,
        stop: bool,
        timeout: float,
        drill: Start | None = None,
        host: str = "algo-1",
    ) -> Command:
        """Lay out all that a host of the job has when the script starts; returns what is to be started."""
        container, inside = self.container(place, host), self.engine.inside(place)
        layout.prepare(place, values, container, drill is not None and drill.keep)
        self.engine.prepare(place)
        self._place_code(place)
        for name in self.declared():
            (place.data / name).mkdir(exist_ok=True)  # the job has every channel, with data or, here, without
        (place.watch / _CALLS).unlink(missing_ok=True)
        shims.write(place.watch / "bin", inside.watch / _CALLS)
        probe = self.probe(place, values, stop, drill)
        environment = {**self.environment, **drill.environment} if drill else self.environment
        return Command(
            layout=place,
            words=(self.inner.executable, *self._start(place.style), *argv(values, place.style)),
            cwd=inside.code,
            environment=interpreter.child_environment(inside, container, self.inner, values, environment, probe),
            timeout=timeout,
            log=log,
            bound=self.bound,
            memory=self.options.memory,
            watched={} if stop else {name: self.bound.get(name, place.data / name) for name in self.channels},
            on_line=self.on_line,
            host=host,
            hosts=container.hosts,
            job=Job(self._script(), values, environment),
        )

    def _member(self, first: Layout, host: str, values: Mapping[str, object], timeout: float) -> Command:
        """Another host of the same job, with all that it has of its own; its log lies beside the first one's."""
        place = Layout(first.top / "members" / host, first.style)
        self.fill(place)
        return self._command(place, values, first.top / f"run-{host}.log", stop=False, timeout=timeout, host=host)

    def probe(
        self, place: Layout, values: Mapping[str, object], stop: bool = False, drill: Start | None = None, code: Path | None = None
    ) -> Path:
        """Lay out the probe and its specification; returns the specification's path, as the script sees it.

        ``code`` is the folder of the code as the script sees it, where it is not the container's.
        """
        folder, inside = place.watch / "probe", self.engine.inside(place)
        own = [str(path) for path in (inside.base, inside.home, inside.temporary, inside.watch)]
        folder.mkdir(exist_ok=True)
        here = Path(__file__).parent
        shutil.copyfile(here / "probe.py", folder / "sitecustomize.py")
        for name in ("probe_settings.py", "probe_drill.py"):
            shutil.copyfile(here / name, folder / name)
        (place.watch / _EVENTS).unlink(missing_ok=True)
        spec = {
            "events": str(inside.watch / _EVENTS),
            "code": str(code or inside.code),
            "inside": own if self.engine.contained else [str(self.scratch)],
            "writable": ["/"] if self.engine.contained else [str(self.scratch)],
            "quiet": list(self.inner.quiet),
            "root": str(self.root),
            "interpreter": list(self.inner.roots),
            "protected": [str(self.root), *(str(path.resolve()) for path in self.channels.values()), str(Path.home())],
            "temporary": sorted({tempfile.gettempdir(), "/tmp", "/var/tmp"}),
            "channels": {name: str(inside.data / name) for name in self.channels},
            "started": time.time() - 1,
            "trust": self.options.trust,
            "through": self.engine.through,
            "stop": stop,
            "drill": drill.spec if drill else None,
            "sent": settings.describe(self.entry, values),
        }
        (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        return inside.watch / "probe" / "spec.json"

    def _events(self, place: Layout) -> tuple[Mapping[str, Any], ...]:
        """What the probe has noted, with the paths of written files as they are on this machine."""
        out: list[Mapping[str, Any]] = []
        for event in _events(place.watch / _EVENTS):
            if event["kind"] == "write":
                event = {**event, "path": self.engine.outside(place, event["path"]), "inside": event["path"]}
            out.append(event)
        return tuple(out)

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
        check = checks.settings_proof(seen, values, left, self.entry, self.declared())
        return replace(check, seconds=time.monotonic() - clock)

    def _clean(self, found: list[Check]) -> None:
        """Remove the scratch folder. The logs go where they are to be kept; else those stay where a check has failed."""
        if self.options.logs is not None and self._moved(self.options.logs):
            layout.remove(self.scratch)
            return
        keep = any(check.verdict in ("fail", "not run") and check.style for check in found)
        logs = tuple(Path(run.log).name for run in self.runs if run.log)
        for child in list(self.scratch.iterdir()):
            layout.discard(child, logs if keep else ())
        if not keep:
            layout.discard(self.scratch)
            self.runs = [replace(run, log=None) for run in self.runs]

    def _moved(self, folder: Path) -> bool:
        """Put the logs into ``folder``, made anew; False where that cannot be written."""
        try:
            layout.remove(folder)
            folder.mkdir(parents=True)
            for number, run in enumerate(self.runs):
                log = Path(run.log) if run.log else None
                if log is not None and log.exists():
                    target = folder / f"{log.parent.name}-{log.name}"
                    shutil.move(log, target)
                    self.runs[number] = replace(run, log=str(target))
                elif log is not None:  # an earlier run under the same name, whose log was written over
                    self.runs[number] = replace(run, log=str(folder / f"{log.parent.name}-{log.name}"))
        except OSError:
            return False
        return True


def _events(path: Path) -> tuple[Mapping[str, Any], ...]:
    if not path.exists():
        return ()
    out = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            out.append(json.loads(line))
        except ValueError:
            continue  # two processes at once: a torn line
    return tuple(out)


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
