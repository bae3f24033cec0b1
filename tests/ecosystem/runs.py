"""Scripts of public repositories that train here in seconds: the same on EC2's command line before and after, then under ``migrate verify``.

    python tests/ecosystem/runs.py --corpus DIR [--only TEXT] [--work DIR] [--out FILE] [--extra DIR]

Recipes name public repositories; nothing of them is kept here. ``--extra`` is a folder with torchvision and matplotlib
(``pip install --no-deps --target``), for the recipes that need them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.ecosystem import tiny, trees  # noqa: E402
from tests.environments import python_of  # noqa: E402

SECONDS = 240.0
# What a training script prints of the clock: never the same twice.
CLOCKS = re.compile(
    r"(\d+\.?\d*\s*(ms|s|sec|seconds)\b|ms/batch\s+\d+\.\d+|time:?\s+\d+\.\d+\w*|mfu -?\d+\.\d+%|\d+\.\d+it/s|\d+:\d\d(:\d\d)?)"
)


@dataclass(frozen=True)
class Recipe:
    """How one script is run in seconds. ``folder`` is what a person would call the repository, and where the command is typed."""

    repo: str
    folder: str
    entry: str
    argv: tuple[str, ...]
    data: Callable[[Path], None]
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    channel: str = ""  # the folder, from ``folder``, that holds the data
    python: str = "main"
    extra: bool = False
    unstable: tuple[str, ...] = ()  # output lines (regular expressions) that are never the same twice


def _nothing(folder: Path) -> None:
    """Data that the script makes up itself."""


EXAMPLES = "pytorch/examples"
TINY_GPT = {"device": "cpu", "compile": False, "eval_iters": 1, "eval_interval": 2, "max_iters": 4, "block_size": 16, "batch_size": 4}
TINY_GPT |= {"n_layer": 1, "n_head": 2, "n_embd": 16, "dataset": "tiny", "gradient_accumulation_steps": 1, "dtype": "float32"}
TINY_LM = {"epochs": 2, "emsize": 8, "nhid": 8, "batch_size": 4, "bptt": 5}
RECIPES = (
    Recipe(EXAMPLES, "word_language_model", "main.py", ("--epochs", "2", "--emsize", "8", "--nhid", "8", "--batch_size", "4", "--bptt", "5"),
           lambda at: tiny.texts(at / "data/wikitext-2"), TINY_LM, "data/wikitext-2"),
    Recipe(EXAMPLES, "word_language_model", "main.py", ("--model", "Transformer", "--epochs", "1", "--emsize", "8", "--nhid", "8", "--use-optimizer"),
           lambda at: tiny.texts(at / "data/wikitext-2"), {"model": "Transformer", "epochs": 1, "emsize": 8, "nhid": 8, "use-optimizer": True}, "data/wikitext-2"),
    Recipe(EXAMPLES, "regression", "main.py", (), _nothing),
    Recipe(EXAMPLES, "mnist", "main.py", ("--epochs", "2", "--save-model", "--no-accel"), lambda at: tiny.mnist(at.parent / "data"),
           {"epochs": 2, "save-model": True}, "../data", extra=True),
    Recipe(EXAMPLES, "vae", "main.py", ("--epochs", "2"), lambda at: tiny.mnist(at.parent / "data"), {"epochs": 2}, "../data", extra=True),
    Recipe(EXAMPLES, "mnist_rnn", "main.py", ("--epochs", "1", "--save-model"), lambda at: tiny.mnist(at.parent / "data"),
           {"epochs": 1, "save-model": True}, "../data", extra=True),
    Recipe(EXAMPLES, "siamese_network", "main.py", ("--epochs", "1", "--save-model", "--no-accel"), lambda at: tiny.mnist(at.parent / "data"),
           {"epochs": 1, "save-model": True}, "../data", extra=True),
    Recipe("karpathy/nanoGPT", ".", "train.py", tuple(f"--{k}={v}" for k, v in TINY_GPT.items()), lambda at: tiny.tokens(at / "data/tiny"),
           TINY_GPT, "data"),
    Recipe("salesforce/awd-lstm-lm", ".", "main.py", ("--data", "data/penn", "--epochs", "2", "--emsize", "8", "--nhid", "8", "--nlayers", "2",
           "--batch_size", "4", "--cuda", "--save", "PTB.pt"), lambda at: tiny.texts(at / "data/penn"),
           {"epochs": 2, "emsize": 8, "nhid": 8, "nlayers": 2, "batch_size": 4, "cuda": True, "save": "PTB.pt"}, "data/penn"),
    Recipe("chainer/chainer", "examples/sentiment", "train_sentiment.py", ("--epoch", "2", "--epocheval", "1", "--unit", "4"),
           lambda at: tiny.trees(at / "trees"), {"epoch": 2, "epocheval": 1, "unit": 4}, "trees", python="chainer"),
)  # fmt: skip


@dataclass
class Seen:
    """What one recipe showed."""

    repo: str
    folder: str
    entry: str
    trains: bool = False
    artifacts: int = 0
    same_artifacts: bool | None = None
    same_output: bool | None = None
    verify: str = "not run"
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def _python(recipe: Recipe, extra: Path | None, work: Path) -> Path:
    """An interpreter that has what the script needs, as one file, so that ``verify --python`` can be told of it."""
    paths = [str(ROOT / "tests" / "ecosystem" / "site"), *([str(extra)] if recipe.extra and extra else [])]
    wrapper = work / "python"
    wrapper.write_text(
        f'#!/bin/sh\nPYTHONPATH="{":".join(paths)}${{PYTHONPATH:+:$PYTHONPATH}}" exec "{python_of(recipe.python)}" "$@"\n', encoding="utf-8"
    )
    wrapper.chmod(0o755)
    return wrapper


def _train(recipe: Recipe, python: Path, copy: Path) -> tuple[int, list[str], dict[str, str], str]:
    """Type the EC2 command. Returns the exit code, the lines printed, the digest of each file made, and the end of stderr."""
    at = copy / recipe.folder
    before = trees.snapshot(copy)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(copy.parent),
        "MPLBACKEND": "Agg",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    env["PYTHONWARNINGS"] = "ignore"
    ran = subprocess.run(
        [str(python), recipe.entry, *recipe.argv], cwd=at, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    after = trees.snapshot(copy)
    made = {name: digest(copy / name) for name in sorted(after) if before.get(name) != after[name]}
    lines = [CLOCKS.sub("#", line).strip() for line in ran.stdout.replace("\r", "\n").splitlines()]
    return ran.returncode, [line for line in lines if line], made, ran.stderr[-600:]


def digest(path: Path) -> str:
    """The content of a file; of an archive (torch, numpy) that of its members, whose dates and folder name are left out."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            parts = [
                (name.partition("/")[2] or name, hashlib.sha256(archive.read(name)).hexdigest()) for name in sorted(archive.namelist())
            ]
        return hashlib.sha256(repr([part for part in parts if "serialization_id" not in part[0]]).encode()).hexdigest()
    content = path.read_bytes()
    if path.name in ("log", "log.json"):
        content = CLOCKS.sub("#", re.sub(r'"elapsed_time": [\d.]+', "", content.decode())).encode()
    return hashlib.sha256(content).hexdigest()


