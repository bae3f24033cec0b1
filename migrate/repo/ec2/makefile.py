"""Recipes of a Makefile as shell text, with make's own variables filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.repo.ec2.lines import logical

_ASSIGNED = re.compile(r"^(?:export\s+|override\s+)?([A-Za-z_][\w.]*)\s*(\?=|:{0,2}=|\+=)\s*(.*)$")
_USED = re.compile(r"\$(?:\(([A-Za-z_][\w.]*)\)|\{([A-Za-z_][\w.]*)\})")
_RULE = re.compile(r"^[^\s#=][^=]*:(?!=)")
MOST_DEEP = 10


def recipes(text: str, just: bool = False) -> Iterator[tuple[int, str]]:
    """Each command of each recipe, with the number of its first line. ``just``: of a justfile, where recipes are indented by anything."""
    lines = logical(text)
    variables = _variables(lines)
    inside = False
    for number, line in lines:
        if line.startswith("\t") or (just and inside and line[:1].isspace()):
            if inside:
                yield number, _filled(line.strip().lstrip("@-+"), variables, just)
        elif line.strip() and not line.startswith("#"):
            inside = _RULE.match(line) is not None
            head, semicolon, rest = line.partition(";")
            if inside and semicolon and not just and ":" in head:
                yield number, _filled(rest.strip(), variables, just)


def _variables(lines: list[tuple[int, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for _, line in lines:
        match = _ASSIGNED.match(line)
        if match is None or line.startswith("\t"):
            continue
        name, operator, value = match.groups()
        value = re.sub(r"(?<!\\)\s#.*", "", value).strip()
        if operator == "+=":
            found[name] = f"{found.get(name, '')} {value}".strip()
        elif operator != "?=" or name not in found:
            found[name] = value
    return found


def _filled(text: str, variables: dict[str, str], just: bool) -> str:
    if just:
        return text
    for _ in range(MOST_DEEP):
        made = _USED.sub(lambda match: variables.get(match[1] or match[2], match[0]), text)
        if made == text or len(made) > 100_000:
            break
        text = made
    text = _without_functions(re.sub(r"\$\$", "\0", text))
    text = _USED.sub(lambda match: f"${{{(match[1] or match[2]).replace('.', '_')}}}", text)  # what nothing sets: open, as in shell
    return text.replace("\0", "$")


def _without_functions(text: str) -> str:
    """``$(shell ...)`` and the other functions of make as one open variable, since what they give is not known."""
    made, at = "", 0
    while (start := text.find("$(", at)) != -1:
        depth, end = 1, start + 2
        while end < len(text) and depth:
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        whole = text[start:end]
        made += text[at:start] + (whole if _USED.fullmatch(whole) else "${make}")
        at = end
    return made + text[at:]
