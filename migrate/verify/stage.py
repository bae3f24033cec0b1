"""Where one entry point is started: its engine, its channels, its folders; each start shows what it has seen."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.job import serialise
from migrate.job.model import EntryPoint
from migrate.job.serialise import Container, Style, argv
from migrate.verify import arrival, checks, containers, inputs, interpreter, launched, layout, members, settings, shims, snapshot, starters
from migrate.verify.drill.model import Start
from migrate.verify.engine import Command, Job, Outcome, choose
from migrate.verify.interpreter import Interpreter
from migrate.verify.layout import Inside, Layout
from migrate.verify.model import Options, Run
from migrate.verify.starters import Starter

RUN_MODULE = "sagemaker_job/run_module.py"
# The toolkit would install the repo and start the script as a module: the launchers send the code without these.
_TAKEN_OUT = ("setup.py", "requirements.txt")
_EVENTS, _CALLS = "events.jsonl", "calls.txt"


@dataclass(frozen=True)
class Seen:
    """Everything that one run has shown. Snapshots and events are of the contract run alone."""

    layout: Layout
    inside: Inside
    script: str  # that was started
    network: bool  # whether there was one
    run: Run
    outcome: Outcome
    events: tuple[Mapping[str, Any], ...]
    before: Mapping[Path, snapshot.Snapshot]
    after: Mapping[Path, snapshot.Snapshot]
    calls: tuple[str, ...]


class Stage:
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
            self.python = inputs.installed(self)
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
        self.sampled = False
        self.made_up: list[str] = []
        self.bound: dict[str, Path] = {}  # channels that the engine shows as they lie here
        self.starters: dict[Style, Starter] = {}  # those that have started a script
        self._starters: dict[Style, Starter] = {}  # those that would
        self.filled: dict[str, Path] = {}  # channels that the last run has left as they were
        self._code: tuple[Path, tuple[str, ...], snapshot.Snapshot] | None = None
        self.scratch = Path(tempfile.mkdtemp(prefix="migrate-verify-")).resolve()

    def _image(self) -> containers.Wanted:
        """The image that the job runs in: the one that was asked for, else the job's own."""
        given = self.options.image
        recipe = launched.Recipe(given) if given else launched.image(self.root, self.entry, containers.gpus())
        image = containers.obtain(recipe, self.root, self.files)
        self.notes.append(f"image {image.name}")
        return image

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

    def declared(self) -> dict[str, bool]:
        """The channels of the job, and whether each has data here."""
        names = [*self.job.channels, *(channel.name for channel in self.entry.channels), *self.channels]
        return {name: name in self.channels for name in names}

    @property
    def hooked(self) -> bool:
        """Whether the program translates what SageMaker sends."""
        return arrival.hooked(checks.sources(self.root, self.entry))

    def fill(self, place: Layout) -> None:
        """Channels: shown as they are where the engine can; else copied once, and moved on to the next style if the last left them so."""
        for name, source in self.channels.items():
            target = place.data / name
            if self.engine.shows and (name in self.bound or layout.whole(source)):
                self.bound[name] = source.resolve()
                target.mkdir(parents=True, exist_ok=True)
                continue
            ready = self.filled.pop(name, None)
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

    def starter(self, style: Style, drill: bool = False) -> Starter:
        """What starts the script under that convention. The drill's own starts need no help: they kill what they have started."""
        if drill:
            return Starter(style, why="the drill interrupts the script itself")
        if style not in self._starters:
            options = self.options
            is_file = not self._is_led or self._script() == RUN_MODULE
            self._starters[style] = starters.find(style, options.starter, self.engine, self.inner, options.sdk_pythons, is_file)
        return self._starters[style]

    def lacks(self, style: Style) -> str | None:
        """Why the job cannot be run here under that convention; None where it can."""
        return self.engine.lacks(style) or starters.lacks(self.starter(style), self.options.starter)

    def _place_code(self, place: Layout, starter: Starter) -> None:
        """Put the repo's copy where this convention has it: the last run's where that one left it as it was, else a new one."""
        files = self.files
        if starter.program is not None and starter.style == "toolkit":
            files = tuple(name for name in files if name not in _TAKEN_OUT)
        if self.options.instances > 1:
            layout.copy_files(self.root, files, place.code)
            return
        last, of_files, looked = self._code or (place.code, (), {})
        if of_files == files and last.exists() and snapshot.take(last) == looked:
            if last != place.code:
                layout.remove(place.code)
                last.rename(place.code)
        else:
            layout.copy_files(self.root, files, place.code)
        self._code = (place.code, files, snapshot.take(place.code))

    def _script(self) -> str:
        """The file that the job starts: the containers start files only, in the root, so a module or another folder has one of ours."""
        return RUN_MODULE if self._is_led and RUN_MODULE in self.files else self.entry.path

    @property
    def _is_led(self) -> bool:
        """Whether the job starts a file of ours, which runs the script."""
        return bool(self.environment.get("SM_RUN_MODULE") or self.environment.get("SM_RUN_SCRIPT"))

    def _folder(self, inside: Inside) -> Path:
        """The folder that the script is started in: that of the job, which the file of ours goes to by itself once it is there."""
        folder = self.environment.get("SM_RUN_FOLDER", "")
        return inside.code / folder if self._is_led and self._script() != RUN_MODULE else inside.code

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _start(self, style: Style) -> tuple[str, ...]:
        module = self.environment.get("SM_RUN_MODULE")
        script = self._script()
        if module and script != RUN_MODULE:
            self._note(f"{RUN_MODULE} is not there yet (migrate apply writes it): started by python -m {module}")
            name, _, function = module.partition(":")
            return ("-c", f"import {name}; {name}.{function}()") if function else ("-m", module)
        if self._is_led and script != RUN_MODULE:
            folder = self.environment.get("SM_RUN_FOLDER") or "."
            self._note(f"{RUN_MODULE} is not there yet (migrate apply writes it): started in {folder} as it is")
            return (os.path.relpath(script, folder),)
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
        starter = self.starter(place.style, drill is not None)
        self.outcomes = members.run(self.engine, [command, *more])
        if starter.program is not None and not self.engine.through:
            self.outcomes = [starters.ended(starter, each) for each in self.outcomes]
        self.starters[place.style] = starter
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
            self._script(),
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
        starter = self.starter(place.style, drill is not None)
        real = starter.program is not None and not self.engine.through
        script = self._script()
        told = {**values, "sagemaker_program": script} if real and place.style == "toolkit" else values  # as SDK v2 tells it
        layout.prepare(place, told, container, drill is not None and drill.keep)
        self.engine.prepare(place)
        self._place_code(place, starter)
        for name in self.declared():
            (place.data / name).mkdir(exist_ok=True)  # the job has every channel, with data or, here, without
        (place.watch / _CALLS).unlink(missing_ok=True)
        shims.write(place.watch / "bin", inside.watch / _CALLS)
        probe = self.probe(place, values, stop, drill)
        environment = {**self.environment, **drill.environment} if drill else self.environment
        if real:
            words = starters.words(starter, self.engine, place, self.inner, script)
            given = {"TRAINING_JOB_NAME": container.job_name}  # the real program makes all others
        else:
            words = (self.inner.executable, *self._start(place.style), *argv(values, place.style))
            given = serialise.environment(values, container, place.style)
        return Command(
            layout=place,
            words=words,
            python=self.inner.executable,
            cwd=self._folder(inside),
            environment=interpreter.child_environment(inside, self.inner, given, environment, probe),
            timeout=timeout,
            log=log,
            bound=self.bound,
            memory=self.options.memory,
            watched={} if stop else {name: self.bound.get(name, place.data / name) for name in self.channels},
            on_line=self.on_line,
            host=host,
            hosts=container.hosts,
            job=Job(script, values, environment),
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
