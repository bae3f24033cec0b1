"""The table of calls that read or write a path, and which row of it a call is. The table is data: ``calls.txt``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from migrate.errors import UserError
from migrate.facts.choices import MAY_CHOOSE, choices, given, self_attributes
from migrate.facts.notes import once
from migrate.facts.program import Class, Module, Program
from migrate.facts.training.graphs import is_session

ACTS = {"read", "write", "make", "test", "list", "remove", "mode", "mode2"}
SETS = {"torchvision.datasets"}  # modules all of whose classes are data sets
KINDS = {"data", "model", "config", "checkpoint", "log", "cache", "text"}


@dataclass(frozen=True)
class Row:
    """One line of the table; its columns are described at the top of ``calls.txt``."""

    name: str
    arguments: tuple[tuple[int | None, str | None], ...]  # position and keyword; both None: ``self``
    act: str
    kind: str
    default: str | None


@dataclass
class Table:
    """Rows by exact dotted name, by last component (``*.Name``) and by method (``.name``)."""

    exact: dict[str, list[Row]] = field(default_factory=dict)
    last: dict[str, list[Row]] = field(default_factory=dict)
    method: dict[str, list[Row]] = field(default_factory=dict)
    names: set[str] = field(default_factory=lambda: {"__init__"})  # the last names of all: a method called otherwise is no row; see rows_of

    def add(self, row: Row) -> None:
        if row.name.startswith("*."):
            self.last.setdefault(row.name[2:], []).append(row)
        elif row.name.startswith("."):
            self.method.setdefault(row.name[1:], []).append(row)
        else:
            self.exact.setdefault(row.name, []).append(row)
        self.names.add(row.name.rsplit(".", 1)[-1])


def _argument(text: str) -> tuple[int | None, str | None]:
    if text == "self":
        return None, None
    position, _, keyword = text.partition(":")
    return (int(position) if position else None), keyword or None


def read_rows(text: str, where: str) -> list[Row]:
    """The rows of a table's text. Raises UserError naming the line that is no row."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 5 or words[2] not in ACTS or words[3] not in KINDS:
            raise UserError(f"{where}, line {number}: a call is `name path act kind default`, see the top of migrate/facts/calls.txt")
        arguments = () if words[1] == "-" else tuple(_argument(a) for a in words[1].split("|"))
        rows.append(Row(words[0], arguments, words[2], words[3], None if words[4] == "-" else words[4]))
    return rows


@cache
def table(more: tuple[str, ...] = ()) -> Table:
    """The shipped table with the user's own files (``more``, absolute paths) on top."""
    result = Table()
    shipped = resources.files("migrate.facts").joinpath("calls.txt").read_text(encoding="utf-8")
    for row in read_rows(shipped, "calls.txt"):
        result.add(row)
    for path in more:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise UserError(f"{path}: this table of calls cannot be read ({error.strerror})") from error
        for row in read_rows(text, path):
            result.add(row)
    return result


def candidates(calls: Table, program: Program, module: Module) -> list[ast.Call]:
    """The calls of a module that may be rows of the table, by the names that they are written with."""
    return module.calls_among(calls.names, program.defined, _aliases(module), ("",))


@once
def _aliases(module: Module) -> frozenset[str]:
    """The names, and attributes of ``self``, that are assigned what may be a function, by its form alone: ``opener = gzip.open if packed
    else open``, ``make = getattr(datasets, name)``."""
    names = (
        name
        for scope in module.names.scopes.values()
        for name, bindings in scope.bindings.items()
        if any(b.kind == "assign" and isinstance(b.value, MAY_CHOOSE) for b in bindings)
    )
    own = self_attributes(module).items()
    return frozenset((*names, *(name for name, several in own if any(isinstance(value, MAY_CHOOSE) for _, value in several))))


