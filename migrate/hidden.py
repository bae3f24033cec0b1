"""What a scan tells, without the secrets that it has come across."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from migrate.edits.changes import Change
from migrate.facts.program import parse_module
from migrate.facts.secrets import HIDDEN, Secret, hide, is_secret, secrets_in_lines, secrets_of
from migrate.generate.mark import read_mark
from migrate.job.model import EntryPoint, Hyperparameter
from migrate.repo.beside import files_beside
from migrate.repo.tree import Tree
from migrate.rules.model import Finding

T = TypeVar("T")


def secrets_beside(tree: Tree) -> tuple[Secret, ...]:
    """The secrets in the files that stand beside the Python code."""
    return tuple(secret for path, text in files_beside(tree) for secret in secrets_in_lines(path, text))


def finding_without(finding: Finding, values: Collection[str]) -> Finding:
    """``finding`` with its texts told without the secrets ``values``; its edits stay, they hold none."""
    reason = None if finding.reason is None else hide(finding.reason, values)
    return replace(finding, message=hide(finding.message, values), reason=reason)


def point_without(point: EntryPoint, values: Collection[str]) -> EntryPoint:
    """``point`` with every text in it told without the secrets ``values``, and without those that a name gives away.

    The default of a setting that is a secret is none: a mark in its place would be passed for it.
    """
    settings = tuple(_setting(setting, values) for setting in point.hyperparameters)
    command = None if point.command is None else hide(point.command, {s.value for s in secrets_in_lines("command", point.command)})
    return _without(replace(point, hyperparameters=settings, command=command), values)


def patch_without(patch: bytes, changes: Sequence[Change]) -> tuple[bytes, bool]:
    """A patch of ``changes`` as it may be shown, and whether a secret had to be left out: git does not take it then."""
    contents = [(change.path, content) for change in changes for content in (change.old, change.new) if content]
    contents = [(path, content) for path, content in contents if read_mark(content) is not True]  # this tool's own text holds none
    values = sorted({value.encode() for path, content in contents for value in _values(path, content)}, key=len, reverse=True)
    shown = patch
    for value in values:
        shown = shown.replace(value, HIDDEN.encode())
    return shown, shown != patch


def _values(path: str, content: bytes) -> set[str]:
    try:
        if path.endswith(".py"):
            return {secret.value for secret in secrets_of(parse_module(path, content))}
    except (SyntaxError, ValueError):
        pass  # a file that Python does not read is looked at line by line
    return {secret.value for secret in secrets_in_lines(path, content.decode("utf-8", "replace"))}


def _setting(setting: Hyperparameter, values: Collection[str]) -> Hyperparameter:
    held = is_secret(setting.name, setting.default) or any(value in json.dumps(setting.default) for value in values)
    return replace(setting, default=None) if held else setting


def _without(value: T, values: Collection[str]) -> T:
    """``value`` (of frozen data: dataclasses, tuples, mappings, texts) without the secrets; itself where it holds none."""
    made: Any = value
    if isinstance(value, str):
        made = hide(value, values)
    elif isinstance(value, tuple):
        parts = tuple(_without(item, values) for item in value)
        if len(parts) == 2 and isinstance(parts[0], str) and is_secret(parts[0], parts[1]):  # a variable and its value
            parts = (parts[0], HIDDEN)
        made = parts if parts != value else value
    elif isinstance(value, list):
        made = [_without(item, values) for item in value]
    elif isinstance(value, dict):
        made = {key: HIDDEN if is_secret(str(key), item) else _without(item, values) for key, item in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: _without(getattr(value, f.name), values) for f in fields(value) if f.init}
        changed = {name: item for name, item in changed.items() if item is not getattr(value, name) and item != getattr(value, name)}
        made = replace(value, **changed) if changed else value
    result: T = made
    return result
