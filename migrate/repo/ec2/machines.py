"""A machine from nested settings: the JSON of the AWS CLI, keyword arguments of boto3, and resources name the same things alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Union

from migrate.repo.ec2.model import Fact, Machine
from migrate.repo.ec2.secrets import is_secret

INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]{0,8}\d[a-z0-9-]*\.(?:\d{0,3}x?large|metal(?:-\d+xl)?|nano|micro|small|medium)")

_COUNTS = ("maxcount", "instancecount", "totaltargetcapacity", "targetcapacity", "desiredcapacity", "count", "mincount")


@dataclass(frozen=True)
class Leaf:
    """A plain value on a line. ``text`` is as it is written where nothing gives its value; ``path`` is empty for the file that is read.

    ``offset`` is the number of lines after which a text of several lines begins; ``known`` the variables given with a ``file://``.
    """

    text: str
    line: int
    path: str = ""
    offset: int = 0
    known: tuple[tuple[str, str], ...] = ()


Settings = Union[Leaf, "Mapping[str, Settings]", "Sequence[Settings]"]


def key(name: str) -> str:
    """A setting's name without the ways of spelling it: InstanceType, instance_type and instance-type are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find(settings: Settings, *names: str) -> Iterator[Settings]:
    """Each value, at any depth, that stands under one of ``names`` (as :func:`key` has them)."""
    if isinstance(settings, Leaf):
        return
    if isinstance(settings, Mapping):
        for name, value in settings.items():
            if key(name) in names:
                yield value
            else:
                yield from find(value, *names)
    else:
        for value in settings:
            yield from find(value, *names)


def leaves(settings: Settings) -> Iterator[Leaf]:
    """Every plain value in ``settings``."""
    if isinstance(settings, Leaf):
        if settings.text:
            yield settings
        return
    for value in settings.values() if isinstance(settings, Mapping) else settings:
        yield from leaves(value)


def machine(settings: Settings, by: str, path: str, line: int, *, spot: bool | None = None, user_data: Fact[str] | None = None) -> Machine:
    """The machine that ``settings`` ask for. ``spot``: what ``by`` itself says of it."""

    def first(*names: str) -> Fact[str] | None:
        return next(iter(every(*names)), None)

    def every(*names: str) -> tuple[Fact[str], ...]:
        found = (leaf for value in find(settings, *names) for leaf in leaves(value))
        return tuple(dict.fromkeys(Fact(leaf.text, leaf.path or path, leaf.line, by) for leaf in found))

    price = first("spotprice", "maxprice", "spotmaxprice", "spotmaxpricepercentageoverlowestprice")
    return Machine(
        by,
        path,
        line,
        instance_types=every("instancetype", "instancetypes"),
        count=next((found for name in _COUNTS if (found := _whole(first(name))) is not None), None),
        ami=first("imageid", "ami"),
        spot=_spot(settings, by, path, line, spot, price),
        max_price=price,
        profile=_profile(settings, by, path),
        region=first("region", "regionname"),
        zone=first("availabilityzone", "availabilityzones"),
        security_groups=every("securitygroupids", "vpcsecuritygroupids", "securitygroups", "groups", "securitygroup"),
        subnets=every("subnetid", "subnetids", "vpczoneidentifier", "subnets"),
        kms_keys=every("kmskeyid", "kmskey"),
        volume=_largest(every("volumesize", "volumesizeingb")),
        tags=tuple(_tags(settings, by, path)),
        user_data=user_data,
    )


def _spot(settings: Settings, by: str, path: str, line: int, said: bool | None, price: Fact[str] | None) -> Fact[bool] | None:
    for value in find(settings, "markettype", "instancelifecycle", "capacitytype"):
        for leaf in leaves(value):
            return Fact(leaf.text.lower() == "spot", leaf.path or path, leaf.line, by)
    for value in find(settings, "defaulttargetcapacitytype"):
        for leaf in leaves(value):
            return Fact(leaf.text.lower() == "spot", leaf.path or path, leaf.line, by)
    for value in find(settings, "ondemandpercentageabovebasecapacity"):
        for leaf in leaves(value):
            return Fact(leaf.text == "0", leaf.path or path, leaf.line, by)
    if said is not None:
        return Fact(said, path, line, by)
    asked = next(iter(find(settings, "spotoptions", "spotmarketoptions", "spotspecification")), None)
    if asked is not None:
        return Fact(True, path, next((leaf.line for leaf in leaves(asked)), line), by)
    return Fact(True, path, price.line, by) if price is not None else None


