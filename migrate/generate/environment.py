"""The templates, wherever they lie, and the filters that quote a repo's strings for the language they land in."""

from __future__ import annotations

import json
import pprint
import re
import shlex
from pathlib import Path
from typing import Any

import jinja2


def templates() -> Path:
    """The folder of the templates: ``migrate/_templates`` in the wheel, ``templates`` at the top of a checkout.

    Raises:
        FileNotFoundError: neither is there (a broken install).
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_templates", package.parent / "templates"):
        if (folder / "launch.py.j2").is_file():
            return folder
    raise FileNotFoundError(f"the templates are missing from {package}: install the package again")


def environment() -> jinja2.Environment:
    """A jinja2 environment in which a name that is not given is an error, with every quoting filter of this module."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # nothing here is HTML: each value goes through the filter of its own language
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        pyrepr=pyrepr, toml=toml, tomlkey=tomlkey, shquote=shquote, mdtext=mdtext, mdcode=mdcode, comment=comment, dockerword=dockerword
    )
    return made


def pyrepr(value: object) -> str:
    """A Python expression for a plain value."""
    return pprint.pformat(_clean(value), width=120, sort_dicts=False)


def toml(value: object) -> str:
    """A TOML value that is JSON too, so that the launchers can read it on Python 3.10 without a TOML parser.

    Raises:
        TypeError: there is no such value (a table, null).
    """
    if isinstance(value, (bool, int, float)):
        return json.dumps(value, allow_nan=False)
    if isinstance(value, str):
        # TOML wants DEL escaped, YAML others too; JSON does not do it.
        text = json.dumps(_clean(value), ensure_ascii=False)
        return re.sub("[\x7f-\x9f\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(toml(item) for item in value)}]"
    raise TypeError(f"no TOML value: {value!r}")


def tomlkey(key: str) -> str:
    """A TOML key: bare where it may be."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml(key)


def shquote(text: str) -> str:
    """One word of a POSIX shell. Line ends cannot stand on a command's own line, and become spaces."""
    return shlex.quote(_one_line(text))


def dockerword(text: str) -> str:
    """A word for a Dockerfile instruction that takes no quotes (FROM): what may not stand in one is left out."""
    return re.sub(r"[^A-Za-z0-9._:/@-]", "", text)


def comment(text: str) -> str:
    """Text for the rest of a ``#`` comment line."""
    return _one_line(text)


def mdtext(text: str) -> str:
    """Text in Markdown that starts no markup, tag, table cell or line of its own."""
    escaped = re.sub(r"([\\`*_\[\]<>|~&$])", r"\\\1", _one_line(text))
    return re.sub(r"^(\s*)([#+-]|\d+[.)])", r"\1&#8203;\2", escaped)  # a zero-width space: no heading, no list


def mdcode(text: str) -> str:
    """Text as a code span, fenced by more backticks than it holds."""
    line = _one_line(text)
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest or not line.strip() else ""
    return f"{fence}{pad}{line.replace('|', chr(92) + '|')}{pad}{fence}"


_REFUSED = (0x2028, 0x2029, 0xFFFE, 0xFFFF)


def _one_line(text: str) -> str:
    """``text`` on one line: every line end and control character becomes a space, and what YAML refuses even in a comment."""
    return "".join(" " if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or ord(c) in _REFUSED else c for c in str(_clean(text)))


def _clean(value: Any) -> Any:
    """Lone surrogates (of file names that are no UTF-8) as question marks: no file can hold them."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_clean(item) for item in value)
    return value
