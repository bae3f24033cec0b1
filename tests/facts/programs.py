"""Programs made from sources given in a test."""

from __future__ import annotations

import posixpath

from migrate.facts.arguments import find_arguments
from migrate.facts.calls import table
from migrate.facts.paths import find_paths
from migrate.facts.program import Program, load_program
from migrate.facts.redirects import Paths


def program_of(files: dict[str, str], entry: str = "train.py") -> Program:
    """The program of ``entry``; every other file is in its closure. Imports resolve from the entry's folder and from the root."""

    def resolver(from_path: str, module: str | None, level: int) -> str | None:
        base = posixpath.dirname(from_path)
        for _ in range(level - 1):
            base = posixpath.dirname(base)
        folders = [base] if level else [posixpath.dirname(entry), ""]
        for folder in folders:
            name = posixpath.join(folder, (module or "").replace(".", "/"))
            for path in (f"{name}.py", f"{name}/__init__.py"):
                if path in files:
                    return path
        return None

    return load_program(entry, tuple(files), lambda path: files[path].encode(), resolver)


def paths_of(source: str | dict[str, str], shipped: frozenset[str] = frozenset()) -> Paths:
    """The paths of a ``train.py`` (or of several files)."""
    files = {"train.py": source} if isinstance(source, str) else source
    program = program_of(files)
    return find_paths(program, find_arguments(program), table(), shipped)


def codes_of(source: str | dict[str, str], shipped: frozenset[str] = frozenset()) -> dict[str, str]:
    """``file:line`` and the new expression of each redirect."""
    return {f"{r.place.path}:{r.place.span.line}": r.code() for r in paths_of(source, shipped).redirects}
