"""``sys.argv[i]``: one positional option for each index that is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.model import Option, Span
from migrate.facts.program import Module

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