def rows_of(calls: Table, program: Program, module: Module, call: ast.Call) -> list[Row]:
    """The rows of the table that ``call`` is."""
    if isinstance(call.func, ast.Attribute) and call.func.attr not in calls.names and not program.may_define(call.func):
        return _chosen(calls, program, module, call.func)
    name = program.qualified(module, call.func) or program.aliased(module, call.func)
    if name is not None and ".py:" not in name:
        name = name if name in calls.exact else name.replace("tensorflow.compat.v1.", "tensorflow.")
        rows = calls.exact.get(name, []) or calls.last.get(name.rsplit(".", 1)[-1], []) if "." in name else calls.exact.get(name, [])
        return rows
    definitions = program.definitions(module, call.func)
    if definitions:
        return [row for d in definitions if isinstance(d, Class) for row in _inherited(calls, program, d)]
    if not isinstance(call.func, ast.Attribute):
        return _chosen(calls, program, module, call.func) if name is None else []
    if _is_super(call.func.value):
        owner = module.scope(call).enclosing_class()
        cls = program.class_of(owner.node) if owner else None
        return _of_bases(calls, program, cls) if cls is not None and call.func.attr == "__init__" else []
    if program.callees(module, call):
        return []
    if call.func.attr in ("save", "restore") and call.args and is_session(program, module, call.args[0]):  # ``saver.save(session, path)``
        return calls.exact.get(f"tensorflow.train.Saver.{call.func.attr}", [])
    return calls.method.get(call.func.attr, [])


def _chosen(calls: Table, program: Program, module: Module, func: ast.expr) -> list[Row]:
    """The rows of what a name was assigned, also of several: ``opener = gzip.open if packed else open``, ``getattr(datasets, name)``."""
    homes = {_home_of_choice(program, module, one) for one in [func, *(given(module, func) if isinstance(func, ast.Name) else [])]}
    if homes & SETS:
        return [row for row in calls.last.get("MNIST", []) if row.act == "read"]  # all of them take the folder first
    rows: dict[tuple[object, ...], Row] = {}
    for one in choices(module, func) if not isinstance(func, ast.Call) else []:
        name = program.qualified(module, one) or ""
        found = calls.exact.get(name, []) or (calls.last.get(name.rsplit(".", 1)[-1], []) if ".py:" not in name and "." in name else [])
        rows |= {(row.arguments, row.act, row.kind): row for row in found}
    return list(rows.values())


def _home_of_choice(program: Program, module: Module, func: ast.expr) -> str | None:
    """The module of a library in which a function is looked up by its name: ``getattr(datasets, name)``, ``datasets.__dict__[name]``."""
    if isinstance(func, ast.Call) and isinstance(func.func, ast.Name) and func.func.id == "getattr" and func.args:
        return program.qualified(module, func.args[0])
    if isinstance(func, ast.Subscript) and isinstance(func.value, ast.Attribute) and func.value.attr == "__dict__":
        return program.qualified(module, func.value.value)
    return None


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _inherited(calls: Table, program: Program, cls: Class) -> list[Row]:
    """What calling a local class does when its ``__init__`` is that of a library's class."""
    return [] if program.method(cls, "__init__") is not None else _of_bases(calls, program, cls)


def _of_bases(calls: Table, program: Program, cls: Class) -> list[Row]:
    rows: list[Row] = []
    for base in cls.node.bases:
        name = program.qualified(cls.module, base)
        if name is not None and ".py:" not in name:
            rows += calls.exact.get(name, []) or calls.last.get(name.rsplit(".", 1)[-1], [])
    return rows


def path_argument(row: Row, call: ast.Call) -> ast.expr | None:
    """The expression that holds the path; None when the call leaves it out."""
    for position, keyword in row.arguments:
        if position is None and keyword is None:
            return call.func.value if isinstance(call.func, ast.Attribute) else None
        for passed in call.keywords:
            if passed.arg is not None and passed.arg == keyword:
                return passed.value
        if position is not None and position < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: position + 1]):
            return call.args[position]
    return None


def act_of(row: Row, call: ast.Call, texts: Callable[[ast.expr], Collection[str] | None]) -> str:
    """read or write for a row whose act hangs on the open mode, open where that is not known. ``texts`` gives the texts that an expression
    may be; None where not all are known."""
    if row.act not in ("mode", "mode2"):
        return row.act
    position = 1 if row.act == "mode" else 2
    mode = next((k.value for k in call.keywords if k.arg == "mode"), None)
    if mode is None and len(call.args) > position:
        mode = call.args[position]
    if mode is None:
        return "read"
    known = texts(mode)
    if known is None:
        return "open"
    return "write" if any(set(text) & set("wax+") for text in known) else "read"
