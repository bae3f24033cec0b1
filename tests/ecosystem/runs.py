"""Scripts of public repositories that train here in seconds: on EC2's command line before and after, then under ``migrate verify``.

    python tests/ecosystem/runs.py --corpus DIR... [--drill] [--only TEXT] [--report FILE] [--work DIR] [--out DIR] [--extra DIR]

Recipes name public repositories; nothing of them is kept here. ``--corpus`` may be given several times. ``--extra`` is a folder with
packages that the environments lack, each in a folder that bears its environment's name (``pip install --no-deps --target DIR/main``).
main: torchvision 0.28, pillow, matplotlib, contourpy, gymnasium, farama-notifications, cloudpickle, tyro, docstring-parser, typeguard,
tensorboard, tensorboard-data-server, absl-py, grpcio, markdown, tqdm, gym 0.23.1, gym-notices, pygame, wandb 0.19 with docker-pycreds,
sentry-sdk, gitpython, gitdb, smmap, platformdirs, click, setproctitle and protobuf 6; hf: torchvision 0.28, pillow; boost: pandas, pytz,
tzdata, lightgbm 4.5; chainer: matplotlib 3.8, contourpy 1.2.1, pillow, scipy 1.11; all: cycler, fonttools, kiwisolver, pyparsing,
python-dateutil, six, packaging.
With ``--only``, the rows of the last run in ``--out`` stay for the others; each row tells the commit that it was seen with.
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
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.ecosystem import trees  # noqa: E402
from tests.ecosystem.recipes import RECIPES, Recipe  # noqa: E402
from tests.ecosystem.recipes_fresh import FRESH  # noqa: E402
from tests.environments import python_of  # noqa: E402

ALL = (*RECIPES, *FRESH)
SECTION = "## Runnable scripts, before and after"
SECONDS = 240.0
WAYS = ("kill", "save")  # two ways are enough here: the others are tried on the fixtures
# What the drill found, in the words of the table.
RESULTS = {
    "close": "same within 1e-5",
    "zero": "began again",
    "ended": "did not end well",
    "short": "cannot be interrupted",
    "apart": "same but for what two plain runs differ in",
}
# What a training script prints of the clock: never the same twice.
CLOCKS = re.compile(
    r"((Time|Data)\s+\d+\.\d+ \(\s*\d+\.\d+\)|"
    r"(\d+(D|h|m|s|ms))+\b|SPS:? \d+|"
    r"\d+\.?\d*\s*(ms|s|sec|seconds)\b|ms/batch\s+\d+\.\d+|time:?\s+\d+\.\d+\w*|mfu -?\d+\.\d+%|\d+\.\d+it/s|\d+:\d\d(:\d\d)?)"
)

# Members of archives that hold the time: torch's own number of a saving, the log of a Chainer trainer.
UNLIKE = re.compile(r"serialization_id|LogReport|elapsed")
# A folder named by the second (TensorBoard's files have host and process too), or by day and hour.
STAMPS = re.compile(
    r"(?<!\d)1\d{9}(?!\d)(\.\S+\.\d+\.\d+$)?|"
    r"[A-Z][a-z]{2}\d\d_\d\d-\d\d-\d\d_[^/]+|[A-Z][a-z]+_\d\d_[A-Z][a-z]+_\d{4}_\d\dh_\d\dm_\d\ds"
)
SKELETON = re.compile(r"[-+]?\d[\d.e+-]*")
ELAPSED = re.compile(r"^(\S+(?:\s+\d+\.\d+){4,})\s+\d+\.\d+$")  # the last column of Chainer's PrintReport


@dataclass
class Seen:
    """What one recipe showed."""

    script: str
    commit: str
    trains: bool | None = False  # None: not run
    artifacts: int = 0
    same_artifacts: bool | None = None
    same_output: bool | None = None
    verify: str = "not run"
    parity: str = "not run"  # the verdict of verify's own comparison with the original
    drill: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def _python(recipe: Recipe, extra: Path | None, work: Path) -> Path:
    """An interpreter that has what the script needs: a virtual environment over the one that is named, which sets variables as it starts.

    Scripts older than torch 2.6 load whole modules without saying so, which a variable allows again.
    """
    given = {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", "OMP_NUM_THREADS": "1", **recipe.environment}
    home = python_of(recipe.python).parent.parent
    made, site = work / "env", ROOT / "tests" / "ecosystem" / "site"
    packages = made / "lib" / next((home / "lib").glob("python*")).name / "site-packages"
    for folder in (packages, made / "bin"):
        folder.mkdir(parents=True, exist_ok=True)
    (made / "pyvenv.cfg").write_bytes((home / "pyvenv.cfg").read_bytes())
    (made / "bin/python").unlink(missing_ok=True)
    (made / "bin/python").symlink_to(os.path.realpath(home / "bin/python"))
    if recipe.terminal:
        (made / "bin/stty").write_text("#!/bin/sh\necho 24 80\n", encoding="utf-8")
        (made / "bin/stty").chmod(0o755)
    paths = [site, *([extra.resolve() / recipe.python] if recipe.extra and extra else []), home / packages.relative_to(made)]
    start = f"import os; os.environ.update({given!r}); os.environ['PATH'] = {str(made / 'bin')!r} + ':' + os.environ.get('PATH', '')"
    start += "; import sys; sys.path.append(os.getcwd())" if recipe.installed else ""
    seeds = f"exec(open({str(site / 'sitecustomize.py')!r}).read(), {{'__name__': 'seeds'}})"
    (packages / "runs.pth").write_text("\n".join([start, *map(str, paths), f"import sys; {seeds}", ""]), encoding="utf-8")
    return made / "bin/python"


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{path}: {old!r} stands there {text.count(old)} times")
    path.write_text(text.replace(old, new), encoding="utf-8")


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
    made = {STAMPS.sub("#", name): digest(copy / name) for name in sorted(after) if before.get(name) != after[name]}
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
    if path.name.startswith("events.out.tfevents"):
        return "events"  # every record holds the time
    content = path.read_bytes()
    if path.name in ("log", "log.json"):
        content = CLOCKS.sub("#", re.sub(r'"elapsed_time": [\d.]+', "", content.decode())).encode()
    return hashlib.sha256(content).hexdigest()


def follow(recipe: Recipe, corpus: list[Path], work: Path, extra: Path | None, ways: list[str]) -> Seen:
    """Train the original, migrate, train again; verify; then interrupt it in each of the ``ways``."""
    seen, began = Seen(recipe.label, commit()), time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    name = recipe.repo.replace("/", "+")
    source = next((folder / name for folder in corpus if (folder / name).exists()), corpus[0] / name)
    python = _python(recipe, extra, work)
    copies = {name: _prepared(recipe, source, work / name / "repo") for name in ("original", "migrated")}
    if recipe.offline:
        seen.verify = "not run here"
        seen.faults.append(recipe.offline)
        return seen
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
    if made != made2 or printed != printed2:
        _leave_out_what_never_comes_twice(recipe, python, source, work, seen, (made, made2), (printed, printed2))
    seen.same_artifacts, seen.same_output = made == made2, printed == printed2
    if made != made2:
        seen.faults.append(f"artifacts differ: {sorted(n for n in set(made) | set(made2) if made.get(n) != made2.get(n))[:6]}")
    if printed != printed2:
        unlike = [(old, new) for old, new in zip(printed, printed2, strict=False) if old != new][:2]
        seen.faults.append(f"output differs: {unlike} ({len(printed)} and {len(printed2)} lines)")
    _verify(recipe, target, python, seen)
    if ways:
        _drill(recipe, target, python, seen, ways)
    seen.seconds = round(time.monotonic() - began, 1)
    return seen


def _leave_out_what_never_comes_twice(
    recipe: Recipe, python: Path, source: Path, work: Path, seen: Seen, made: tuple[dict[str, str], ...], printed: tuple[list[str], ...]
) -> None:
    """Train the original once more: files and lines in which it differs from itself say nothing of what migrating has changed."""
    again = _prepared(recipe, source, work / "again/repo")
    _, lines, files, _ = _train(recipe, python, again)
    apart = {name for name in set(made[0]) | set(files) if made[0].get(name) != files.get(name)}
    kinds = {SKELETON.sub("#", line) for one, other in zip(printed[0], lines, strict=False) if one != other for line in (one, other)}
    for found in made:
        for name in apart & set(found):
            del found[name]
    for told in printed:
        told[:] = [line for line in told if SKELETON.sub("#", line) not in kinds]
    if apart:
        seen.faults.append(f"left out, since the original's own runs differ in them: {sorted(apart)[:6]}")
    if kinds:
        seen.faults.append(f"left out, since the original's own runs differ in them: {len(kinds)} kinds of printed lines")


def _prepared(recipe: Recipe, source: Path, target: Path) -> Path:
    """A copy with data, and what makes it short."""
    copy = trees.copy(source, target)
    recipe.data(copy / recipe.folder)
    for name, old, new in recipe.edits:
        _replace(copy / recipe.folder / name, old, new)
    return copy


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
    return [
        str(target),
        "--entry",
        recipe.entry,
        *words,
        "--python",
        str(python),
        "--timeout",
        str(SECONDS),
        "--ec2-command",
        f"python {recipe.entry} {recipe.options}".strip(),
        "--format",
        "json",
    ]


def _drill(recipe: Recipe, target: Path, python: Path, seen: Seen, ways: list[str]) -> None:
    """Kill it and let it go on. The moments are drawn by chance, from a seed of the recipe's own."""
    seed = str(zlib.crc32(recipe.label.encode()) % 1000)
    only = [word for way in ways for word in ("--only", way)]
    ran = _migrate("verify", *_words(recipe, target, python), "--drill", "interrupt", "--drill-seed", seed, *only)
    try:
        reports = json.loads(ran.stdout)["reports"]
    except (ValueError, KeyError):
        seen.drill = {"": "could not be drilled"}
        seen.faults.append(f"drill: {ran.stderr[-600:] or ran.stdout[-600:]}")
        return
    told = [way for report in reports for way in ((report.get("drill") or {}).get("ways") or [])]
    seen.drill = {way["way"]: RESULTS.get(way["result"], way["result"]) for way in told}
    seen.faults += [f"drill {way['way']}: {way['message']} {list(way.get('faults') or [])[:3]}" for way in told if way["result"] != "same"]
    if not told:
        checks = _checks(ran.stdout)
        seen.drill = {"": "refused" if "saved nothing into the checkpoint folder" in checks else "could not be drilled"}
        seen.faults.append(f"drill: {recipe.drill and f'{recipe.drill}: '}{checks[:900]}")