def follow(recipe: Recipe, corpus: Path, work: Path, extra: Path | None) -> Seen:
    """Train the original, migrate, train again, verify."""
    seen, began = Seen(recipe.repo, recipe.folder, recipe.entry), time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    source = corpus / recipe.repo.replace("/", "+")
    python = _python(recipe, extra, work)
    copies = {name: trees.copy(source, work / name / "repo") for name in ("original", "migrated")}
    for copy in copies.values():
        recipe.data(copy / recipe.folder)
    code, printed, made, error = _train(recipe, python, copies["original"])
    seen.trains, seen.artifacts = code == 0, len(made)
    if code:
        seen.faults.append(f"the original fails here: {error}")
        return seen
    target = copies["migrated"] / recipe.folder
    applied = _migrate("apply", str(target), "--entry", recipe.entry, "--force")
    if applied.returncode not in (0, 1):
        seen.faults.append(f"apply: {applied.stderr[-600:]}")
        return seen
    code, printed2, made2, error = _train(recipe, python, copies["migrated"])
    if code:
        seen.faults.append(f"migrated fails on EC2: {error}")
    seen.same_artifacts, seen.same_output = made == made2, printed == printed2
    if made != made2:
        seen.faults.append(f"artifacts differ: {sorted(n for n in set(made) | set(made2) if made.get(n) != made2.get(n))[:6]}")
    if printed != printed2:
        seen.faults.append(
            f"output differs: {[(a, b) for a, b in zip(printed, printed2, strict=False) if a != b][:2]} {len(printed)} {len(printed2)} lines"
        )
    _verify(recipe, target, python, seen)
    seen.seconds = round(time.monotonic() - began, 1)
    return seen


