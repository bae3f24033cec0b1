"""Shell text of a tree, wherever it stands, turned into facts: followed through wrappers and from script to script."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from migrate.repo.ec2 import aws, habits, mounts
from migrate.repo.ec2.model import Command, Fact, Habit, Machine, Mount, Problem, Schedule, Transfer
from migrate.repo.ec2.readme import filled
from migrate.repo.ec2.secrets import HIDDEN, hidden, is_secret
from migrate.repo.ec2.shell import Ran, Shell
from migrate.repo.ec2.starts import PYTHON, is_hollow, match, python_start, typed_in
from migrate.repo.ec2.words import State, Word
from migrate.repo.ec2.wrappers import Inner, slurm_numbers, unwrap
from migrate.repo.tree import Tree

MOST_NESTED = 8  # scripts that call scripts, shells inside shells
MOST_TEXTS = 100  # pieces of shell in one file's run
SHELL = (".sh", ".bash", ".zsh", ".slurm", ".sbatch", ".ksh")
LONGEST = 1 << 20  # bytes: no script of a person is longer
CRON = re.compile(
    r"^\s*((?:@(?:reboot|hourly|daily|midnight|weekly|monthly|yearly|annually))|(?:[\d*,/?LW#-]+\s+){2}(?:[\w*,/?#-]+\s+){2}[\w*,/?#-]+)"
    r"\s+(\S.*)$"
)
_EC2 = (
    r"\baws\s|169\.254\.169\.254|ec2-?metadata|\bmount\b|mount\.|mount-s3|fstab|shutdown|poweroff|\bs5cmd\b|\bs3cmd\b|s3fs|goofys|crontab"
    r"|slack\.com|SLACK"
)
_SBATCH = re.compile(r"^#SBATCH\s+(.*)$", re.MULTILINE)
_REGIONS = {"AWS_DEFAULT_REGION", "AWS_REGION"}

HELP = frozenset({"-h", "--help"})  # what asks for these trains nothing


@dataclass(frozen=True)
class Around:
    """What holds for all commands of a text: the wrappers that it stands in."""

    environment: tuple[tuple[str, str], ...] = ()
    detached: str | None = None
    conda: str | None = None
    image: str | None = None
    nodes: int | None = None
    tasks: int | None = None
    volumes: tuple[tuple[str, str], ...] = ()
    depth: int = 0
    called: bool = False
    """Whether it is part of a script that another one calls."""

    def environment_of(self, state: State) -> dict[str, str]:
        """What a command finds in its environment: what is exported, then what is set around it."""
        exported = {name: value[0].text for name in state.exported if (value := state.variables.get(name))}
        return {**exported, **dict(self.environment)}


@dataclass
class Collector:
    """Facts of one tree, as they are found. ``known`` are the entry points that a start may mean."""

    tree: Tree
    known: Collection[str]
    starts: list[Command] = field(default_factory=list)
    called_starts: set[Command] = field(default_factory=set)
    """Those in scripts that others call, with what they are given."""
    transfers: list[Transfer] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    machines: list[Machine] = field(default_factory=list)
    images: list[Fact[str]] = field(default_factory=list)
    regions: list[Fact[str]] = field(default_factory=list)
    roles: list[Fact[str]] = field(default_factory=list)
    environment: list[tuple[str, Fact[str]]] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    habits: list[Habit] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sources: dict[str, str | None] = field(default_factory=dict)
    order: list[Command | Transfer] = field(default_factory=list)
    """Starts and transfers of the text that is being followed, in the order in which it comes to them."""
    texts: int = 0
    panes: dict[str, State] = field(default_factory=dict)
    """Windows of tmux and screen that it types into."""
    called: set[object] = field(default_factory=set)
    """Scripts that were followed for it already, with all that they depend on."""

    def source(self, path: str) -> str | None:
        """The text of a file of the tree, read once; None where it cannot be read or is none."""
        if path not in self.sources:
            try:
                long = os.path.getsize(os.path.join(self.tree.root, path)) > LONGEST
                data = b"\0" if long else self.tree.read(path)
            except OSError as error:
                self.problems.append(Problem(path, 1, f"cannot be read: {error.strerror}"))
                data = b"\0"
            text = None if b"\0" in data[:4096] else data.decode("utf-8", "replace")
            self.sources[path] = text.removeprefix("\ufeff") if text is not None else None
        return self.sources[path]

    @cached_property
    def _worth(self) -> re.Pattern[str]:
        """What makes a text worth following: a word of the EC2 side, the name of an entry point, or that of a script that has such."""
        stems = {posixpath.basename(path).removesuffix(".py") for path in self.known}
        stems |= {posixpath.basename(posixpath.dirname(path)) for path in self.known if path.endswith("/__main__.py")}
        names = {path: posixpath.basename(path) for path in self.tree.files if path.endswith(SHELL)}
        while True:
            made = re.compile("|".join([_EC2, *map(re.escape, sorted(stems))]))
            more = {names.pop(path) for path in list(names) if made.search(self.source(path) or "")} - stems
            if not more:
                return made
            stems |= more

    def is_worth(self, text: str) -> bool:
        """Whether ``text`` may say anything of how the entry points run on EC2."""
        return self._worth.search(text) is not None

    def follow(self, path: str, text: str, line: int = 1, state: State | None = None, around: Around | None = None) -> None:
        """Follows shell text that stands in ``path`` from ``line`` on, as a whole of its own: what it moves out after a start is that
        start's."""
        self.begin()
        self.shell(path, text, line, state or State(), around or Around())
        self.end()

    def begin(self) -> None:
        """Texts that are followed from now on are run one after the other, until :meth:`end`."""
        self.order, self.texts, self.called, self.panes = [], 0, set(), {}

    def end(self) -> None:
        """What was followed stands together: says of each transfer which starts stand before and after it."""
        for at, moved in enumerate(self.order):
            if isinstance(moved, Transfer):
                earlier = tuple(dict.fromkeys(each.entry for each in self.order[:at] if isinstance(each, Command)))
                later = tuple(dict.fromkeys(each.entry for each in self.order[at:] if isinstance(each, Command)))
                place = self.transfers.index(moved)
                self.transfers[place] = replace(moved, after=earlier, before=later)
        self.order = []

    def follow_script(self, path: str) -> None:
        """Follows a shell script of the tree from its beginning."""
        self.begin()
        self.script(path, State(), Around())
        self.end()

    def shell(self, path: str, text: str, line: int, state: State, around: Around) -> None:
        """The same as a part of what is being followed."""
        self.texts += 1
        if around.depth > MOST_NESTED or self.texts > MOST_TEXTS or not text.strip():
            return
        shell = Shell(text, line, sourced=lambda name, at: self._sourced(name, at, path))
        for ran in shell.run(state):
            self._command(ran, ran.path or path, around)
        self.habits += habits.metadata(text, path, line)
        lines = text.splitlines()
        for number in () if path.lower().rpartition("/")[2].startswith("readme") else dict.fromkeys(shell.broken):  # prose is no fault
            said = lines[number - line] if 0 <= number - line < len(lines) else ""
            if re.search(r"python|torchrun|aws |docker|mount", said):
                self.problems.append(Problem(path, number, f"no shell that can be followed: {hidden(said.strip())[:80]}"))

    def script(self, path: str, state: State, around: Around) -> None:
        """A shell script of the tree, called from somewhere."""
        text = self.source(path)
        if text is None or not self.is_worth(text):
            return
        options = " ".join(_SBATCH.findall(text)).split()
        nodes, tasks = slurm_numbers(options)
        detached = around.detached or ("sbatch" if options else None)
        for name, value in (("SLURM_NNODES", nodes), ("SLURM_JOB_NUM_NODES", nodes), ("SLURM_NTASKS_PER_NODE", tasks)):
            if value is not None:
                state.variables.setdefault(name, (Word(str(value)),))
        self.shell(path, text, 1, state, replace(around, nodes=around.nodes or nodes, tasks=around.tasks or tasks, detached=detached))

    def _sourced(self, name: str, state: State, path: str) -> tuple[str, str] | None:
        """The script of the tree that ``source NAME`` means, unless it is one that activates an environment."""
        target = match(self.tree.names, path, state.folder, name, False) if not name.endswith("activate") else None
        text = self.source(target) if target is not None and not target.endswith(".py") else None
        return (target, text) if target is not None and text is not None else None

    # One command

    def _command(self, ran: Ran, path: str, around: Around) -> None:
        if path.lower().rpartition("/")[2].startswith("readme"):
            ran = replace(ran, words=tuple(map(_readers, ran.words)))
        inner = unwrap(ran.words)
        around = _within(around, ran, inner)
        state = ran.state.copy()
        if inner.elsewhere:
            state = State(folder=inner.folder or "")
        elif inner.folder is not None:
            state.folder = inner.folder
        if inner.image is not None:
            self.images.append(Fact(inner.image, path, ran.line, ran.name))
        if ran.here is not None:
            self._here(ran, inner, path, state, around)
        if inner.text is not None:
            if not inner.text.text.strip():
                return
            if inner.pane is not None:  # what was typed into this window before still holds
                state = self.panes.setdefault(inner.pane, state)
            state.arguments = inner.words[1:] or None
            self.shell(path, inner.text.text, ran.line, state, around)
        elif inner.script is not None:
            self._call(inner, ran, path, state, around)
        elif inner.words:
            self._plain(inner.words, ran, path, state, around)

    def _call(self, inner: Inner, ran: Ran, path: str, state: State, around: Around) -> None:
        """``bash run.sh 0.1``: the script with its arguments, where it lies in the tree."""
        target = match(self.tree.names, path, state.folder, inner.script or "", False)
        if target is None or target.endswith(".py") or around.depth >= MOST_NESTED:
            return
        inside = state.copy()
        inside.variables = {name: value for name, value in state.variables.items() if name in state.exported}
        inside.variables.update({name: (Word(value),) for name, value in around.environment})
        inside.arguments = inner.words
        inside.folder = _seen_from(posixpath.dirname(target), path, state.folder)
        depends = (target, inner.words, tuple(inside.variables.items()), inside.folder, around)
        if depends in self.called:
            return
        self.called.add(depends)
        self.script(target, inside, replace(around, depth=around.depth + 1, called=True))

    def _plain(self, words: tuple[Word, ...], ran: Ran, path: str, state: State, around: Around) -> None:
        name = posixpath.basename(words[0].text)
        if self._start(words, ran, path, state, around):
            return
        if name == "aws":
            self._aws(words, ran, path, state)
        elif name in {"s5cmd", "s3cmd"}:
            moved = aws.other_transfers(words, path, ran.line, state.folder)
            self.add_transfer(moved)
        elif name in {"echo", "printf"}:
            self._echo(words, ran, path, state, around)
        elif (mounted := mounts.mount(words, path, ran.line)) is not None:
            self.mounts.append(mounted)
        found = habits.habit(words, ran.text, path, ran.line)
        if found is not None:
            self.habits.append(found)

    def _start(self, words: tuple[Word, ...], ran: Ran, path: str, state: State, around: Around) -> bool:
        start = python_start(words)
        if start is None:
            return PYTHON.fullmatch(posixpath.basename(words[0].text)) is not None
        entry = match(self.known, path, state.folder, start.script, start.as_module)
        if entry is None or HELP & {word.text for word in start.argv}:
            return True
        environment = {**around.environment_of(state), **dict(start.environment)}
        launcher = start.launcher
        unset = dict.fromkeys(name for word in start.argv for name in word.open)
        made = Command(
            filled(hidden(ran.text)),
            tuple(_shown(start.argv)),
            path,
            ran.line,
            not unset and not any(is_hollow(word.text) for word in start.argv),
            tuple((name, "" if is_secret(name, value) else value) for name, value in environment.items()),
            launcher,
            start.as_module,
            entry,
            state.folder,
            start.processes or around.tasks,
            start.nodes or around.nodes,
            around.conda or state.conda,
            around.image,
            around.detached,
            around.volumes,
            self._inside(start.argv, path, state.folder),
            tuple(unset),
            typed_in(entry, path, state.folder, start.script, start.as_module, self.tree.folders),
        )
        self.starts.append(made)
        if around.called:
            self.called_starts.add(made)
        self.order.append(made)
        return True

    def _inside(self, words: Sequence[Word], path: str, folder: str) -> tuple[str, ...]:
        """The values among ``words`` that are in the tree, from the working folder, the file's own or the root."""
        own = posixpath.dirname(path)
        found = []
        for word in words:
            value = word.text.partition("=")[2] if word.text.startswith("-") else word.text
            places = (posixpath.normpath(posixpath.join(base, value)) for base in (posixpath.join(own, folder), folder, own, ""))
            if value and any(place in self.tree.names or place in self.tree.folders or self._begins(place) for place in places):
                found.append(value)
        return tuple(dict.fromkeys(found))

    def _begins(self, place: str) -> bool:
        """Whether the names of files in a folder of the tree begin with it: ``data/ppi`` for ``data/ppi-x.npy``."""
        folder = posixpath.dirname(place)
        return folder in self.tree.folders and any(name.startswith(place) for name in self.tree.names)

    def _aws(self, words: tuple[Word, ...], ran: Ran, path: str, state: State) -> None:
        def read(name: str) -> str | None:
            target = match(self.tree.names, path, state.folder, name, False)
            return self.source(target) if target is not None else None

        for said in aws.aws(words, path, ran.line, state.folder, hidden(ran.text), read):
            if isinstance(said, Transfer):
                self.add_transfer(said)
            elif isinstance(said, Machine):
                self.machines.append(said)
            elif isinstance(said, Habit):
                self.habits.append(said)
            else:
                (self.regions if said[0] == "region" else self.roles).append(said[1])

    def add_transfer(self, moved: Transfer | None) -> None:
        if moved is not None:
            self.transfers.append(moved)
            self.order.append(moved)

    def _echo(self, words: Sequence[Word], ran: Ran, path: str, state: State, around: Around) -> None:
        """A line that is written into fstab or a crontab."""
        text = " ".join(word.text for word in words[1:])
        if "fstab" in (ran.writes or "") or ran.piped in {"tee", "sudo"}:
            self.mounts += mounts.fstab(text, path, ran.line)
        if ran.piped == "crontab" or "cron" in (ran.writes or "") or CRON.match(text):
            self.cron(path, text, ran.line, state, around)

    def _here(self, ran: Ran, inner: Inner, path: str, state: State, around: Around) -> None:
        """A here-document: shell that another program gets, or a file that is written."""
        assert ran.here is not None
        line, text = ran.here
        writes = ran.writes or (inner.words[-1].text if ran.name in {"tee", "sudo"} and inner.words else "")
        if "fstab" in writes:
            self.mounts += mounts.fstab(text, path, line)
        elif "cron" in writes or ran.piped == "crontab" or (inner.words and inner.words[0].text == "crontab"):
            self.cron(path, text, line, State(), around)
        elif inner.elsewhere or ran.name in {"bash", "sh", "sbatch", "sudo", "ssh"} and not writes or re.match(r"#!.*\bsh|#!.*bash", text):
            self.shell(path, text, line, State(), replace(around, depth=around.depth + 1))

    def cron(self, path: str, text: str, first_line: int, state: State, around: Around) -> None:
        """Lines of a crontab, those of ``/etc/cron.d`` with a user too."""
        for number, line in enumerate(text.splitlines(), first_line):
            found = CRON.match(line)
            if found is None:
                continue
            command = re.sub(r"^(?:root|ubuntu|ec2-user)\s+", "", found[2])
            self.schedules.append(Schedule(found[1].strip(), hidden(command), path, number))
            self.shell(path, command, number, state.copy(), replace(around, detached="cron", depth=around.depth + 1))


