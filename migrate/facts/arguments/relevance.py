"""Which functions of a program are worth following: those that may lead to a parser, and small ones that only give data."""

from __future__ import annotations

import ast

from migrate.facts.arguments.objects import Bound, FunctionValue, Group, Instance, Namespace, Parser, Subparsers, SysArgv
from migrate.facts.nodes import walk
from migrate.facts.program import Function, Program

PARSER_WORDS = (
    "add_argument parse_args parse_known_args parse_intermixed_args ArgumentParser ArgParser HfArgumentParser set_defaults argv "
    "add_argument_group add_mutually_exclusive_group add_subparsers add_parser parse_args_into_dataclasses"
)
OTHER_WORDS = "LightningCLI CLI auto_cli Fire docopt tyro hydra exec DEFINE_string DEFINE_integer DEFINE_float"
WORDS = frozenset(PARSER_WORDS.split()) | frozenset(OTHER_WORDS.split())
SMALL = 400  # nodes of a function that only gives data
COMMON = frozenset({"__call__", "__len__", "__getitem__", "forward"})


class Relevance:
    """``follow`` says whether a call is followed."""

    def __init__(self, program: Program) -> None:
        self._relevant: set[int] = set()
        self._small: set[int] = set()
        self._words: dict[int, set[str]] = {}
        self._fill(program)

    def _fill(self, program: Program) -> None:
        names: dict[int, set[str]] = {}
        heirs: dict[str, set[str]] = {}  # the names of the classes below, by the name of the base
        for cls in program.classes:
            for base in _bases(cls.node):
                heirs.setdefault(base, set()).add(cls.node.name)
        for function in program.functions:
            words, count, gives = _look(function)
            key = id(function.node)
            self._words[key] = words
            names[key] = {function.node.name} - COMMON
            if function.node.name == "__init__" and function.owner is not None:
                names[key] = {function.owner.name} | heirs.get(function.owner.name, set())
            if gives and count <= SMALL:
                self._small.add(key)
            if function.node.name == "__init__" and count <= SMALL:
                self._small.add(key)
            if words & WORDS:
                self._relevant.add(key)
        known = {name for key in self._relevant for name in names[key]}
        fresh = set(known)
        while fresh:
            found = {key for key, words in self._words.items() if key not in self._relevant and words & fresh}
            self._relevant |= found
            fresh = {name for key in found for name in names[key]} - known
            known |= fresh

    def follow(self, node: ast.AST, held: list[object]) -> bool:
        """Whether a call of the function at ``node`` with these values is followed."""
        if isinstance(node, ast.Lambda) or id(node) in self._relevant or id(node) in self._small:
            return True
        return any(isinstance(value, (Parser, Group, Subparsers, SysArgv, Bound)) or _holds_parser(value) for value in held)


def _look(function: Function) -> tuple[set[str], int, bool]:
    """The names in a function, how many nodes it has, and whether it returns."""
    by_id: dict[int, tuple[set[str], int, bool]] = function.module.notes.setdefault("words of functions", {})
    known = by_id.get(id(function.node))
    if known is None:
        words: set[str] = set()
        count, gives = 0, False
        for node in walk(function.node):
            count += 1
            gives = gives or isinstance(node, ast.Return)
            if isinstance(node, ast.Name):
                words.add(node.id)
            elif isinstance(node, ast.Attribute):
                words.add(node.attr)
        known = by_id[id(function.node)] = words, count, gives
    return known


def _holds_parser(value: object) -> bool:
    if isinstance(value, Instance):
        return any(isinstance(inner, (Parser, Group)) for inner in value.attributes.values())
    return isinstance(value, FunctionValue) and isinstance(value.bound, (Parser, Instance)) and not isinstance(value.bound, Namespace)


def _bases(node: ast.ClassDef) -> list[str]:
    return [b.id if isinstance(b, ast.Name) else b.attr for b in node.bases if isinstance(b, (ast.Name, ast.Attribute))]
