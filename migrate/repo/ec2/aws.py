"""Calls of the AWS CLI: data moved from and to S3, machines asked for, regions and roles set."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from migrate.repo.ec2.machines import INSTANCE_TYPE, Leaf, Settings, machine, shorthand
from migrate.repo.ec2.model import Fact, Habit, Machine, Transfer
from migrate.repo.ec2.starts import is_hollow
from migrate.repo.ec2.words import Word

Said = Transfer | Machine | Habit | tuple[str, Fact[str]]
"""What a call says. A pair is a fact of its own: ``("region", ...)``, ``("role", ...)``."""
Read = Callable[[str], str | None]
"""The text of a file that is named beside the command; None where there is none."""

_FLAGS = frozenset(
    "--recursive --quiet --dryrun --delete --exact-timestamps --size-only --no-sign-request --only-show-errors --no-progress"
    " --follow-symlinks --no-follow-symlinks --debug --no-verify-ssl --no-paginate --ebs-optimized --no-ebs-optimized --dry-run"
    " --no-dry-run"
    " --associate-public-ip-address --no-associate-public-ip-address --force-glacier-transfer --ignore-glacier-warnings"
    " --enable-api-termination --disable-api-termination".split()
)
_STARTING = {
    "run-instances": None,
    "request-spot-instances": True,
    "request-spot-fleet": True,
    "create-fleet": None,
    "create-launch-template": None,
    "create-launch-template-version": None,
    "create-launch-configuration": None,
    "create-auto-scaling-group": None,
}
_ENDING = {"terminate-instances", "stop-instances", "cancel-spot-instance-requests", "cancel-spot-fleet-requests", "delete-fleets"}


def aws(words: Sequence[Word], path: str, line: int, folder: str, text: str, read: Read) -> Iterator[Said]:
    """What ``aws ...`` says. ``read`` gives the text of ``file://`` arguments."""
    operands, options = _arguments(words[1:])
    plain = [word.text for word in operands]
    by = " ".join(["aws", *plain[:2]])
    region = _single(options, "--region")
    if region is not None and not region.open and plain[:2] != ["ec2", "run-instances"]:
        yield "region", Fact(region.text, path, line, by)
    if plain[:1] == ["s3"] and plain[1:2] in (["cp"], ["sync"], ["mv"]) and len(operands) >= 4:
        found = transfer(operands[2], operands[3], by, path, line, folder, "--recursive" in options or plain[1] == "sync")
        if found is not None:
            yield found
    elif plain[:2] == ["s3api", "get-object"] or plain[:2] == ["s3api", "put-object"]:
        yield from _object(operands, options, by, path, line, folder)
    elif plain[:1] in (["ec2"], ["autoscaling"]) and len(plain) > 1:
        yield from _ec2(plain[1], options, by, path, line, text, read)
    elif plain[:3] == ["configure", "set", "region"] or plain[:3] == ["configure", "set", "default.region"]:
        yield from (("region", Fact(word.text, path, line, by)) for word in operands[3:4] if not word.open)
    elif plain[:2] == ["sts", "assume-role"]:
        yield from (("role", Fact(word.text, path, line, by)) for word in options.get("--role-arn", [])[:1])
    elif plain[:2] in (["sns", "publish"], ["ses", "send-email"]):
        yield Habit("mail", text, path, line)


def transfer(first: Word, second: Word, by: str, path: str, line: int, folder: str, recursive: bool) -> Transfer | None:
    """A copy between S3 and the machine; None between two buckets, or two folders."""
    into, out = first.text.startswith("s3://"), second.text.startswith("s3://")
    if into == out:
        if into or not (_is_bucket(first) or _is_bucket(second)):
            return None
        into = _is_bucket(first)
    s3, local = (first, second) if into else (second, first)
    if local.text == "-":
        return None
    complete = not (s3.open or local.open or is_hollow(s3.text) or is_hollow(local.text))
    return Transfer(s3.text, local.text, into, recursive, path, line, by, complete, folder)


