"""A Docker engine of the tests' own, with an image in it: root and apt are enough, no registry is asked.

    python -m tests.engines.private up FOLDER      prints the environment variables for the tests, as JSON
    python -m tests.engines.private down FOLDER

``FOLDER`` keeps the engine's state; the image is made once. Exit code 3: this machine cannot have it, with the reason on stderr.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.engines import image, stand_in

HOST_VARIABLE, IMAGE_VARIABLE, BUILDS_VARIABLE = "MIGRATE_TEST_DOCKER", "MIGRATE_TEST_IMAGE", "MIGRATE_TEST_BUILDS"
CANNOT = 3
_PROGRAMS = ("dockerd", "docker", "iptables", "docker-compose")
_PACKAGES = ("docker.io", "docker-compose", "iptables")
_SECONDS = 60.0
# No bridge and no rules for packets: nothing of the machine's own network is changed but by networks that a test makes.
_ALONE = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")


def cannot() -> str | None:
    """Why this machine cannot have the engine; None when it can."""
    if not sys.platform.startswith("linux"):
        return "it needs Linux"
    if os.getuid() != 0:
        return "it needs root"
    if any(shutil.which(program) is None for program in _PROGRAMS) and shutil.which("apt-get") is None:
        return f"no {' or '.join(_PROGRAMS)} here, and no apt-get to install them"
    return None


def up(folder: Path) -> dict[str, str]:
    """Install what is missing, start the engine, make the images. Returns the environment variables for the tests."""
    if any(shutil.which(program) is None for program in _PROGRAMS):
        _install()
    folder.mkdir(parents=True, exist_ok=True)
    host = f"unix://{_socket(folder)}"
    os.environ["DOCKER_HOST"] = host
    if not _answers():
        _start(folder, host)
    name = image.name()
    image.make(name)
    stand_in.make(name, folder / "wheels")
    return {HOST_VARIABLE: host, IMAGE_VARIABLE: name, BUILDS_VARIABLE: stand_in.name(name)}


def down(folder: Path) -> None:
    """Stop the engine, and wait until it is gone."""
    try:
        pid = int((folder / "dockerd.pid").read_text())
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError):
        return
    until = time.monotonic() + _SECONDS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    _socket(folder).unlink(missing_ok=True)


def _socket(folder: Path) -> Path:
    """Beside the state, or where a path is short enough for a socket."""
    beside = folder / "docker.sock"
    return beside if len(os.fsencode(beside)) < 100 else Path("/run", f"docker-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}.sock")


def _install() -> None:
    known = subprocess.run(["apt-cache", "show", "docker-cli"], capture_output=True).returncode == 0  # a package of its own since Debian 13
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, stdout=sys.stderr)
    words = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *_PACKAGES, *(["docker-cli"] if known else [])]
    subprocess.run(words, check=True, env=environment, stdout=sys.stderr)


def _start(folder: Path, host: str) -> None:
    log = folder / "dockerd.log"
    state = ("--data-root", folder / "data", "--exec-root", folder / "run", "--pidfile", folder / "dockerd.pid")
    (folder / "dockerd.pid").unlink(missing_ok=True)  # of one that was killed
    with log.open("wb") as handle:
        words = ["dockerd", *map(str, state), "-H", host, *_ALONE]
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=handle, stderr=subprocess.STDOUT, start_new_session=True)
    until = time.monotonic() + _SECONDS
    while not _answers():
        if child.poll() is not None or time.monotonic() > until:
            raise RuntimeError("dockerd does not start: " + " | ".join(log.read_text(errors="replace").splitlines()[-5:]))
        time.sleep(0.1)


def _answers() -> bool:
    return subprocess.run(["docker", "version"], capture_output=True).returncode == 0


def main() -> int:
    verb, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    if verb == "down":
        down(folder)
        return 0
    reason = cannot()
    if reason is not None:
        print(reason, file=sys.stderr)
        return CANNOT
    print(json.dumps(up(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
