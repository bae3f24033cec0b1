"""Commands in README files, shell scripts and Makefiles that start an entry point."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator

from migrate.repo.ec2.model import Command as Command
from migrate.repo.entries import Entry
from migrate.repo.tree import Tree

_FENCE = re.compile(r"^\s*(```|~~~)")
_PROMPT = re.compile(r"^\s*(?:\(\w[\w.-]*\)\s*)?(?:\w+@[\w.-]+:[^$#]*)?[$>%]\s+")
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_PYTHON = re.compile(r"^(?:.*/)?(?:python|pypy|ipython)[\d.]*(?:\.exe)?$")
_BEFORE = frozenset(
    """
    nohup time sudo env exec nice ionice stdbuf unbuffer CUDA_VISIBLE_DEVICES srun mpirun mpiexec horovodrun poetry
    pipenv uv conda run
    """.split()
)
_LAUNCHERS = frozenset("torchrun accelerate deepspeed horovodrun composer".split())
_LAUNCHER_MODULES = frozenset("torch.distributed.launch torch.distributed.run accelerate.commands.launch".split())
_STOPS = frozenset({"&&", "||", ";", "|", "&", "|&"})


def find_commands(tree: Tree, entries: Iterable[Entry]) -> dict[str, tuple[Command, ...]]:
    """For each entry's path, the commands that start it, in the order found: README files first, then scripts and Makefiles."""
    known = [entry.path for entry in entries]
    found: dict[str, list[Command]] = {path: [] for path in known}
    if not known:
        return {}
    for path in sorted(_files(tree), key=lambda p: (not posixpath.basename(p).lower().startswith("readme"), p.count("/"), p)):
        try:
            text = tree.read(path).decode("utf-8", "replace")
        except OSError:
            continue
        if "python" not in text and ".py" not in text and not any(name in text for name in _LAUNCHERS):
            continue
        for line, command in _commands(path, text):
            for target, each in _started(known, path, line, command):
                if each not in found[target]:
                    found[target].append(each)
    return {path: tuple(commands) for path, commands in found.items()}


def _files(tree: Tree) -> Iterator[str]:
    for path in tree.files:
        name = posixpath.basename(path).lower()
        if name.startswith("readme") or name.endswith((".sh", ".bash", ".slurm", ".sbatch")) or name in {"makefile", "justfile"}:
            yield path


def _commands(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Logical lines that may be commands, with the number of their first line."""
    markdown = posixpath.basename(path).lower().startswith("readme")
    fenced, number, lines = False, 0, text.splitlines()
    while number < len(lines):
        first, line = number + 1, lines[number]
        number += 1
        if markdown and _FENCE.match(line):
            fenced = not fenced
            continue
        prompt = _PROMPT.match(line)
        if prompt is not None:
            line = line[prompt.end() :]
        elif markdown and not fenced and not line.startswith(("    ", "\t")):
            for quoted in re.findall(r"`([^`]*(?:python|torchrun|accelerate)[^`]*)`", line):
                yield first, quoted
            continue
        while line.rstrip().endswith("\\") and number < len(lines):
            line = line.rstrip()[:-1] + " " + lines[number].strip()
            number += 1
        if "python" in line or ".py" in line or any(name in line for name in _LAUNCHERS):
            yield first, line.strip().lstrip("@-") if not markdown else line.strip()


def _started(known: list[str], path: str, line: int, text: str) -> Iterator[tuple[str, Command]]:
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        tokens = list(lexer)
    except ValueError:
        return
    folder = ""
    for part in _parts(tokens):
        if part[0] in {"cd", "pushd"} and len(part) > 1:
            folder = posixpath.normpath(posixpath.join(folder, part[1]))
            continue
        each = _start(part)
        if each is None:
            continue
        environment, launcher, script, module, argv = each
        target = _match(known, path, folder, script, module)
        if target is not None:
            complete = not any("$" in token or "`" in token or re.search(r"<[\w -]+>|\{[\w-]+\}|\.\.\.|^\[", token) for token in argv)
            yield target, Command(text, tuple(argv), path, line, complete, tuple(environment), tuple(launcher), module)


def _parts(tokens: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for token in tokens:
        if token in _STOPS or set(token) <= set(";&|") and token:
            if part:
                yield part
            part = []
        elif re.match(r"^(?:\d?>>?|<(?![\w ./-]+>))", token):
            if part and not part[-1].startswith("\0"):
                part.append("\0")  # a redirection: what follows is no argument
        else:
            part.append(token)
    if part:
        yield part


def _start(part: list[str]) -> tuple[list[tuple[str, str]], list[str], str, bool, list[str]] | None:
    """(environment, launcher, script or module, as module, arguments) of one command; None when it starts no Python."""
    if "\0" in part:
        part = part[: part.index("\0")]
    environment: list[tuple[str, str]] = []
    at = 0
    while at < len(part) and (
        _ASSIGNMENT.match(part[at]) or part[at] in _BEFORE or part[at] in {"do", "then", "export"} or (at and part[at].startswith("-"))
    ):
        if _ASSIGNMENT.match(part[at]):
            name, _, value = part[at].partition("=")
            environment.append((name, value))
        at += 1
    while at < len(part) and not (_PYTHON.match(part[at]) or part[at] in _LAUNCHERS or part[at].endswith(".py")):
        if not (part[at].startswith("-") or part[at].isdigit() or part[at - 1].startswith("-") or part[at] in _BEFORE):
            return None
        at += 1
    begin = at
    while at < len(part):
        token = part[at]
        if token.endswith(".py"):
            return environment, part[begin:at], token, False, part[at + 1 :]
        if token in {"-m", "--module"} and at + 1 < len(part):
            if part[at + 1] in _LAUNCHER_MODULES:
                at += 2
                continue
            return environment, part[begin:at], part[at + 1], True, part[at + 2 :]
        if token == "-c":
            return None
        at += 1
    return None


def _match(known: list[str], path: str, folder: str, script: str, module: bool) -> str | None:
    """The entry that a command means: from the file's own folder, from the root, else the only one with that name."""
    wanted = script.replace(".", "/") + ".py" if module else re.sub(r"^(?:\$\{?\w+\}?|~)/", "", script)
    also = script.replace(".", "/") + "/__main__.py" if module else wanted
    for base in (posixpath.join(posixpath.dirname(path), folder), folder, ""):
        for each in (wanted, also):
            candidate = posixpath.normpath(posixpath.join(base, each))
            if candidate in known:
                return candidate
    tail = "/" + wanted.lstrip("./")
    ending = [each for each in known if f"/{each}".endswith(tail)]
    return ending[0] if len(ending) == 1 else None


def command_of(entry: str, text: str) -> Command | None:
    """The first command in ``text`` that starts ``entry``, as a person writes it at the root; None where there is none."""
    return next((command for _, command in _started([entry], "", 1, text)), None)
