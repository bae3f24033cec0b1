"""What a script asks EC2's instance metadata service."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.habits.calls import HabitCall, habit_calls, is_guarded
from migrate.facts.habits.commands import find_commands
from migrate.facts.habits.followed import values_of
from migrate.facts.model import Arguments
from migrate.facts.parts import text_of
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive
from migrate.facts.values import Values

ADDRESSES = ("169.254.169.254", "fd00:ec2::254", "instance-data/")
LIBRARIES = ("get_instance_metadata", "get_instance_identity", "ec2_metadata")
ITEM = re.compile(
    r"(?:169\.254\.169\.254|\[?fd00:ec2::254\]?|instance-data)(?::80)?/[^/]+/(?:meta-data/|dynamic/|user-data)?(?P<item>[^?#]*)"
)
SPOT = ("spot/", "events/recommendations")


@dataclass(frozen=True, eq=False)
class Asked:
    """One question to the service. ``item`` is what is asked for (``instance-id``), None where that is not known."""

    run: HabitCall
    item: str | None

    @property
    def spot(self) -> bool:
        """Whether it asks for the notice of a spot interruption."""
        return self.item is not None and self.item.startswith(SPOT)


def find_asked(program: Program, arguments: Arguments) -> list[Asked]:
    """Every question of the program to the instance metadata service."""
    return [*_by_web(program, values_of(program, arguments)), *_by_command(program, arguments), *_by_library(program)]


def speaks_of_metadata(program: Program) -> bool:
    """A cheap look before a thorough one."""
    return any(word in module.text for module in program.modules.values() for word in (*ADDRESSES, *LIBRARIES))


def _by_web(program: Program, values: Values) -> Iterator[Asked]:
    for run in habit_calls(program, "http"):
        argument = run.call.args[-1 if run.name == "requests.request" else 0] if run.call.args else None
        argument = argument or next((k.value for k in run.call.keywords if k.arg == "url"), None)
        texts = [text_of(value) for value in values.of(run.module, argument)] if argument is not None else []
        if any(address in text for text in texts for address in ADDRESSES):
            yield Asked(run, item_of(texts[0]) if len(texts) == 1 else None)


def _by_command(program: Program, arguments: Arguments) -> Iterator[Asked]:
    for command in find_commands(program, arguments):
        urls = [word for word in command.words if any(address in word for address in ADDRESSES)]
        if command.name in ("curl", "wget") and urls or command.name in ("ec2-metadata", "ec2metadata"):
            yield Asked(command.run, item_of(urls[0]) if urls and command.alone else None)


def _by_library(program: Program) -> Iterator[Asked]:
    for run in habit_calls(program, "metadata"):
        yield Asked(run, None)


def library_answers(program: Program) -> Iterator[tuple[Module, ast.Attribute]]:
    """Every attribute of ``ec2_metadata.ec2_metadata``: the library asks the service where one is read."""
    for module in program.modules.values():
        for node in module.nodes.of(ast.Attribute) if "ec2_metadata" in module.text else []:
            if program.qualified(module, node.value) == "ec2_metadata.ec2_metadata" and is_alive(program, module, node):
                if not is_guarded(module, node):
                    yield module, node


def item_of(text: str) -> str | None:
    """What of the metadata a URL names: ``placement/region``; None where it is not known whole."""
    match = ITEM.search(text)
    item = match.group("item").strip("/ ") if match is not None else ""
    return item if item and "*" not in item else None


def answer_around(module: Module, call: ast.Call) -> tuple[ast.expr, str]:
    """The expression that takes the answer out of the response ``call`` gives, and what it is: text, bytes, status or response."""
    kind = "response"
    node: ast.expr = call
    while True:
        parent = module.parent(node)
        if not isinstance(parent, ast.Attribute) or parent.value is not node:
            return node, kind
        outer = module.parent(parent)
        called = outer if isinstance(outer, ast.Call) and outer.func is parent and not outer.args and not outer.keywords else None
        step = _STEPS.get((kind, parent.attr, called is not None))
        if step is None:
            return node, kind
        kind, node = step, called or parent


_STEPS = {  # from what it is, by an attribute, called or not
    ("response", "text", False): "text",
    ("response", "content", False): "bytes",
    ("response", "read", True): "bytes",
    ("response", "status_code", False): "status",
    ("bytes", "decode", True): "text",
    ("text", "strip", True): "text",
}
