"""The report for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from migrate.verify.interpreter import style_note
from migrate.verify.model import Check, Report

if TYPE_CHECKING:
    from rich.console import Console

_LOOK = {"pass": ("ok", "green"), "fail": ("FAIL", "bold red"), "note": ("note", "yellow"), "not run": ("not run", "yellow")}
_MOST_LINES = 8


def show(reports: Sequence[Report], console: Console) -> None:
    """Print each report: its checks as a table, what failed with its lines, what was and was not isolated. rich keeps NO_COLOR."""
    from rich.markup import escape

    for report in reports:
        why = f" ({report.why})" if report.why else ""
        console.print(f"[bold]{escape(report.entry)}[/bold]  engine {escape(report.engine + why)}, Python {escape(report.python)}")
        if report.starters:
            console.print(f"  [dim]started by: {escape('; '.join(f'{by} ({style})' for style, by in report.starters.items()))}[/dim]")
        console.print(_table(report), soft_wrap=False)
        for check in report.checks:
            _explain(check, console)
        for note in report.notes:
            console.print(f"  note: {escape(note)}")
        if report.unable and not any(check.verdict == "not run" for check in report.checks):
            console.print(f"[bold red]could not be run:[/bold red] {escape(report.unable)}")
        for folder, names in _logs(report).items():
            console.print(f"  log: {escape(f'{folder}/')}{escape(', '.join(names))}", soft_wrap=True)
        console.print(f"  [dim]kept apart: {escape('; '.join(report.isolates))}[/dim]")
        console.print(f"  [dim]not kept apart: {escape('; '.join(report.does_not))}[/dim]")
        console.print(_verdict(report))


def _logs(report: Report) -> dict[str, list[str]]:
    """The names of the logs that are kept, by their folder."""
    out: dict[str, list[str]] = {}
    for log in dict.fromkeys(run.log for run in report.runs if run.log):
        folder, _, name = log.rpartition("/")
        out.setdefault(folder, []).append(name)
    return out


def _table(report: Report) -> object:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("check", "serialiser", "", "what was seen"):
        table.add_column(heading, overflow="fold")
    table.add_column("time", justify="right")
    for check in report.checks:
        word, look = _LOOK[check.verdict]
        seconds = f"{check.seconds:.1f} s" if check.seconds else ""
        table.add_row(check.name, check.style or "both", Text(word, style=look), Text(check.message), seconds)
    return table


def _explain(check: Check, console: Console) -> None:
    from rich.text import Text

    if check.verdict == "pass" or not (check.evidence or check.advice or check.rule):
        return
    line = Text(f"{check.name} ({check.style or 'both'})", style="bold")
    console.print(line)
    for evidence in check.evidence[:_MOST_LINES]:
        where = f"{evidence.where}{'' if evidence.sure else ' (likely)'}: " if evidence.where else ""
        console.print(Text(f"    {where}{evidence.text}"), soft_wrap=True)
    if len(check.evidence) > _MOST_LINES:
        console.print(f"    ... and {len(check.evidence) - _MOST_LINES} more")
    if check.rule:
        console.print(Text(f"    rule {check.rule} (migrate rules {check.rule.split()[0]})"), soft_wrap=True)
    if check.advice:
        console.print(Text(f"    -> {check.advice}"), soft_wrap=True)


def _verdict(report: Report) -> str:
    failed = sum(check.verdict == "fail" for check in report.checks)
    if report.exit_code == 0 and report.drill is not None:
        count = sum(way.result in ("same", "close") for way in report.drill.ways)
        if count < len(report.drill.ways):
            return f"[yellow]drilled[/yellow]: {count} of {len(report.drill.ways)} interruptions were seen to lead to the same result"
        return f"[green]drilled[/green]: it goes on after each of {count} interruptions, to the same result, in {report.seconds:.1f} s"
    if report.exit_code == 0:
        styles = " and ".join(style_note(style) for style in sorted({run.style for run in report.runs if run.purpose == "contract"}))
        return f"[green]verified[/green]: it trains {styles}, in {report.seconds:.1f} s"
    if report.exit_code == 1:
        return f"[bold red]{failed} check{'s' * (failed > 1)} failed[/bold red]"
    return "[yellow]not verified[/yellow]"