def _is_bucket(word: Word) -> bool:
    """A variable that is named for a place in S3."""
    return any("s3" in name.lower() or "bucket" in name.lower() for name in word.open) and word.text.startswith("$")


def _object(operands: Sequence[Word], options: Mapping[str, list[Word]], by: str, path: str, line: int, folder: str) -> Iterator[Transfer]:
    bucket, name, body = _single(options, "--bucket"), _single(options, "--key"), _single(options, "--body")
    local = body if body is not None else operands[2] if len(operands) > 2 else None
    if bucket is not None and name is not None and local is not None:
        complete = not (bucket.open or name.open or local.open)
        yield Transfer(f"s3://{bucket.text}/{name.text}", local.text, "get-object" in by, False, path, line, by, complete, folder)


def _ec2(action: str, options: Mapping[str, list[Word]], by: str, path: str, line: int, text: str, read: Read) -> Iterator[Said]:
    if action in _ENDING:
        yield Habit("terminate", text, path, line)
    elif action in _STARTING:
        yield _machine(options, by, path, line, _STARTING[action], read)


def _machine(options: Mapping[str, list[Word]], by: str, path: str, line: int, spot: bool | None, read: Read) -> Machine:
    settings: dict[str, Settings] = {}
    user_data = None
    for name, values in options.items():
        if name in {"--query", "--output", "--profile", "--filters", "--key-name", "--client-token"}:
            continue
        if name == "--user-data":
            user_data = _user_data(values, by, path, line)
            continue
        settings[name] = [_setting(value, line, read) for value in values]
    if "--instance-market-options" in settings:
        spot = True  # there is no other market; where its file is not at hand, nothing else says so
    made = machine(settings, by, path, line, spot=spot, user_data=user_data)
    types = tuple(fact for fact in made.instance_types if INSTANCE_TYPE.fullmatch(fact.value) or "$" in fact.value)
    return replace(made, instance_types=types)


def _setting(word: Word, line: int, read: Read) -> Settings:
    """An option's value; that of ``file://`` with the file's own text."""
    if word.text.startswith("file://"):
        text = read(word.text.removeprefix("file://"))
        return shorthand(text, line) if text is not None else Leaf("", line)
    return shorthand(word.text, line)


def _user_data(values: Sequence[Word], by: str, path: str, line: int) -> Fact[str] | None:
    if not values:
        return None
    given = values[0].text
    name = given.removeprefix("file://").removeprefix("fileb://")
    return Fact(name if name != given else "inside", path, line, by)


def _arguments(words: Sequence[Word]) -> tuple[list[Word], dict[str, list[Word]]]:
    """Operands, and options with their values: an option takes all the words up to the next one, but in ``aws s3`` one."""
    operands: list[Word] = []
    options: dict[str, list[Word]] = {}
    last: list[Word] | None = None
    single = False
    for word in words:
        if word.text.startswith("--"):
            name, glued, value = word.text.partition("=")
            last = options.setdefault(name, [])
            single = bool(operands) and operands[0].text == "s3" or name in {"--region", "--profile", "--output", "--query"}
            if glued:
                last.append(Word(value, word.open))
            if glued or name in _FLAGS:
                last = None
        elif last is not None:
            last.append(word)
            last = None if single else last
        else:
            operands.append(word)
    return operands, options


def _single(options: Mapping[str, list[Word]], name: str) -> Word | None:
    return next(iter(options.get(name, [])), None)


def other_transfers(words: Sequence[Word], path: str, line: int, folder: str) -> Transfer | None:
    """s5cmd and s3cmd, which move data as ``aws s3`` does."""
    name = posixpath.basename(words[0].text)
    plain = [word for word in words[1:] if not word.text.startswith("-")]
    if name in {"s5cmd", "s3cmd"} and len(plain) >= 3 and plain[0].text in {"cp", "sync", "get", "put", "mv"}:
        recursive = plain[0].text == "sync" or any(word.text in {"-r", "--recursive"} for word in words) or "*" in plain[1].text
        return transfer(plain[1], plain[2], f"{name} {plain[0].text}", path, line, folder, recursive)
    return None
