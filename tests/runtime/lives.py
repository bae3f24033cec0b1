"""Training scripts that are killed for real: each life is a forked process, and all that it leaves is the checkpoint folder.

Run as a program it is the process that is forked: torch is imported once. A script sees two more names: ``tick()``, called once or
more in a turn (a life may be set to end at one of them), and ``done(...)``, which tells the final state to the bit.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import random
import runpy
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.runtime import support_source

HEAD = """\
import copy, itertools, os, random, sys, time
import numpy as np, torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, Dataset
from sagemaker_support import keeper
random.seed(1), np.random.seed(2), torch.manual_seed(3)
xs, ys = torch.randn(12, 4), torch.randn(12, 1)
def net(width=6): return nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Linear(width, 1))
def lossof(model, x=xs, y=ys): return ((model(x) * (random.random() + np.random.rand()) - y) ** 2).mean()
def step(model, optimizer, x=xs, y=ys):
    optimizer.zero_grad()
    loss = lossof(model, x, y)
    loss.backward()
    optimizer.step()
    tick()
    return loss.item()
model = net()
optimizer = optim.Adam(model.parameters(), lr=0.01)
"""


@dataclass(frozen=True)
class Life:
    """How one process ended: its exit code (negative: the signal), what it printed, its final state, the files of its output folders."""

    code: int
    printed: str
    state: str
    files: dict[str, bytes]

    @property
    def turns(self) -> list[str]:
        """What the script itself printed."""
        return [line for line in self.printed.splitlines() if not line.startswith("keeper: ")]

    @property
    def told(self) -> str:
        """What the keeper said."""
        return "\n".join(line for line in self.printed.splitlines() if line.startswith("keeper: "))


@dataclass
class Job:
    """One script and its checkpoint folder. ``env`` is of every life; the keeper saves each turn."""

    folder: Path
    zygote: subprocess.Popen[str]
    env: dict[str, str] = field(default_factory=dict)
    lives: int = 0
    active: bool = True

    def write(self, body: str) -> None:
        (self.folder / "code").mkdir(parents=True, exist_ok=True)
        (self.folder / "code" / "train.py").write_text(HEAD + body)
        (self.folder / "code" / "sagemaker_support.py").write_bytes(support_source(["keeper"]))

    @property
    def kept(self) -> Path:
        return self.folder / "checkpoints" / "keeper" / "train"

    def live(self, end: str = "", **env: str) -> Life:
        """One life. ``end`` says how it dies: ``kill 3`` at the third tick, ``term 3``, ``save 2`` in the middle of the second save."""
        return self.together([{"END": end, **env}])[0]

    def together(self, ways: list[dict[str, str]]) -> list[Life]:
        """Several lives at the same time."""
        homes, orders = [], []
        for way in ways:
            self.lives += 1
            home = self.folder / f"life{self.lives}"
            for name in ("model", "output", "home"):
                (home / name).mkdir(parents=True)
            env = {"SM_MODEL_DIR": f"{home}/model", "SM_OUTPUT_DATA_DIR": f"{home}/output", "SM_CHECKPOINT_SECONDS": "0", **self.env, **way}
            if self.active:
                env.setdefault("SM_CHECKPOINT_DIR", str(self.folder / "checkpoints"))
            homes.append(home)
            orders.append({"home": str(home), "script": str(self.folder / "code" / "train.py"), "env": env})
        assert self.zygote.stdin is not None and self.zygote.stdout is not None
        self.zygote.stdin.write(json.dumps(orders) + "\n")
        self.zygote.stdin.flush()
        codes = json.loads(self.zygote.stdout.readline())
        return [_read(home, code) for home, code in zip(homes, codes, strict=True)]


def _read(home: Path, code: int) -> Life:
    state = home / "state"
    files = {
        str(path.relative_to(home)): path.read_bytes() for top in ("model", "output") for path in (home / top).rglob("*") if path.is_file()
    }
    life = Life(code, (home / "printed").read_text(), state.read_text() if state.exists() else "", files)
    shutil.rmtree(home)  # another machine
    return life


@contextlib.contextmanager
def zygote() -> Iterator[subprocess.Popen[str]]:
    """The process that is forked."""
    root = Path(__file__).resolve().parents[2]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SM_", "RANK", "WORLD"))}
    command = [sys.executable, "-W", "ignore", "-m", "tests.runtime.lives"]
    env.update(PYTHONPATH=str(root), OMP_NUM_THREADS="1", TORCH_CPP_LOG_LEVEL="FATAL")
    with subprocess.Popen(command, cwd=root, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


# -- what follows runs in the forked process


def _serve() -> None:
    _warm_up()
    for line in sys.stdin:
        children = [_start(order) for order in json.loads(line)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(codes), flush=True)


def _warm_up() -> None:
    """Whatever torch imports when it first trains, saves and loads is there in every life."""
    import io

    import torch
    import torch.distributed
    import torch.optim.swa_utils
    import torch.utils.data

    torch.set_num_threads(1)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam(model.parameters())
    for batch in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(2, 1)), batch_size=1):
        model(batch[0]).sum().backward()
        optimizer.step()
    torch.optim.swa_utils.AveragedModel(model)
    torch.amp.GradScaler("cpu")
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    torch.load(file, weights_only=True)


def _start(order: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = _run(order)
    finally:
        with contextlib.suppress(ValueError, OSError):
            sys.stdout.flush()
        os._exit(code)


def _run(order: dict[str, Any]) -> int:
    import numpy
    import torch

    os.environ.update(order["env"])
    os.chdir(order["home"] + "/home")
    handle = os.open(order["home"] + "/printed", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 1), os.dup2(handle, 2)
    os.close(0)
    sys.stdout = open(1, "w", buffering=1, closefd=False)
    random.seed(), numpy.random.seed(), torch.seed()  # no life begins as another did
    sys.argv = [order["script"]]
    sys.path.insert(0, os.path.dirname(order["script"]))
    builtins.tick = _ends(os.environ.get("END", ""))  # type: ignore[attr-defined]
    builtins.done = lambda *state: _tell(order["home"], state)  # type: ignore[attr-defined]
    try:
        runpy.run_path(order["script"], run_name="__main__")
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code)
        return 0 if error.code is None else error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _ends(end: str) -> Any:
    how, _, number = end.partition(" ")
    left = [int(number or 0)]

    def tick(signum: int = {"kill": signal.SIGKILL, "term": signal.SIGTERM}.get(how, 0), kind: str = "") -> None:
        if (how == kind if kind else how in ("kill", "term", "full")) and left[0] > 0:
            left[0] -= 1
            if left[0] == 0:
                _fill_disk() if how == "full" else os.kill(os.getpid(), signum)

    if how in ("save", "rename"):
        real, name = (os.fsync, "fsync") if how == "save" else (os.replace, "replace")

        def patched(*arguments: Any) -> Any:
            tick(signal.SIGKILL, how)
            return real(*arguments)  # type: ignore[operator]

        setattr(os, name, patched)
    return tick


def _fill_disk() -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))


def _tell(home: str, state: Any) -> None:
    with Path(home, "state").open("a") as file:
        file.writelines(line + "\n" for line in _lines(state, ""))


def _lines(value: Any, path: str) -> Iterator[str]:
    """Every number of a state, exactly."""
    if hasattr(value, "state_dict"):
        value = value.state_dict()
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lines(item, f"{path}.{key}")
    elif isinstance(value, (list, tuple)) and not isinstance(value, str):
        for place, item in enumerate(value):
            yield from _lines(item, f"{path}[{place}]")
    elif hasattr(value, "detach"):
        yield f"{path} {value.dtype} {value.requires_grad} {value.detach().double().numpy().tobytes().hex()}"
    elif hasattr(value, "__dict__") and not callable(value):
        yield from _lines(vars(value), path)
    else:
        yield f"{path} {type(value).__name__} {value!r}"


if __name__ == "__main__":
    _serve()
