"""The secrets in files that are no Python: shell, Dockerfiles, YAML, notebooks. Line by line, since each has a language of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.model import Place, Span
from migrate.facts.secrets.model import Secret, hide
from migrate.facts.secrets.texts import known_secrets, looks_meant, names_a_secret

_VALUE = r"[\"']?(?P<value>[^\s\"'`,;)}\\]+)"
_SETS = (
    re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[\"'\]]*\s*[=:]\s*" + _VALUE),  # NAME=value, NAME: value, "name": "value"
    re.compile(r"(?:--|\bENV\s+|\bARG\s+)(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\s+" + _VALUE),  # --name value, ENV NAME value
)
_IN_PROSE = (re.compile(r"(?P<name>\b[A-Z][A-Z0-9_]+)=" + _VALUE), _SETS[1])
_SAYS = re.compile(r"key|secret|pass|token|webhook", re.IGNORECASE)  # a sign of a name worth looking at
_PROSE = (".md", ".rst", ".txt")  # where a colon or a blank between two words sets nothing


def secrets_in_lines(path: str, text: str) -> tuple[Secret, ...]:
    """Every secret of a file, at most one of each value and line."""
    prose = path.lower().endswith(_PROSE)
    found: dict[tuple[int, str], Secret] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > 10_000:
            continue  # data, and slow to match
        for kind, name, value in _in_line(line.replace('\\"', '"'), prose):
            place = Place(path, Span(number, 0, number, len(line.encode("utf-8", "replace"))))
            found.setdefault((number, value), Secret(kind, name, place, False, value))
    return tuple(found.values())


def _in_line(line: str, prose: bool) -> Iterator[tuple[str, str | None, str]]:
    sets = _IN_PROSE if prose else _SETS
    named = {m["value"]: m["name"] for pattern in sets for m in pattern.finditer(line)} if _SAYS.search(line) else {}
    known = {value: kind for kind, value in known_secrets(line)}
    for value, kind in known.items():
        yield kind, named.get(value), value
    for value, name in named.items():
        plain = name.lstrip("-")
        if value not in known and names_a_secret(plain) and looks_meant(value):
            yield f"value of {plain}", plain, value


def hidden_in(path: str, text: str) -> str:
    """``text`` (of the file ``path``, or a patch of it) with a mark in the place of each secret."""
    return hide(text, {secret.value for secret in secrets_in_lines(path, text)})
