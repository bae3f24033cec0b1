"""The facts of one Python file or program, as frozen data. Nothing here knows a rule or writes a file."""

from __future__ import annotations

import ast
from dataclasses import dataclass

# Those of ``Arguments.cli`` whose command line is read by another than argparse. Nothing translates for them, but for flags whose place of
# reading is known (``Arguments.sites``).
FOREIGN = ("click", "fire", "hydra", "tyro", "absl", "tf.flags", "docopt", "LightningCLI", "exec", "yacs", "other")
FLAGS_LIBRARY = "flags"  # ``ParseSite.library`` of absl's flags, and of TensorFlow's


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of source: lines from 1, columns from 0 in UTF-8 bytes, exactly as ``ast`` counts them."""

    line: int
    column: int
    end_line: int
    end_column: int

    @classmethod
    def of(cls, node: ast.expr | ast.stmt | ast.keyword | ast.arg | ast.alias | ast.excepthandler) -> Span:
        """The span of an ``ast`` node that was parsed from source."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return cls(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)


@dataclass(frozen=True, order=True)
class Place:
    """Where a fact stands: ``path`` is POSIX, relative to the scanned root."""

    path: str
    span: Span


@dataclass(frozen=True)
class Option:
    """One option of a command line, as ``add_argument`` declares it.

    ``default`` is the literal's value when ``default_known``; otherwise None. ``type`` is the source text of ``type=``
    (``"int"``, ``"str2bool"``), None when there is none. ``subcommand`` is the name of the subparser it belongs to.
    """

    dest: str
    options: tuple[str, ...]  # every spelling; empty for a positional
    action: str  # "store", "store_true", ... or the source text of a custom action
    type: str | None
    nargs: str | int | None
    choices: tuple[object, ...] | None
    default: object
    default_known: bool
    required: bool
    help: str | None
    place: Place  # the add_argument call
    default_span: Span | None = None  # the expression given as default=
    required_span: Span | None = None
    nargs_span: Span | None = None
    subcommand: str | None = None

    @property
    def positional(self) -> bool:
        return not self.options


@dataclass(frozen=True)
class ParseSite:
    """One call of ``parse_args`` or ``parse_known_args``."""

    place: Place
    method: str  # parse_args, parse_known_args, parse_intermixed_args, ...
    receiver: Span  # the expression before the dot
    receiver_text: str
    argv: str  # "none" (no argument), "sys.argv" (sys.argv[1:] or the same), "support" (the support module's), "other" (an explicit list)
    argv_span: Span | None = None
    library: str = "argparse.ArgumentParser"  # the class, or the library function, that the parser comes from


@dataclass(frozen=True)
class Arguments:
    """How a script takes its settings.

    ``cli`` is argparse, sys.argv, constants, click, fire, hydra, tyro, absl, tf.flags, docopt, HfArgumentParser,
    LightningCLI, exec, yacs or none.
    """

    cli: str
    options: tuple[Option, ...] = ()
    sites: tuple[ParseSite, ...] = ()
    command_dest: str | None = None  # the dest of add_subparsers
    unknown: tuple[tuple[Place, str], ...] = ()  # what could not be read, with the reason
