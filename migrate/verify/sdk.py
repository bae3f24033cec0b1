"""The sdk engine: the real local modes of the SageMaker Python SDK, v3 for its drivers and v2 for the toolkit's convention."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import UserError
from migrate.job.serialise import Style
from migrate.verify import containers
from migrate.verify.docker import DockerEngine, Janitor, changed, fetch_lost
from migrate.verify.engine import Command, Outcome
from migrate.verify.follow import MARK, Follower
from migrate.verify.layout import Layout
from migrate.verify.output import Output
from migrate.verify.watch import Watch

_PREFIX = re.compile(r"^\S*algo-1\S*\s+\| ?")  # compose says before each line whose it is
_HERE = Path(__file__).parent
_ASK = "import importlib.metadata as m; print(m.version('sagemaker'))"
_NEEDS: Mapping[Style, str] = {"v3": "3", "toolkit": "2"}
# The SDK counts its uses, unless this is there.
_TELEMETRY = 'SchemaVersion: "1.0"\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n'


@dataclass(frozen=True)
class Sdk:
    """A Python of this machine, and the version of the SDK that it has."""

    python: str
    version: str


class SdkEngine(DockerEngine):
    """Has the job run by ``ModelTrainer(training_mode=LOCAL_CONTAINER)`` or by ``LocalSession``, whichever the convention asks for."""

    name: str = "sdk"
    through: bool = True
    shows: bool = False  # the SDKs mount channels so that they can be written

    def __init__(self, image: containers.Wanted, pythons: Sequence[str]) -> None:
        super().__init__(image, network=True)
        self.sdks = found(pythons)
        self.isolates = (
            "the file system: the image's own, with the job's /opt/ml; of this machine only copies of the code and the channels",
            "processes; no environment and no credentials of yours",
            "the EC2 metadata address, for Python code and the AWS SDKs",
        )
        self.does_not = (
            "the network",
            "writing into channels, which the SDKs' local modes allow and SageMaker may not",
            "checkpoints, spot, time and memory limits: the SDKs' local modes leave them out without a word",
            "shared memory, which Docker keeps at 64 MB here",
        )

    def together(self, layout: Layout) -> AbstractContextManager[str]:
        raise UserError("engine sdk has one host alone here: --engine sandbox or docker runs several")

    def lacks(self, style: Style) -> str | None:
        """Why this convention cannot be had, and what to do about it."""
        if style in self.sdks:
            return None
        what = "'sagemaker>=3.27,<4'" if style == "v3" else "'sagemaker>=2.200,<3'"
        return f"no SageMaker SDK v{_NEEDS[style]} here: pip install {what} in an environment of its own, and --sdk-python its Python"

    def program(self, style: Style) -> str | None:
        return f"local mode of SDK {self.sdks[style].version}" if style in self.sdks else None

    def run(self, command: Command) -> Outcome:
        if command.job is None:
            return super().run(command)  # no job: a program as on EC2
        project = f"migrateverify{uuid.uuid4().hex[:12]}"
        mark = uuid.uuid4().hex
        root = command.layout.top / "sdk"
        words = [self.sdks[command.layout.style].python, str(_HERE / "sdk_local.py"), str(self._spec(command, root, mark))]
        with (
            Janitor(command.layout, self.image.id, project) as janitor,
            Output(command.log, command.on_line) as output,
            Watch(command.watched) as watch,
        ):
            started = time.monotonic()
            child = subprocess.Popen(
                words,
                cwd=root,
                env=self._environment(command.layout, project, mark),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            follower = Follower(child, f"{MARK}={mark}", output, watch, command.memory)
            try:
                timed_out = follower.follow(started + command.timeout)
                seconds = time.monotonic() - started
            finally:
                follower.end_all()
            touched, saw_all = watch.touched(), watch.complete
            container = janitor.of_project()
            code = self._collect(command.layout, root, container)
        tail = tuple(_PREFIX.sub("", line) for line in output.last_lines(60))
        if container is None and not timed_out:
            raise UserError(f"the SDK's local mode did not start a container: {tail[-1] if tail else 'it says nothing'}")
        return Outcome(
            exit_code=code if code is not None and code <= 128 else None,
            signal=code - 128 if code is not None and code > 128 else None,
            timed_out=timed_out,
            out_of_memory=follower.out_of_memory,
            seconds=seconds,
            peak_memory=follower.peak,
            output_bytes=output.total,
            tail=tail,
            survivors=(),
            touched=touched,
            saw_all=saw_all,
        )

    def _spec(self, command: Command, root: Path, mark: str) -> Path:
        """Write what the SDK's Python is to do; returns the file."""
        assert command.job is not None
        layout = command.layout
        containers.remove(self.image.id, root)
        root.mkdir()
        given = ("PYTHONPATH", "MIGRATE_PROBE", "PATH", "AWS_EC2_METADATA_DISABLED")
        own = {name: command.environment[name] for name in given if name != "PYTHONPATH"}
        own["PYTHONPATH"] = os.path.dirname(command.environment["MIGRATE_PROBE"])
        names = sorted(folder.name for folder in layout.data.iterdir() if folder.name not in ("code", "sm_drivers"))
        spec = {
            "style": layout.style,
            "image": self.image.name if ":" in self.image.name and " " not in self.image.name else self.image.id,
            "source": str(layout.code),
            "entry": command.job.entry,
            "hyperparameters": dict(command.job.hyperparameters),
            "environment": {**command.job.environment, **own, MARK: mark},
            "channels": {name: str(layout.data / name) for name in names},
            "root": str(root),
            "watch": [str(layout.watch), str(self.inside(layout).watch)],
            "gpus": self.gpus(),
        }
        path = layout.watch / "sdk.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        return path

    def _environment(self, layout: Layout, project: str, mark: str) -> dict[str, str]:
        """The environment of the SDK's own process: no credentials but such as nobody takes, no telemetry."""
        settings = layout.watch / "sagemaker.yaml"
        settings.write_text(_TELEMETRY, encoding="utf-8")
        out = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "MIGRATE_"))}
        return out | {
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(settings),
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "COMPOSE_PROJECT_NAME": project,
            "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
            "PYTHONUNBUFFERED": "1",
            MARK: mark,
        }

    def _collect(self, layout: Layout, root: Path, container: str | None) -> int | None:
        """Put what the job has made into its /opt/ml, and fetch what it left elsewhere; returns the script's exit code."""
        code = None
        if container is not None:
            code = int(containers.docker("inspect", "--format", "{{.State.ExitCode}}", container))
            fetch_lost(self, layout, container, changed(container, [str(self.inside(layout).watch)]))
        containers.give_back(self.image.id, layout.top)
        for name, target in (("model", layout.model), ("output", layout.base / "output")):
            if (root / "kept" / name).is_dir():
                shutil.copytree(root / "kept" / name, target, dirs_exist_ok=True, symlinks=True)
        return code


