"""YAML (and JSON, which it holds) as nested settings with lines; tags that CloudFormation adds are kept as ``{"Fn::Name": value}``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.repo.ec2.machines import Leaf, Settings

if TYPE_CHECKING:
    from yaml import Node

MOST_DEEP = 60
MOST_NODES = 50_000  # of one document: aliases can make a small file endless


class Unreadable(ValueError):
    """No YAML. ``line`` counts from 1 in the text."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def settings(text: str, first_line: int = 1) -> Settings:
    """The first document of ``text``. Raises :class:`Unreadable`."""
    import yaml

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        node = next(iter(yaml.compose_all(text, Loader=loader)), None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise Unreadable(str(error.problem or "cannot be parsed"), mark.line + 1 if mark is not None else 1) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Unreadable("cannot be parsed") from error
    return _Maker(first_line).made(node, 0) if node is not None else {}


class _Maker:
    def __init__(self, first_line: int) -> None:
        self.first_line = first_line
        self.nodes = 0

    def made(self, node: Node, depth: int) -> Settings:
        import yaml

        self.nodes += 1
        if depth > MOST_DEEP or self.nodes > MOST_NODES:
            raise Unreadable("nested too deep, or too long", node.start_mark.line + 1)
        line = self.first_line + node.start_mark.line
        if isinstance(node, yaml.ScalarNode):
            value: Settings = Leaf("" if node.tag.endswith(":null") else node.value, line)
        elif isinstance(node, yaml.SequenceNode):
            value = [self.made(each, depth + 1) for each in node.value]
        else:
            value = {str(name.value): self.made(each, depth + 1) for name, each in node.value if isinstance(name, yaml.ScalarNode)}
        if node.tag.startswith("!") and len(node.tag) > 1:
            name = node.tag[1:]
            return {name if name == "Ref" else f"Fn::{name}": value}
        return value