def _verify(recipe: Recipe, target: Path, python: Path, seen: Seen) -> None:
    ran = _migrate("verify", *_words(recipe, target, python))
    seen.verify = {0: "passed", 1: "failed", 2: "could not"}.get(ran.returncode, f"exit {ran.returncode}")
    told = [check for check in _all_checks(ran.stdout) if check["name"] == "EC2 parity"]
    seen.parity = told[0]["verdict"] if told else "not run"
    if seen.parity == "not run" and told:
        seen.faults.append(f"EC2 parity not run: {told[0]['message']}")
    if ran.returncode and recipe.verify:
        seen.verify = f"{seen.verify}, as it has to: {recipe.verify}"
    if ran.returncode:
        seen.faults.append(f"verify {seen.verify}: {_checks(ran.stdout) or ran.stderr[-600:]}")


def _all_checks(text: str) -> list[dict[str, Any]]:
    try:
        return [check for report in json.loads(text)["reports"] for check in report["checks"]]
    except ValueError:
        return []


def _checks(text: str) -> str:
    """The checks that did not pass, as far as the report's JSON tells them."""
    checks = _all_checks(text)
    if not checks:
        return text[-600:]
    failed = [check for check in checks if check["verdict"] not in ("pass", "ok", "not run", "skip")]
    rows = [f"{c['name']} ({c['style']}): {c['message']} {[e['text'] for e in c.get('evidence') or []][:3]}" for c in failed]
    return " | ".join(dict.fromkeys(rows))


