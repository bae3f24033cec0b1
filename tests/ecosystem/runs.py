"""Scripts of public repositories that train here in seconds: on EC2's command line before and after, then under ``migrate verify``.

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
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.ecosystem import trees  # noqa: E402
from tests.ecosystem.recipes import RECIPES, Recipe  # noqa: E402
from tests.environments import python_of  # noqa: E402

SECONDS = 240.0
ONLY = ("--only", "kill")  # one way is enough here: the others are tried on the fixtures
# What a training script prints of the clock: never the same twice.
CLOCKS = re.compile(
    r"((Time|Data)\s+\d+\.\d+ \(\s*\d+\.\d+\)|"
    r"\d+\.?\d*\s*(ms|s|sec|seconds)\b|ms/batch\s+\d+\.\d+|time:?\s+\d+\.\d+\w*|mfu -?\d+\.\d+%|\d+\.\d+it/s|\d+:\d\d(:\d\d)?)"
)

# Members of archives that hold the time: torch's own number of a saving, the log of a Chainer trainer.
UNLIKE = re.compile(r"serialization_id|LogReport|elapsed")
ELAPSED = re.compile(r"^(\S+(?:\s+\d+\.\d+){4,})\s+\d+\.\d+$")  # the last column of Chainer's PrintReport


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
    drill: str = "not run"
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def _python(recipe: Recipe, extra: Path | None, work: Path) -> Path:
    """An interpreter that has what the script needs, as one file, so that ``verify --python`` can be told of it.

    Scripts older than torch 2.6 load whole modules without saying so, which the variable allows again.
    """
    paths = [str(ROOT / "tests" / "ecosystem" / "site"), *([str(extra)] if recipe.extra and extra else [])]
    wrapper = work / "python"
    found = f'PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}{":".join(paths)}"'
    started = f'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 {found} exec "{python_of(recipe.python)}" "$@"'
    wrapper.write_text(f"#!/bin/sh\n{started}\n", encoding="utf-8")
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
        [str(python), recipe.entry, *recipe.options.split()], cwd=at, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    after = trees.snapshot(copy)
    made = {name: digest(copy / name) for name in sorted(after) if before.get(name) != after[name]}
    lines = [ELAPSED.sub(r"\1", CLOCKS.sub("#", line).strip()) for line in ran.stdout.replace("\r", "\n").splitlines()]
    return ran.returncode, [line for line in lines if line], made, ran.stderr[-600:]


def digest(path: Path) -> str:
    """The content of a file; of an archive (torch, numpy) that of its members, whose dates and folder name are left out."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            parts = [
                (name.partition("/")[2] or name, hashlib.sha256(archive.read(name)).hexdigest()) for name in sorted(archive.namelist())
            ]
        return hashlib.sha256(repr([part for part in parts if not UNLIKE.search(part[0])]).encode()).hexdigest()
    content = path.read_bytes()
    if path.name in ("log", "log.json"):
        content = CLOCKS.sub("#", re.sub(r'"elapsed_time": [\d.]+', "", content.decode())).encode()
    return hashlib.sha256(content).hexdigest()


def follow(recipe: Recipe, corpus: Path, work: Path, extra: Path | None, drilled: bool) -> Seen:
    """Train the original, migrate, train again; then verify, or interrupt it (``drilled``)."""
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
        unlike = [(old, new) for old, new in zip(printed, printed2, strict=False) if old != new][:2]
        seen.faults.append(f"output differs: {unlike} ({len(printed)} and {len(printed2)} lines)")
    (_drill if drilled else _verify)(recipe, target, python, seen)
    seen.seconds = round(time.monotonic() - began, 1)
    return seen


def _migrate(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "migrate", *words], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS * 4, check=False
    )


def _words(recipe: Recipe, target: Path, python: Path) -> list[str]:
    """The options of ``verify`` that give the script its data and settings."""
    scanned = json.loads(_migrate("scan", str(target), "--entry", recipe.entry, "--format", "json").stdout)
    channels = scanned["entry_points"][0]["channels"]
    words = [word for one in channels for word in ("--channel", f"{one['name']}={(target / recipe.channel).resolve()}")]
    words += [word for name, value in recipe.hyperparameters.items() for word in ("--hp", f"{name}={json.dumps(value)}")]
    return [str(target), "--entry", recipe.entry, *words, "--python", str(python), "--timeout", str(SECONDS), "--format", "json"]


