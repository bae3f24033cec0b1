"""How results are told: text and JSON. This room computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.scan import Scan


def as_json(found: Scan) -> str:
    from migrate.report import json

    return json.as_json(found)


def as_text(found: Scan) -> str:
    """The text report without colours."""
    import io

    from rich.console import Console

    from migrate.report.text import show

    target = io.StringIO()
    show(found, Console(file=target, soft_wrap=True, highlight=False, no_color=True, width=120))
    return target.getvalue()
