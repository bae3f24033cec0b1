"""How a script takes its settings: ``find_arguments`` reads every shape of argparse, and tells the other kinds of command line."""

from __future__ import annotations

from dataclasses import replace

from migrate.facts.arguments.argv import argv_options, own_reader
from migrate.facts.arguments.flags import flags_site
from migrate.facts.arguments.kinds import find_kind
from migrate.facts.arguments.machine import Machine, Parse
from migrate.facts.arguments.objects import Parser
from migrate.facts.arguments.parsers import collect
from migrate.facts.constants import find_constants, option_of
from migrate.facts.model import Arguments, Option, ParseSite, Place
from migrate.facts.program import Program

__all__ = ["find_arguments"]


def find_arguments(program: Program) -> Arguments:
    """The options that ``program`` holds when it parses its command line, and the calls that parse it.

    Read from source by following the entry from its first line (``machine.py``): options of another script's ``__main__`` block, or
    of functions that this entry never calls, are not among them.
    """
    machine = Machine(program)
    machine.run()
    notes = tuple(machine.notes.items())
    own = [parse for parse in machine.parses if parse.site.argv != "other"]
    if own or (machine.parses and not find_kind(machine.externals, program.entry)):
        return _argparse(machine, notes)
    found = find_kind(machine.externals, program.entry)
    if found is not None:
        site = flags_site(program, machine.externals) if found.cli in ("absl", "tf.flags") else None
        return Arguments(found.cli, found.options, (site,) if site else (), unknown=((found.place, found.cli), *notes))
    folder = program.entry.rpartition("/")[0]
    reads = [read for read in machine.argv_reads if read[0].path.rpartition("/")[0] == folder]  # a library's own tools are not the script
    if any(index >= 1 for _, _, index in reads):
        return Arguments("sys.argv", tuple(argv_options(reads)), unknown=notes)
    reader = own_reader(program, folder)
    if reader is not None:
        return Arguments("other", unknown=((reader, "other"), *notes))
    constants = find_constants(program)
    if constants:
        return Arguments("constants", tuple(option_of(constant) for constant in constants), unknown=notes)
    return Arguments("none", unknown=notes)


def _argparse(machine: Machine, notes: tuple[tuple[Place, str], ...]) -> Arguments:
    libraries = {parse.parser.library.rpartition(".")[2] for parse in machine.parses}
    cli = next((name for name in ("HfArgumentParser",) if name in libraries), "argparse")
    options = _options(machine.parses)
    if cli == "HfArgumentParser":
        found = find_kind([(name, call) for name, call in machine.externals if name.endswith(cli)], machine.program.entry)
        options += found.options if found else ()
    return Arguments(
        cli,
        options=options,
        sites=_sites(machine.parses),
        command_dest=next((p.parser.command_dest or "command" for p in machine.parses if p.parser.children), None),
        unknown=notes,
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
