"""User data: shell, cloud-init's YAML, or both in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.repo.ec2 import mounts, yamls
from migrate.repo.ec2.collect import Around, Collector
from migrate.repo.ec2.machines import Leaf, Settings, leaves
from migrate.repo.ec2.model import Problem
from migrate.repo.ec2.words import State, Word

_PART = re.compile(r"^(#!.*|#cloud-config.*)$", re.MULTILINE)


def follow(collector: Collector, path: str, text: str, line: int = 1, known: dict[str, str] | None = None) -> None:
    """Follows user data that stands in ``path`` from ``line`` on. ``known`` are variables that whoever writes it there fills in."""
    state = State({name: (Word(value),) for name, value in (known or {}).items()})
    for offset, part in _parts(text):
        if part.startswith("#cloud-config"):
            _cloud_config(collector, path, part, line + offset)
        elif not re.match(r"#!.*(?:python|perl|ruby|node)", part):
            collector.follow(path, part, line + offset, state.copy(), Around())


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The scripts of user data with the lines before each: one, or the parts of a MIME message."""
    if not re.match(r"\s*(?:MIME-Version|Content-Type)", text):
        stripped = text.lstrip()
        yield text[: len(text) - len(stripped)].count("\n"), stripped
        return
    for match in _PART.finditer(text):
        end = re.compile(r"^--", re.MULTILINE).search(text, match.end())
        yield text.count("\n", 0, match.start()), text[match.start() : end.start() if end else len(text)]


def _cloud_config(collector: Collector, path: str, text: str, line: int) -> None:
    try:
        settings = yamls.settings(text, line)
    except yamls.Unreadable as error:
        collector.problems.append(Problem(path, line + error.line - 1, f"no YAML of cloud-init: {error}"))
        return
    if not isinstance(settings, dict):
        return
    state = State()
    collector.begin()
    for name in ("bootcmd", "runcmd"):
        commands = settings.get(name, [])
        for command in commands if isinstance(commands, list) else []:
            said = _command(command)
            if said is not None:
                collector.shell(path, said.text, said.line, state, Around())
    collector.end()
    _mounts(collector, path, settings.get("mounts", []))
    files = settings.get("write_files", [])
    for file in files if isinstance(files, list) else []:
        content = file.get("content") if isinstance(file, dict) else None
        if isinstance(content, Leaf) and re.match(r"#!.*sh\b", content.text):
            collector.follow(path, content.text, content.line + 1)


def _command(command: Settings) -> Leaf | None:
    """A command of ``runcmd``: a line, or a list of words."""
    if isinstance(command, Leaf):
        return command
    if isinstance(command, list):
        import shlex

        words = list(leaves(command))
        return Leaf(" ".join(shlex.quote(word.text) for word in words), words[0].line) if words else None
    return None


def _mounts(collector: Collector, path: str, settings: Settings) -> None:
    for entry in settings if isinstance(settings, list) else []:
        columns = list(leaves(entry)) if isinstance(entry, list) else []
        if len(columns) >= 2:
            kind = columns[2].text if len(columns) > 2 else ""
            options = columns[3].text.split(",") if len(columns) > 3 else []
            made = mounts.made(columns[0].text, columns[1].text, kind, options, path, columns[0].line, "cloud-init")
            collector.mounts += [made] if made is not None else []
