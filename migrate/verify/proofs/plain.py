"""A program that the engine runs as EC2 would: the repo in the home folder, and none of SageMaker's variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.verify import interpreter, layout, shims
from migrate.verify.engine import Command, Engine, Outcome
from migrate.verify.interpreter import Interpreter
from migrate.verify.layout import Inside, Layout

if TYPE_CHECKING:
    from migrate.verify.pipeline import Verifier

REPO = "repo"  # below the home folder


@dataclass(frozen=True)
class Machine:
    """A home folder with a repo in it. ``place`` says where all lies, ``inside`` where a program finds it."""

    place: Layout
    inside: Inside
    engine: Engine
    python: Interpreter

    @property
    def code(self) -> Path:
        return self.place.home / REPO

    @property
    def seen(self) -> Path:
        """The repo's folder as a program sees it."""
        return self.inside.home / REPO

    @property
    def log(self) -> Path:
        return self.place.top / "plain.log"


def machine(verifier: Verifier, name: str, *, here: bool = False) -> Machine:
    """Make the folders anew; the repo's is still to be filled. ``here`` is for what this machine's Python runs, whatever the job's is."""
    place = Layout(verifier.scratch / name, "toolkit")
    layout.prepare(place, {}, verifier.container(place))
    layout.remove(place.base / "input" / "config")
    engine, python = (verifier.here, verifier.python) if here else (verifier.engine, verifier.inner)
    engine.prepare(place)
    return Machine(place, engine.inside(place), engine, python)


def run(
    verifier: Verifier, on: Machine, words: tuple[str, ...], cwd: Path, timeout: float, more: Mapping[str, str] | None = None
) -> Outcome:
    """Run ``words``. ``cwd`` is as the program sees it; ``more`` goes into its environment. The log is ``on.log``."""
    place, inside = on.place, on.inside
    verifier.step(place.top.name.replace("ec2-", "on EC2, "))
    shims.write(place.watch / "bin", inside.watch / "calls.txt")
    probe = verifier.probe(place, {}, code=on.seen)
    environment = interpreter.bare_environment(inside, on.python) | dict(more or {})
    path = [str(probe.parent), *([environment["PYTHONPATH"]] if environment.get("PYTHONPATH") else [])]
    environment |= {"PYTHONPATH": os.pathsep.join(path), "MIGRATE_PROBE": str(probe)}
    return on.engine.run(
        Command(
            layout=place,
            words=words,
            cwd=cwd,
            environment=environment,
            timeout=timeout,
            log=on.log,
            bound={},
            memory=verifier.options.memory,
            watched={},
            on_line=verifier.on_line,
        )
    )
