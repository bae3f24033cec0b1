"""The commands that a script runs in a shell, as words. What of them is not known is ``*``."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.flow import reaching
from migrate.facts.habits.calls import HabitCall, habit_calls
from migrate.facts.habits.followed import values_of
from migrate.facts.model import Arguments
from migrate.facts.notes import once
from migrate.facts.parts import text_of
from migrate.facts.program import Module, Program
from migrate.facts.values import Values

PIECE = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|\$\([^()]*\)|(?<=[<>])&|&>|(?P<separator>[;&|()\n]+)|.""", re.DOTALL)
BEFORE = {"sudo", "exec", "time", "command", "env", "nice", "stdbuf", "timeout"}  # a command stands behind them


@dataclass(frozen=True, eq=False)
class Command:
    """One simple command of a call. ``alone``: the call runs nothing else."""

    run: HabitCall
    words: tuple[str, ...]
    alone: bool
    sudo: bool = False

    @property
    def name(self) -> str:
        """The program that it runs, without its folder."""
        return self.words[0].rpartition("/")[2]


@once  # every rule of the habits asks
def find_commands(program: Program, arguments: Arguments) -> list[Command]:
    """Every command that the program runs in a shell."""
    return list(_find(program, arguments))


def _find(program: Program, arguments: Arguments) -> Iterator[Command]:
    for run in habit_calls(program, "shell"):
        simple = [(words, bare) for words in _commands(values_of(program, arguments), run.module, run.call) if (bare := _bare(words))]
        for words, bare in simple:
            yield Command(run, bare, len(simple) == 1, words[0] == "sudo")


def _commands(values: Values, module: Module, call: ast.Call) -> list[tuple[str, ...]]:
    argument = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg in ("args", "cmd", "command")), None)
    if argument is None:
        return []
    display = _display(module, argument)
    if display is not None:
        return [tuple(text_of(values.of(module, element)[0]) for element in display.elts)]
    found: list[tuple[str, ...]] = []
    for text in dict.fromkeys(text_of(value) for value in values.of(module, _unsplit(module, argument))):
        found += split(text)
    return found


def _display(module: Module, node: ast.expr) -> ast.List | ast.Tuple | None:
    """The list of words that ``node`` is, or names."""
    if isinstance(node, ast.Name):
        found = module.scope(node).lookup(node.id)
        bindings = reaching(module, node, *found) if found else []
        named = [b.value for b in bindings if b.kind == "assign" and not b.index and isinstance(b.value, (ast.List, ast.Tuple))]
        return named[0] if len(named) == len(bindings) == 1 else None
    return node if isinstance(node, (ast.List, ast.Tuple)) else None


def _unsplit(module: Module, argument: ast.expr) -> ast.expr:
    """The text of ``shlex.split(text)`` and of ``"...".split()``."""
    if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Attribute) and argument.func.attr == "split":
        return argument.args[0] if argument.args and isinstance(argument.func.value, ast.Name) else argument.func.value
    return argument


def split(text: str) -> list[tuple[str, ...]]:
    """The simple commands of a line of shell, as words; none where it cannot be read."""
    pieces = [""]
    for match in PIECE.finditer(text):
        if match.lastgroup == "separator":
            pieces.append("")
        else:
            pieces[-1] += match.group()
    try:
        found = [tuple(shlex.split(piece)) for piece in pieces]
    except ValueError:  # a quote that does not end
        return []
    return [words for words in found if words]


def _bare(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command without what stands before it: variables, ``sudo -E``, ``bash -c``."""
    rest = list(words)
    while rest and (rest[0] in BEFORE or "=" in rest[0].partition("/")[0] or (rest[0].startswith("-") and len(rest) < len(words))):
        del rest[0]
    if len(rest) > 2 and rest[0].rpartition("/")[2] in ("bash", "sh") and rest[1] in ("-c", "-lc"):
        inner = split(rest[2])
        return _bare(inner[0]) if inner else ()
    return tuple(rest)


COMMANDS = {"shutdown", "poweroff", "halt", "reboot"}
BY_MANAGER = {"systemctl": {"poweroff", "halt", "reboot"}, "init": {"0", "6"}, "telinit": {"0", "6"}}
ENDING = {"terminate-instances", "stop-instances", "cancel-spot-instance-requests", "cancel-spot-fleet-requests"}


def ends_machine(command: Command) -> bool:
    """Whether a command shuts the machine down, or ends EC2 instances."""
    arguments = set(command.words[1:])
    if command.name == "aws":
        return "ec2" in arguments and bool(ENDING & arguments)
    return command.name in COMMANDS or bool(BY_MANAGER.get(command.name, set()) & arguments)
