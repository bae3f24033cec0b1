"""What this machine has for launching the job and for running it here."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

from migrate.doctor.model import Check, note, well
from migrate.verify import sandbox

DOCKER, COMPOSE, SDK = "docker", "docker compose", "sagemaker SDK"


def local_checks() -> Iterator[Check]:
    """Python, the SDK, Docker with compose, bubblewrap. None of them is needed for all: what lacks is a note."""
    yield well("python", f"{sys.version.split()[0]} ({sys.executable})")
    yield _sdk()
    yield from _docker()
    reason = sandbox.unavailable()
    if reason is None:
        yield well("bubblewrap", "migrate verify runs the job in a sandbox")
    else:
        yield note(
            "bubblewrap", f"{reason}: migrate verify falls back on a plain process", "apt-get install bubblewrap (or your system's way)"
        )


def _sdk() -> Check:
    """The SDK by its metadata alone: importing it takes seconds."""
    try:
        version = importlib.metadata.version("sagemaker")
    except importlib.metadata.PackageNotFoundError:
        return note(SDK, "not installed: launch_boto3.py works without it", "pip install 'sagemaker>=3.27,<4' for launch.py and --local")
    if version.startswith("2."):
        return note(
            SDK, f"{version}: launch.py needs version 3", "pip install 'sagemaker>=3.27,<4' in an environment of its own, or launch_v2.py"
        )
    return well(SDK, version)


def _docker() -> Iterator[Check]:
    if shutil.which("docker") is None:
        yield note(DOCKER, "not installed: launch.py --local and verify --engine docker need it", "https://docs.docker.com/engine/install/")
        return
    version = _said("docker", "version", "--format", "{{.Server.Version}}")
    if version is None:
        yield note(
            DOCKER,
            "its daemon does not answer: launch.py --local and verify --engine docker need it",
            "start it (sudo systemctl start docker), or join its group",
        )
    else:
        yield well(DOCKER, version)
    compose = _said("docker", "compose", "version", "--short")
    major = re.match(r"v?(\d+)", compose or "")
    if major is None or int(major[1]) < 2:
        yield note(
            COMPOSE,
            "version 2 or later is not there: launch.py --local needs it (verify --engine sdk takes docker-compose too)",
            "https://docs.docker.com/compose/install/linux/",
        )
    else:
        yield well(COMPOSE, str(compose))


def _said(*words: str) -> str | None:
    """The first line that a command prints; None where it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().split("\n")[0] if done.returncode == 0 and done.stdout.strip() else None
