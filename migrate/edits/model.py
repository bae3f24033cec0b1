"""What a rule may ask of a file. Spans are those of ``ast`` in the file as it was read; every edit of one file is done in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.facts.model import Span


@dataclass(frozen=True)
class Replace:
    """Put ``code`` (one expression) in the place of the expression at ``span``.

    ``several``: it is positional arguments, with commas between them, in the place of the one at ``span``.
    """

    path: str
    span: Span
    code: str
    several: bool = False


HERE = "__here__"  # in the code of a Wrap: the expression that stands there


@dataclass(frozen=True)
class Wrap:
    """Put ``code`` (one expression, with :data:`HERE` in it once) around the expression at ``span``. Edits inside that are done as well."""

    path: str
    span: Span
    code: str


@dataclass(frozen=True)
class AddArgument:
    """Add ``code`` (``nargs="?"``, or one positional expression) to the call at ``call``, after its other arguments of that kind."""

    path: str
    call: Span
    code: str


@dataclass(frozen=True)
class Insert:
    """Put whole statements before or after the statement at ``statement``, at its indentation."""

    path: str
    statement: Span
    code: str
    after: bool = False


@dataclass(frozen=True)
class Guard:
    """Do the call at ``span`` only where ``test`` holds; elsewhere its value is ``otherwise``. Both are one expression.

    A call that is a statement of its own comes under an ``if``; any other becomes ``call if test else otherwise``. Edits inside the call
    are done as well.
    """

    path: str
    span: Span
    test: str
    otherwise: str = "None"


@dataclass(frozen=True)
class AddImport:
    """Make ``local`` mean ``module`` (or ``module.name``): ``import os``, ``from x import y as z``.

    Asked for through ``migrate.edits.imports.local_name``, which finds what the file already has and picks a name that clashes with none.
    ``level`` counts the leading dots of a relative import. ``either``: in both forms, by ``if __package__:``, for a file that is run as a
    script and imported as a member of a package.
    """

    path: str
    module: str
    local: str
    name: str | None = None
    level: int = 0
    either: bool = False


Edit = Replace | Wrap | AddArgument | Guard | Insert | AddImport
