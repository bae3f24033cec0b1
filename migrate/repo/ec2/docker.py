"""Dockerfiles and compose files: images, environment, and what a container starts."""

from __future__ import annotations

import io
import json
import posixpath
import re
import shlex
from collections.abc import Mapping

from migrate.repo.ec2 import yamls
from migrate.repo.ec2.collect import Around, Collector
from migrate.repo.ec2.machines import Leaf, Settings, leaves
from migrate.repo.ec2.model import Fact, Problem
from migrate.repo.ec2.secrets import is_secret
from migrate.repo.ec2.words import State, Word


def dockerfile(collector: Collector, path: str, text: str) -> None:
    """``FROM``, ``ENV``, and ``ENTRYPOINT`` with ``CMD`` of the last stage."""
    from dockerfile_parse import DockerfileParser  # type: ignore[import-untyped]

    try:
        structure = DockerfileParser(fileobj=io.BytesIO(text.encode("utf-8", "replace"))).structure
    except (ValueError, IndexError, KeyError) as error:
        collector.problems.append(Problem(path, 1, f"no Dockerfile that can be read: {type(error).__name__}"))
        return
    state = State()
    entry: tuple[int, list[str], bool] | None = None
    command: tuple[int, list[str], bool] | None = None
    arguments: dict[str, str] = {}
    stages: set[str] = set()
    for each in structure:
        name, value, line = str(each["instruction"]).upper(), str(each["value"]), int(each["startline"]) + 1
        if name == "FROM":
            state, entry, command = State(), None, None
            words = [word for word in _filled(value, arguments).split() if not word.startswith("--")]
            if words and words[0] not in stages:
                collector.images.append(Fact(words[0], path, line, "FROM"))
            if len(words) == 3 and words[1].lower() == "as":
                stages.add(words[2])
        elif name == "ARG":
            key, equals, default = value.partition("=")
            if equals:
                arguments[key.strip()] = default.strip().strip("\"'")
        elif name == "ENV":
            _environment(collector, value, path, line, state)
        elif name == "WORKDIR":
            state.folder = posixpath.join(state.folder or "/", value.strip().strip("\"'"))
        elif name in {"ENTRYPOINT", "CMD"}:
            made = (line, *_words(value))
            entry, command = (made, None) if name == "ENTRYPOINT" else (entry, made)
    _start(collector, path, state, entry, command)


def _start(
    collector: Collector, path: str, state: State, entry: tuple[int, list[str], bool] | None, command: tuple[int, list[str], bool] | None
) -> None:
    first = entry or command
    if first is None:
        return
    line, words, plain = first
    if plain:  # a shell's text: an entry point of this form takes no CMD
        collector.follow(path, words[0], line, state, Around())
        return
    more = command[1] if entry is not None and command is not None and not command[2] else []
    collector.follow(path, " ".join(map(shlex.quote, [*words, *more])), line, state, Around())


def _words(value: str) -> tuple[list[str], bool]:
    """The words of the exec form; else the text, and True."""
    try:
        words = json.loads(value)
    except ValueError:
        return [value], True
    return ([str(word) for word in words], False) if isinstance(words, list) else ([value], True)


def _environment(collector: Collector, value: str, path: str, line: int, state: State) -> None:
    """``ENV A=1 B=2`` and the old ``ENV A 1``."""
    try:
        words = shlex.split(value)
    except ValueError:
        return
    if words and "=" not in words[0]:
        words = [f"{words[0]}={' '.join(words[1:])}"]
    for word in words:
        name, equals, text = word.partition("=")
        if equals and re.fullmatch(r"[A-Za-z_]\w*", name):
            set_variable(collector, name, text, path, line, "ENV", state)


def set_variable(collector: Collector, name: str, text: str, path: str, line: int, by: str, state: State) -> None:
    """An environment variable, as a fact and for what is started."""
    collector.environment.append((name, Fact("" if is_secret(name, text) else text, path, line, by)))
    state.variables[name] = (Word(text),)
    state.exported[name] = None


def _filled(text: str, arguments: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)(?::-([^}]*))?\}?", lambda match: arguments.get(match[1], match[2] or match[0]), text)


def compose(collector: Collector, path: str, text: str) -> None:
    """The services of a compose file."""
    try:
        settings = yamls.settings(text)
    except yamls.Unreadable as error:
        collector.problems.append(Problem(path, error.line, f"no compose file that can be read: {error}"))
        return
    services = settings.get("services", settings) if isinstance(settings, dict) else {}
    for service in services.values() if isinstance(services, dict) else ():
        if isinstance(service, dict):
            _service(collector, path, service)


def _service(collector: Collector, path: str, service: Mapping[str, Settings]) -> None:
    image = service.get("image")
    name = _default(image.text) if isinstance(image, Leaf) and image.text else None
    if name is not None and isinstance(image, Leaf):
        collector.images.append(Fact(name, path, image.line, "compose"))
    state = State()
    for leaf, key, value in _variables(service.get("environment", [])):
        set_variable(collector, key, _default(value), path, leaf.line, "compose", state)
    folder = service.get("working_dir")
    if isinstance(folder, Leaf):
        state.folder = folder.text
    words: list[str] = []
    line = 1
    for part in ("entrypoint", "command"):
        given = service.get(part)
        if isinstance(given, Leaf) and given.text:
            words.append(given.text)
            line = given.line
        elif isinstance(given, list):
            found = list(leaves(given))
            words += [shlex.quote(leaf.text) for leaf in found]
            line = found[0].line if found else line
    if words:
        collector.follow(path, " ".join(words), line, state, Around(image=name))


def _variables(settings: Settings) -> list[tuple[Leaf, str, str]]:
    if isinstance(settings, Mapping):
        return [(value, name, value.text) for name, value in settings.items() if isinstance(value, Leaf)]
    made = []
    for leaf in leaves(settings):
        name, equals, value = leaf.text.partition("=")
        if equals:
            made.append((leaf, name, value))
    return made


def _default(text: str) -> str:
    """``${TAG:-latest}`` as compose fills it in where nothing is set."""
    return re.sub(r"\$\{\w+:?-([^}]*)\}", lambda match: match[1], text)
