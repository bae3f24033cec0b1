"""What a script itself copies from S3 and to S3, by the AWS command line, boto3 or s3fs, and which channel or output stands for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.habits.calls import HabitCall, habit_calls
from migrate.facts.habits.commands import Command, find_commands
from migrate.facts.habits.followed import values_of
from migrate.facts.locations import is_below, normal
from migrate.facts.migrated import Migrated
from migrate.facts.model import Arguments
from migrate.facts.notes import once
from migrate.facts.parts import text_of
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive
from migrate.facts.redirects import Paths, Redirect
from migrate.facts.values import Values

COPIES = {"aws": {"cp", "sync", "mv"}, "s5cmd": {"cp", "sync"}, "s3cmd": {"get", "put", "sync"}}
FLAGS = set(
    """
    --recursive --quiet --dryrun --only-show-errors --no-progress --follow-symlinks --no-follow-symlinks --delete --exact-timestamps
    --size-only --no-sign-request --force -r -q
    """.split()
)
S3 = ("s3://", "s3a://")
FILE_SYSTEM = {"get": False, "download": False, "get_file": False, "put": True, "upload": True, "put_file": True}
# What the arguments of boto3 are, by their number: of a client, a bucket, an object.
DOWNLOAD = {3: ("Bucket", "Key", "Filename"), 2: ("Key", "Filename"), 1: ("Filename",)}
UPLOAD = {3: ("Filename", "Bucket", "Key"), 2: ("Filename", "Key"), 1: ("Filename",)}
UNKNOWN = "*"


def shown_address(address: str) -> str:
    """An address as far as it is known, for people."""
    known, unknown, _ = address.partition(UNKNOWN)
    return "S3" if unknown and known in ("", *S3) else known + ("..." if unknown else "")


@dataclass(frozen=True, eq=False)
class Transfer:
    """One copy. ``remote`` is an ``s3://`` address and ``local`` a path on EC2, with ``*`` for what is not known of them.

    ``command``: the shell command that does it; None where a library does.
    """

    run: HabitCall
    up: bool
    remote: str
    local: str
    command: Command | None = None

    @property
    def address(self) -> str:
        """The address as far as it is known, for people."""
        return shown_address(self.remote)

    @property
    def path(self) -> str:
        """The path on EC2 as far as it is known, for people."""
        known, unknown, _ = self.local.partition(UNKNOWN)
        return f"'{known}{'...' if unknown else ''}'" if known else "something"


@once  # two rules and the job ask
def find_transfers(program: Program, arguments: Arguments) -> list[Transfer]:
    """Every copy of the program from or to S3, in the order of the files and lines."""
    found = [*_by_boto3(program, arguments), *_by_command(program, arguments), *_by_file_system(program, arguments)]
    order = {path: number for number, path in enumerate(program.modules)}
    return sorted(found, key=lambda t: (order[t.run.module.path], t.run.call.lineno, t.run.call.col_offset))


def _by_command(program: Program, arguments: Arguments) -> Iterator[Transfer]:
    if not habit_calls(program, "shell") or not any("s3" in module.text for module in program.modules.values()):
        return
    for command in find_commands(program, arguments):
        words = _operands(command)
        if len(words) < 2:
            continue
        source, target = words[0], words[1]
        if target.endswith(("/", ".")) and not target.startswith(S3) and _is_one_file(command):
            target = f"{target.rstrip('.').rstrip('/') or '.'}/{source.rpartition('/')[2]}"
        if source.startswith(S3) != target.startswith(S3):
            up = target.startswith(S3)
            yield Transfer(command.run, up, target if up else source, source if up else target, command)
        elif UNKNOWN in (source, target) and not source.startswith(S3) and not target.startswith(S3) and source != target:
            up = target == UNKNOWN  # `aws s3 cp model.pth {where}`: the one that is a path is none of S3's
            yield Transfer(command.run, up, UNKNOWN, source if up else target, command)


def _is_one_file(command: Command) -> bool:
    return "sync" not in command.words and "--recursive" not in command.words and not command.words[-1].endswith("*")


def _operands(command: Command) -> list[str]:
    """Source and target of a copy; empty for any other command."""
    words = [word for word in command.words[1:] if word != "s3"]
    verb = next((word for word in words if word in COPIES.get(command.name, ())), None)
    if verb is None or (command.name == "aws" and "s3" not in command.words):
        return []
    found: list[str] = []
    rest = iter(words[words.index(verb) + 1 :])
    for word in rest:
        if not word.startswith("-"):
            found.append(word)
        elif word not in FLAGS and "=" not in word:
            next(rest, None)
    return found


def _by_boto3(program: Program, arguments: Arguments) -> Iterator[Transfer]:
    runs = habit_calls(program, "s3-get", "s3-put")
    if not runs or not any("boto" in module.text for module in program.modules.values()):
        return
    values = values_of(program, arguments)
    for run in runs:
        up = run.habit == "s3-put"
        given: dict[str, ast.expr] = {k.arg: k.value for k in run.call.keywords if k.arg is not None}
        names = (UPLOAD if up else DOWNLOAD).get(len(run.call.args) + sum(name in given for name in ("Bucket", "Key", "Filename")), ())
        given.update((name, argument) for name, argument in zip(names, run.call.args, strict=False) if name not in given)
        given.update(_receiver(run.module, run.call, given))
        local = _text(values, run.module, given.get("Filename"))
        bucket, key = (_text(values, run.module, given.get(name)) for name in ("Bucket", "Key"))
        yield Transfer(run, up, f"s3://{bucket}/{key.lstrip('/')}", local)


def _receiver(module: Module, call: ast.Call, given: dict[str, ast.expr]) -> dict[str, ast.expr]:
    """The bucket, and the key, of ``s3.Bucket(name)`` and ``s3.Object(name, key)``, themselves or under a name."""
    node = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(node, ast.Name):
        found = module.scope(node).lookup(node.id)
        bound = [b.value for b in found[1] if b.kind == "assign" and not b.index] if found is not None else []
        node = bound[0] if len(bound) == 1 else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in ("Bucket", "Object"):
        return {}
    return {name: value for name, value in zip(("Bucket", "Key"), node.args, strict=False) if name not in given}


def _by_file_system(program: Program, arguments: Arguments) -> Iterator[Transfer]:
    for module in program.modules.values():
        for call in module.calls() if "s3fs" in module.text else []:
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in FILE_SYSTEM or len(call.args) < 2:
                continue
            if _is_file_system(program, module, call.func.value) and is_alive(program, module, call):
                up = FILE_SYSTEM[call.func.attr]
                texts = [_text(values_of(program, arguments), module, argument) for argument in call.args[:2]]
                local, remote = texts if up else reversed(texts)
                address = remote if remote.startswith(S3) else f"s3://{remote}"
                yield Transfer(HabitCall(module, call, f".{call.func.attr}", "s3-put" if up else "s3-get"), up, address, local)


def _is_file_system(program: Program, module: Module, node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        found = module.scope(node).lookup(node.id)
        bound = [b.value for b in found[1] if b.kind == "assign"] if found is not None else []
        return any(value is not None and _is_file_system(program, module, value) for value in bound)
    return isinstance(node, ast.Call) and program.qualified(module, node.func) in ("s3fs.S3FileSystem", "s3fs.core.S3FileSystem")


def _text(values: Values, module: Module, node: ast.expr | None) -> str:
    """The text of an expression as far as it is known: one alternative, or nothing."""
    if node is None:
        return UNKNOWN
    texts = {text_of(value) for value in values.of(module, node)}
    return texts.pop() if len(texts) == 1 else UNKNOWN


# -- what stands for it on SageMaker -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Brought:
    """A download that a channel brings on SageMaker. ``folder``: the address of what lies at the channel's root, where that is known;
    ``file``: the address of the one file that is brought, where it lies right there."""

    channel: str
    folder: str | None
    file: str | None = None


def brought(transfer: Transfer, paths: Paths) -> Brought | None:
    """The channel that holds what a download brings; None where none does."""
    local = normal(transfer.local)
    if transfer.up or not local or local.startswith(UNKNOWN):
        return None
    for told in _told(paths):
        root = _root(told)
        if told.role != "channel" or told.channel is None or root is None:
            continue
        if local == root or is_below(local, root) or is_below(root, local):
            folder = source_of(transfer.remote, local, root)
            alone = folder is not None and local != root and "/" not in local[len(root) :].strip("/") and is_below(local, root)
            return Brought(told.channel, folder, transfer.remote if alone else None)
    return None


def _told(paths: Paths) -> list[Redirect | Migrated]:
    """What would be redirected, and what is already."""
    return [*paths.redirects, *paths.migrated]


def _root(told: Redirect | Migrated) -> str | None:
    """The EC2 folder that a channel stands for, in its normal form; None for the working folder and what is not known."""
    text = told.root or told.default
    return normal(text) or None if text is not None and UNKNOWN not in text else None


def source_of(remote: str, local: str, root: str) -> str | None:
    """The address of what lies at ``root``, where ``remote`` is copied to ``local``; None where that cannot be said."""
    if UNKNOWN in remote or UNKNOWN in local:
        return None
    scheme, _, address = remote.partition("://")
    address = address.rstrip("/")
    if local == root:
        return f"s3://{address}"
    if is_below(root, local):
        return f"s3://{address}/{root[len(local) :].lstrip('/')}" if local else None
    rest = local[len(root) :].strip("/")
    return f"s3://{address.removesuffix('/' + rest)}" if address.endswith(f"/{rest}") else None


def kept(transfer: Transfer, paths: Paths) -> bool:
    """Whether what is uploaded lies where SageMaker keeps it."""
    local = normal(transfer.local)
    if not transfer.up or local.startswith(UNKNOWN):
        return False
    outputs = [normal(told.default) for told in _told(paths) if told.role != "channel" and told.default]
    if not local:  # the working folder
        return any(not output.startswith("/") for output in outputs)
    return any(local == output or is_below(output, local) or is_below(local, output) for output in outputs)


def channel_sources(program: Program, arguments: Arguments, paths: Paths) -> dict[str, str]:
    """The address of each channel that the script itself downloads on EC2; none for one that is put together from several places."""
    found: dict[str, set[Brought]] = {}
    for transfer in find_transfers(program, arguments):
        match = brought(transfer, paths)
        if match is not None:
            found.setdefault(match.channel, set()).add(match)
    sources: dict[str, str] = {}
    for channel, matches in found.items():
        folders = {match.folder for match in matches}
        one = next(iter(matches))
        source = one.file if len(matches) == 1 and one.file else folders.pop() if len(folders) == 1 else None
        if source is not None:
            sources[channel] = source
    return sources
