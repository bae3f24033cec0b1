"""What settings a script ends up with for a command line, without its libraries, its data or the network.

``probe(start, cases)`` runs the script's own code as far as ``parse_args`` in a sandbox (bubblewrap: no network, nothing writable but
the copy and a scratch /opt/ml) and gives each case's namespace. It never trains: the process ends at the parse, or at the time limit.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CASE_SECONDS = 5.0
REPO = "/home/ubuntu/repo"  # where every copy appears inside the sandbox, so that paths made from __file__ compare
BATCH = 60  # cases for one start of the script


@dataclass(frozen=True)
class Case:
    """One start of the script. ``env`` is added to a bare environment, ``files`` (absolute path: text) are written before."""

    id: str
    argv: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    describe: bool = False


@dataclass(frozen=True)
class Start:
    """How a script is started: relative to the repository ``root``, from folder ``cwd``, with ``paths`` on PYTHONPATH, or as ``module``."""

    root: Path
    script: str
    cwd: str = "."
    paths: tuple[str, ...] = ()
    module: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    ``parsed``, ``exit`` (argparse refused, or help), ``error``, ``timeout``, ``killed``, or ``ended`` without any parser.
    Values in ``namespaces`` keep their type (``describe.plain``); ``namespaces`` has one dict for each parse, in order.
    """

    outcome: str
    namespaces: tuple[dict[str, Any], ...]
    parsers: tuple[dict[str, Any], ...]
    exit: object
    stdout: str
    stderr: str
    error: str | None

    @property
    def namespace(self) -> dict[str, Any] | None:
        """The last parse that was seen, which is the one that counts."""
        return self.namespaces[-1] if self.namespaces else None

    @property
    def message(self) -> str:
        """The last line of stderr: argparse's own error, without the usage above it."""
        lines = self.stderr.strip().splitlines()
        return lines[-1] if lines else ""


def probe(start: Start, cases: Sequence[Case]) -> dict[str, Outcome]:
    """Run every case, some to a process. Raises RuntimeError where bubblewrap is not installed."""
    found: dict[str, Outcome] = {}
    for at in range(0, len(cases), BATCH):
        found.update(_batch(start, cases[at : at + BATCH]))
    return found


def _batch(start: Start, cases: Sequence[Case]) -> dict[str, Outcome]:
    with tempfile.TemporaryDirectory() as scratch:
        results, opt_ml, home = (Path(scratch, name) for name in ("results", "ml", "home"))
        for folder in (results, opt_ml, home):
            folder.mkdir()
        order = {
            "root": REPO,
            "script": start.script if start.cwd == "." else os.path.relpath(start.script, start.cwd),
            "module": start.module,
            "argv0": start.script,
            "cwd": os.path.normpath(f"{REPO}/{start.cwd}"),
            "paths": [os.path.normpath(f"{REPO}/{path}") for path in start.paths],
            "results": str(results),
            "time_limit": CASE_SECONDS,
            "cases": [
                {"id": str(n), "argv": list(c.argv), "env": c.env, "files": c.files, "describe": c.describe} for n, c in enumerate(cases)
            ],
        }
        command = [*sandbox(start.root, results, opt_ml, home), sys.executable, "-I", "-S", "-B", str(HERE / "probe_child.py")]
        limit = 30 + CASE_SECONDS * len(cases)
        try:
            ran = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, timeout=limit, errors="replace")
            said = ran.stderr
        except subprocess.TimeoutExpired:
            said = "no settings within the time limit"
        return {case.id: _outcome(results, str(n), said) for n, case in enumerate(cases)}


def sandbox(root: Path, results: Path, opt_ml: Path, home: Path) -> list[str]:
    """The bubblewrap command line: everything read-only but the copy, the results and a scratch /opt/ml; no network; a bare environment."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise RuntimeError("the probe runs other people's code and needs bubblewrap: apt-get install bubblewrap")
    # A tmpfs over /opt makes room for /opt/ml without making it on the machine itself.
    mounts = [
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--tmpfs",
        "/opt",
        "--dir",
        "/opt/ml",
        "--bind",
        str(opt_ml),
        "/opt/ml",
    ]
    mounts += ["--tmpfs", "/home", "--dir", "/home/ubuntu", "--bind", str(home), "/home/ubuntu"]
    mounts += ["--dir", REPO, "--bind", str(root), REPO, "--bind", str(results), str(results)]
    bare = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/ubuntu",
        "TMPDIR": "/home/ubuntu",
        "LANG": "C.UTF-8",
        "COLUMNS": "120",
        "USER": "ubuntu",
    }
    env = [part for name, value in bare.items() for part in ("--setenv", name, value)]
    return [bwrap, *mounts, "--unshare-net", "--unshare-pid", "--die-with-parent", "--clearenv", *env]


def _outcome(results: Path, number: str, said: str) -> Outcome:
    told = results / f"{number}.json"
    if not told.exists():
        told = results / "all.json"  # the script ended before it looked at its settings
    if not told.exists():
        return Outcome("killed", (), (), None, "", said, said)
    result = json.loads(told.read_text(encoding="utf-8"))
    out, err = (_read(results / f"{number}.{kind}") for kind in ("stdout", "stderr"))
    return Outcome(result["outcome"], tuple(result["namespaces"]), tuple(result["parsers"]), result["exit"], out, err, result["error"])


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
