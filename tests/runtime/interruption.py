"""A small drill: a script is trained whole, and trained again with a kill after its n-th checkpoint, on a machine that is then lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.runtime import SUPPORT_NAME, support_source
from tests.environments import python_of

# Runs the script given, and kills its own process once so many checkpoints are complete.
KILLER = """
import os, runpy, signal, sys
import sagemaker_support

count, sys.argv = int(sys.argv[1]), sys.argv[2:]
publish = sagemaker_support._Store.publish


def publish_and_die(store, body):
    global count
    publish(store, body)
    count -= 1
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)


sagemaker_support._Store.publish = publish_and_die
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass(frozen=True)
class Machine:
    """A folder with a script, and the folders that SageMaker keeps for it: ``model``, ``output``, ``checkpoints``."""

    folder: Path
    environment: str

    @classmethod
    def make(cls, folder: Path, environment: str, source: str, names: Sequence[str], keep: bool = False) -> Machine:
        """Write ``train.py`` and the support file with these ``names``. ``keep``: another machine, with the checkpoints of the last one."""
        machine = cls(folder, environment)
        machine.empty("model", "output", "code", *(() if keep else ("checkpoints",)))
        (folder / "code/train.py").write_text(source)
        (folder / "code" / SUPPORT_NAME).write_bytes(support_source(names))
        (folder / "killer.py").write_text(KILLER)
        return machine

    def empty(self, *names: str) -> None:
        for name in names:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir(parents=True)

    def run(self, *words: str, kill: int = 0, active: bool = True, seconds: str = "0") -> subprocess.CompletedProcess[str]:
        """Run the script; ``kill``: after so many checkpoints."""
        told = {"SM_MODEL_DIR": "model", "SM_OUTPUT_DATA_DIR": "output", "SM_CHECKPOINT_DIR": "checkpoints"}
        environ = {name: str(self.folder / path) for name, path in told.items() if active or name != "SM_CHECKPOINT_DIR"}
        environ |= {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        environ |= {"SM_CHECKPOINT_SECONDS": seconds, "HOME": str(self.folder), "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": "."}
        command = [str(python_of(self.environment)), str(self.folder / "killer.py"), str(kill), "train.py", *words]
        done = subprocess.run(command, cwd=self.folder / "code", env=environ, capture_output=True, text=True, timeout=240)
        wanted = -9 if kill else 0
        assert done.returncode == wanted, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def interrupted(self, *words: str, kills: Sequence[int] = (1,)) -> subprocess.CompletedProcess[str]:
        """Train with kills, each time on a machine that has nothing but the checkpoints; returns the run that came to the end."""
        for kill in kills:
            self.run(*words, kill=kill)
            self.empty("model", "output")
        return self.run(*words)

    def outputs(self) -> dict[str, bytes]:
        """What lies in the two folders that are kept."""
        found = [path for name in ("model", "output") for path in sorted((self.folder / name).rglob("*")) if path.is_file()]
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in found}
