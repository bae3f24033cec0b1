"""All of the EC2 side of a tree, from every reader."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from migrate.repo.ec2.collect import SHELL, Around, Collector
from migrate.repo.ec2.model import Command, Ec2Side, Fact, Schedule, Transfer
from migrate.repo.ec2.secrets import is_secret
from migrate.repo.ec2.words import State, Word
from migrate.repo.entries import Entry
from migrate.repo.tree import Tree

T = TypeVar("T")
_PYTHON = re.compile(rb"boto3|run-instances|aws[ '\",]+(?:s3|ec2)\b|hooks\.slack\.com|SLACK_|slack_sdk|slackclient|request-spot")
_WORDS = (b"boto3", b"run-instances", b"aws", b"slack", b"SLACK_", b"request-spot")  # one of which stands in what _PYTHON finds
_STACK = re.compile(r"cfn|cloudformation|stack|template|infra|fleet|launch|ec2|instance|deploy|aws")  # names of JSON that may be a template


def read_ec2(tree: Tree, entries: Iterable[Entry] = ()) -> Ec2Side:
    """What the files of ``tree`` say of how its ``entries`` run on EC2. Runs nothing; a file that cannot be read is a problem in it."""
    collector = Collector(tree, frozenset(entry.path for entry in entries))
    for path in sorted(tree.files, key=_order):
        reader = _reader(path)
        if reader is not None:
            reader(collector, path)
    _python(collector)
    _terraform(collector, sorted(path for path in tree.files if path.endswith((".tf", ".tfvars")) and _is_loaded(path)))
    return _side(collector)


def _order(path: str) -> tuple[bool, int, str]:
    """README files first, then what lies nearer to the root."""
    return not _is_readme(path), path.count("/"), path


def _is_readme(path: str) -> bool:
    return posixpath.basename(path).lower().startswith("readme")


def _reader(path: str) -> Callable[[Collector, str], None] | None:
    """Who reads a file of this name."""
    name = posixpath.basename(path).lower()
    stem, extension = posixpath.splitext(name)
    if name.startswith("readme"):
        return _readme if extension in {"", ".md", ".rst", ".txt", ".markdown"} else None
    if extension in SHELL or (not extension and re.search(r"user-?_?data|bootstrap|cloud-?init", name)):
        return _script
    if name in {"makefile", "gnumakefile", "justfile"} or extension == ".mk":
        return _makefile
    if name.startswith("crontab") or extension in {".cron", ".crontab"} or "/cron.d/" in f"/{path}":
        return _crontab
    if extension in {".service", ".timer"}:
        return _unit
    if name.startswith("dockerfile") or extension == ".dockerfile":
        return _dockerfile
    if extension in {".yml", ".yaml"} and re.match(r"(?:docker-)?compose\b", name):
        return _compose
    if extension in {".yml", ".yaml", ".template", ".cfn"} or (extension == ".json" and _STACK.search(path.lower())):
        return _template
    if re.search(r"user-?_?data|cloud-?init", name) and extension in {".txt", ".tpl", ".tftpl", ".cfg"}:
        return _user_data
    if "fstab" in name and extension in {"", ".txt", ".conf", ".fstab"}:
        return _fstab
    return None


def _readme(collector: Collector, path: str) -> None:
    from migrate.repo.ec2 import readme

    text = collector.source(path)
    if text is None or not collector.is_worth(text):
        return
    for line, piece in readme.snippets(text):
        if collector.is_worth(piece):
            collector.follow(path, piece, line)


def _script(collector: Collector, path: str) -> None:
    text = collector.source(path)
    if text is None or not collector.is_worth(text):
        return
    if re.match(r"#cloud-config|MIME-Version|Content-Type", text):
        _user_data(collector, path)
        return
    head = text.split("\n", 1)[0]
    if head.startswith("#!") and re.search(r"python|perl|ruby|node|awk", head):
        return
    collector.follow_script(path)


def _makefile(collector: Collector, path: str) -> None:
    from migrate.repo.ec2 import makefile

    text = collector.source(path)
    if text is None or not collector.is_worth(text):
        return
    for line, piece in makefile.recipes(text, just=posixpath.basename(path).lower() == "justfile"):
        if collector.is_worth(piece):
            collector.follow(path, piece, line)


def _crontab(collector: Collector, path: str) -> None:
    text = collector.source(path)
    if text is not None:
        collector.cron(path, text, 1, State(), Around())


def _unit(collector: Collector, path: str) -> None:
    from migrate.repo.ec2 import units

    text = collector.source(path)
    if text is None:
        return
    found = units.unit(text)
    state = State(folder=found.folder)
    for line, name, value in found.environment:
        secret = is_secret(name, value)
        collector.environment.append((name, Fact("" if secret else value, path, line, "systemd")))
        state.variables[name] = (Word(value),)
        state.exported[name] = None
    for line, command in found.commands:
        collector.follow(path, command, line, state.copy(), Around(detached="systemd"))
    for line, when in found.timers:
        collector.schedules.append(Schedule(when, found.starts or posixpath.splitext(posixpath.basename(path))[0] + ".service", path, line))


def _dockerfile(collector: Collector, path: str) -> None:
    text = collector.source(path)
    if text is not None:
        from migrate.repo.ec2 import docker

        docker.dockerfile(collector, path, text)


def _compose(collector: Collector, path: str) -> None:
    text = collector.source(path)
    if text is not None:
        from migrate.repo.ec2 import docker

        docker.compose(collector, path, text)


def _template(collector: Collector, path: str) -> None:
    text = collector.source(path)
    if text is not None and "AWS::" in text and "Resources" in text:
        from migrate.repo.ec2 import cloudformation

        cloudformation.read(collector, path, text)
    elif text is not None and text.startswith("#cloud-config"):
        _user_data(collector, path)


def _user_data(collector: Collector, path: str) -> None:
    text = collector.source(path)
    if text is not None:
        from migrate.repo.ec2 import userdata

        userdata.follow(collector, path, text)


def _fstab(collector: Collector, path: str) -> None:
    from migrate.repo.ec2 import mounts

    text = collector.source(path)
    if text is not None:
        collector.mounts += mounts.fstab(text, path)


def _python(collector: Collector) -> None:
    """Modules with a word of boto3 or the AWS CLI: the others are not parsed for this."""
    for path in collector.tree.python_files:
        try:
            source = collector.tree.read(path)
        except OSError:
            continue  # told where modules are looked for
        if any(word in source for word in _WORDS) and _PYTHON.search(source):
            from migrate.repo.ec2 import python

            python.read(collector, path, source)


def _is_loaded(path: str) -> bool:
    """Whether Terraform reads the file without being told."""
    name = posixpath.basename(path)
    return name.endswith((".tf", ".auto.tfvars")) or name == "terraform.tfvars"


def _terraform(collector: Collector, paths: Sequence[str]) -> None:
    if any(path.endswith(".tf") for path in paths):
        from migrate.repo.ec2 import terraform

        terraform.read(collector, paths)


def _side(collector: Collector) -> Ec2Side:
    return Ec2Side(
        starts=_best(collector),
        transfers=_joined(collector.transfers),
        mounts=_once(collector.mounts),
        machines=_once(collector.machines),
        images=_once(collector.images),
        regions=_once(collector.regions),
        roles=_once(collector.roles),
        environment=_once(collector.environment),
        schedules=_once(collector.schedules),
        habits=_once(collector.habits),
        problems=_once(collector.problems),
    )


def _once(facts: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(facts))


def _joined(transfers: Iterable[Transfer]) -> tuple[Transfer, ...]:
    """Each transfer once, with all starts that were met around it, from whichever script it was come to."""
    found: dict[tuple[object, ...], Transfer] = {}
    for each in transfers:
        key = (each.s3, each.local, each.into, each.path, each.line)
        other = found.get(key, each)
        before, after = (dict.fromkeys((*other.before, *each.before)), dict.fromkeys((*other.after, *each.after)))
        found[key] = replace(other, before=tuple(before), after=tuple(after), folder=other.folder or each.folder)
    return tuple(found.values())


def _best(collector: Collector) -> tuple[Command, ...]:
    """Each start once, in the order of files and lines. Of a script that another one calls it is as that one has it; else one with gaps is
    left out where the same line has one without."""
    once = list(dict.fromkeys(collector.starts))

    def place(each: Command) -> tuple[str, int, str]:
        return each.path, each.line, each.entry

    called = {place(each) for each in collector.called_starts if each.complete}
    whole = {place(each) for each in once if each.complete}
    detached = {(place(each), each.argv): each for each in once if each.detached}
    kept: dict[Command, None] = {}
    for each in once:
        own = place(each) in called and each not in collector.called_starts
        if not own and (each.complete or place(each) not in whole):
            kept[detached.get((place(each), each.argv), each)] = None
    return tuple(sorted(kept, key=lambda each: (_order(each.path), each.line)))
