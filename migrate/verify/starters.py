"""What starts the script: SageMaker's own programs where they are installed, else this tool in their place; it is told which.

The real ``sagemaker-training`` toolkit runs wherever the run's own Python has it; the real drivers of SDK v3 are fixed to /opt/ml, and
run in the sandbox alone. Neither installs anything here: the run's Python is the user's.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from migrate.errors import UserError
from migrate.job.serialise import Style
from migrate.verify import interpreter
from migrate.verify.engine import Engine, Outcome
from migrate.verify.interpreter import Interpreter
from migrate.verify.layout import Layout

CHOICES = ("real", "emulated")
_TOOLKIT_FILE = "toolkit_start.py"
_ASK = "import sagemaker_training.trainer, importlib.metadata as m; print(m.version('sagemaker-training'))"
_DRIVERS = Path("sagemaker", "train", "container_drivers")
_SHELLS = ("/bin/bash", "/usr/bin/bash")
# Where the folder of the SDK's own programs is seen, as ``SM_DRIVERS_CONTAINER_PATH`` of the SDK says it.
_PLACE = "/opt/ml/input/data/sm_drivers"
# The last line that a starter prints before the script's, and the first behind them.
_BEFORE = {
    "toolkit": re.compile(r"^\S+ \S+ sagemaker-training-toolkit INFO +(?!Reporting training)"),
    "v3": re.compile(r"^Executing command: "),
}
_BEHIND = {
    "toolkit": re.compile(r"^\S+ \S+ sagemaker-training-toolkit (INFO|ERROR) +Reporting training (SUCCESS|FAILURE)"),
    "v3": re.compile(r"^(\++ echo 'Training Container Execution Completed'|Command failed with exit code -?\d+\. Traceback:)"),
}
_EXIT_CODE = re.compile(r"^ExitCode (-?\d+)$")


@dataclass(frozen=True)
class Starter:
    """``program`` is the real one, with its version; without one the tool starts the script as that would, for the reason ``why``.

    ``drivers`` is the folder of the SDK's own programs, for those alone.
    """

    style: Style
    program: str | None = None
    why: str = ""
    drivers: Path | None = None

    def __str__(self) -> str:
        return self.program or f"emulated ({self.why})"


def find(style: Style, wish: str | None, engine: Engine, python: Interpreter, pythons: Sequence[str], is_file: bool) -> Starter:
    """What starts scripts under that convention. ``pythons`` may have the SDK; ``is_file`` is False where a module is to be started."""
    if engine.through:
        return Starter(style, engine.program(style), engine.lacks(style) or "")
    if wish == "emulated":
        return Starter(style, why="asked for")
    if engine.name == "docker":
        return Starter(style, why="engine docker starts the script itself")
    if not is_file:
        return Starter(style, why="a module is started, for which a file is still to be written")
    return _toolkit(python) if style == "toolkit" else _drivers(engine, python, pythons)


def lacks(starter: Starter, wish: str | None) -> str | None:
    """Why what is asked for cannot be had; None where it can."""
    if wish != "real" or starter.program is not None:
        return None
    return f"--starter real: {starter.why}"


def _toolkit(python: Interpreter) -> Starter:
    version, why = _imported(python.executable)
    return Starter("toolkit", f"sagemaker-training {version}" if version else None, why)


@functools.cache
def _imported(python: str) -> tuple[str | None, str]:
    """The toolkit's version, and why there is none. It is imported to see: its own needs may be missing."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SAGEMAKER_", "SM_"))}
    try:
        done = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, errors="replace", timeout=120, env=clean, cwd="/")
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"the toolkit does not start: {error}"
    if done.returncode == 0:
        return done.stdout.strip(), ""
    last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
    if "No module named 'sagemaker_training'" in last:
        return None, "the run's Python has no sagemaker-training: pip install 'sagemaker-migrate[toolkit]' there"
    return None, f"sagemaker-training cannot be imported: {last}"


def _drivers(engine: Engine, python: Interpreter, pythons: Sequence[str]) -> Starter:
    if engine.name != "sandbox":
        return Starter("v3", why="the drivers of SDK v3 are fixed to /opt/ml: --engine sandbox")
    asked: list[Callable[[], Sequence[str]]] = [functools.partial(_path_of, name) for name in pythons]
    found = _sdk([lambda: python.path, lambda: sys.path, *asked])
    if found is None:
        return Starter("v3", why="no SageMaker SDK v3 here: pip install 'sagemaker-migrate[sagemaker]', or --sdk-python its Python")
    if not any(os.path.exists(shell) for shell in _SHELLS):
        return Starter("v3", why="this machine has no bash")
    if (why := _unfit(python)) is not None:
        return Starter("v3", why=why)
    folder, version = found
    return Starter("v3", f"sm_train.sh and drivers of SDK {version}", drivers=folder)