def _profile(settings: Settings, by: str, path: str) -> Fact[str] | None:
    for value in find(settings, "iaminstanceprofile", "iaminstanceprofilearn", "iaminstanceprofilename"):
        inner = [*find(value, "name", "arn")] if not isinstance(value, Leaf) else [value]
        for each in inner or [value]:
            for leaf in leaves(each):
                return Fact(leaf.text, leaf.path or path, leaf.line, by)
    return None


def _whole(fact: Fact[str] | None) -> Fact[int] | None:
    if fact is None or not re.fullmatch(r"\d{1,6}(?::\d{1,6})?", fact.value):
        return None
    return Fact(int(fact.value.rpartition(":")[2]), fact.path, fact.line, fact.by)


def _largest(facts: Sequence[Fact[str]]) -> Fact[int] | None:
    numbers = [number for number in map(_whole, facts) if number is not None]
    return max(numbers, key=lambda fact: fact.value, default=None)


def _tags(settings: Settings, by: str, path: str) -> Iterator[tuple[str, Fact[str]]]:
    seen = set()
    for value in find(settings, "tags", "tag"):
        for name, leaf in _pairs(value):
            if name and name not in seen and not is_secret(name, leaf.text):
                seen.add(name)
                yield name, Fact(leaf.text, leaf.path or path, leaf.line, by)


def _pairs(value: Settings) -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, Leaf):
        return
    if isinstance(value, Mapping):
        plain = {key(name): item for name, item in value.items()}
        if "key" in plain and "value" in plain:
            name, item = plain["key"], plain["value"]
            if isinstance(name, Leaf) and isinstance(item, Leaf):
                yield name.text, item
            return
        yield from ((name, item) for name, item in value.items() if isinstance(item, Leaf))
    else:
        for each in value:
            yield from _pairs(each)


def shorthand(text: str, line: int) -> Settings:
    """A value of the AWS CLI: JSON, its shorthand (``Name=x,Ebs={VolumeSize=100}``), or plain text."""
    import json

    stripped = text.strip()
    if stripped[:1] in {"{", "["}:
        try:
            return _from_json(json.loads(stripped), line)
        except (ValueError, RecursionError):
            pass
    if "=" not in stripped:
        return Leaf(text, line)
    try:
        return _Shorthand(stripped, line).value()
    except (IndexError, RecursionError):
        return Leaf(text, line)


def _from_json(value: object, line: int) -> Settings:
    if isinstance(value, dict):
        return {str(name): _from_json(item, line) for name, item in value.items()}
    if isinstance(value, list):
        return [_from_json(item, line) for item in value]
    return Leaf("" if value is None else str(value).lower() if isinstance(value, bool) else str(value), line)


class _Shorthand:
    """The grammar of the AWS CLI's user guide: pairs by commas, lists in brackets, tables in braces, ``a=1,2`` as a list."""

    def __init__(self, text: str, line: int) -> None:
        self.text, self.line, self.at = text, line, 0

    def value(self) -> Settings:
        here = self.text[self.at : self.at + 1]
        if here == "{":
            self.at += 1
            return self.pairs("}")
        if here == "[":
            return self._list()
        if self.at == 0:
            return self.pairs("")
        return Leaf(self._plain(), self.line)

    def pairs(self, end: str) -> dict[str, Settings]:
        made: dict[str, Settings] = {}
        last = None
        while self.at < len(self.text) and self.text[self.at] != (end or "\0"):
            start = self.at
            name = self._plain(stop="=,{}[]")
            if self.text[self.at : self.at + 1] == "=":
                self.at += 1
                made[name.strip()] = self.value()
                last = name.strip()
            elif last is not None:  # a=1,2: one more value of the last name
                before = made[last]
                more = Leaf(name, self.line)
                made[last] = [*before, more] if isinstance(before, list) else [before, more]
            if self.text[self.at : self.at + 1] == "," or self.at == start:
                self.at += 1
        self.at += 1
        return made

    def _list(self) -> list[Settings]:
        self.at += 1
        made: list[Settings] = []
        while self.at < len(self.text) and self.text[self.at] != "]":
            made.append(self.value())
            if self.text[self.at : self.at + 1] == ",":
                self.at += 1
            elif self.text[self.at : self.at + 1] != "]":
                break
        self.at += 1
        return made

    def _plain(self, stop: str = ",{}[]") -> str:
        quote = self.text[self.at : self.at + 1]
        if quote in {'"', "'"} and (close := self.text.find(quote, self.at + 1)) != -1:
            made, self.at = self.text[self.at + 1 : close], close + 1
            return made
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in stop:
            self.at += 1
        return self.text[start : self.at]
