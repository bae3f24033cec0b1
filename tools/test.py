#!/usr/bin/env python3
"""Set up everything and run every check: `python3 tools/test.py`.

Needs Python 3.10 or later and PyPI, nothing else; bubblewrap, where it is installed, lets more tests run, and so does root on a Debian
system: a Docker engine of the tests' own is then started, and ended afterwards. The environments are made in `.envs/` once, and again when
a file in `tests/requirements/` changes. MIGRATE_ENVS names another folder: what is there is used as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environments import FOR_TESTS, ROOT, CannotMake, Environment, make

Check = tuple[str, Callable[[], None]]
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


class Failed(RuntimeError):
    """A check failed; what it found is on the screen already."""


def main() -> int:
    """Make the environments, run the checks, tell what failed and what could not run. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Set up everything and run every check.")
    parser.add_argument("--only-environments", nargs="*", metavar="NAME", help="make these environments (all, if none is named), and stop")
    parser.add_argument("pytest_arguments", nargs="*", metavar="ARGUMENT", help="passed to pytest instead of the whole suite")
    arguments = parser.parse_args()
    own = os.environ.get("MIGRATE_ENVS")
    folder = Path(own).resolve() if own else ROOT / ".envs"
    wanted = [each for each in FOR_TESTS if not arguments.only_environments or each.name in arguments.only_environments]
    failures = make_all(wanted, folder, keep=bool(own))
    if arguments.only_environments is not None:
        return tell(failures, ["environments"], {})
    if "main" in failures:
        return tell(failures, [], {})
    with docker_engine(folder, arguments.pytest_arguments) as (reason, variables):
        os.environ.update(variables)
        status = run_all(checks(folder, arguments.pytest_arguments), failures)
    if reason is not None:
        print(f"  NOT RUN the tests with Docker: {reason}")
    return 1 if reason is not None and IN_CI else status


def run_all(found: list[Check], failures: dict[str, str]) -> int:
    """Run the checks; returns the exit code."""
    passed, seconds = [], {}
    for name, check in found:
        print(f"\n=== {name}", flush=True)
        started = time.monotonic()
        try:
            check()
        except Failed as failure:
            failures[name] = str(failure)
        else:
            passed.append(name)
        seconds[name] = time.monotonic() - started
    return tell(failures, passed, seconds)


@contextmanager
def docker_engine(folder: Path, pytest_arguments: list[str]) -> Iterator[tuple[str | None, dict[str, str]]]:
    """A Docker engine while the tests run: why there is none, or None; and the environment variables for the tests.

    It is not started where the arguments for pytest name tests that have no use for it, or its variables are there already.
    """
    command = [str(folder / "main" / "bin" / "python"), "-m", "tests.engines.private"]
    state = str(folder / "docker")
    if "MIGRATE_TEST_DOCKER" in os.environ or (pytest_arguments and not any("verify" in word for word in pytest_arguments)):
        yield None, {}
        return
    print("\n=== a Docker engine for the tests", flush=True)
    made = subprocess.run([*command, "up", state], cwd=ROOT, capture_output=True, text=True)
    try:
        if made.returncode:
            yield (made.stderr.strip().splitlines() or ["it does not start"])[-1], {}
        else:
            yield None, json.loads(made.stdout)
    finally:
        subprocess.run([*command, "down", state], cwd=ROOT)


def make_all(environments: list[Environment], folder: Path, keep: bool) -> dict[str, str]:
    """Make the environments, two at a time. Those already in a folder that the user named (``keep``) stay as they are."""
    missing = [each for each in environments if not (keep and (folder / each.name / "bin" / "python").exists())]
    failures: dict[str, str] = {}
    with ThreadPoolExecutor(2) as pool:
        for each, future in [(each, pool.submit(make, each, folder / each.name)) for each in missing]:
            try:
                future.result()
            except CannotMake as problem:
                failures[each.name] = str(problem)
    return failures


def checks(folder: Path, pytest_arguments: list[str]) -> list[Check]:
    """Return the checks in the order in which they run: the quick ones first."""
    binaries = folder / "main" / "bin"
    suite = pytest_arguments or ["-n", "2", "--dist", "worksteal", "-q"]
    environment = {"MIGRATE_ENVS": str(folder)}
    found: list[Check] = [
        ("ruff check", lambda: run([binaries / "ruff", "check", "."])),
        ("ruff format", lambda: run([binaries / "ruff", "format", "--check", "."])),
        ("mypy --strict", lambda: run([binaries / "mypy", "--strict", "migrate"])),
        ("pytest", lambda: run([binaries / "python", "-m", "pytest", *suite], environment)),
    ]
    if not pytest_arguments:
        found.append(("the wheel, in an empty environment", lambda: try_wheel(binaries / "python")))
    return found


def run(command: list[str | Path], environment: dict[str, str] | None = None, folder: Path = ROOT, accept: tuple[int, ...] = (0,)) -> None:
    """Run a command; raise :class:`Failed` if its exit code is not one of ``accept``."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env={**os.environ, **(environment or {})})
    if done.returncode not in accept:
        raise Failed(f"exit code {done.returncode}: {' '.join(words)}")


def try_wheel(python: Path) -> None:
    """Build the wheel, install it where nothing else is, and migrate a fixture with it: templates and runtime have to travel."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        run([python, "-m", "build", "--wheel", "--no-isolation", "--outdir", scratch / "dist"])
        wheel = next((scratch / "dist").glob("*.whl"))
        run([sys.executable, "-m", "venv", scratch / "env"])
        run([scratch / "env/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel])
        shutil.copytree(ROOT / "fixtures/mnist_argparse/before", scratch / "repo")
        run([python, ROOT / "fixtures/make_data.py", "mnist_argparse", scratch / "repo"])
        migrate = scratch / "env/bin/migrate"
        run([migrate, "--version"], folder=scratch)
        run([migrate, "scan", "repo"], folder=scratch, accept=(0, 1))
        run([migrate, "apply", "repo"], folder=scratch, accept=(0, 1))
        job = ["--channel", "training=repo/data", "--hp", "epochs=1", "--hp", "save-model=true"]
        run([migrate, "verify", "repo", "--python", python, *job], folder=scratch)


def tell(failures: dict[str, str], passed: list[str], seconds: dict[str, float]) -> int:
    """Print what passed, what failed and what is missing on this machine. Returns the exit code."""
    print("\n=== summary")
    for name in passed:
        print(f"  passed  {name}" + (f"  ({seconds[name]:.0f} s)" if name in seconds else ""))
    for name, reason in failures.items():
        print(f"  FAILED  {name}: {reason}")
    if shutil.which("bwrap") is None and passed != ["environments"]:
        print("  MISSING bubblewrap (Debian: apt-get install bubblewrap): what runs in a mount namespace was NOT tested")
        if IN_CI:
            failures["bubblewrap"] = "missing in CI"
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
