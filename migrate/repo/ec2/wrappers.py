"""What stands around a command: nohup, sudo, tmux, bash -c, ssh, docker run, conda run, slurm. Taken off, layer by layer."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from migrate.repo.ec2.words import Word

# Options that take a value, by program: the word after them is none of the command's.
_VALUED = {
    "sudo": "-u -g -h -p -C -r -t -U --user --group",
    "nice": "-n --adjustment",
    "ionice": "-c -n -p",
    "timeout": "-k -s --kill-after --signal",
    "stdbuf": "-i -o -e",
    "taskset": "-p",
    "numactl": "",
    "time": "-f -o",
    "env": "-u -C --unset --chdir",
    "xvfb-run": "-n -s -e -f -w --server-num --server-args",
    "flock": "-w -E --timeout",
    "exec": "-a",
    "nsys": "-o -t --output --trace",
    "ncu": "-o",
    "unbuffer": "",
    "setsid": "",
    "command": "",
    "catchsegv": "",
    "caffeinate": "-t -w",
    "chrt": "",
    "nohup": "",
    "systemd-run": "-p --unit --property --uid",
    "authbind": "",
}
_OPERANDS = {"timeout": 1, "taskset": 1, "flock": 1, "nsys": 1}  # words of their own before the command
_RUNNERS = {("poetry", "run"), ("pipenv", "run"), ("uv", "run"), ("pdm", "run"), ("hatch", "run"), ("rye", "run"), ("pixi", "run")}
_RUNNERS_VALUED = "--with --python -p --project --directory --env-file --extra --group -e --environment --package -C"
_CONDA = {"conda", "mamba", "micromamba"}
_DOCKER_FLAGS = frozenset(
    "-d --detach -i --interactive -t --tty -it -ti -dit -itd -idt -tid -dt -td --rm --privileged --init --read-only --no-healthcheck -P"
    " --publish-all --oom-kill-disable --sig-proxy -q --quiet".split()
)
_SHELLS = {"bash", "sh", "zsh", "dash", "ksh"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_ENTER = {"Enter", "C-m", "ENTER", "enter", "C-j", "KPEnter"}
_SSH_VALUED = "-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w"


@dataclass(frozen=True)
class Inner:
    """What a command comes to. Either ``words`` (a command), or ``text`` (shell text that some shell is given), or ``script`` (a shell
    script with its arguments in ``words``). ``environment`` is set around it; ``elsewhere``: in another place, where the working folder
    here means nothing."""

    words: tuple[Word, ...] = ()
    text: Word | None = None
    script: str | None = None
    environment: tuple[tuple[str, Word], ...] = ()
    detached: str | None = None
    conda: str | None = None
    image: str | None = None
    volumes: tuple[tuple[str, str], ...] = ()
    folder: str | None = None
    elsewhere: bool = False
    pane: str | None = None
    """For tmux and screen: the window that the text is typed into."""
    nodes: int | None = None
    tasks: int | None = None
    """As slurm is told: machines, and tasks of each."""


def unwrap(words: tuple[Word, ...]) -> Inner:
    """``words`` without what stands around them. A command that nothing is known of comes back as it is."""
    made = Inner(words)
    for _ in range(20):
        step = _step(made.words)
        if step is None:
            return made
        made = _together(made, step)
        if step.text is not None or step.script is not None:
            return made
    return made


def _together(outer: Inner, step: Inner) -> Inner:
    return replace(
        step,
        environment=outer.environment + step.environment,
        detached=outer.detached or step.detached,
        conda=step.conda or outer.conda,
        image=step.image or outer.image,
        volumes=outer.volumes + step.volumes,
        folder=step.folder or outer.folder,
        elsewhere=outer.elsewhere or step.elsewhere,
        nodes=step.nodes or outer.nodes,
        tasks=step.tasks or outer.tasks,
    )


def _step(words: tuple[Word, ...]) -> Inner | None:
    if not words:
        return None
    name = posixpath.basename(words[0].text)
    texts = [word.text for word in words]
    if _ASSIGNMENT.match(texts[0]):
        key, _, value = texts[0].partition("=")
        return Inner(words[1:], environment=((key, Word(value, words[0].open)),))
    if name in _VALUED:
        at = _after_options(texts, 1, _VALUED[name].split()) + _OPERANDS.get(name, 0)
        return Inner(words[at:], detached="nohup" if name == "nohup" else None) if at < len(words) else None
    if name in _SHELLS:
        return _shell(words)
    if texts[0].endswith((".sh", ".bash", ".slurm", ".sbatch")):
        return Inner(words[1:], script=texts[0])
    handler = _HANDLERS.get(name)
    if handler is not None:
        return handler(words)
    if tuple(texts[:2]) in _RUNNERS:
        at = _after_options(texts, 2, _RUNNERS_VALUED.split())
        return Inner(words[at:]) if at < len(words) else None
    return None


def _shell(words: tuple[Word, ...]) -> Inner | None:
    at = 1
    while at < len(words) and words[at].text.startswith(("-", "+")):
        option = words[at].text
        if re.fullmatch(r"-[a-z]*c", option):
            return Inner(words[at + 2 :], text=words[at + 1]) if at + 1 < len(words) else None
        at += 2 if option in {"-o", "-O", "--rcfile", "--init-file"} else 1
    return Inner(words[at + 1 :], script=words[at].text) if at < len(words) else None


def _su(words: tuple[Word, ...]) -> Inner | None:
    for at, word in enumerate(words[:-1]):
        if word.text in {"-c", "--command"}:
            login = any(other.text in {"-", "-l", "--login"} for other in words)
            return Inner(text=words[at + 1], folder="~" if login else None)
    return None


def _eval(words: tuple[Word, ...]) -> Inner | None:
    return Inner(text=_spaced(words[1:]))


def _ssh(words: tuple[Word, ...]) -> Inner | None:
    at = _after_options([word.text for word in words], 1, _SSH_VALUED.split()) + 1
    at = _after_options([word.text for word in words], at, _SSH_VALUED.split())
    return Inner(text=_spaced(words[at:]), elsewhere=True, folder="~") if at < len(words) else None


def _tmux(words: tuple[Word, ...]) -> Inner | None:
    texts = [word.text for word in words]
    at = _after_options(texts, 1, ["-L", "-S", "-f"])
    if at >= len(words):
        return None
    if texts[at] in {"send-keys", "send"}:
        pane = texts[texts.index("-t") + 1] if "-t" in texts[:-1] else ""
        at = _after_options(texts, at + 1, ["-t", "-N"])
        typed = [word for word in words[at:] if word.text not in _ENTER]
        return Inner(text=_spaced(typed), detached="tmux", pane=pane)
    if texts[at] in {"new-session", "new", "new-window", "neww", "split-window", "splitw", "respawn-pane"}:
        at = _after_options(texts, at + 1, "-s -n -t -c -x -y -F -e -l -p".split())
        return Inner(text=_spaced(words[at:]), detached="tmux") if at < len(words) else None
    return None


def _screen(words: tuple[Word, ...]) -> Inner | None:
    texts = [word.text for word in words]
    if "-X" in texts and "stuff" in texts:
        typed = words[texts.index("stuff") + 1 :]
        text = _spaced(typed)
        return Inner(text=Word(re.sub(r"(?:\\n|\^M|\n|\$\(printf.*)+$", "", text.text), text.open), detached="screen", pane="screen")
    at = _after_options(texts, 1, "-S -T -c -e -h -p -s -t -dmS -DmS -dS -LdmS".split())
    return Inner(words[at:], detached="screen") if at < len(words) else None


def _conda(words: tuple[Word, ...]) -> Inner | None:
    texts = [word.text for word in words]
    if len(texts) < 3 or texts[1] != "run":
        return None
    at = _after_options(texts, 2, ["-n", "--name", "-p", "--prefix", "--cwd"])
    name = next((texts[i + 1] for i in range(2, at) if texts[i] in {"-n", "--name", "-p", "--prefix"} and i + 1 < len(texts)), None)
    return Inner(words[at:], conda=name) if at < len(words) else None


def _docker(words: tuple[Word, ...]) -> Inner | None:
    texts = [word.text for word in words]
    at = 2 if texts[1:2] == ["run"] else 3 if texts[1:3] == ["container", "run"] else 0
    if not at:
        return _docker_exec(words) if texts[1:2] == ["exec"] else None
    return _container(words, at)


def _docker_exec(words: tuple[Word, ...]) -> Inner | None:
    at = _after_options([word.text for word in words], 2, "-e -u -w --env --user --workdir --env-file".split()) + 1
    return Inner(words[at:], elsewhere=True) if at < len(words) else None


def _container(words: tuple[Word, ...], at: int) -> Inner | None:
    """``docker run``: options, the image, its command."""
    environment: list[tuple[str, Word]] = []
    volumes: list[tuple[str, str]] = []
    folder, entry, detached = None, None, None
    while at < len(words) and words[at].text.startswith("-"):
        option, glued, value = words[at].text.partition("=")
        if words[at].text in _DOCKER_FLAGS:
            detached = "docker" if option.startswith("--detach") or (option[:2] != "--" and "d" in option) else detached
            at += 1
            continue
        given = Word(value, words[at].open) if glued else words[at + 1] if at + 1 < len(words) else Word("")
        at += 1 if glued else 2
        if option in {"-e", "--env"}:
            name, equals, text = given.text.partition("=")
            environment.append((name, Word(text, given.open) if equals else Word(f"${name}", (name,))))
        elif option in {"-v", "--volume", "--mount"} and (pair := _volume(given.text)):
            volumes.append(pair)
        elif option in {"-w", "--workdir"}:
            folder = given.text
        elif option == "--entrypoint":
            entry = given
    if at >= len(words):
        return None
    command = words[at + 1 :]
    command = (entry, *command) if entry is not None else command
    return Inner(command, None, None, tuple(environment), detached, None, words[at].text, tuple(volumes), folder, True)


def _volume(text: str) -> tuple[str, str] | None:
    """The folder of the machine, and that inside."""
    if "=" in text:
        fields = dict(part.partition("=")[::2] for part in text.split(","))
        host, inside = fields.get("source") or fields.get("src"), fields.get("target") or fields.get("dst") or fields.get("destination")
        return (host, inside) if host and inside else None
    host, _, rest = text.partition(":")
    inside = rest.partition(":")[0]
    return (host, inside) if host and inside else None


def _singularity(words: tuple[Word, ...]) -> Inner | None:
    texts = [word.text for word in words]
    if len(texts) < 3 or texts[1] not in {"exec", "run"}:
        return None
    at = _after_options(texts, 2, "-B --bind --env --pwd -H --home -W --workdir --overlay".split())
    return Inner(words[at + 1 :], image=texts[at], elsewhere=True) if at + 1 < len(words) else None


def _srun(words: tuple[Word, ...]) -> Inner | None:
    """srun, or sbatch with a script or ``--wrap``."""
    texts = [word.text for word in words]
    valued = "-n -N -c -p -J -o -e -t -w -G -A -q -C -x -D --ntasks --nodes --partition --gres --ntasks-per-node --gpus --wrap".split()
    at = _after_options(texts, 1, valued)
    numbers = slurm_numbers(texts[1:at])
    detached = "sbatch" if posixpath.basename(texts[0]) == "sbatch" else None
    wrap = next((Word(text[7:], word.open) for text, word in zip(texts, words, strict=True) if text.startswith("--wrap=")), None)
    if wrap is None and "--wrap" in texts[:-1]:
        wrap = words[texts.index("--wrap") + 1]
    if wrap is not None:
        return Inner(text=wrap, detached=detached, nodes=numbers[0], tasks=numbers[1])
    if at >= len(words):
        return None
    script = texts[at] if detached else None
    return Inner(words[at + 1 :] if script else words[at:], script=script, detached=detached, nodes=numbers[0], tasks=numbers[1])


def slurm_numbers(options: Sequence[str]) -> tuple[int | None, int | None]:
    """Machines, and tasks of each, from slurm's options."""
    found: dict[str, int] = {}
    names = {"-N": "nodes", "--nodes": "nodes", "-n": "tasks", "--ntasks": "tasks", "--ntasks-per-node": "each", "--tasks-per-node": "each"}
    for at, option in enumerate(options):
        name, glued, value = option.partition("=")
        if not glued and re.match(r"-[Nn]\d", option):
            name, value = option[:2], option[2:]
        elif not glued:
            value = options[at + 1] if at + 1 < len(options) else ""
        number = re.match(r"\d{1,6}", value)
        if name in names and number is not None:
            found[names[name]] = int(number[0])
    nodes = found.get("nodes")
    each = found.get("each") or (found["tasks"] // max(nodes or 1, 1) if "tasks" in found else None)
    return nodes, each or None


def _spaced(words: Sequence[Word]) -> Word:
    made = Word("")
    for number, word in enumerate(words):
        made = made + Word(" ") + word if number else word
    return made


def _after_options(texts: Sequence[str], at: int, valued: Sequence[str]) -> int:
    """Where the first word stands that is no option, nor the value of one."""
    while at < len(texts) and texts[at].startswith("-") and texts[at] != "-":
        if texts[at] == "--":
            return at + 1
        at += 2 if texts[at] in valued else 1
    return at


_HANDLERS = {
    "su": _su,
    "runuser": _su,
    "eval": _eval,
    "ssh": _ssh,
    "tmux": _tmux,
    "screen": _screen,
    "conda": _conda,
    "mamba": _conda,
    "micromamba": _conda,
    "docker": _docker,
    "nvidia-docker": _docker,
    "podman": _docker,
    "singularity": _singularity,
    "apptainer": _singularity,
    "srun": _srun,
    "sbatch": _srun,
}