def _migrate(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "migrate", *words], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS * 4, check=False
    )


def _verify(recipe: Recipe, target: Path, python: Path, seen: Seen) -> None:
    scanned = json.loads(_migrate("scan", str(target), "--entry", recipe.entry, "--format", "json").stdout)
    channels = scanned["entry_points"][0]["channels"]
    words = [word for one in channels for word in ("--channel", f"{one['name']}={(target / recipe.channel).resolve()}")]
    words += [word for name, value in recipe.hyperparameters.items() for word in ("--hp", f"{name}={json.dumps(value)}")]
    ran = _migrate(
        "verify", str(target), "--entry", recipe.entry, *words, "--python", str(python), "--timeout", str(SECONDS), "--format", "json"
    )
    seen.verify = {0: "passed", 1: "failed", 2: "could not"}.get(ran.returncode, f"exit {ran.returncode}")
    if ran.returncode:
        seen.faults.append(f"verify {seen.verify}: {_checks(ran.stdout) or ran.stderr[-600:]}")


def _checks(text: str) -> str:
    """The checks that did not pass, as far as the report's JSON tells them."""
    try:
        told = json.loads(text)
    except ValueError:
        return text[-600:]
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if str(node.get("status", node.get("outcome", ""))).lower() in ("failed", "fail", "error"):
                found.append(json.dumps({k: v for k, v in node.items() if not isinstance(v, (dict, list)) or k == "details"})[:500])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(told)
    return " | ".join(dict.fromkeys(found)) or text[-600:]


def table(rows: list[Seen]) -> str:
    """The recipes as Markdown."""
    head = ["| repository | script | trains | artifacts | same artifacts | same output | verify | s |", "|---" * 8 + "|"]
    lines = [
        f"| {r.repo} | {r.folder}/{r.entry} | {r.trains} | {r.artifacts} | {r.same_artifacts} | {r.same_output} | {r.verify} | {r.seconds} |"
        for r in rows
    ]
    faults = [f"- {r.repo} {r.folder}/{r.entry}: {fault}".replace("\n", " ")[:1200] for r in rows for fault in r.faults]
    return "\n".join(["# Runnable scripts, before and after", "", *head, *lines, "", *faults, ""])


def main() -> int:
    """Follow every recipe; exit 0 whatever was seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("corpus-work"))
    parser.add_argument("--out", type=Path, default=Path("corpus-work"))
    parser.add_argument("--extra", type=Path, help="a folder with torchvision and matplotlib")
    options = parser.parse_args()
    rows: list[Seen] = []
    options.out.mkdir(parents=True, exist_ok=True)
    for number, recipe in enumerate(RECIPES):
        label = f"{recipe.repo}/{recipe.folder}/{recipe.entry}"
        if options.only and not any(text in label for text in options.only):
            continue
        if recipe.extra and options.extra is None:
            continue
        try:
            rows.append(follow(recipe, options.corpus, (options.work / f"run{number}").resolve(), options.extra))
        except subprocess.TimeoutExpired as error:
            rows.append(Seen(recipe.repo, recipe.folder, recipe.entry, faults=[f"longer than {error.timeout:.0f} s: {error.cmd[:4]}"]))
        print(f"{label}: {rows[-1]}", file=sys.stderr, flush=True)
        (options.out / "runs.md").write_text(table(rows), encoding="utf-8")
        (options.out / "runs.json").write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