def _drill(recipe: Recipe, target: Path, python: Path, seen: Seen) -> None:
    """Kill it and let it go on; a script whose own runs differ is told so."""
    ran = _migrate("verify", *_words(recipe, target, python), "--drill", "interrupt", "--drill-seed", "1", *ONLY)
    try:
        reports = json.loads(ran.stdout)["reports"]
    except (ValueError, KeyError):
        seen.drill = "could not"
        seen.faults.append(f"drill: {ran.stderr[-600:] or ran.stdout[-600:]}")
        return
    ways = [way for report in reports for way in ((report.get("drill") or {}).get("ways") or [])]
    seen.drill = ", ".join(f"{way['way']}: {way['result']}" for way in ways) or "nothing was drilled"
    seen.faults += [f"drill {way['way']}: {way['message']} {way.get('faults', [])[:3]}" for way in ways if way["result"] not in ("same",)]
    if not ways and recipe.verify:
        seen.drill += f", as it has to be: {recipe.verify}"
    if not ways:
        seen.faults.append(f"drill: {_checks(ran.stdout)[:600]}")


def _verify(recipe: Recipe, target: Path, python: Path, seen: Seen) -> None:
    ran = _migrate("verify", *_words(recipe, target, python))
    seen.verify = {0: "passed", 1: "failed", 2: "could not"}.get(ran.returncode, f"exit {ran.returncode}")
    if ran.returncode and recipe.verify:
        seen.verify = f"{seen.verify}, as it has to: {recipe.verify}"
    if ran.returncode:
        seen.faults.append(f"verify {seen.verify}: {_checks(ran.stdout) or ran.stderr[-600:]}")


def _checks(text: str) -> str:
    """The checks that did not pass, as far as the report's JSON tells them."""
    try:
        told = json.loads(text)
    except ValueError:
        return text[-600:]
    failed = [
        check for report in told["reports"] for check in report["checks"] if check["verdict"] not in ("pass", "ok", "not run", "skip")
    ]
    rows = [f"{c['name']} ({c['style']}): {c['message']} {[e['text'] for e in c.get('evidence') or []][:3]}" for c in failed]
    return " | ".join(dict.fromkeys(rows))


def table(rows: list[Seen]) -> str:
    """The recipes as Markdown."""
    head = ["| repository | script | trains | artifacts | same artifacts | same output | verify | drill | s |", "|---" * 9 + "|"]
    lines = [
        f"| {r.repo} | {r.folder}/{r.entry} | {r.trains} | {r.artifacts} | {r.same_artifacts} | {r.same_output} | "
        f"{r.verify} | {r.drill} | {r.seconds} |"
        for r in rows
    ]
    faults = [f"- {r.repo} {r.folder}/{r.entry}: {fault}".replace("\n", " ")[:1200] for r in rows for fault in r.faults]
    commit = trees.git(ROOT, "rev-parse", "--short", "HEAD").stdout.decode().strip()
    made = f"Commit {commit}, `python tests/ecosystem/runs.py --corpus DIR --extra DIR`."
    return "\n".join(["# Runnable scripts, before and after", "", made, "", *head, *lines, "", *faults, ""])


def main() -> int:
    """Follow every recipe; exit 0 whatever was seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("corpus-work"))
    parser.add_argument("--out", type=Path, default=Path("corpus-work"))
    parser.add_argument("--extra", type=Path, help="a folder with torchvision and matplotlib")
    parser.add_argument("--drill", action="store_true", help="interrupt the scripts instead of the ordinary checks")
    options = parser.parse_args()
    rows: list[Seen] = []
    options.out.mkdir(parents=True, exist_ok=True)
    for number, recipe in enumerate(RECIPES):
        label = f"{recipe.repo}/{recipe.folder}/{recipe.entry}"
        if options.only and not any(text in label for text in options.only):
            continue
        if recipe.extra and options.extra is None:
            continue
        work = (options.work / f"run{number}").resolve()
        try:
            rows.append(follow(recipe, options.corpus, work, options.extra, options.drill))
        except subprocess.TimeoutExpired as error:
            rows.append(Seen(recipe.repo, recipe.folder, recipe.entry, faults=[f"longer than {error.timeout:.0f} s: {error.cmd[:4]}"]))
        print(f"{label}: {rows[-1]}", file=sys.stderr, flush=True)
        (options.out / "runs.md").write_text(table(rows), encoding="utf-8")
        (options.out / "runs.json").write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
