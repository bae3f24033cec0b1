"""The command lines that a repository's own texts start a script with, found without the tool's help."""

from __future__ import annotations

import re
import shlex
from pathlib import Path, PurePosixPath

TEXTS = (".md", ".rst", ".txt", ".sh")
STOPS = frozenset(("|", ">", ">>", "&&", ";", "&", "2>&1", "||", "<"))
MOST_BYTES = 400_000
UNRESOLVED = re.compile(r"[$`<>\[\]{}]|\.\.\.")


def usual_commands(root: Path, script: str) -> list[tuple[str, ...]]:
    """The script's own arguments in each command that names it, in order of finding, without those that a shell has yet to fill in."""
    found: dict[tuple[str, ...], None] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix not in TEXTS or ".git" in path.parts or not path.is_file() or path.stat().st_size > MOST_BYTES:
            continue
        text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
        for line in text.splitlines():
            if PurePosixPath(script).stem in line and "python" in line:
                argv = _argv(line.strip().lstrip("$>` ").rstrip("`"), script)
                if argv is not None:
                    found.setdefault(argv)
    return list(found)


def _argv(line: str, script: str) -> tuple[str, ...] | None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return None
    module = script.removesuffix(".py").replace("/", ".")
    for at, word in enumerate(words):
        named = word.removeprefix("./")
        same = named.endswith(".py") and (script == named or script.endswith(f"/{named}"))
        if same or (at and words[at - 1] == "-m" and module.endswith(named)):
            rest = words[at + 1 :]
            stop = next((n for n, part in enumerate(rest) if part in STOPS), len(rest))
            argv = tuple(rest[:stop])
            return None if any(UNRESOLVED.search(part) for part in argv) else argv
    return None
