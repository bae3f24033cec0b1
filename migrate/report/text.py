"""``scan``, ``apply`` and ``undo`` told as text."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from migrate.facts.secrets import hidden_in, shown_lines
from migrate.job.model import EntryPoint
from migrate.report.groups import grouped
from migrate.rules.model import Finding

if TYPE_CHECKING:
    from migrate.apply import Plan
    from migrate.edits.journal import Undone
    from migrate.scan import Scan

COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
MOST_LEFT = 40


def show(found: Scan, console: Console) -> None:
    """Entry points with the job each would be, findings by file with their lines, and what is left to do by hand."""
    for point in found.entry_points:
        _entry(point, console)
    _findings(found, console)
    for unreadable in found.unreadable:
        console.print(f"[yellow]not read[/] {escape(unreadable.path)}: {escape(unreadable.reason)}")
    _summary(found, console)


def _entry(point: EntryPoint, console: Console) -> None:
    version = f" {point.framework_version}" if point.framework_version else ""
    console.print(
        f"[bold]{escape(point.path)}[/]  {point.framework}{version}, settings by {point.cli}, checkpoints: {point.checkpoint_kind}"
    )
    if point.command:
        console.print(f"  started by  {escape(point.command)}{escape(_where(point))}")
    on_ec2 = [point.instance_type or "", "spot" if point.spot else "", *dict.fromkeys(fact.value for fact in point.ec2.all_regions)]
    if any(on_ec2):
        console.print(f"  on EC2      {escape(', '.join(filter(None, on_ec2)))}")
    for contradiction in point.ec2.contradictions:
        console.print(f"  [yellow]two values[/]  {escape(str(contradiction))}")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    for channel in point.channels:
        table.add_row(
            "channel",
            channel.name,
            escape(str(channel.default or "(no EC2 default)") + (f" from {channel.source}" if channel.source else "")),
            escape(channel.option or f"{channel.path}:{channel.line}"),
        )
    for output in point.outputs:
        table.add_row("output", output.kind, escape(str(output.default or "")), escape(output.option or f"{output.path}:{output.line}"))
    settings = [h.name for h in point.hyperparameters if not h.is_path]
    if settings:
        table.add_row("settings", str(len(settings)), escape(", ".join(settings[:12]) + (" ..." if len(settings) > 12 else "")), "")
    if table.row_count:
        console.print(table)
    console.print()


def _where(point: EntryPoint) -> str:
    """The place of the usual start, and what it runs in."""
    if not point.ec2.starts:
        return ""
    start = point.ec2.starts[0]
    told = [start.place, f"conda {start.conda}" if start.conda else "", f"in {start.image}" if start.image else "", start.detached or ""]
    return f"  ({', '.join(filter(None, told))})"


def _findings(found: Scan, console: Console) -> None:
    for path, group in groupby(found.findings, key=lambda f: f.place.path):
        console.print(f"[bold]{escape(path)}[/]")
        lines = shown_lines(found.tree.read(path), [p.span for p in found.hidden if p.path == path]) if found.tree is not None else []
        for one in grouped(group):
            _finding(one.first, lines, console, one.same)
        console.print()


def _finding(finding: Finding, lines: list[bytes], console: Console, same: str) -> None:
    span = finding.place.span
    colour = COLOURS.get(finding.severity, "white")
    fix = {"safe": "[green]fix[/]", "unsafe": "[yellow]fix with --unsafe-fixes[/]", "none": "by hand"}[finding.fix]
    console.print(f"  {span.line}:{span.column + 1}  [{colour}]{finding.rule}[/] {finding.name}: {escape(finding.message)}  \\[{fix}]")
    if 0 < span.line <= len(lines):
        console.print(f"      [dim]{escape(lines[span.line - 1].decode('utf-8', 'replace').strip()[:140])}[/]")
    if finding.reason:
        console.print(f"      {escape(finding.reason)}")
    if same:
        console.print(f"      the same: {escape(same)}")


def _summary(found: Scan, console: Console) -> None:
    fixes = Counter(f.fix for f in found.findings)
    total = sum(fixes.values())
    points = len(found.entry_points)
    console.print(f"{points} entry point{'s' if points != 1 else ''}, {total} finding{'s' if total != 1 else ''}", end="")
    if total:
        console.print(
            f": {fixes['safe']} fixed by `migrate apply` ({fixes['safe'] * 100 // total} %), {fixes['unsafe']} that need a look,"
            f" {fixes['none']} by hand"
        )
    else:
        console.print()


def show_applied(planned: Plan, console: Console, only_check: bool = False) -> None:
    """What was changed, and what is left."""
    verb = "would change" if only_check else "changed"
    for change in planned.changes:
        console.print(f"{('would make' if only_check else 'made') if change.old is None else verb}  {escape(change.path)}")
    if not planned.changes:
        console.print("nothing to change")
    for path, note in planned.kept:
        console.print(f"[yellow]kept[/] {escape(path)}: a person has edited it; what it would be now:\n{escape(hidden_in(path, note))}")
    left = grouped(planned.left)
    for one in left[:MOST_LEFT]:
        finding = one.first
        place = f"{finding.place.path}:{finding.place.span.line}"
        console.print(
            f"[yellow]left[/] {escape(place)}  {finding.rule} {finding.name}: {escape(finding.message)}"
            + (f" ({escape(finding.reason)})" if finding.reason else "")
            + (f"; the same: {escape(one.same)}" if one.same else "")
        )
    if len(left) > MOST_LEFT:
        console.print(f"... and {len(left) - MOST_LEFT} more: `migrate scan` lists them")
    console.print(f"{len(planned.done)} findings {'would be ' if only_check else ''}mended, {len(planned.left)} left to a person")


def show_undone(undone: Undone, console: Console) -> None:
    """What came back."""
    for path in undone.restored:
        console.print(f"restored  {escape(path)}")
    for path in undone.removed:
        console.print(f"removed   {escape(path)}")
    if undone.nothing:
        console.print("nothing to undo")
