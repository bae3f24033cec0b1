"""CloudFormation templates as tests look at them: read with their tags, linted, and with every reference filled in."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Keeps CloudFormation's tags: ``!Ref x`` is ``{"!Ref": "x"}``."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {f"!{suffix}": loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {f"!{suffix}": loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {f"!{suffix}": loader.construct_mapping(node, deep=True)}


yaml.add_multi_constructor("!", _tag, Loader=_Loader)


def read(path: Path) -> dict[str, Any]:
    """A template as plain data."""
    return read_text(path.read_text("utf-8"))


def read_text(text: str) -> dict[str, Any]:
    """The text of a template as plain data."""
    document = yaml.load(text, _Loader)
    assert isinstance(document, dict)
    return document


def lint(path: Path) -> str:
    """What cfn-lint has to say: nothing, if the template is well."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", "--", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300).stdout


def filled(value: Any, names: dict[str, Any]) -> Any:
    """``value`` with ``!Ref``, ``!Sub``, ``!GetAtt`` and ``!If`` replaced by ``names``; conditions that are not named hold."""
    if isinstance(value, list):
        return [item for item in (filled(item, names) for item in value) if item is not None]
    if not isinstance(value, dict):
        return value
    [tag, inner] = next(iter(value.items())) if len(value) == 1 else ("", None)
    if tag == "!Ref":
        return None if inner == "AWS::NoValue" else names[inner]
    if tag == "!Sub":
        return re.sub(r"\$\{([^}]+)\}", lambda match: str(names[match[1]]), inner)
    if tag == "!GetAtt":
        return names[inner]
    if tag == "!If":
        condition, then, otherwise = inner
        return filled(then if names.get(condition, True) else otherwise, names)
    if tag == "!Split":
        return filled(inner[1], names).split(inner[0])
    return {key: item for key, item in ((key, filled(item, names)) for key, item in value.items()) if item is not None}
