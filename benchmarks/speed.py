"""Speed as ratios, measured in one interleaved run: ``python -m benchmarks.speed --repositories FOLDER``. Prints a Markdown table."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import measure, trees
from migrate.repo.cache import Cache
from migrate.repo.tree import find_files

MIGRATE = [sys.executable, "-m", "migrate"]
ROOT = Path(__file__).resolve().parent.parent
Row = tuple[str, str, str]  # what, target, measured


def main() -> None:
    """Measures what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=Path, help="a folder of training repositories, one a subfolder")
    parser.add_argument("--library", type=Path, help="a library tree (default: made from wheels, in the user's cache folder)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=600, help="seconds for one command")
    parser.add_argument("--only", nargs="*", choices=sorted(PARTS), default=sorted(PARTS))
    options = parser.parse_args()
    command = " ".join(["python -m benchmarks.speed", *sys.argv[1:]])
    command = " ".join(["python -m benchmarks.speed", *(Path(each).name if each.startswith("/") else each for each in sys.argv[1:])])
    print(f"commit {_git('rev-parse', '--short', 'HEAD')}, Python {sys.version.split()[0]}, `{command}`\n")
    print("| what | target | measured |\n|---|---|---|")
    for name in options.only:
        for row in PARTS[name](options):
            print("| " + " | ".join(row) + " |", flush=True)


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True).stdout.strip()


def _ruff(folder: Path) -> list[str]:
    return [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--isolated", "--select", "F", "-q", str(folder)]


def _entries(folder: Path) -> list[str]:
    code = "import sys; from migrate.repo import entries, tree; entries.find_entries(tree.find_files(sys.argv[1]))"
    return [sys.executable, "-c", code, str(folder)]


def _drop_cache(folder: Path) -> None:
    shutil.rmtree(Cache(find_files(folder)).folder, ignore_errors=True)


def _against_ruff(name: str, folder: Path, target: float, options: argparse.Namespace) -> Iterator[Row]:
    scan = [*MIGRATE, "scan", str(folder), "--format", "json"]
    runs: dict[str, list[measure.Run]] = {}
    for _ in range(options.rounds):
        _drop_cache(folder)
        commands = {"ruff": _ruff(folder), "rg": ["rg", "-c", "backward", str(folder)], "cold": scan, "warm": scan}
        for key, more in measure.interleaved(commands, 1, ROOT, options.limit).items():
            runs.setdefault(key, []).extend(more)
    yield f"cold scan of the {name}", f"<= {target} x ruff", _ratios(runs["cold"], runs["ruff"])
    yield f"cold scan of the {name}, against rg", "", _ratios(runs["cold"], runs["rg"])
    yield f"warm scan of the {name}", "<= 0.15 x cold", _ratios(runs["warm"], runs["cold"])


def entries(options: argparse.Namespace) -> Iterator[Row]:
    """The first half of a scan alone: listing the files and finding the entry points."""
    for name, folder in (("library tree", options.library or trees.library_tree()), ("training repositories", options.repositories)):
        if folder is not None:
            files, lines = trees.size(folder)
            commands = {"ruff": _ruff(folder), "rg": ["rg", "-c", "backward", str(folder)], "entries": _entries(folder)}
            runs = measure.interleaved(commands, options.rounds, ROOT, options.limit)
            if any(run.code != 0 for run in runs["entries"]):
                raise SystemExit("finding the entry points failed")
            title = f"{name} ({files:,} files, {lines:,} lines)"
            yield (
                f"finding the entry points of the {title}",
                "part of a cold scan",
                f"{_ratios(runs['entries'], runs['ruff'])} against ruff",
            )
            yield f"... against rg over the {name}", "", _ratios(runs["entries"], runs["rg"])


def _ratios(ours: list[measure.Run], theirs: list[measure.Run]) -> str:
    if measure.wall(ours) == float("inf"):
        return "did not end within the limit"
    wall, cpu = measure.wall(ours) / measure.wall(theirs), measure.cpu(ours) / measure.cpu(theirs)
    return f"{wall:.2f} x wall, {cpu:.2f} x CPU ({measure.wall(ours):.2f} s)"


def library(options: argparse.Namespace) -> Iterator[Row]:
    """The library tree against ruff and rg."""
    yield from _against_ruff("library tree", options.library or trees.library_tree(), 2, options)


def repositories(options: argparse.Namespace) -> Iterator[Row]:
    """Training repositories against ruff and rg."""
    if options.repositories is not None:
        yield from _against_ruff("training repositories", options.repositories, 4, options)


def flat(options: argparse.Namespace) -> Iterator[Row]:
    """Time per line over nested sets of whole repositories."""
    if options.repositories is None:
        return
    told = []
    with tempfile.TemporaryDirectory() as folder:
        for number, members in enumerate(trees.nested(options.repositories)):
            target = Path(folder, str(number))
            for each in members:
                shutil.copytree(each, target / each.name, symlinks=True, ignore=shutil.ignore_patterns(".git"))
            lines = trees.size(target)[1]
            runs = measure.interleaved({"scan": [*MIGRATE, "scan", str(target), "--format", "json"]}, 1, ROOT, options.limit)["scan"]
            told.append(f"{lines:,} lines: {measure.cpu(runs) / lines * 1e6:.0f} µs")
    yield "CPU per line of a cold scan, nested sets of repositories", "flat", "; ".join(told)


def start(options: argparse.Namespace) -> Iterator[Row]:
    """``--version`` and ``--help`` against a bare Python start."""
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "version": [*MIGRATE, "--version"],
        "help": [*MIGRATE, "--help"],
        "typer": [sys.executable, "-c", "import typer"],
    }
    runs = measure.interleaved(commands, max(options.rounds, 15), ROOT)
    yield "`--version` against a bare Python start", "<= 1.5 x", _ratios(runs["version"], runs["python"])
    yield "`--help` against a Python start with typer", "about 1 x", _ratios(runs["help"], runs["typer"])


