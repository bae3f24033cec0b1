"""A small repo with one entry point, made where a test wants it, with the job's files written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from migrate.generate import Generated, generate
from migrate.job.model import Channel, EntryPoint, Hyperparameter

SCRIPT = "import os\n\nprint('training')\n"
ROLE = "arn:aws:iam::111122223333:role/training"
SENDABLE = ("--role", ROLE, "--bucket", "some-bucket")


def setting(name: str, default: object, **more: Any) -> Hyperparameter:
    kind = type(default).__name__ if default is not None else "str"
    return Hyperparameter(name, f"--{name}", name, kind, default, 1, "train.py", (f"--{name}",), **more)


def entry_point(path: str = "train.py", **more: Any) -> EntryPoint:
    values: dict[str, Any] = {
        "path": path,
        "framework": "pytorch",
        "framework_version": "2.1.0",
        "cli": "argparse",
        "hyperparameters": (
            setting("lr", 0.1),
            setting("epochs", 10),
            setting("no_cuda", False),
            setting("milestones", [30, 60]),
            setting("version", "1.10"),
            setting("resume", None),
            setting("data", "./data", is_path=True),
        ),
        "channels": (Channel("training", "./data", path, 3),),
        "outputs": (),
        "checkpoint_kind": "none",
        "loop_line": None,
        "command": f"python {path}",
        "closure": (path,),
    }
    return EntryPoint(**{**values, **more})


def write(root: Path, entries: list[EntryPoint] | None = None, **more: Any) -> Generated:
    """The repo with its scripts, and what generate makes of it, written."""
    entries = entries if entries is not None else [entry_point()]
    for entry in entries:
        for path in (entry.path, *entry.closure):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if not (root / path).exists():
                (root / path).write_text(SCRIPT)
    made = generate(root, entries, project="demo", **more)
    for file in made.files:
        target = root / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    return made
