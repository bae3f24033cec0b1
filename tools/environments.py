"""Make virtual environments from pinned requirement files. Standard library only: this runs before anything is installed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "tests" / "requirements"
STAMP = "made-from.txt"


class CannotMake(RuntimeError):
    """An environment could not be made; the message tells what pip said."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment: the arguments of each ``pip install`` that makes it, in order."""

    name: str
    steps: tuple[tuple[str, ...], ...]
    pythons: tuple[tuple[int, int], tuple[int, int]] = ((3, 10), (3, 99))  # the first and the last Python that it can be made with

    def fits(self) -> bool:
        """Tell whether this Python can make it."""
        return self.pythons[0] <= sys.version_info[:2] <= self.pythons[1]

    def hash(self) -> str:
        """Return a hash of all that decides what is installed: the steps, the files they name, and this Python."""
        digest = hashlib.sha256(sys.version.encode())
        for step in self.steps:
            for word in step:
                digest.update(word.encode() + b"\0")
                path = ROOT / word
                if path.is_file():
                    digest.update(path.read_bytes())
        return digest.hexdigest()


def requirement_file(name: str) -> tuple[str, str]:
    """Return the pip arguments that install ``tests/requirements/NAME.txt``."""
    return "-r", str((REQUIREMENTS / f"{name}.txt").relative_to(ROOT))


DEMO = Environment("demo", (("-e", ".", *requirement_file("demo")),))
MAIN = Environment("main", (requirement_file("main"),))
SDK3 = Environment("sdk3", (requirement_file("sdk3"),))
SDK2 = Environment("sdk2", (requirement_file("sdk2"),))
TF = Environment("tf", (requirement_file("tf"),))
CHAINER = Environment(
    "chainer", (requirement_file("chainer-build"), ("--no-build-isolation", *requirement_file("chainer"))), pythons=((3, 10), (3, 11))
)
HF = Environment("hf", (requirement_file("hf"),))
BOOST = Environment("boost", (requirement_file("boost"),))
JAX = Environment("jax", (requirement_file("jax"),), pythons=((3, 11), (3, 13)))
FOR_TESTS = (MAIN, SDK3, SDK2, TF, CHAINER, HF, BOOST, JAX)


def make(environment: Environment, folder: Path) -> Path:
    """Make ``environment`` in ``folder``, or leave it if it was made from the same requirements. Returns its Python.

    Raises:
        CannotMake: pip failed, or this Python cannot make it.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / STAMP
    wanted = environment.hash()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    if not environment.fits():
        first, last = (".".join(map(str, version)) for version in environment.pythons)
        raise CannotMake(f"the environment {environment.name!r} needs Python {first} to {last}, this is {sys.version.split()[0]}")
    started = time.monotonic()
    print(f"making {folder.name} ...", flush=True)
    log = folder.parent / f"{folder.name}.log"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], out, log)
        for step in environment.steps:
            _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *step], out, log)
    stamp.write_text(wanted)
    print(f"made {folder.name} in {time.monotonic() - started:.0f} s", flush=True)
    return python


def _run(command: list[str], out: object, log: Path) -> None:
    done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)  # type: ignore[call-overload]
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise CannotMake(f"{' '.join(command)} failed with exit code {done.returncode}; the whole log is in {log}\n{tail}")
