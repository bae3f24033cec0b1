"""Which package brings a module, and what a package needs of the system: two tables (``data/``) that a stranger extends."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Iterable


def distributions_of(module: str) -> tuple[str, ...]:
    """The packages of PyPI that bring ``module`` (the first name of an import), the usual one first; none where the table has no line."""
    return _modules().get(module, ())


def system_packages(packages: Iterable[str], amazon: bool = False) -> tuple[list[str], list[str]]:
    """What ``packages`` need of the system, for apt or, with ``amazon``, for dnf: what there is, and what Amazon Linux lacks."""
    found: dict[str, None] = {}
    for package in packages:
        for name in _system().get(package, ((), ()))[amazon]:
            found[name] = None
    return [name for name in found if name[0] != "-"], [name[1:] for name in found if name[0] == "-"]


@functools.cache
def _modules() -> dict[str, tuple[str, ...]]:
    return {words[0]: tuple(words[1:]) for words in _lines("distributions.txt")}


@functools.cache
def _system() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    found = {}
    for name, *words in _lines("system_packages.txt"):
        at = words.index("|")
        found[name] = (tuple(words[:at]), tuple(words[at + 1 :]))
    return found


def _lines(name: str) -> list[list[str]]:
    text = importlib.resources.files("migrate.job").joinpath(f"data/{name}").read_text("utf-8")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]
