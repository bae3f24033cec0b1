"""The measurements as Markdown: the shares first, then a line for each repository and entry point, then what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.ecosystem.resumes import agrees

Row = dict[str, Any]
SHOWN = 12


def markdown(report: Row) -> str:
    """The whole table. Whatever could not be judged is in the denominator."""
    repos = report["repositories"]
    entries = [(repo, entry) for repo in repos for entry in repo["entries"]]
    lines = ["# The tool over the public corpus", "", f"Commit {report['commit']}, `{report['command']}`.", ""]
    lines += ["An entry point that could not be judged is unknown and stays in the denominator.", ""]
    lines += ["| what | seen | share |", "|---|---|---|", *_shares(repos, [entry for _, entry in entries]), ""]
    lines += _repositories(repos) + _entry_points(entries) + _failures(repos)
    return "\n".join(lines) + "\n"


def _share(label: str, good: int, all_: int, note: str = "") -> str:
    share = f"{100 * good / all_:.1f} %" if all_ else "-"
    return f"| {label} | {good} of {all_}{note} | {share} |"


def _shares(repos: list[Row], entries: list[Row]) -> Iterable[str]:
    yield _share("repositories: no traceback, exit codes 0, 1 or 2", sum(bool(r["clean"]) for r in repos), len(repos))
    for key, label in (
        ("json_valid", "scan's JSON is valid"),
        ("parse", "every changed file parses"),
        ("twice", "a second apply changes nothing"),
        ("comments", "comments all kept"),
        ("undo", "undo exact"),
        ("diff", "`--diff` given to git equals apply"),
    ):
        yield _share(f"repositories: {label}", sum(bool(r[key]) for r in repos), len(repos))
    yield _share("entry points found by scan", sum(e["found"] for e in entries), len(entries))
    mine = [e for e in entries if e["argparse"] or e["settings"]["judged"]]
    known = [e for e in mine if e["settings"]["judged"]]
    same = sum(not e["settings"]["differ"] for e in known)
    yield _share("argparse entry points: EC2 settings unchanged", same, len(mine), f" ({len(mine) - len(known)} unknown)")
    for serialiser in ("toolkit", "v3"):
        good = sum(e["settings"]["delivered"].get(serialiser, 0) for e in known)
        yield _share(f"options delivered, {serialiser}, of those judged", good, sum(e["settings"]["options"] for e in known))
        yield _share(f"options delivered, {serialiser}, unknown ones counted", good, sum(e["settings"]["options"] for e in mine))
        texts = [e["settings"]["texts"].get(serialiser, [0, 0]) for e in known]
        yield _share(f'the text "1.10" given to a text option, {serialiser}', sum(t[0] for t in texts), sum(t[1] for t in texts))
    redirected, reported, missed = (_writes(entries, key) for key in ("redirected", "reported", "missed"))
    every = redirected + reported + missed
    for what in ("resumed", "framework's own", "to look at", "refused", "nothing to keep", "nothing found", "not found"):
        yield _share(f"entry points after an interruption: {what}", sum(e["resume"]["what"] == what for e in entries), len(entries))
    told = [(e["checkpoint"], agrees(e["checkpoint"], e["seen_checkpoints"])) for e in entries]
    unknown = sum(good is None for _, good in told)
    yield _share(
        "the script's own checkpoints called as the list calls them",
        sum(good is True for _, good in told),
        len(told),
        f" ({unknown} unknown)",
    )
    yield _share("literal writes redirected", redirected, every)
    yield _share("literal writes reported with a reason only", reported, every)
    yield _share("literal writes neither redirected nor reported", missed, every)


def _writes(entries: list[Row], key: str) -> int:
    counts = [e["writes"][key] for e in entries]
    return sum(count if isinstance(count, int) else len(count) for count in counts)


def _mark(value: bool | None) -> str:
    return "?" if value is None else "yes" if value else "**no**"


def _repositories(repos: list[Row]) -> list[str]:
    keys = ("clean", "json_valid", "parse", "twice", "comments", "undo", "diff")
    head = ["| repository | commit | files changed | " + " | ".join(keys) + " | scan s | apply s |", "|---" * (len(keys) + 5) + "|"]
    cell: Callable[[Row, str], str] = lambda repo, label: f"{repo['seconds'].get(label, 0):.1f}"  # noqa: E731
    rows = [
        f"| {r['name']} | {r['commit'][:8]} | {r['changed']} | {' | '.join(_mark(r[k]) for k in keys)} | "
        f"{cell(r, 'scan')} | {cell(r, 'apply')} |"
        for r in repos
    ]
    return ["## Repositories", "", *head, *rows, ""]


def _entry_points(entries: list[tuple[Row, Row]]) -> list[str]:
    head = [
        "| entry point | framework | settings | EC2 cases same | options | toolkit | v3 | writes redirected / reported / missed "
        "| own checkpoints | after an interruption |",
        "|---" * 10 + "|",
    ]
    rows = []
    for repo, entry in entries:
        told = entry["settings"]
        cases = f"{told['cases'] - len(told['differ'])} of {told['cases']}" if told["judged"] else "?" if entry["argparse"] else "-"
        counted = (
            [str(told["options"]), *(str(told["delivered"].get(s, "?")) for s in ("toolkit", "v3"))] if told["judged"] else ["-", "-", "-"]
        )
        writes = entry["writes"]
        wrote = f"{writes['redirected']} / {len(writes['reported'])} / {len(writes['missed'])}"
        where = f"{repo['name']} `{entry['path']}`"
        rows.append(
            f"| {where} | {entry['framework'] or '**not found**'} | {entry['cli'] or '?'} | {cases} | {' | '.join(counted)} | {wrote} "
            f"| {entry['checkpoint'] or '?'} | {entry['resume']['what']} |"
        )
    return ["## Entry points", "", *head, *rows, ""]


def _failures(repos: list[Row]) -> list[str]:
    lines = ["## What failed", ""]
    for repo in repos:
        told = [f"- {fault}".replace("\n", " ")[:400] for fault in repo["faults"]]
        for entry in repo["entries"]:
            told += _entry_failures(entry)
        if told:
            lines += [f"### {repo['name']}", "", *told, ""]
    return lines


def _entry_failures(entry: Row) -> list[str]:
    verdict, told = entry["settings"], [f"- `{entry['path']}`: not resumed: {why}"[:300] for why in entry["resume"]["why"]]
    if verdict["why"] and (entry["argparse"] or verdict["judged"]):
        told.append(f"- `{entry['path']}`: {verdict['why']}".replace("\n", " ")[:300])
    for case in verdict["differ"][:SHOWN]:
        told.append(f"- `{entry['path']}`: EC2 case {case['case']!r} differs: {_told(case['before'])} -> {_told(case['after'])}"[:400])
    for lost in [one for one in verdict["lost"] if not one.get("text")][:SHOWN]:
        detail = f"{lost.get('serialiser', '')} expected {lost.get('expected')} got {lost.get('got')} {lost.get('said', '')}".replace(
            "\n", " "
        )
        told.append(f"- `{entry['path']}` {lost['option']}: {lost['why']} {detail}"[:400])
    return told + [f"- write neither redirected nor reported: {row}" for row in entry["writes"]["missed"][:SHOWN]]


def _told(outcome: Row) -> str:
    return f"{outcome['outcome']} {outcome['message']}"