def memory(options: argparse.Namespace) -> Iterator[Row]:
    """Peak memory of all processes of a cold scan."""
    for name, folder in (("library tree", options.library or trees.library_tree()), ("training repositories", options.repositories)):
        if folder is not None:
            _drop_cache(folder)
            run = measure.run([*MIGRATE, "scan", str(folder), "--format", "json"], ROOT, options.limit, memory=True)
            yield (
                f"peak memory of a cold scan of the {name}",
                "< 200 MiB",
                f"{run.peak:.0f} MiB" + ("" if run.code is not None else " (until the limit)"),
            )


def apply(options: argparse.Namespace) -> Iterator[Row]:
    """``apply`` of a repository with ten files that change."""
    with tempfile.TemporaryDirectory() as folder:
        times = []
        for number in range(options.rounds):
            target = Path(folder, str(number))
            _ten_scripts(target)
            times.append(measure.run([*MIGRATE, "apply", str(target)], ROOT, options.limit))
        yield (
            "`apply` where ten files change",
            "< 1.5 s",
            f"{measure.wall(times):.2f} s wall, {measure.cpu(times):.2f} s CPU (exit code {times[-1].code})",
        )


SCRIPT = """import argparse
import torch
parser = argparse.ArgumentParser()
parser.add_argument("--data", default="/data/set{number}")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--cuda", action="store_true")
args = parser.parse_args()
net = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
x = torch.load(args.data + "/x.pt")
for epoch in range(args.epochs):
    optimizer.zero_grad()
    net(x).sum().backward()
    optimizer.step()
torch.save(net.state_dict(), "model{number}.pt")
"""


def _ten_scripts(target: Path) -> None:
    target.mkdir()
    for number in range(10):
        (target / f"train{number}.py").write_text(SCRIPT.replace("{number}", str(number)), "utf-8")


PARTS = {
    "entries": entries,
    "library": library,
    "repositories": repositories,
    "flat": flat,
    "start": start,
    "memory": memory,
    "apply": apply,
}

if __name__ == "__main__":
    main()
