"""What an expression may stand for while the building of a command line is followed: plain data, or one of these."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migrate.facts.model import Option, Place
from migrate.facts.program import Module
from migrate.facts.scopes import FunctionNode


class Unknown:
    """A value that the source does not tell."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()
MISSING = object()  # no value at all


@dataclass(eq=False)
class Env:
    """The names of a module, a class body or one run of a function; ``parent`` is where a name is looked up next."""

    names: dict[str, object]
    parent: Env | None
    module: Module
    outer: set[str] = field(default_factory=set)  # declared global or nonlocal

    def get(self, name: str) -> object:
        """What the name holds; MISSING where nothing is known under it."""
        env: Env | None = self
        while env is not None:
            if name in env.names:
                return env.names[name]
            env = env.parent
        return MISSING

    def set(self, name: str, value: object) -> None:
        if name in self.outer:
            env = self.parent
            while env is not None and env.parent is not None and name not in env.names:
                env = env.parent
            if env is not None:
                env.names[name] = value
                return
        self.names[name] = value


@dataclass(frozen=True, eq=False)
class External:
    """Something of a library or a builtin, by its dotted name. ``origin`` is the file whose import named it."""

    name: str
    origin: str = ""


@dataclass(eq=False)
class FunctionValue:
    node: FunctionNode | ast.Lambda
    env: Env  # where it was defined
    owner: ClassValue | None = None
    bound: object | None = None

    @property
    def decorators(self) -> set[str]:
        found = [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list
        return {d.id if isinstance(d, ast.Name) else d.attr for d in found if isinstance(d, (ast.Name, ast.Attribute))}


@dataclass(eq=False)
class ClassValue:
    node: ast.ClassDef
    env: Env  # its own attributes
    bases: list[object]

    def lookup(self, name: str) -> tuple[object, ClassValue] | None:
        """An attribute of the class or its bases, with the class that holds it."""
        if name in self.env.names:
            return self.env.names[name], self
        for base in self.bases:
            if isinstance(base, ClassValue):
                found = base.lookup(name)
                if found is not None:
                    return found
        return None

    def external_bases(self) -> list[External]:
        """The library classes that it descends from."""
        found = [base for base in self.bases if isinstance(base, External)]
        return found + [e for base in self.bases if isinstance(base, ClassValue) for e in base.external_bases()]


@dataclass(eq=False)
class Instance:
    cls: ClassValue
    attributes: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ModuleValue:
    env: Env
    dotted: str


@dataclass(frozen=True, eq=False)
class Super:
    instance: object
    cls: ClassValue


@dataclass(frozen=True, eq=False)
class Bound:
    """A method of a parser, group, plain container or string that is about to be called."""

    receiver: object
    name: str


@dataclass(eq=False)
class Declared:
    """An option as one parser holds it; ``calls`` is the add_argument call that made it."""

    option: Option


@dataclass(eq=False)
class Parser:
    """An ``ArgumentParser``, of argparse or of a library that follows it."""

    library: str
    place: Place | None
    cls: ClassValue | None = None
    attributes: dict[str, object] = field(default_factory=dict)
    declared: list[Declared] = field(default_factory=list)
    defaults: dict[str, tuple[object, Place | None]] = field(default_factory=dict)  # set_defaults
    children: list[Parser] = field(default_factory=list)  # subparsers
    prefix: str = "-"
    subcommand: str | None = None
    command_dest: str | None = None
    command_place: Place | None = None  # the add_subparsers call
    command_required: bool = False


@dataclass(frozen=True, eq=False)
class Group:
    parser: Parser
    exclusive: bool = False


@dataclass(frozen=True, eq=False)
class Subparsers:
    parser: Parser


@dataclass(frozen=True, eq=False)
class Namespace:
    """What parse_args gives."""

    parser: Parser


@dataclass(frozen=True, eq=False)
class SysArgv:
    """``sys.argv`` from ``start`` on."""

    start: int = 0


PLAIN = (str, int, float, bool, type(None), bytes, list, tuple, dict, set, complex)


def is_plain(value: object, depth: int = 0) -> bool:
    """Whether ``value`` is data all the way down."""
    if depth > 6 or not isinstance(value, PLAIN):
        return False
    if isinstance(value, dict):
        return all(is_plain(k, depth + 1) and is_plain(v, depth + 1) for k, v in value.items())
    if isinstance(value, (list, tuple, set)):
        return all(is_plain(v, depth + 1) for v in value)
    return True
