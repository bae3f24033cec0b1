"""How public repositories are run, as a careful person reads it, against what the tool finds: a table.

    python tests/ecosystem/launchers.py --corpus DIR [--out FILE]

DIR holds one checkout OWNER+NAME for each repository of launchers.toml, at its commit. Nothing in it is changed or run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import tomlkit  # noqa: E402

from migrate.job.ec2 import on_ec2  # noqa: E402
from migrate.job.model import EntryPoint  # noqa: E402
from migrate.repo.ec2.model import Command, Ec2Side  # noqa: E402
from migrate.repo.ec2.read import read_ec2  # noqa: E402
from migrate.repo.entries import find_entries  # noqa: E402
from migrate.repo.tree import find_files  # noqa: E402

GIVEN = ("entry", "from", "in")
Found = Callable[[Command | None, EntryPoint], object]
FACTS: dict[str, Found] = {
    "start": lambda start, point: " ".join(start.argv) if start is not None else None,
    "complete": lambda start, point: start.complete if start is not None else None,
    "processes": lambda start, point: start.processes if start is not None else None,
    "nodes": lambda start, point: (start.nodes or (1 if start.processes else None)) if start is not None else None,
    "conda": lambda start, point: start.conda if start is not None else None,
    "detached": lambda start, point: start.detached if start is not None else None,
    "instance_type": lambda start, point: point.instance_type,
    "spot": lambda start, point: point.spot,
    "region": lambda start, point: first(point.ec2.all_regions),
    "image": lambda start, point: first([machine.ami for machine in point.ec2.machines if machine.ami is not None]),
    "role": lambda start, point: first(point.ec2.all_roles),
    "volume": lambda start, point: first(point.ec2.volumes),
    "data": lambda start, point: next((moved.s3 for moved in point.ec2.transfers if moved.into), None),
    "mount": lambda start, point: next((mount.point for mount in point.ec2.mounts), None),
    "container": lambda start, point: first(point.ec2.images),
}


def first(facts: object) -> object:
    return next((fact.value for fact in facts), None)  # type: ignore[attr-defined]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("LAUNCHERS.md"))
    options = parser.parse_args()
    table = tomlkit.parse(Path(__file__).with_name("launchers.toml").read_text("utf-8")).unwrap()
    rows = [row for repository in table["repository"] for row in judged(options.corpus, repository)]
    options.out.write_text(markdown(rows), "utf-8")
    print(f"{sum(row[4] for row in rows)} of {len(rows)} as expected; {options.out}")
    return 0


def judged(corpus: Path, repository: dict) -> list[tuple[str, str, str, str, bool]]:
    """For each fact: where, what, expected, found, whether they agree."""
    tree = find_files(corpus / repository["name"].replace("/", "+"))
    entries = find_entries(tree, 1).entries
    side = read_ec2(tree, entries)
    rows = []
    for fact in repository["fact"]:
        point = on_ec2(empty(fact["entry"]), side.of(fact["entry"], [entry.path for entry in entries]))
        start = chosen(point.ec2, fact.get("in"))
        for name, expected in fact.items():
            if name not in GIVEN:
                found = FACTS[name](start, point)
                text = "nothing" if found is None else str(found)
                rows.append((f"{repository['name']} `{fact['entry']}`", name, str(expected), text, str(expected) == text))
    return rows


def chosen(side: Ec2Side, where: str | None) -> Command | None:
    """The usual start, or the first one in a file (``file`` or ``file:line``) that the table names."""
    return next((start for start in side.starts if where is None or where in (start.path, start.place)), None)


def empty(path: str) -> EntryPoint:
    return EntryPoint(path, "pytorch", None, "argparse", (), (), (), "none", None, None)


def markdown(rows: list[tuple[str, str, str, str, bool]]) -> str:
    good = sum(row[4] for row in rows)
    lines = [
        "# How public repositories are run: expected by hand, and found",
        "",
        "`python tests/ecosystem/launchers.py --corpus DIR`; launchers.toml holds what is expected, with the files that it was read from.",
        "",
        f"{good} of {len(rows)} facts as expected ({100 * good / len(rows):.1f} %).",
        "",
        "| entry point | fact | expected | found | |",
        "|---|---|---|---|---|",
    ]
    for where, name, expected, found, same in rows:
        lines.append(f"| {where} | {name} | {cell(expected)} | {'the same' if same else cell(found)} | {'yes' if same else '**no**'} |")
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else "(none)"


if __name__ == "__main__":
    raise SystemExit(main())
