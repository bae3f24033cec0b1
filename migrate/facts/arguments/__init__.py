"""How a script takes its settings: ``find_arguments`` reads every shape of argparse, and tells the other kinds of command line."""

from __future__ import annotations

from dataclasses import replace

from migrate.facts.arguments.machine import Machine, Parse
from migrate.facts.arguments.objects import Parser
from migrate.facts.arguments.parsers import collect
from migrate.facts.model import Arguments, Option, ParseSite
from migrate.facts.program import Program

__all__ = ["find_arguments"]


def find_arguments(program: Program) -> Arguments:
    """The options that ``program`` holds when it parses its command line, and the calls that parse it.

    Read from source by following the entry from its first line (``machine.py``): options of another script's ``__main__`` block, or
    of functions that this entry never calls, are not among them.
    """
    machine = Machine(program)
    machine.run()
    if not machine.parses:
        return Arguments("none", unknown=tuple(machine.notes.items()))
    return Arguments(
        "argparse",
        options=_options(machine.parses),
        sites=_sites(machine.parses),
        command_dest=next((p.parser.command_dest or "command" for p in machine.parses if p.parser.children), None),
        unknown=tuple(machine.notes.items()),
    )


def _sites(parses: list[Parse]) -> tuple[ParseSite, ...]:
    """Each place once; where a place parses several argv, the process's own wins."""
    found: dict[object, ParseSite] = {}
    for parse in parses:
        old = found.get(parse.site.place)
        if old is None or old.argv == "other":
            found[parse.site.place] = parse.site
    return tuple(found.values())


def _options(parses: list[Parse]) -> tuple[Option, ...]:
    """The options of every parser that reads the process's own argv, each once.

    A call that declares several options (in a loop) is no place to edit the default of one: its spans are left out.
    """
    own = [parse.parser for parse in parses if parse.site.argv != "other"] or [parse.parser for parse in parses]
    seen: list[Parser] = []
    options: list[Option] = []
    keys: set[tuple[object, ...]] = set()
    for parser in own:
        if any(parser is other for other in seen):
            continue
        seen.append(parser)
        for option in collect(parser):
            key = (option.dest, option.options, option.subcommand)
            if key not in keys:
                keys.add(key)
                options.append(option)
    shared: dict[object, set[str]] = {}
    for option in options:
        shared.setdefault(option.place, set()).add(option.dest)
    return tuple(
        replace(option, default_span=None, required_span=None, nargs_span=None) if len(shared[option.place]) > 1 else option
        for option in options
    )