def unavailable() -> str | None:
    """Why the SDKs' local modes cannot be used here: Docker or Compose."""
    return containers.unavailable() or compose_lacks()


def compose_lacks() -> str | None:
    """What is wrong with Docker Compose, with what to do; None where one of its two forms will do for the SDKs."""
    advice = "https://docs.docker.com/compose/install/; Debian: apt install docker-compose"
    plugin = _said("docker", "compose", "version")
    found = re.search(r"version\s+v?(\d+)\.(\d+)", plugin or "")
    if found and int(found[1]) >= 2:
        return None
    if shutil.which("docker-compose") is None:
        old = f"is too old ({found[0]}; 2.0 is the first that the SDKs take)" if found else "is not installed"
        return f"Docker Compose {old}: {advice}"
    alone = re.search(r"version\s+v?(\d+)\.(\d+)", _said("docker-compose", "version") or "")
    if alone is None:
        return f"docker-compose does not run: {advice}"
    if (int(alone[1]), int(alone[2])) < (1, 27):  # the first without a version in the file
        return f"docker-compose is too old ({alone[0]}; 1.27 is the first that takes the SDKs' files): {advice}"
    return None


def _said(*words: str) -> str | None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def found(pythons: Sequence[str]) -> dict[Style, Sdk]:
    """The SDKs of the Pythons that are named, and of this one; the first that fits. Raises UserError where there is none at all."""
    out: dict[Style, Sdk] = {}
    for python in (*pythons, sys.executable):
        version = _version(python)
        for style, major in _NEEDS.items():
            if version and version.split(".")[0] == major:
                out.setdefault(style, Sdk(python, version))
    if not out:
        raise UserError(
            "engine sdk: no SageMaker SDK here: pip install 'sagemaker-migrate[sagemaker]' (v3), or --sdk-python names a Python with one"
        )
    return out


@functools.cache
def _version(python: str) -> str | None:
    executable = shutil.which(python)
    if executable is None:
        raise UserError(f"no such Python: {python}")
    try:
        done = subprocess.run([executable, "-I", "-c", _ASK], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise UserError(f"{python} does not run as a Python: {error}") from error
    return done.stdout.strip() if done.returncode == 0 else None