def _path_of(python: str) -> tuple[str, ...]:
    return interpreter.find(python).path


def _sdk(places: Iterable[Callable[[], Sequence[str]]]) -> tuple[Path, str] | None:
    """The drivers' folder and the SDK's version, in the first of the Pythons that has them. Nothing is imported: that takes seconds."""
    for place in places:
        path = [entry for entry in place() if entry]
        folder = next((Path(entry) / _DRIVERS for entry in path if (Path(entry) / _DRIVERS / "scripts").is_dir()), None)
        if folder is not None and (folder.parent / "templates.py").is_file():
            names = ("sagemaker", "sagemaker-train")
            versions = [item.version for name in names for item in importlib.metadata.distributions(name=name, path=path)]
            return folder, versions[0] if versions else "v3"
    return None


def _unfit(python: Interpreter) -> str | None:
    """Why ``sm_train.sh`` would not start this Python: it takes the first ``python3`` of the PATH, and ends where there is no pip."""
    folder = os.path.dirname(python.executable)
    first = next((path for name in ("python3", "python") if (path := shutil.which(name, path=folder))), None)
    if first is None or os.path.realpath(first) != os.path.realpath(python.executable):
        return f"sm_train.sh would start another Python than {python.executable}"
    if not any(shutil.which(name, path=f"{folder}:/usr/local/bin:/usr/bin:/bin") for name in ("pip3", "pip")):
        return "this Python has no pip, without which sm_train.sh does not start"
    return None


def words(starter: Starter, engine: Engine, layout: Layout, python: Interpreter, script: str) -> tuple[str, ...]:
    """Lay the real program out where the run finds it; returns what starts it."""
    if starter.drivers is not None:
        _lay_drivers(starter.drivers, layout, script)
        return (next(shell for shell in _SHELLS if os.path.exists(shell)), "-c", f"chmod +x {_PLACE}/sm_train.sh && {_PLACE}/sm_train.sh")
    shutil.copyfile(Path(__file__).parent / _TOOLKIT_FILE, layout.watch / _TOOLKIT_FILE)
    watch = engine.inside(layout).watch
    return (python.executable, str(watch / _TOOLKIT_FILE), str(watch / "probe"), "named" if engine.contained else "unnamed")


def _lay_drivers(drivers: Path, layout: Layout, script: str) -> None:
    """As ``ModelTrainer`` fills the channel ``sm_drivers``, but for what installs packages: nothing is installed here."""
    target = layout.data / "sm_drivers"
    shutil.copytree(drivers, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    templates = _constants(drivers.parent / "templates.py")
    text = templates["TRAIN_SCRIPT_TEMPLATE"].format(
        working_dir="cd /opt/ml/input/data/code \n", install_requirements="", execute_driver=templates["EXECUTE_BASIC_SCRIPT_DRIVER"]
    )
    (target / "sm_train.sh").write_text(text, encoding="utf-8")
    (target / "sourcecode.json").write_text(json.dumps({"source_dir": ".", "entry_script": script}), encoding="utf-8")
    (target / "distributed.json").write_text("{}", encoding="utf-8")


def _constants(path: Path) -> dict[str, str]:
    """The texts that a module of the SDK assigns to names, not imported. Raises UserError where ours are not among them."""
    out = {}
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant):
            out[node.targets[0].id] = str(node.value.value)
    if not {"TRAIN_SCRIPT_TEMPLATE", "EXECUTE_BASIC_SCRIPT_DRIVER"} <= set(out):
        raise UserError(f"{path}: an SDK whose sm_train.sh is not known here: --starter emulated")
    return out


def ended(starter: Starter, outcome: Outcome) -> Outcome:
    """How the script itself ended: the toolkit makes 1 of every exit code, the drivers make a large one of a signal."""
    lines, code = outcome.tail, outcome.exit_code
    first = max((number for number, line in enumerate(lines, 1) if _BEFORE[starter.style].match(line)), default=0)
    last = max((number for number, line in enumerate(lines) if _BEHIND[starter.style].match(line)), default=len(lines))
    if starter.style == "toolkit":
        codes = [int(found[1]) for line in lines[last:] if (found := _EXIT_CODE.match(line))]
        if code and not codes:
            return outcome  # the toolkit's own failure, told by its last lines
        code = codes[-1] if code else code
    elif code is not None and code > 192:  # Python hands the number of a signal on as a negative exit code
        code -= 256
    own = lines[first:last] if first <= last else lines[:last]
    if code is not None and code < 0:
        return replace(outcome, exit_code=None, signal=-code, tail=own)
    return replace(outcome, exit_code=code, tail=own)
