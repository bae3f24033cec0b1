"""What Docker is asked: whether it is there, whether an image is, which Python that has; and the errors, in a person's words."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import UserError
from migrate.verify import layout
from migrate.verify.interpreter import ASK, Interpreter, gpu_count, told_by
from migrate.verify.launched import Recipe

LABEL = "sagemaker-migrate.verify"  # its value is the folder of the run that a container or a network belongs to
PULLED = ("--pull", "never")  # an image that is not here is asked for before, with better words
_NOT_INSTALLED = "docker is not installed (https://docs.docker.com/engine/install/; Debian: apt install docker.io)"
_TIMEOUT = 60.0
_FIRST_START = 600.0  # of an image: some storage drivers copy all of it
_BUILT = "migrate-verify"
_FIRST_PYTHON = (3, 8)  # what looks into a run from inside needs its audit hooks


@dataclass(frozen=True)
class Wanted:
    """An image on this machine. ``name`` is what a person calls it, ``id`` what Docker does."""

    name: str
    id: str


def docker(*words: str, stdin: bytes | None = None, timeout: float = _TIMEOUT) -> str:
    """What a docker command says. Raises UserError with the last line of its complaint."""
    try:
        done = subprocess.run(["docker", *words], input=stdin, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"docker {words[0]} has not come to its end within {timeout:g} s") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise UserError(f"docker {words[0]} does not work: {error}") from error
    if done.returncode:
        raise UserError(f"docker {words[0]}: {_last_line(done.stderr)}")
    return done.stdout.decode("utf-8", "replace")


def _last_line(output: bytes) -> str:
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip() and not line.startswith("See 'docker")]
    # what the daemon says may be several lines, of which the last means nothing by itself
    first = next((number for number in range(len(lines)) if "Error response from daemon: " in lines[number]), len(lines) - 1)
    told = [line for line in lines[first:] if not line.startswith("Run 'docker")]
    return " ".join(told).removeprefix("docker: ")[:300] if told else "it says nothing"


def unavailable() -> str | None:
    """Why Docker cannot be used here, with what to do about it; None where it can."""
    if shutil.which("docker") is None:
        return _NOT_INSTALLED
    try:
        done = subprocess.run(["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, timeout=_TIMEOUT)
    except (OSError, subprocess.SubprocessError) as error:
        return f"docker does not answer: {error}"
    if done.returncode == 0:
        return None
    said = _last_line(done.stderr)
    if "permission denied" in said.lower():
        return f"this user may not talk to Docker ({said}): sudo usermod -aG docker $USER, and log in again"
    return f"Docker does not run ({said}): sudo systemctl start docker, or start Docker Desktop; DOCKER_HOST names another one"


@functools.cache
def _information() -> dict[str, object]:
    told: dict[str, object] = json.loads(docker("info", "--format", "{{json .}}"))
    return told


def gpus() -> int:
    """How many GPUs a container can be given: by NVIDIA's container toolkit."""
    return gpu_count() if "nvidia" in str(_information().get("Runtimes")) else 0


def owner() -> list[int] | None:
    """User and group that root's files are to be given to; None where they are this user's already, as by rootless Docker."""
    own = [os.getuid(), os.getgid()]
    rootless = any(word in str(_information().get("SecurityOptions")) for word in ("name=rootless", "name=userns"))
    return None if own[0] == 0 or rootless else own


def counts_memory() -> bool:
    """Whether the kernel counts and limits a container's memory by itself; not so for rootless Docker without cgroups."""
    return bool(_information().get("MemoryLimit")) and _information().get("CgroupDriver") != "none"


