"""What a Dockerfile starts from and what it installs. Its text alone is read; a build argument counts with its default."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_NAME = re.compile(r"^(?:Dockerfile(?:[.-][\w.-]+)?|[\w-]+\.[Dd]ockerfile)$")
_FRAMEWORKS = {
    # repository of an image -> the package that it is of; its tag begins with the version
    "pytorch/pytorch": "torch",
    "tensorflow/tensorflow": "tensorflow",
    "chainer/chainer": "chainer",
    "python": "python",
}
_ARGUMENTS = {"-r", "-c", "-f", "-i", "-n", "-p", "-t", "--index-url", "--extra-index-url", "--find-links", "--trusted-host", "--name"}


@dataclass(frozen=True)
class Installed:
    """One operand of an install command: ``tool`` is pip, conda or apt."""

    tool: str
    word: str
    line: int


@dataclass(frozen=True)
class Instruction:
    """``FROM``, ``RUN`` and others, their continuation lines joined; ``line`` is the first one."""

    word: str
    rest: str
    line: int


def is_one(name: str) -> bool:
    """Whether a file is a Dockerfile, by its name."""
    return _NAME.match(name) is not None and not name.endswith((".md", ".py", ".txt", ".sh"))


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile, without comments, with build arguments and environment put in where they are known."""
    values: dict[str, str] = {}
    for word, rest, line in _joined(text):
        rest = re.sub(r"\$\{?(\w+)(?::-[^}]*)?\}?", lambda match: values.get(match.group(1), match.group(0)), rest)
        if word in ("ARG", "ENV"):
            for key, value in re.findall(r"(\w+)[= ](\"[^\"]*\"|\S+)", rest):
                values[key] = value.strip("\"'")
        yield Instruction(word, rest, line)


def _joined(text: str) -> Iterator[tuple[str, str, int]]:
    lines, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        start = start if lines else number
        if line.rstrip().endswith("\\"):
            lines += line.rstrip()[:-1] + " "
            continue
        word, _, rest = (lines + line).strip().partition(" ")
        lines = ""
        yield word.upper(), rest.strip(), start


def base(text: str) -> tuple[str, int] | None:
    """The image that the last stage starts from, and the line; None for a file without FROM."""
    every = [each for each in instructions(text) if each.word == "FROM"]
    stages: dict[str, str] = {}
    for each in every:
        parts = [part for part in each.rest.split() if not part.startswith("--")]
        if len(parts) == 3:
            stages[parts[2]] = stages.get(parts[0], parts[0])
    if not every:
        return None
    image = [part for part in every[-1].rest.split() if not part.startswith("--")][:1]
    return (stages.get(image[0], image[0]), every[-1].line) if image else None


def installed(text: str) -> Iterator[Installed]:
    """What the RUN lines install by name; the framework and the Python of the base image first."""
    found = base(text)
    if found is not None:
        yield from _of_base(*found)
    for each in instructions(text):
        if each.word == "RUN":
            for command in re.split(r"&&|\|\||;", each.rest):
                yield from _of_command(command, each.line)


def _of_base(image: str, line: int) -> Iterator[Installed]:
    repository, _, tag = image.partition(":")
    package = _FRAMEWORKS.get(repository.removeprefix("docker.io/").removeprefix("library/"), "")
    version = re.match(r"v?(\d+(?:\.\d+)*)", tag)
    if package and version:
        yield Installed("pip", f"{package}=={version.group(1)}", line)
    python = re.search(r"-py(?:thon)?(3\.?\d+)", tag)
    if python:
        yield Installed("pip", f"python=={python.group(1) if '.' in python.group(1) else '3.' + python.group(1)[1:]}", line)


def _of_command(command: str, line: int) -> Iterator[Installed]:
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        words = command.split()
    if "install" not in words:
        return
    at = words.index("install")
    tool = next((kind for kind, pattern in _TOOLS.items() if pattern.search(" ".join(words[:at]))), None)
    skip = False
    for word in words[at + 1 :] if tool else ():
        if skip or word.startswith("-"):
            skip = word in _ARGUMENTS and not skip
        elif re.match(r"[A-Za-z]", word) and not word.endswith((".txt", ".whl", ".gz", ".deb")):
            yield Installed(str(tool), word, line)


_TOOLS = {
    "apt": re.compile(r"\bapt(?:-get)?\b"),
    "conda": re.compile(r"\b(?:conda|mamba|micromamba)\b"),
    "pip": re.compile(r"\bpip[\d.]*\b"),
}
