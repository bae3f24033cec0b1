"""EC2 keeps working: the original and the migrated script, started by the same command, without any variable of SageMaker's."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.errors import UserError
from migrate.job.model import Channel
from migrate.repo.commands import command_of
from migrate.verify import layout, losses, own, snapshot, trace
from migrate.verify.drill import lines, results
from migrate.verify.engine import Outcome
from migrate.verify.model import Check, Evidence, Run
from migrate.verify.packages import package_of
from migrate.verify.proofs import original, plain
from migrate.verify.proofs.starting import Starting

if TYPE_CHECKING:
    from migrate.verify.pipeline import Verifier

NAME = "EC2 parity"
_MOST = 50
_LINE_NUMBER = re.compile(r"\.py[:\",]")  # a warning names its line, which moves with each edit


@dataclass(frozen=True)
class _Done:
    """One start, and what it has left: written files in ``folder``, printed lines."""

    outcome: Outcome
    folder: Path
    lines: tuple[str, ...]
    code: Path  # as the script saw it


def check(verifier: Verifier) -> Check:
    """Run both, and compare what they write and print. What cannot be compared is told as not run, with the reason."""
    clock = time.monotonic()
    told = _Parity(verifier).check()
    return Check(NAME, None, told.verdict, told.message, told.evidence, time.monotonic() - clock, told.advice)


class _Parity:
    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier
        self.entry = verifier.entry
        given = verifier.options.ec2_command
        commands = {text: command_of(self.entry.path, text) for text in (given, self.entry.command) if text}
        # of several entry points, the command that is given starts one
        self.text = next((text for text, command in commands.items() if command is not None), given or self.entry.command)
        self.command = commands.get(self.text) if self.text else None
        self.starting = Starting(self.entry, self.command, verifier.options.quick) if self.command is not None else None

    def check(self) -> Check:
        before = original.find(self.verifier.root)
        if before is None:
            return _not_run("no original to hold it against: neither an apply's journal nor another HEAD in git")
        reason = self._obstacle()
        if reason or self.starting is None:
            return _not_run(reason or "no command")
        first = self._start("original", before, self.starting)
        if problem := self._problem(first):
            return _not_run(f"the original does not come to its end here, started as {self._words()}: {problem}")
        second = self._start("migrated", None, self.starting)
        if problem := self._problem(second):
            failure = trace.read(second.outcome.tail, second.code)
            where = failure.where if failure else None
            return Check(NAME, None, "fail", f"the migrated script no longer runs on EC2: {problem}", (Evidence(problem, where),))
        return self._compared(before, first, second, self.starting)

    def _obstacle(self) -> str | None:
        """Why it cannot be started here as on EC2."""
        if self.text is None:
            return "no command is known that starts it on EC2 (--ec2-command 'python ...')"
        if self.command is None:
            return f"{self.text!r} does not start {self.entry.path}"
        if not self.command.complete:
            return f"{self.text!r} is no whole command: --ec2-command gives another one"
        launcher = [word for word in self.command.launcher[1:] if not word.startswith("-")] or [
            word for word in self.command.launcher[:1] if "python" not in word
        ]
        if launcher:
            return f"it is started by {' '.join(self.command.launcher)}: --ec2-command gives a command for one process"
        absolute = [output.default for output in self.entry.outputs if output.default and os.path.isabs(output.default)]
        if absolute and not self.verifier.engine.contained and not self.verifier.options.trust:
            return f"it writes to {absolute[0]}, which is this machine's here: --engine sandbox keeps it apart"
        return None

    def _words(self) -> str:
        brief = self.starting is not None and self.starting.brief
        return f"`{self.text}`" + (" and as briefly as --quick asks for" if brief else "")

    def _start(self, name: str, before: original.Original | None, starting: Starting) -> _Done:
        verifier = self.verifier
        on = plain.machine(verifier, f"ec2-{name}")
        if before is None:
            layout.copy_files(verifier.root, verifier.files, on.code)
        else:
            before.lay_out(verifier.root, verifier.files, on.code)
        for channel in self.entry.channels:
            self._place_data(on, channel, starting)
        roots = [on.place.home, *([on.place.root] if verifier.engine.contained else [])]
        seen = {root: snapshot.take(root) for root in roots}
        words = (on.python.executable, *starting.argv(on.inside.home))
        # Which way round sets of texts are is another thing at each start: no difference of the two.
        environment = {"PYTHONHASHSEED": "0", **dict(starting.command.environment)}
        outcome = plain.run(verifier, on, words, on.seen / starting.folder, verifier.options.timeout, environment)
        self._note(words[1:], outcome, on.log)
        folder = verifier.scratch / f"ec2-{name}-results"
        layout.remove(folder)
        folder.mkdir()
        for root in roots:
            _gather(root, seen[root], folder)
        printed = tuple(line for line in lines.read(on.log) if not _LINE_NUMBER.search(line))
        return _Done(outcome, folder, printed, on.seen)

    def _place_data(self, on: plain.Machine, channel: Channel, starting: Starting) -> None:
        """The channel's data where the script looks for it on EC2."""
        source, path = self.verifier.channels.get(channel.name), starting.data(channel, on.inside.home)
        if source is None or not path:
            return
        seen = on.seen / starting.folder / path
        real = Path(self.verifier.engine.outside(on.place, os.path.normpath(seen)))
        if real.is_file() or not real.is_relative_to(on.place.top):
            return  # it came with the repo; or it is this machine's own, and read there
        real.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, real, ignore_dangling_symlinks=True, dirs_exist_ok=True, copy_function=_copy_new)
        elif real.is_dir():
            _copy_new(str(source), str(real / source.name))
        else:
            shutil.copy2(source, real)

    def _note(self, argv: tuple[str, ...], outcome: Outcome, log: Path) -> None:
        self.verifier.runs.append(
            Run(
                style="toolkit",
                purpose="ec2",
                argv=argv,
                hyperparameters={},
                exit_code=outcome.exit_code,
                signal=outcome.signal,
                timed_out=outcome.timed_out,
                seconds=outcome.seconds,
                peak_memory=outcome.peak_memory,
                output_bytes=outcome.output_bytes,
                tail=outcome.tail[-20:],
                log=str(log),
            )
        )

    def _problem(self, done: _Done) -> str | None:
        outcome = done.outcome
        if outcome.timed_out:
            return f"it did not end within {self.verifier.options.timeout:g} s"
        if outcome.exit_code == 0:
            return None
        failure = trace.read(outcome.tail, done.code)
        module = own.find(failure.missing, self.verifier.files) if failure and failure.missing else None
        if failure and module:
            return f"{failure.message} ({module.on_ec2(self.text or 'python ...')})"
        if failure and failure.missing:
            return f"{failure.message} (pip install {package_of(failure.missing)})"
        how = f"killed by signal {outcome.signal}" if outcome.signal else f"exit code {outcome.exit_code}"
        return f"{how}: {failure.message if failure else next(iter(outcome.tail[-1:]), '')}"[:400]

    def _compared(self, before: original.Original, first: _Done, second: _Done, starting: Starting) -> Check:
        try:
            found = results.compare(first.folder, second.folder, self.verifier.python)
            faults = dict(found.differ)
            differing = _printed(first, second, frozenset())
            unsteady: tuple[str, ...] = ()
            if faults or differing:
                again = self._start("original-again", before, starting)
                base = results.compare(first.folder, again.folder, self.verifier.python)
                unsteady = tuple(name for name in base.differ if name in faults)
                faults = {name: told for name, told in faults.items() if name not in base.differ}
                differing = _printed(first, second, lines.volatile(first.lines, again.lines))
        except UserError as error:
            return _not_run(str(error))
        evidence = [Evidence(_fault(name, told)) for name, told in faults.items()]
        evidence += [Evidence(f"printed: {line!r} instead of {better!r}") for line, better in differing]
        rest = f"; {', '.join(unsteady[:5])}: not the same in two runs of the original either" if unsteady else ""
        source = f"the original (from {before.source}) and the migrated script, both started as {self._words()}"
        if evidence:
            text = f"{source}: {len(evidence)} differences{rest}"
            advice = "a migrated script must do on EC2 what it did: migrate undo takes the change back"
            return Check(NAME, None, "fail", text, tuple(evidence[:_MOST]), advice=advice)
        files = found.files - len(unsteady)
        close = f", numbers within {found.largest:.1g}" if found.largest else ""
        return Check(
            NAME, None, "pass", f"{source}: {files} file{'s' * (files != 1)} and {len(first.lines)} printed lines are the same{close}{rest}"
        )


def _not_run(reason: str) -> Check:
    return Check(NAME, None, "not run", reason)


def _copy_new(source: str, target: str) -> None:
    """Copy a file to where none is: what is in git is part of the two programs."""
    if not os.path.lexists(target):
        shutil.copy2(source, target)


def _gather(root: Path, before: Mapping[str, snapshot.Seen], folder: Path) -> None:
    """Move what was written below ``root`` into ``folder``, but for what libraries cache."""
    for name in snapshot.written(before, snapshot.take(root)):
        if name.endswith(".pyc") or set(name.split("/")) & losses.CACHE_PARTS:
            continue
        inner = name.removeprefix(f"{plain.REPO}/")
        target = folder / (inner if inner != name else f"elsewhere/{name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        (root / name).rename(target)


def _printed(first: _Done, second: _Done, kinds: frozenset[str]) -> list[tuple[str, str]]:
    return [(line.strip(), better.strip()) for line, better in lines.differing(first.lines, second.lines, kinds) if better is not None]


def _fault(name: str, told: tuple[results.Fault, ...]) -> str:
    words = told[0].words.replace("is not there without the interruption", "is written by the migrated script alone")
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return f"{name}: {words.replace('is not there', 'is no longer written') if words == 'is not there' else words}{more}"