def table(rows: list[Seen], command: str) -> str:
    """The recipes as a section of the report, in Markdown."""
    head = ["| script | trains | artifacts | same artifacts | same output | verify | parity | drill | commit |", "|---" * 9 + "|"]
    lines = [
        f"| {r.script} | {_yes(r.trains)} | {r.artifacts} | {_yes(r.same_artifacts)} | {_yes(r.same_output)} | "
        f"{r.verify} | {r.parity} | "
        f"{', '.join(f'{way}: {result}' if way else result for way, result in r.drill.items()) or '-'} | {r.commit} |"
        for r in rows
    ]
    faults = [f"- {r.script}: {fault}".replace("\n", " ")[:1200] for r in rows for fault in r.faults]
    made = f"Commit {commit()}, `{command}`; each script is trained as EC2 would, before and after `apply`, verified, and interrupted."
    return "\n".join([SECTION, "", made, "", *_counts(rows), "", *head, *lines, "", *faults, ""])


def _yes(value: bool | None) -> str:
    return "-" if value is None else "yes" if value else "**no**"


def _counts(rows: list[Seen]) -> list[str]:
    """How many do what they are judged by. What differs from itself without an interruption can show nothing by one."""
    trained = [row for row in rows if row.trains]
    drilled = [row for row in trained if row.drill and RESULTS["apart"] not in row.drill.values()]
    passed = [row for row in drilled if set(row.drill.values()) <= {"same", "same within 1e-5", "cannot be interrupted"}]
    counts = {
        "train here": (len(trained), len(rows)),
        "migrated, on EC2's command line: same artifacts": (sum(row.same_artifacts is True for row in trained), len(trained)),
        "migrated, on EC2's command line: same output": (sum(row.same_output is True for row in trained), len(trained)),
        "pass `migrate verify`": (sum(row.verify == "passed" for row in trained), len(trained)),
        "of these, seen by it to be the same on EC2": (sum(row.parity == "pass" for row in trained), len(trained)),
        "fail `migrate verify` as they have to": (sum("as it has to" in row.verify for row in trained), len(trained)),
        "deterministic ones that pass the drill": (len(passed), len(drilled)),
        "of these, those that are resumed at all": (len(passed), len(drilled) - sum(_is_refused(row) for row in drilled)),
    }
    return [
        "| what | seen | share |",
        "|---|---|---|",
        *(f"| {what} | {part} of {whole} | {100 * part / max(whole, 1):.0f} % |" for what, (part, whole) in counts.items()),
    ]


