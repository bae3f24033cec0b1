"""The libraries that a program imports: what is neither its own nor Python's, and is not done without where it is missing."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

from migrate.facts.model import Place
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive

# Modules that left the standard library by Python 3.13 (https://peps.python.org/pep-0594/, pep-0632, and "What's New" of 3.12), and those
# of Python 2: no package has to be installed for them.
LEFT = frozenset(
    """
    aifc asynchat asyncore audioop cgi cgitb chunk crypt distutils imghdr imp lib2to3 mailcap msilib nis nntplib ossaudiodev pipes smtpd
    sndhdr spwd sunau telnetlib uu xdrlib
    cPickle cStringIO ConfigParser Queue StringIO __builtin__ commands copy_reg cookielib httplib itertools md5 sets thread
    urllib2 urlparse HTMLParser Tkinter xmlrpclib
    """.split()
)
STANDARD = frozenset(sys.stdlib_module_names) | LEFT | {"__future__", "__main__", "sagemaker_support"}
_CONDITIONS = ("TYPE_CHECKING", "version_info", "PY2", "PY3")
_MISSING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True)
class Library:
    """An imported library: the first name of the import, all dotted names, and the first place. ``lazy``: only inside functions.
    ``version``: the one that the code insists on, ``assert timm.__version__ == "0.3.2"``."""

    name: str
    dotted: tuple[str, ...]
    place: Place
    lazy: bool = False
    version: str | None = None


def libraries(program: Program) -> dict[str, Library]:
    """What the program needs, by the first name of its imports. An import that the script can do without (in a ``try`` that catches its
    failing, for a type checker only, in code that does not run) is none."""
    found: dict[str, Library] = {}
    for module in program.modules.values():
        for node, names in _needed(module):
            if node.lineno in _asleep(program, module) or not _runs(program, module, node):
                continue
            for dotted in names:
                first = name_of(dotted)
                if first in STANDARD or _is_local(program, module, dotted):
                    continue
                known = found.get(first)
                every = (*known.dotted, dotted) if known else (dotted,)
                lazy = module.scope(node).function() is not None and (known is None or known.lazy)
                found[first] = Library(first, every, known.place if known else module.place(node), lazy)
    for name, version in (pair for module in program.modules.values() for pair in _insisted(program, module)):
        if name in found:
            found[name] = replace(found[name], version=version)
    return found


def _insisted(program: Program, module: Module) -> Iterator[tuple[str, str]]:
    """The versions of libraries without which a module ends the script."""
    for node in module.nodes.of(ast.Assert):
        test = node.test
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq) and len(test.ops) == 1:
            left, right = test.left, test.comparators[0]
        elif isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute) and test.func.attr == "startswith" and test.args:
            left, right = test.func.value, test.args[0]
        else:
            continue
        if isinstance(left, ast.Attribute) and left.attr == "__version__" and isinstance(right, ast.Constant) and _is_version(right.value):
            name = program.qualified(module, left.value)
            if name is not None and ".py:" not in name and is_alive(program, module, node):
                yield name_of(name), str(right.value)


def _is_version(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d+(\.\d+){1,3}", value) is not None


def name_of(dotted: str) -> str:
    """The name by which a library is known: the first one, more of it where several packages share that (``google.protobuf``)."""
    parts = dotted.split(".")
    return ".".join(parts[: 3 if parts[:2] == ["google", "cloud"] else 2 if parts[0] == "google" else 1])


def _asleep(program: Program, module: Module) -> set[int]:
    """The lines of the ``__main__`` block of a module that is imported."""
    if module.path == program.entry:
        return set()
    known: set[int] | None = module.notes.get("asleep lines")
    if known is None:
        ids = module.guarded()
        known = module.notes["asleep lines"] = {n.lineno for n in module.nodes.among(ast.Import, ast.ImportFrom) if id(n) in ids}  # type: ignore[attr-defined]
    return known


def _runs(program: Program, module: Module, node: ast.stmt) -> bool:
    return module.scope(node).function() is None or is_alive(program, module, node)


def _is_local(program: Program, module: Module, dotted: str) -> bool:
    """Whether the name, or any beginning of it, is a file of the repository."""
    parts = dotted.split(".")
    return any(program.resolver(module.path, ".".join(parts[:end]), 0) is not None for end in range(len(parts), 0, -1))


def _needed(module: Module) -> list[tuple[ast.stmt, tuple[str, ...]]]:
    """The absolute imports of a file that it cannot do without, each with its dotted names."""
    known: list[tuple[ast.stmt, tuple[str, ...]]] | None = module.notes.get("needed imports")
    if known is None:
        known = module.notes["needed imports"] = []
        for node in module.nodes.among(ast.Import, ast.ImportFrom):
            names = tuple(_names(node))
            if names and not _can_fail(module, node):
                assert isinstance(node, ast.stmt)
                known.append((node, names))
    return known


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        yield from (node.module if alias.name == "*" else f"{node.module}.{alias.name}" for alias in node.names)


def _can_fail(module: Module, node: ast.AST) -> bool:
    """Whether an import stands where its failing is caught, in the code for that, or below a condition on the version or a checker."""
    child, current = node, module.parent(node)
    while current is not None:
        if isinstance(current, ast.Try) and any(_catches(handler) for handler in current.handlers):
            if child in current.body or isinstance(child, ast.ExceptHandler):
                return True
        if isinstance(current, ast.ExceptHandler) and _catches(current):
            return True
        if isinstance(current, ast.If) and any(word in ast.unparse(current.test) for word in _CONDITIONS):
            return True
        child, current = current, module.parent(current)
    return False


def _catches(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any((n.attr if isinstance(n, ast.Attribute) else n.id if isinstance(n, ast.Name) else "") in _MISSING for n in names)