def _readers(word: Word) -> Word:
    """A word of a README, with what its reader has to fill in as it stands there, and open."""
    text = filled(word.text)
    return word if text == word.text else Word(text, (*word.open, text))


def _seen_from(folder: str, path: str, inside: str) -> str:
    """The working folder ``inside``, of a text in the file ``path``, as a script in ``folder`` has to name it."""
    if inside.startswith(("/", "~", "$")):
        return inside
    return "" if not inside and folder == posixpath.dirname(path) else "/" + posixpath.join(posixpath.dirname(path), inside)


def _host(folder: str, state: State) -> str:
    """A folder of ``docker run -v``, from the working folder where it is relative."""
    return folder if folder.startswith(("/", "~", "$")) else posixpath.normpath(posixpath.join(state.folder, folder))


def _within(around: Around, ran: Ran, inner: Inner) -> Around:
    given = {**dict(around.environment)}
    for name, word in (*ran.environment, *inner.environment):
        given[name] = word.text
    return Around(
        tuple(given.items()),
        around.detached or inner.detached,
        inner.conda or around.conda,
        inner.image or around.image,
        inner.nodes or around.nodes,
        inner.tasks or around.tasks,
        around.volumes + tuple((_host(host, ran.state), inside) for host, inside in inner.volumes),
        around.depth + (inner.text is not None),
        around.called,
    )


def _shown(words: Sequence[Word]) -> list[str]:
    """Arguments as they are kept: the value of an option that is named as a secret is not."""
    shown = []
    for at, word in enumerate(words):
        name, equals, value = word.text.partition("=")
        before = words[at - 1].text if at else ""
        if equals and name.startswith("-") and is_secret(name.lstrip("-"), value):
            shown.append(f"{name}={HIDDEN}")
        elif before.startswith("-") and not word.text.startswith("-") and is_secret(before.lstrip("-"), word.text):
            shown.append(HIDDEN)
        else:
            shown.append(hidden(word.text) if "://" in word.text or len(word.text) > 15 else word.text)
    return shown
