"""A virtual environment with what the job needs, made once and kept: for ``--install``."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from migrate.errors import UserError
from migrate.job.infer import infer
from migrate.job.model import EntryPoint
from migrate.job.requirements import package_of, read_requirements
from migrate.repo.requirements import DISTRIBUTIONS
from migrate.verify import packages
from migrate.verify.interpreter import Interpreter

_DONE = "complete"  # a file in an environment that pip has filled to the end
_LOCAL = re.compile(r"(-e|--editable)\b|\.|/|file:")


def wanted(root: Path, entry: EntryPoint, imported: Iterable[str]) -> tuple[list[str], list[str]]:
    """The lines for pip, and those of the repo's that are left out: what would install the repo itself writes into it.

    That is what the repo asks for, the framework in the version of the job's image, and what the image brings and the program imports.
    """
    declared = read_requirements(root, entry.path)
    job = infer(entry, requirements=declared)
    lines = [line for line in (*declared, *job.requirements) if not _LOCAL.match(line)]
    named = {package_of(line) for line in lines}
    frameworks = DISTRIBUTIONS.get(entry.framework, ())
    if frameworks and named.isdisjoint(frameworks):
        version = entry.framework_version or (job.image.version if job.image and job.image.framework == entry.framework else None)
        lines.append(frameworks[0] + (_pin(version) if version else ""))
        named.add(frameworks[0])
    present = job.image.present if job.image else frozenset()
    also = {package_of(packages.package_of(module)) for module in imported}
    lines += sorted(package for package in also - named if package in present)
    return list(dict.fromkeys(lines)), [line for line in declared if _LOCAL.match(line)]


def _pin(version: str) -> str:
    """Some images count their own builds after the framework's version: 1.9-0."""
    number, dash, _ = version.partition("-")
    return f"=={number}.*" if dash else f"=={number}"


def environment(lines: Sequence[str], base: Interpreter, tell: Callable[[str], object] | None = None) -> str:
    """The Python of an environment that has ``lines`` installed, made with ``base`` where there is none from before.

    ``tell`` is called with pip's output, line by line. Raises UserError where pip cannot do it.
    """
    key = hashlib.sha256("\n".join([base.version, os.path.realpath(base.executable), *sorted(lines)]).encode()).hexdigest()[:16]
    folder = cache() / key
    python = folder / "bin" / "python"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once make it once
            if not (folder / _DONE).exists():
                shutil.rmtree(folder, ignore_errors=True)
                _make(folder, lines, base, tell)
                (folder / _DONE).touch()
    except OSError as error:
        raise UserError(f"--install: {error.filename or folder}: {error.strerror or error}") from error
    return str(python)


def cache() -> Path:
    """Where the environments are kept: the user's cache folder, by the XDG specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "migrate" / "environments"


def _make(folder: Path, lines: Sequence[str], base: Interpreter, tell: Callable[[str], object] | None) -> None:
    _run([base.executable, "-m", "venv", str(folder)], "a virtual environment cannot be made", tell)
    if not lines:
        return
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "-r"]
    _run([*words, str(requirements)], f"pip cannot install it under Python {base.version}", tell)


def _run(words: Sequence[str], problem: str, tell: Callable[[str], object] | None) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    last = ""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=clean, cwd="/") as child:
        try:
            assert child.stdout is not None
            for raw in child.stdout:
                line = raw.decode("utf-8", "replace").rstrip()
                last = line if line.startswith("ERROR") or not last.startswith("ERROR") else last
                if tell is not None:
                    tell(line)
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise UserError(f"--install: {problem}: {last.removeprefix('ERROR: ')}")
