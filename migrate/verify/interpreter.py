"""The Python that runs the script, and the environment that it gets."""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.errors import UserError
from migrate.job.serialise import Style
from migrate.verify.layout import Inside

# What a container has from its image and its host; nothing else of the caller's environment goes along, secrets least of all.
_KEPT = {"PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
_KEPT_PREFIXES = ("CUDA_", "NVIDIA_", "OMP_", "MKL_", "OPENBLAS_")
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}
# As the official training images set them.
_IMAGE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
ASK = (
    "import json,site,sys,sysconfig;"
    "print(json.dumps({'executable':sys.executable,'version':sys.version.split()[0],'path':[p for p in sys.path if p],"
    "'roots':sorted({sys.prefix,sys.base_prefix,sys.exec_prefix,*sysconfig.get_paths().values()}),'user':site.getuserbase(),"
    "'editable':[p for n,m in list(sys.modules.items()) if n.startswith('__editable__') for p in getattr(m,'MAPPING',{}).values()]}))"
)
_VERSIONS = (
    "import json,sys\n"
    "from importlib import metadata\n"
    "found={}\n"
    "for item in metadata.distributions():\n"
    "    tops=(item.read_text('top_level.txt') or '').split() or [str(item.metadata['Name']).replace('-','_')]\n"
    "    if set(tops)&set(sys.argv[1:]): found[str(item.metadata['Name'])]=item.version\n"
    "print(json.dumps(dict(sorted(found.items()))))"
)
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/var/lib", "/System", "/Library", "/nix/store")


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine. ``path`` is its ``sys.path``; ``roots`` are the folders that it and its packages live in."""

    executable: str
    version: str
    path: tuple[str, ...]
    roots: tuple[str, ...]
    user_base: str
    editable: tuple[str, ...] = ()  # packages that lie elsewhere, installed for editing
    environment: Mapping[str, str] | None = None  # what the image sets; None where it is this machine's Python

    @property
    def quiet(self) -> tuple[str, ...]:
        """Folders whose reading says nothing about the script: the system's, the interpreter's, the packages'."""
        return (*_SYSTEM, *self.roots, *self.path, self.user_base)

    def shown(self, root: Path) -> tuple[str, ...]:
        """The paths of this machine that a run needs to see; of the repo ``root`` only where the interpreter itself lies in it."""
        chain = [self.executable]
        while os.path.islink(chain[-1]):
            chain.append(os.path.join(os.path.dirname(chain[-1]), os.readlink(chain[-1])))
        named = [part for name in os.environ if name != "PATH" and _goes_along(name) for part in os.environ[name].split(os.pathsep)]
        packages = [path for path in (*self.path, *self.editable) if not Path(path).resolve().is_relative_to(root)]
        return (*self.roots, *packages, *chain, *(path for path in named if os.path.isabs(path)))


def find(python: str | None) -> Interpreter:
    """The interpreter of that name or path; the present one for None. Raises UserError where it does not run."""
    executable = shutil.which(python) if python else sys.executable
    if not executable:
        raise UserError(f"no such Python: {python}")
    executable = os.path.abspath(executable)  # not resolved: a virtual environment is known by its link
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")}
    try:
        told = subprocess.run([executable, "-c", ASK], capture_output=True, check=True, timeout=60, env=clean, cwd="/").stdout
        answer = json.loads(told)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UserError(f"{python or executable} does not run as a Python: {error}") from error
    if answer["executable"] and not os.path.samefile(answer["executable"], executable):
        executable = answer["executable"]  # pyenv's shims and their like start another one
    return told_by(answer, executable)


def told_by(answer: Mapping[str, Any], executable: str, environment: Mapping[str, str] | None = None) -> Interpreter:
    """The interpreter whose answer to ``ASK`` that is."""
    path, roots, editable = (tuple(answer[name]) for name in ("path", "roots", "editable"))
    return Interpreter(executable, answer["version"], path, roots, answer["user"], editable, environment)


def bare_environment(inside: Inside, interpreter: Interpreter) -> dict[str, str]:
    """What any program is given here: an image's environment, folders of the run's own, none of your secrets, and programs pretended."""
    if interpreter.environment is None:
        out = {name: value for name, value in os.environ.items() if _goes_along(name)} | _IMAGE
        out["PYTHONUSERBASE"] = interpreter.user_base
    else:
        out = dict(interpreter.environment)
    out |= {"HOME": str(inside.home), "TMPDIR": str(inside.temporary), "TMP": str(inside.temporary), "TEMP": str(inside.temporary)}
    out |= {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    out["PATH"] = os.pathsep.join([str(inside.watch / "bin"), os.path.dirname(interpreter.executable), out.get("PATH", os.defpath)])
    return out


def versions(python: Interpreter, modules: Iterable[str]) -> dict[str, str]:
    """The versions of Python, the system, and the packages among ``modules`` that are installed."""
    out = {"Python": python.version, "system": f"{platform.system()} {platform.release()} {platform.machine()}"}
    try:
        told = subprocess.run(
            [python.executable, "-c", _VERSIONS, *sorted(set(modules))], capture_output=True, check=True, timeout=60, cwd="/"
        ).stdout
        found: dict[str, str] = json.loads(told)
        return out | found
    except (OSError, subprocess.SubprocessError, ValueError):
        return out  # a Python without importlib.metadata: before 3.8


@functools.cache
def gpu_count() -> int:
    """GPUs of this machine, asked as both containers ask: ``nvidia-smi --list-gpus``."""
    try:
        told = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith(b"GPU ") for line in told.splitlines())


def child_environment(
    inside: Inside,
    interpreter: Interpreter,
    given: Mapping[str, str],
    job_environment: Mapping[str, str],
    probe: Path,
) -> dict[str, str]:
    """The whole environment of the first program: the image's, the platform's and serialiser's (``given``), the job's, and the probe's."""
    out = bare_environment(inside, interpreter) | dict(given)
    if inside.style == "toolkit":
        out["SAGEMAKER_BASE_DIR"] = str(inside.base)
    own_path = out.get("PYTHONPATH", "").split(os.pathsep)
    out |= {name: _rebased(value, inside.base) for name, value in job_environment.items()}
    if inside.style == "toolkit" and "PYTHONPATH" in given:
        # the toolkit hands on its own sys.path: the code folder first, then what the job's environment says, then the interpreter's
        own = [_rebased(job_environment["PYTHONPATH"], inside.base)] if job_environment.get("PYTHONPATH") else []
        out["PYTHONPATH"] = os.pathsep.join([own_path[0], *own, *own_path[1:]])
    path = [str(probe.parent), *([out["PYTHONPATH"]] if out.get("PYTHONPATH") else [])]
    return out | {"PYTHONPATH": os.pathsep.join(path), "MIGRATE_PROBE": str(probe)}


def _goes_along(name: str) -> bool:
    return name in _KEPT or name.upper() in _PROXIES or name.startswith(_KEPT_PREFIXES)


def _rebased(value: str, base: Path) -> str:
    return ":".join(str(base) + part[7:] if part == "/opt/ml" or part.startswith("/opt/ml/") else part for part in value.split(":"))


def style_note(style: Style) -> str:
    """The convention in a person's words."""
    return "as the sagemaker-training toolkit starts it" if style == "toolkit" else "as the SDK v3 drivers start it"
