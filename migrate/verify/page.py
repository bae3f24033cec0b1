"""The proofs as a part of MIGRATION.md, for the person who reviews the change. Made from verify.json and drill.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migrate.generate.environment import mdcode, mdtext

_VERDICTS = {"pass": "holds", "fail": "**fails**", "note": "note", "not run": "not run"}
_MOST_LINES = 8


def section(verified: Mapping[str, Any] | None, drilled: Mapping[str, Any] | None) -> str:
    """Markdown for what the two files tell, as JSON; None for one that is not there."""
    told = [(file, words) for file, words in ((verified, ""), (drilled, ", interrupted")) if file]
    return "\n".join(_report(report, words, file["tool"]) for file, words in told for report in file["reports"])


def _report(report: Mapping[str, Any], words: str, tool: str) -> str:
    failed = sum(check["verdict"] == "fail" for check in report["checks"])
    result = f"{failed} of {len(report['checks'])} proofs fail" if failed else "no proof fails"
    if report["unable"]:
        result = f"it could not be run: {mdtext(report['unable'])}"
    versions = [f"{name} {version}" for name, version in report["versions"].items()]
    lines = [
        f"### {mdtext(report['entry'])}{words}",
        "",
        f"{report['started'][:16].replace('T', ' ')} UTC, engine {report['engine']}: **{result}**.",
        f"The hash of all files that ran: {mdcode(report['tree'])}.",
        *([f"Started by {mdtext(_starters(report))}."] if report.get("starters") else []),
        f"With {mdtext(', '.join([f'migrate {tool}', *versions]))}.",
        "",
        *_table(report["checks"]),
        *(line for check in report["checks"] if check["verdict"] == "fail" for line in _fault(check)),
        *(f"\nNote: {mdtext(note)}." for note in report["notes"]),
        *_apart(report),
    ]
    return "\n".join(lines) + "\n"


def _starters(report: Mapping[str, Any]) -> str:
    """What started the script, by convention."""
    return "; ".join(f"{starter} ({style})" for style, starter in report["starters"].items())


def _table(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = ["| proof | under | | what was seen | time |", "|---|---|---|---|---|"]
    for check in checks:
        seconds = f"{check['seconds']:.1f} s" if isinstance(check["seconds"], float) and check["seconds"] >= 0.05 else ""
        words = [mdtext(check["name"]), check["style"] or "both", _VERDICTS[check["verdict"]], mdtext(check["message"]), seconds]
        rows.append(f"| {' | '.join(words)} |")
    return rows


def _fault(check: Mapping[str, Any]) -> list[str]:
    """Where it comes from, by what rule, and the likely mend."""
    rule = f" (rule {check['rule']})" if check["rule"] else ""
    lines = ["", f"**{mdtext(check['name'])}**, {check['style'] or 'both'}{rule}:", ""]
    for item in check["evidence"][:_MOST_LINES]:
        place = f"{mdcode(item['where'])}{'' if item['sure'] else ' (likely)'}: " if item["where"] else ""
        lines.append(f"- {place}{mdtext(item['text'])}")
    if len(check["evidence"]) > _MOST_LINES:
        lines.append(f"- and {len(check['evidence']) - _MOST_LINES} more, in verify.json")
    return [*lines, *([f"- likely mend: {mdtext(check['advice'])}"] if check["advice"] else [])]


def _apart(report: Mapping[str, Any]) -> list[str]:
    if not report["isolates"]:
        return []
    return ["", f"Kept apart: {mdtext('; '.join(report['isolates']))}.", "", f"Not kept apart: {mdtext('; '.join(report['does_not']))}."]