def _is_refused(row: Seen) -> bool:
    """Whether the tool says, with the reason and the line, that it does not resume the script."""
    return any(result.startswith("refused") for result in row.drill.values())


def commit() -> str:
    """What the tool is, in short; with a mark where the tree holds more than that."""
    told = trees.git(ROOT, "describe", "--always", "--dirty=+").stdout.decode().strip()
    return told


def _into(report: Path, section: str) -> None:
    """Put the section into the report, in place of the one that stands there."""
    text = report.read_text(encoding="utf-8")
    before, found, rest = text.partition(f"{SECTION}\n")
    following = re.search(r"^## ", rest, re.MULTILINE)
    after = rest[following.start() :] if found and following else ""
    report.write_text(f"{before.rstrip()}\n\n{section.rstrip()}\n{after and chr(10) + after}", encoding="utf-8")


def main() -> int:
    """Follow every recipe; exit 0 whatever was seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, action="append", help="a folder of repositories, each OWNER+NAME")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("corpus-work"))
    parser.add_argument("--out", type=Path, default=Path("corpus-work"))
    parser.add_argument("--extra", type=Path, help="a folder with packages that the environments lack")
    parser.add_argument("--drill", action="store_true", help="interrupt the scripts, too")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="the way of interrupting; both where none is given")
    parser.add_argument("--report", type=Path, help="the report that the table becomes a section of")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "runs.json"
    rows = {row["script"]: Seen(**row) for row in json.loads(kept.read_text())} if options.only and kept.exists() else {}
    for number, recipe in enumerate(ALL):
        if options.only and not any(text in recipe.label for text in options.only):
            continue
        if recipe.extra and options.extra is None:
            continue
        work = (options.work / f"run{number}").resolve()
        try:
            seen = follow(recipe, options.corpus, work, options.extra, (options.way or list(WAYS)) if options.drill else [])
        except subprocess.TimeoutExpired as error:
            seen = Seen(recipe.label, commit(), faults=[f"longer than {error.timeout:.0f} s: {error.cmd[:4]}"])
        rows[recipe.label] = seen
        print(seen, file=sys.stderr, flush=True)
        kept.write_text(json.dumps([asdict(row) for row in rows.values()], indent=1), encoding="utf-8")
    words = [*(["--drill"] if options.drill else []), *(word for way in options.way or [] for word in ("--way", way)), "--report", "FILE"]
    told = [rows.get(recipe.label) or Seen(recipe.label, "-", None) for recipe in ALL]  # unknown: in the denominator
    section = table(told, f"python tests/ecosystem/runs.py --corpus DIR --extra DIR {' '.join(words)}")
    (options.out / "runs.md").write_text(section, encoding="utf-8")
    if options.report is not None:
        _into(options.report, section)
    return 0


if __name__ == "__main__":
    sys.exit(main())
