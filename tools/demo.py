#!/usr/bin/env python3
"""Set up everything and migrate a shipped EC2 training repo: `python3 tools/demo.py`.

Needs Python 3.10 or later, git and PyPI; no AWS account, no Docker, no GPU. Makes `.venv/` with the `migrate` command in it, copies
`fixtures/mnist_argparse/before` to `.demo/`, and there shows scan, the patch, apply, the old EC2 command, and verify.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environments import DEMO, ROOT, CannotMake, make

FIXTURE = "mnist_argparse"
REPO = ROOT / ".demo"
EC2 = ("python", "main.py", "--epochs", "1", "--save-model")


def main() -> int:
    """Run the demo. Returns 0 when every step did what it should."""
    try:
        python = make(DEMO, ROOT / ".venv")
    except CannotMake as problem:
        print(problem, file=sys.stderr)
        return 2
    prepare(python)
    bad = [title for title, words, accept in steps() if show(title, words, python) not in accept]
    if bad:
        print(f"\nNot as it should be: {'; '.join(bad)}", file=sys.stderr)
        return 1
    print(f"\nThe migrated repo is in {REPO.name}/: `git -C {REPO.name} diff` shows the scripts, {REPO.name}/sagemaker_job/ holds the job.")
    print("Now yours: `. .venv/bin/activate`, then `migrate scan /your/repo`.")
    return 0


def steps() -> list[tuple[str, tuple[str, ...], tuple[int, ...]]]:
    """Return what is shown: a title, the command, and the exit codes that are right for it."""
    return [
        ("What would have to change, and what job it would be", ("migrate", "scan"), (1,)),
        ("The patch of the script alone", ("migrate", "apply", "--diff", "--no-generate"), (1,)),
        ("Apply it, and write the job's files", ("migrate", "apply"), (0,)),
        ("The EC2 command still does what it did", EC2, (0,)),
        (
            "Run the job here as SageMaker would, under both ways of passing hyperparameters",
            ("migrate", "verify", "--channel", "training=data", "--hp", "epochs=1", "--hp", "save-model=true"),
            (0,),
        ),
    ]


def prepare(python: Path) -> None:
    """Copy the fixture to ``.demo/``, commit it to a git of its own, and make its data."""
    shutil.rmtree(REPO, ignore_errors=True)
    shutil.copytree(ROOT / "fixtures" / FIXTURE / "before", REPO)
    subprocess.run([python, ROOT / "fixtures/make_data.py", FIXTURE, REPO], check=True)
    who = ("-c", "user.name=demo", "-c", "user.email=demo@example.com")
    for words in (("init", "--quiet"), ("add", "--all"), (*who, "commit", "--quiet", "--message", "as it ran on EC2")):
        subprocess.run(["git", *words], cwd=REPO, check=True)


def show(title: str, words: tuple[str, ...], python: Path) -> int:
    """Run one command in the demo's repo, with the environment's programs first on the PATH. Returns its exit code."""
    print(f"\n=== {title}\n$ {shlex.join(words)}", flush=True)
    environment = {**os.environ, "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])}
    if "--diff" not in words:
        return subprocess.run(words, cwd=REPO, env=environment).returncode
    done = subprocess.run(words, cwd=REPO, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    script, _, support = done.stdout.partition("diff --git a/sagemaker_support.py")
    print(f"{script}... and the new file sagemaker_support.py, {support.count(chr(10) + '+')} lines", flush=True)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
