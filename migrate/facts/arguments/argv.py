"""``sys.argv[i]``: one positional option for each index that is read; and what else reads a command line, which is left alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrate.facts.model import Option, Place, Span
from migrate.facts.notes import once
from migrate.facts.program import Module, Program, last_name
from migrate.facts.reach import is_alive

CONVERTERS: dict[str, str | None] = {"int": "int", "float": "float", "str": None}


def argv_options(reads: list[tuple[Module, ast.Subscript, int]]) -> Iterator[Option]:
    """An option per index from 1 on, in order. The dest is the variable that the value goes to."""
    by_index: dict[int, tuple[Module, ast.Subscript]] = {}
    for module, node, index in reads:
        if index >= 1:
            by_index.setdefault(index, (module, node))
    taken: set[str] = set()
    for index in sorted(by_index):
        module, node = by_index[index]
        kind, name = _use(module, node)
        dest = name if name is not None and name not in taken else f"argument_{index}"
        taken.add(dest)
        guarded = _guarded(module, node)
        yield Option(
            dest=dest,
            options=(),
            action="store",
            type=kind,
            nargs="?" if guarded else None,
            choices=None,
            default=None,
            default_known=not guarded,
            required=not guarded,
            help=None,
            place=module.place(node),
        )


def index_of(module: Module, option: Option) -> int | None:
    """The place on the command line of an option that ``argv_options`` made."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Subscript) and Span.of(node) == option.place.span and isinstance(node.slice, ast.Constant):
            return node.slice.value if isinstance(node.slice.value, int) else None
    return None


def _use(module: Module, node: ast.Subscript) -> tuple[str | None, str | None]:
    """The type that the value is turned into at once, and the name that it is given."""
    kind: str | None = None
    current: ast.AST = node
    parent = module.parent(node)
    while parent is not None:
        if (
            isinstance(parent, ast.Call)
            and current in parent.args
            and isinstance(parent.func, ast.Name)
            and parent.func.id in ("int", "float", "str")
        ):
            kind = kind or (parent.func.id if parent.func.id != "str" else None)
        elif isinstance(parent, ast.IfExp) and current is not parent.test:
            pass
        elif isinstance(parent, (ast.Tuple, ast.List)):
            grand = module.parent(parent)
            if (
                isinstance(grand, ast.Assign)
                and isinstance(grand.targets[0], (ast.Tuple, ast.List))
                and len(grand.targets[0].elts) == len(parent.elts)
            ):
                target = grand.targets[0].elts[parent.elts.index(current)]  # type: ignore[arg-type]
                return kind, _name(target)
            return kind, None
        elif isinstance(parent, ast.Assign):
            return kind, _name(parent.targets[0])
        elif isinstance(parent, ast.AnnAssign):
            return kind, _name(parent.target)
        elif isinstance(parent, ast.keyword):
            return kind, parent.arg
        else:
            return kind, None
        current, parent = parent, module.parent(parent)
    return kind, None


def _name(target: ast.expr) -> str | None:
    if isinstance(target, ast.Name):
        return target.id.lower().strip("_") or None
    return target.attr.lower().strip("_") if isinstance(target, ast.Attribute) else None


def _guarded(module: Module, node: ast.AST) -> bool:
    """Whether the read stands where the number of arguments was asked for, or under a try: it may be left out."""
    current: ast.AST | None = node
    while current is not None:
        parent = module.parent(current)
        if isinstance(parent, (ast.If, ast.IfExp)) and current is not parent.test and "sys.argv" in ast.unparse(parent.test):
            return True
        if isinstance(parent, ast.Try) and current in parent.body:
            return True
        current = parent
    return False


# Libraries that read the command line when one of these is called.
READERS = re.compile(
    r"getopt\.(gnu_)?getopt|(omegaconf\.)?(.*\.)?OmegaConf\.from_cli|tap\.Tap|plac\.(call|Interpreter\.call)|sacred\.(.*\.)?Experiment"
    r"|(simple_parsing|configargparse|jsonargparse|datargs|dargparser)\..*|chz\..*|gin\.parse_config.*|defopt\.run|cyclopts\..*|clize\.run"
    r"|optparse\.OptionParser|baker\.run|pydantic_settings\..*|argh\..*|fairseq\.options\..*"
)
# The first names of these; what is read by another module's import of one is found too.
_FIRST = frozenset(
    """
    getopt omegaconf tap plac sacred simple_parsing configargparse jsonargparse datargs dargparser chz gin defopt cyclopts clize optparse
    baker pydantic_settings argh fairseq
    """.split()
)
HARMLESS = {"len", "print", "str", "repr", "basename"}  # what may be done with all of sys.argv that takes no setting from it


def own_reader(program: Program, folder: str) -> Place | None:
    """Where a script reads its command line in a way of its own, or by a library that is no argparse: what follows a slice of sys.argv, or
    a look at all of it, is not known. ``folder`` holds the files that count as the script's own."""
    imported = any(_may_read(module) for module in program.modules.values())
    for module in program.modules.values():
        if module.path.rpartition("/")[0] == folder and "argv" in module.text:
            for node in module.nodes.among(ast.Attribute, ast.Name):
                if isinstance(node, (ast.Attribute, ast.Name)) and _is_taken(program, module, node):
                    return module.place(node)
        for call in module.calls() if imported else []:
            name = program.qualified(module, call.func)
            if name is not None and ".py:" not in name and READERS.fullmatch(name) and is_alive(program, module, call):
                return module.place(call)
        for cls in program.classes if module.path == program.entry else ():
            if any(READERS.fullmatch(program.qualified(cls.module, base) or "") for base in cls.node.bases):
                return cls.module.place(cls.node)
    return None


@once
def _may_read(module: Module) -> bool:
    """Whether a module imports one of the libraries, as far as names tell."""
    return "OmegaConf" in module.text or any((name or "").partition(".")[0] in _FIRST for name, level in module.imported() if not level)


def _is_taken(program: Program, module: Module, node: ast.Attribute | ast.Name) -> bool:
    """Whether a setting may be taken from all of ``sys.argv``, or a part of it."""
    if not isinstance(node.ctx, ast.Load) or program.qualified(module, node) != "sys.argv" or not is_alive(program, module, node):
        return False
    parent = module.parent(node)
    if isinstance(parent, ast.Subscript) and parent.value is node and not isinstance(parent.slice, ast.Slice):
        return False  # by number
    if isinstance(parent, ast.Call) and node in parent.args:
        return last_name(parent.func) not in HARMLESS
    around = module.parent(parent) if isinstance(parent, (ast.Attribute, ast.FormattedValue)) else None
    if isinstance(parent, ast.FormattedValue):
        return False
    return not (isinstance(around, ast.Call) and isinstance(parent, ast.Attribute) and parent.attr in ("append", "extend", "copy"))
