"""Which Python script a command starts, through torchrun, accelerate, deepspeed, mpirun and the like, and with how many processes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from migrate.repo.ec2.words import Word

PYTHON = re.compile(r"(?:python|pypy|ipython)[\d.]*(?:\.exe)?")
LAUNCHERS = frozenset("torchrun accelerate deepspeed horovodrun composer mpirun mpiexec orterun colossalai".split())
_MODULES = frozenset(
    "torch.distributed.launch torch.distributed.run accelerate.commands.launch deepspeed.launcher.runner torch.distributed.elastic".split()
)
_EACH = ("--nproc_per_node", "--nproc-per-node", "--num_gpus", "-npernode", "--npernode", "--ntasks-per-node")
_ALL = ("--num_processes", "--num-processes", "-np", "-n", "--np", "--num-proc")
_NODES = ("--nnodes", "--num_nodes", "--num-nodes", "--num_machines", "--num-machines")
_HOSTS = ("-H", "--host", "--hosts")
_HOLLOW = re.compile(r"<[\w -]+>|\{[\w-]+\}|\.\.\.|^\[")  # what a text leaves to its reader
_ELSEWHERE = ("/", "~", "$")  # how a path begins that the working folder has no part in
MOST = 100_000  # processes or machines: a larger number is none


@dataclass(frozen=True)
class PythonStart:
    """``script`` as written: a path, or a module's name. ``processes`` are those of each machine."""

    script: str
    as_module: bool
    argv: tuple[Word, ...]
    launcher: tuple[str, ...]
    processes: int | None = None
    nodes: int | None = None
    environment: tuple[tuple[str, str], ...] = ()


def python_start(words: tuple[Word, ...]) -> PythonStart | None:
    """The Python script that ``words`` start; None when they start none, or code that stands on the command line."""
    if not words or not _begins(words[0].text):
        return None
    at = 0
    while at < len(words):
        text = words[at].text
        if text.endswith(".py") and not text.startswith("-"):
            return _made(words, at, text, at + 1, False)
        if text in {"-m", "--module"} and at + 1 < len(words):
            if words[at + 1].text in _MODULES:
                at += 2
                continue
            if any(word.text.startswith("-") and word.text in {"-np", "-H"} for word in words[:at]) and not _python_in(words[:at]):
                return None
            return _made(words, at, words[at + 1].text, at + 2, True)
        if text in {"-c", "-"} and _python_in(words[: at + 1]):
            return None
        at += 1
    return None


def is_hollow(text: str) -> bool:
    """Whether a word is one that a reader has to fill in: ``<path>``, ``{name}``, ``...``."""
    return _HOLLOW.search(text) is not None


def _begins(text: str) -> bool:
    name = posixpath.basename(text)
    return PYTHON.fullmatch(name) is not None or name in LAUNCHERS or text.endswith(".py")


def _python_in(words: Iterable[Word]) -> bool:
    return any(PYTHON.fullmatch(posixpath.basename(word.text)) for word in words)


def _made(words: tuple[Word, ...], end: int, script: str, rest: int, as_module: bool) -> PythonStart:
    before = tuple(word.text for word in words[:end])
    processes, nodes = _counts(before)
    return PythonStart(script, as_module, words[rest:], before, processes, nodes, _passed(before))


