"""``migrate rules``: the rules' own words."""

from __future__ import annotations

import difflib

from rich.console import Console
from rich.markup import escape

from migrate.errors import UserError
from migrate.rules.base import Rule, all_rules


def show_rules(console: Console) -> None:
    """Every rule in a line."""
    for rule in all_rules():
        console.print(f"{rule.code}  {rule.name:24} {escape(rule.documentation.strip().splitlines()[0])}")


def show_rule(code: str, console: Console) -> None:
    """One rule whole. Raises UserError for a code that is none."""
    found = next((rule for rule in all_rules() if code.upper() == rule.code or code == rule.name), None)
    if found is None:
        raise UserError(f"no rule {code}; `migrate rules` lists them")
    console.print(page(found), markup=False)


def page(rule: Rule) -> str:
    """The documentation of a rule as text, with its examples as diffs."""
    text = f"{rule.code} {rule.name}\n\n{rule.documentation.strip()}\n"
    for example in rule.examples:
        lines = difflib.unified_diff(example.before.splitlines(), example.after.splitlines(), "before", "after", lineterm="", n=1)
        text += "\nExample\n" + "\n".join(f"    {line}" for line in lines) + "\n"
    return text
