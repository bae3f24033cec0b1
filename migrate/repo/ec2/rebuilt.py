"""Facts of the EC2 side made again from JSON, in which a scan is kept."""

from __future__ import annotations

import types
import typing
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from migrate.repo.ec2.model import Ec2Side


def rebuilt(value: dict[str, Any]) -> Ec2Side:
    """The side whose ``dataclasses.asdict`` went through JSON. Raises KeyError, TypeError or ValueError for anything else."""
    made = _made(Ec2Side, value)
    assert isinstance(made, Ec2Side)
    return made


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _made(kind: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):  # ``Fact[str] | None`` is of the second kind
        return None if value is None else _made(arguments[0], value)
    if origin is tuple:
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_made(each, item) for each, item in zip(kinds, value, strict=True))
    made = origin or kind
    if is_dataclass(made):
        return _dataclass(made, arguments, value)
    if not isinstance(value, made):
        raise TypeError(f"{value!r} is no {made.__name__}")
    return value


def _dataclass(made: Any, arguments: tuple[Any, ...], value: dict[str, Any]) -> Any:
    """``arguments`` are those of a generic one: of ``Fact[str]``, what its value is."""
    hints = {**_hints(made), **({"value": arguments[0]} if arguments else {})}
    if not value.keys() <= {field.name for field in fields(made)}:
        raise KeyError(next(iter(value)))
    return made(**{name: _made(hints[name], item) for name, item in value.items()})
