"""``migrate rules``: the rules' own words."""

from __future__ import annotations

import difflib
import re

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


def markdown(rule: Rule) -> str:
    """The page of a rule: its documentation under Markdown headings, its examples as diffs, and what it leaves alone."""
    first, _, rest = rule.documentation.strip().partition("\n")
    lines = [f"# {rule.code} {rule.name}", "", first]
    for line in rest.splitlines():
        heading = line and not line.startswith(" ")
        lines += ["", f"## {line}", ""] if heading else [line.strip()]
    for example in rule.examples:
        diff = difflib.unified_diff(example.before.splitlines(), example.after.splitlines(), "before", "after", lineterm="", n=2)
        lines += ["", "## Example", "", "```diff", *list(diff)[2:], "```"]
    for source in rule.untouched:
        lines += ["", "## Left alone", "", "```python", source.strip(), "```"]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def index() -> str:
    """The page that lists all rules."""
    rows = [f"| [{r.code}]({r.code}.md) | {r.name} | {r.documentation.strip().splitlines()[0]} |" for r in all_rules()]
    head = "# Rules\n\nMade by `tools/update_rules.py` from the rules themselves; `migrate rules CODE` shows a page in the terminal.\n\n"
    return head + "\n".join(["| code | name | finds |", "|---|---|---|", *rows]) + "\n"


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {"README.md": index(), **{f"{rule.code}.md": markdown(rule) for rule in all_rules()}}
