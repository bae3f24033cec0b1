"""The ecosystem job: the tool over repositories that nobody here wrote, measured, as a table.

    python tests/ecosystem/run.py --corpus DIR --list public.json [--whole] [--only TEXT] [--work DIR] [--out DIR]

DIR holds one checkout OWNER+NAME for each repository of the list; the list maps OWNER/NAME to ``commit`` and ``entry_points``.
Nothing of the corpus is changed: every step works on a copy. Needs bubblewrap and the environments of ``tests/environments.py``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.ecosystem import trees  # noqa: E402
from tests.ecosystem.commands import usual_commands  # noqa: E402
from tests.ecosystem.probe import Start  # noqa: E402
from tests.ecosystem.resumes import outcome  # noqa: E402
from tests.ecosystem.settings import judge  # noqa: E402
from tests.ecosystem.table import markdown  # noqa: E402
from tests.ecosystem.writes import audit, closure  # noqa: E402

SECONDS = 600.0


@dataclass
class Ran:
    """One start of the tool."""

    code: int | None
    out: bytes
    err: str
    seconds: float

    @property
    def clean(self) -> bool:
        """An exit code that the design names, and no traceback."""
        return self.code in (0, 1, 2) and "Traceback" not in self.err


@dataclass
class Repo:
    """What was measured on one repository. None: not measured."""

    name: str
    commit: str
    seconds: dict[str, float] = field(default_factory=dict)
    clean: bool | None = None
    json_valid: bool | None = None
    parse: bool | None = None
    twice: bool | None = None
    comments: bool | None = None
    undo: bool | None = None
    diff: bool | None = None
    changed: int = 0
    entries: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def migrate(copy: Path, command: str, *options: str) -> Ran:
    """Start ``migrate COMMAND`` on a copy, as a person would."""
    began = time.monotonic()
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "migrate", command, str(copy), *options], cwd=ROOT, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Ran(None, b"", f"longer than {SECONDS:.0f} s", time.monotonic() - began)
    return Ran(ran.returncode, ran.stdout, ran.stderr.decode(errors="replace"), time.monotonic() - began)


def measure(name: str, told: dict[str, Any], source: Path, work: Path, whole: bool) -> Repo:
    """All checks on one repository: on its listed entry points, or on every one that the tool finds (``whole``)."""
    repo = Repo(name, told["commit"])
    only: tuple[str, ...] = ()
    original = trees.copy(source, work / "original")
    applied = trees.copy(source, work / "applied")
    was = trees.snapshot(original)

    scanned = _start(repo, applied, "scan", "--format", "json")
    scan = _parse_json(repo, scanned.out)
    listed = {one["path"] for one in scan.get("entry_points", ())}
    if not whole:  # one that is not found would be refused by name, and is counted below
        only = tuple(word for entry in told["entry_points"] if entry in listed for word in ("--entry", entry))
    patch = _start(repo, applied, "apply", "--diff", *only)
    if trees.snapshot(applied) != was:
        repo.faults.append("scan or --diff changed files")
    first = _start(repo, applied, "apply", *only)
    now = trees.snapshot(applied)
    if first.code == 2 and scan.get("entry_points"):
        repo.faults.append(f"apply could not: {first.err.strip()[-300:]}")
    _compare(repo, original, applied, was, now)
    migrated = trees.copy(applied, work / "migrated")
    shutil.rmtree(applied / ".git/migrate/cache", ignore_errors=True)  # or it would know the tree that it left
    again = _start(repo, applied, "apply", *only)
    twice = trees.snapshot(applied)
    repo.twice = twice == now and again.clean
    if twice != now:
        unlike = sorted(name for name in set(twice) | set(now) if twice.get(name) != now.get(name))
        repo.faults.append(f"a second apply changed: {unlike[:5]}")
    _patched(repo, source, work, patch.out, now)
    if first.code in (0, 1):
        _undone(repo, applied, was)
    else:  # it says that it cannot be done: nothing is there to undo
        repo.undo = twice == was
    repo.clean = not any(fault.startswith("unclean") for fault in repo.faults)
    trees.respell(original)
    trees.respell(migrated)
    for entry in told["entry_points"]:
        repo.entries.append(_entry(entry, scan, original, migrated) | {"seen_checkpoints": told.get("checkpoint", [])})
    return repo


def _start(repo: Repo, copy: Path, command: str, *options: str) -> Ran:
    ran = migrate(copy, command, *options)
    label = " ".join((command, *(option for option in options if option == "--diff")))
    repo.seconds[label] = round(repo.seconds.get(label, 0.0) + ran.seconds, 2)
    if not ran.clean:
        repo.faults.append(f"unclean {label}: exit {ran.code}: {ran.err.strip()[-1500:]}")
    return ran


def _parse_json(repo: Repo, text: bytes) -> dict[str, Any]:
    def refuse(constant: str) -> object:
        raise ValueError(constant)

    try:
        told = json.loads(text, parse_constant=refuse)
    except ValueError as error:
        repo.json_valid = False
        repo.faults.append(f"scan's JSON: {error}")
        return {}
    repo.json_valid = told.get("version") == 1
    return dict(told)


def _compare(repo: Repo, original: Path, applied: Path, was: trees.Snapshot, now: trees.Snapshot) -> None:
    seen = trees.compare(original, applied, was, now)
    repo.changed, repo.parse, repo.comments = len(seen.changed), not seen.unparsed, not seen.comments_lost
    gone = sorted(set(was) - set(now))
    for what, names in (("does not parse", seen.unparsed), ("comments lost", seen.comments_lost), ("deleted", gone)):
        if names:
            repo.faults.append(f"{what}: {names[:5]}")


def _patched(repo: Repo, source: Path, work: Path, patch: bytes, now: trees.Snapshot) -> None:
    """The printed patch, given to git, has to make the tree that apply makes."""
    target = trees.copy(source, work / "patched")
    if patch.strip():
        taken = trees.git(target, "apply", "--whitespace=nowarn", data=patch)
        if taken.returncode:
            repo.faults.append(f"git apply refuses the patch: {taken.stderr.decode(errors='replace')[:300]}")
    made = trees.snapshot(target)
    repo.diff = made == now
    if made != now:
        unlike = sorted(name for name in set(made) | set(now) if made.get(name) != now.get(name))
        repo.faults.append(f"--diff differs from apply: {unlike[:5]}")


def _undone(repo: Repo, applied: Path, was: trees.Snapshot) -> None:
    _start(repo, applied, "undo")
    now = trees.snapshot(applied)
    dirty = trees.git(applied, "status", "--porcelain").stdout.decode(errors="replace").strip()
    repo.undo = now == was and not dirty and not (applied / ".migrate").exists()
    if not repo.undo:
        unlike = sorted(name for name in set(was) | set(now) if was.get(name) != now.get(name))
        repo.faults.append(f"undo left: {unlike[:5]} git: {dirty[:200]}")


def _entry(entry: str, scan: dict[str, Any], original: Path, migrated: Path) -> dict[str, Any]:
    told = next((one for one in scan.get("entry_points", ()) if one["path"] == entry), None)
    files = closure(original, entry)
    row: dict[str, Any] = {
        "path": entry,
        "found": told is not None,
        "framework": told["framework"] if told else None,
        "cli": told["cli"] if told else None,
    }
    row["unreadable"] = any(one["path"] == entry for one in scan.get("unreadable", ()))
    row["argparse"] = any("ArgumentParser" in (original / file).read_text(encoding="utf-8", errors="replace") for file in files)
    paths = (".", "src") if (original / "src").is_dir() else (".",)
    verdict = judge(Start(original, entry, paths=paths), Start(migrated, entry, paths=paths), usual_commands(original, entry), told)
    if not verdict.judged:
        row["argparse"] = row["argparse"] and "ArgumentParser(" in (original / entry).read_text(encoding="utf-8", errors="replace")
        verdict.options = sum((original / file).read_text(encoding="utf-8", errors="replace").count(".add_argument(") for file in files[:1])
    row["settings"] = asdict(verdict)
    row["checkpoint"] = told["checkpoint"]["kind"] if told else None
    row["resume"] = outcome([f for f in scan.get("findings", []) if f["path"] in files], told)
    row["writes"] = asdict(audit(original, migrated, files, scan.get("findings", [])))
    return row


def main() -> int:
    """Measure, write ``report.json`` and ``REPORT.md``; exit 0 whatever was seen, since judging is the reader's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="folder of checkouts named OWNER+NAME")
    parser.add_argument("--list", type=Path, required=True, help="JSON: OWNER/NAME to commit and entry_points")
    parser.add_argument("--only", action="append", default=[], help="repositories whose name holds this text (repeatable)")
    parser.add_argument("--work", type=Path, default=Path("corpus-work"), help="scratch folder for the copies")
    parser.add_argument("--out", type=Path, default=Path("corpus-work"), help="where report.json and REPORT.md go")
    parser.add_argument("--whole", action="store_true", help="apply to every entry point that the tool finds, not only to the listed ones")
    options = parser.parse_args()
    wanted = json.loads(options.list.read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = []
    options.out.mkdir(parents=True, exist_ok=True)
    head = trees.git(ROOT, "rev-parse", "--short", "HEAD").stdout.decode().strip()
    dirty = bool(trees.git(ROOT, "status", "--porcelain", "--", "migrate", "templates").stdout.strip())
    for name, told in sorted(wanted.items(), key=lambda item: item[1].get("py_files", 0)):  # small ones first: what is common shows early
        source = options.corpus / name.replace("/", "+")
        if options.only and not any(text in name for text in options.only):
            continue
        if not source.is_dir():
            rows.append(asdict(Repo(name, told["commit"], faults=["no checkout"])))
            continue
        began = time.monotonic()
        rows.append(asdict(measure(name, told, source, options.work / name.replace("/", "+"), options.whole)))
        print(f"{time.monotonic() - began:6.1f} s  {name}  {rows[-1]['faults'] or 'ok'}", file=sys.stderr, flush=True)
        command = f"python tests/ecosystem/run.py --corpus DIR --list {options.list.name}{' --whole' if options.whole else ''}"
        report = {"commit": head + (" with uncommitted changes" if dirty else ""), "command": command, "repositories": rows}
        (options.out / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
        (options.out / "REPORT.md").write_text(markdown(report), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
