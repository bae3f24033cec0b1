"""Every module of the program compiles under the Python that runs it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from migrate.errors import UserError
from migrate.job.model import EntryPoint
from migrate.verify.interpreter import Interpreter
from migrate.verify.model import Check, Evidence

_TIMEOUT = 300
# Nothing is run and nothing is written: the code objects are thrown away.
_COMPILE = """
import json, sys, warnings
warnings.simplefilter("ignore")
told = []
for name in json.load(sys.stdin):
    try:
        with open(name, "rb") as file:
            compile(file.read(), name, "exec", dont_inherit=True)
    except SyntaxError as error:
        told.append([name, error.lineno, "%s: %s" % (type(error).__name__, error.msg)])
    except (ValueError, RecursionError, MemoryError, OSError) as error:
        told.append([name, None, "%s: %s" % (type(error).__name__, error)])
json.dump(told, sys.stdout)
"""


def check(root: Path, entry: EntryPoint, python: Interpreter) -> Check:
    """Compile the modules of one program. Raises UserError where that Python cannot tell."""
    clock = time.monotonic()
    names = {os.fspath(root / name): name for name in entry.closure or (entry.path,) if (root / name).is_file()}
    try:
        done = subprocess.run(
            [python.executable, "-I", "-S", "-c", _COMPILE],
            input=json.dumps(list(names)).encode(),
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
        )
        told = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UserError(f"{python.executable} could not compile the modules: {error}") from error
    seconds = time.monotonic() - clock
    if not told:
        return Check(
            "compiles",
            None,
            "pass",
            f"{len(names)} module{'s compile' if len(names) != 1 else ' compiles'} under Python {python.version}",
            (),
            seconds,
        )
    evidence = tuple(Evidence(message, f"{names[path]}:{line}" if line else names[path]) for path, line, message in told)
    text = f"{len(told)} of {len(names)} modules do not compile under Python {python.version}"
    return Check("compiles", None, "fail", text, evidence, seconds, "a Python that the code is written for: --python FILE")