def _counts(before: Sequence[str]) -> tuple[int | None, int | None]:
    """Processes of each machine, and machines."""
    if not before or before[0].endswith(".py"):
        return None, None
    each, total, nodes = _number(before, _EACH), None, _number(before, _NODES)
    if any(posixpath.basename(word) in {"mpirun", "mpiexec", "orterun", "horovodrun", "accelerate"} for word in before):
        total = _number(before, _ALL)
    hosts = _value(before, _HOSTS)
    if hosts is not None and nodes is None:
        nodes = len([host for host in hosts.split(",") if host])
    mapped = next((found for word in before if (found := re.fullmatch(r"ppr:(\d{1,6}):node", word))), None)
    if mapped is not None:
        each = int(mapped[1])
    if each is None and total is not None:
        each = max(total // max(nodes or 1, 1), 1)
    elif each is not None and total is not None and nodes is None:
        nodes = max(total // max(each, 1), 1)
    return each, nodes


def _number(before: Sequence[str], names: Sequence[str]) -> int | None:
    """The number that an option gives; of a range of machines (``1:4``), the most."""
    value = _value(before, names)
    found = re.fullmatch(r"(?:\d{1,6}:)?(\d{1,6})", value or "")
    return int(found[1]) if found is not None and 0 < int(found[1]) < MOST else None


def _value(before: Sequence[str], names: Sequence[str]) -> str | None:
    for at, word in enumerate(before):
        name, glued, value = word.partition("=")
        if name in names:
            return value if glued else before[at + 1] if at + 1 < len(before) else None
    return None


def _passed(before: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """``mpirun -x NAME=VALUE``."""
    pairs = [before[at + 1].partition("=") for at, word in enumerate(before[:-1]) if word == "-x"]
    return tuple((name, value) for name, equals, value in pairs if equals)


def match(known: Iterable[str], path: str, folder: str, script: str, as_module: bool) -> str | None:
    """The file of ``known`` that a command in the file ``path`` means: from the file's own folder, from the root, where an absolute path
    ends like one of them, else the only one with that name."""
    names = frozenset(known)
    ends = _by_last_name(names)
    wanted = script.replace(".", "/") + ".py" if as_module else _rooted(script)
    forms = [wanted, script.replace(".", "/") + "/__main__.py"] if as_module else [wanted]
    own = posixpath.dirname(path)
    inside = _rooted(folder)
    bases = [posixpath.join(own, inside), own, inside, ""] if folder != inside else [posixpath.join(own, folder), folder, ""]
    for base in bases:
        for form in forms:
            candidate = posixpath.normpath(posixpath.join(base, form))
            if candidate in names:
                return candidate
    far = folder != inside or wanted != script
    for form in forms:
        full = posixpath.normpath(posixpath.join(inside, form)).lstrip("/")
        while far and "/" in full:  # /home/ubuntu/project/src/train.py is src/train.py of the project
            full = full.partition("/")[2]
            if full in names:
                return full
            ending = [each for each in ends.get(posixpath.basename(full), ()) if each.endswith(f"/{full}")] if "/" in full else []
            if len(ending) == 1:
                return ending[0]
    return _only(ends, own, [form.lstrip("./") for form in forms])


def typed_in(entry: str, path: str, folder: str, script: str, as_module: bool, folders: Collection[str]) -> str | None:
    """The folder of the tree in which a command of the file ``path`` starts ``entry`` (see :func:`match`); None where that is not known.

    A script's relative path leaves one folder only; ``cd`` (to ``folder``) has to agree. One that climbs, or is absolute, is seen from
    there.
    """
    led = _led_to(path, folder)
    if as_module or not (script.startswith(_ELSEWHERE) or posixpath.normpath(script).startswith("..")):
        stem = script.replace(".", "/")
        for form in (f"{stem}.py", f"{stem}/__main__.py") if as_module else (posixpath.normpath(script),):
            if f"/{entry}".endswith(f"/{form}"):
                place = entry.removesuffix(form).rstrip("/")
                anywhere = not folder or not place or re.fullmatch(r"\$\{?\w+\}?", folder)
                return place if anywhere or any(f"/{each}".endswith(f"/{place}") for each in led) else None
        return None
    if not script.startswith(_ELSEWHERE):
        seen = [*led, *(("", posixpath.dirname(path)) if not folder else ())]
        places = [place for place in seen if posixpath.normpath(posixpath.join(place, script)) == entry]
    else:  # cd /home/me/project/sub; python /home/me/project/sub/train.py
        top = script.removesuffix(entry) if script.endswith(f"/{entry}") else None
        places = [f"{folder}/".removeprefix(top).rstrip("/")] if top and f"{folder}/".startswith(top) else []
        places += [place for place in led if folder and not folder.startswith(_ELSEWHERE)]
    return next((place for place in places if not place or place in folders), None)


def _led_to(path: str, folder: str) -> list[str]:
    """The folders, relative to the root, that ``cd`` to ``folder`` may mean in the file ``path``; all ends of one elsewhere."""
    if not folder.startswith(_ELSEWHERE):
        own = posixpath.dirname(path)
        return ["" if (place := posixpath.normpath(each)) == "." else place for each in (posixpath.join(own, folder), folder or own)]
    parts = _rooted(posixpath.normpath(folder)).split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _rooted(path: str) -> str:
    """``path`` without what stands for a folder elsewhere: ``~/``, ``$HOME/``, ``/``."""
    return re.sub(r"^(?:\$\{?\w+\}?|\$\([^)]*\)|~\w*)?/+|^(?:\$\{?\w+\}?|~\w*)$", "", path)


@lru_cache(maxsize=4)
def _by_last_name(names: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(posixpath.basename(name), []).append(name)
    return found


def _only(ends: Mapping[str, Sequence[str]], own: str, forms: Sequence[str]) -> str | None:
    for form in forms:
        ending = [each for each in ends.get(posixpath.basename(form), ()) if f"/{each}".endswith(f"/{form}")]
        near = [each for each in ending if own and each.startswith(f"{own.partition('/')[0]}/")]
        for found in (ending, near):
            if len(found) == 1:
                return found[0]
    return None