def shared_memory(memory: int | None) -> int:
    """Bytes for /dev/shm: half of the memory, as the kernel gives it on a machine of its own. Docker's 64 MB let data loaders die."""
    total = int(str(_information().get("MemTotal") or 0)) or (2 << 30)
    return max(64 << 20, (memory or total) // 2)


def mount(source: Path, target: str, *, read_only: bool = False) -> str:
    """A bind mount as ``--mount`` takes it: fields of CSV, since a path may hold commas and colons."""
    line = io.StringIO()
    fields = ["type=bind", f"source={source}", f"target={target}", *(["readonly"] if read_only else [])]
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


def obtain(recipe: Recipe, root: Path, files: Sequence[str]) -> Wanted:
    """The image of that recipe: as it is here, else pulled; with a Dockerfile, built from the files that would travel.

    Raises UserError where it is not to be had, with what to do.
    """
    if recipe.dockerfile is None:
        return Wanted(recipe.address, _id(recipe.address) or _pull(recipe.address))
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in (recipe.dockerfile, *files):  # first a short name: docker knows an archive by its first 512 bytes
            archive.add(root / name, name, recursive=False)
    tag = f"{_BUILT}:{hashlib.sha256(os.fsencode(root / recipe.dockerfile)).hexdigest()[:16]}"
    try:
        docker("build", "--quiet", "--force-rm", "--tag", tag, "--file", recipe.dockerfile, "-", stdin=context.getvalue(), timeout=3600.0)
    except UserError as error:
        advice = _advice(recipe.address) if _id(recipe.address) is None else "; --image NAME takes another one"
        raise UserError(f"{recipe.dockerfile} cannot be built: {error}{advice}") from error
    return Wanted(f"{recipe.dockerfile}, built here", _id(tag) or tag)


def _id(name: str) -> str | None:
    try:
        return docker("image", "inspect", "--format", "{{.Id}}", name).strip()
    except UserError:
        return None


def _pull(name: str) -> str:
    try:
        docker("pull", "--quiet", name, timeout=3600.0)
    except UserError as error:
        raise UserError(f"no image {name} here, and it cannot be had: {error}{_advice(name)}") from error
    return _id(name) or name


def _advice(name: str) -> str:
    """How to log in to the registry of an official image, where it is one of AWS's."""
    registry = name.partition("/")[0]
    if ".dkr.ecr." not in registry:
        return "; --image NAME takes another one"
    region = registry.split(".")[3]
    login = f"aws ecr get-login-password --region {region} | docker login --username AWS --password-stdin {registry}"
    return f"; log in with: {login}; or --image NAME takes another one"


@functools.cache
def interpreter(image: str) -> Interpreter:
    """The Python that the image starts scripts with, and the environment that it has. Raises UserError where there is none."""
    settings = json.loads(docker("image", "inspect", "--format", "{{json .Config.Env}}", image)) or []
    environment = dict(setting.split("=", 1) for setting in settings if "=" in setting)
    shell = 'python=$(command -v python3 || command -v python) && exec "$python" -c "$0"'
    words = ("--rm", *PULLED, "--network", "none", "--user", "0:0", "--entrypoint", "sh", image, "-c", shell, ASK)
    try:
        answer = json.loads(docker("run", *words, timeout=_FIRST_START))
    except (UserError, ValueError) as error:
        raise UserError(f"the image has no Python that runs: {error}") from error
    found = told_by(answer, answer["executable"], environment)
    if tuple(int(part) for part in found.version.split(".")[:2]) < _FIRST_PYTHON:
        first = ".".join(map(str, _FIRST_PYTHON))
        raise UserError(f"the image's Python {found.version} is too old to be looked into ({first} is the first): --engine sandbox")
    return found


def give_back(image: str, folder: Path) -> None:
    """Make all below a folder the user's own, by a container: only root can give files away."""
    who = owner()
    if who is not None:
        words = ("--rm", *PULLED, "--network", "none", "--user", "0:0", "--mount", mount(folder, "/mnt"), "--entrypoint", "chown")
        docker("run", *words, image, "-R", f"{who[0]}:{who[1]}", "/mnt")


def remove(image: str, folder: Path) -> None:
    """Remove a folder in which a container may have left files of root's."""
    if folder.exists():
        give_back(image, folder)
        layout.remove(folder)
