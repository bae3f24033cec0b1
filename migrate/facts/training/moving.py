"""Names that are new at each start: what a script takes from the clock or from chance and makes files or folders of."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from migrate.facts.model import Span
from migrate.facts.program import Module, Program
from migrate.facts.training.makers import live_calls

CLOCKS = {
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today", "time.time", "time.strftime",
    "time.asctime", "time.ctime", "time.localtime", "time.gmtime",
}  # fmt: skip
UNIQUE = {"uuid.uuid4", "uuid.uuid1", "os.getpid"}  # elsewhere than in the script itself they tell temporary files of processes apart
TEXTS = {"strftime", "isoformat", "ctime", "asctime", "str", "repr", "format", "hex", "replace", "lower", "strip"}
CERTAIN = {"strftime", "isoformat", "ctime", "asctime", "str", "repr", "format"}  # the others are methods of what is no text, too
NUMBERS = {"int", "round"}
# Calls that take the name of a file or folder.
SINKS = {
    "makedirs", "mkdir", "join", "joinpath", "Path", "open", "exists", "isdir", "SummaryWriter", "FileHandler", "save", "savefig",
}  # fmt: skip
MOST_STEPS = 4


@dataclass(frozen=True, eq=False)
class Moving:
    """``node`` is the expression to keep, a text or a number."""

    module: Module
    node: ast.expr


def moving_names(program: Program, outputs: Collection[tuple[str, Span]] = ()) -> list[Moving]:
    """Each expression that gives another name at each start, in code that may run.

    ``outputs`` are the places, each with its file, whose text is known to name what the program writes.
    """
    found: dict[int, Moving] = {}
    for module, call in live_calls(program, *program.written(*CLOCKS, *UNIQUE, *CERTAIN)):
        name = program.qualified(module, call.func)
        wanted = name in CLOCKS or (name in UNIQUE and module.path == program.entry) or _tells_time(program, module, call)
        if not wanted or _is_kept(module, call):
            continue
        top = _text(module, call)
        if top is not None and _names_files(program, module, top, outputs, 0):
            found[id(top)] = Moving(module, top)
    return list(found.values())


def _tells_time(program: Program, module: Module, call: ast.Call) -> bool:
    """Whether it is ``now.strftime(...)`` of a name that is a reading of the clock and nothing else."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in CERTAIN or not isinstance(call.func.value, ast.Name):
        return False
    found = module.scope(call).lookup(call.func.value.id)
    values = [b.value if b.kind == "assign" and not b.index else None for b in found[1]] if found is not None else []
    return len(values) == 1 and isinstance(values[0], ast.Call) and program.qualified(module, values[0].func) in CLOCKS


def _is_kept(module: Module, node: ast.AST) -> bool:
    return any(isinstance(n, ast.Call) and ast.unparse(n.func).endswith("same_on_restart") for n in _above(module, node))


def _above(module: Module, node: ast.AST) -> Iterator[ast.AST]:
    parent = module.parent(node)
    while parent is not None and not isinstance(parent, ast.stmt):
        yield parent
        parent = module.parent(parent)


def _text(module: Module, call: ast.Call) -> ast.expr | None:
    """The smallest expression around a reading of the clock that is a text or a whole number: of an f-string all of it."""
    top: ast.expr = call
    known = _last(call) in TEXTS
    text: ast.expr | None = None  # the last that is one for certain
    for parent in _above(module, call):
        if isinstance(parent, (ast.JoinedStr, ast.FormattedValue)):
            return [n for n in _above(module, call) if isinstance(n, ast.JoinedStr)][-1]
        if isinstance(parent, ast.Attribute) and parent.value is top:
            text = top if known and isinstance(top, ast.Call) and _last(top) in CERTAIN else text
            top, known = parent, known or parent.attr == "hex"
        elif isinstance(parent, ast.Call) and (parent.func is top or (top in parent.args and _last(parent) in TEXTS | NUMBERS)):
            known = _last(parent) in TEXTS | NUMBERS
            top = parent
        elif isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mod) and parent.right is top and not known:
            top, known = parent, isinstance(parent.left, ast.Constant) and isinstance(parent.left.value, str)
        else:
            break
    return top if known else text


def _last(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


def _names_files(program: Program, module: Module, node: ast.expr, outputs: Collection[tuple[str, Span]], steps: int) -> bool:
    """Whether the expression, or a name that it is given, comes to a call that takes the name of a file or folder."""
    if steps > MOST_STEPS:
        return False
    above = list(_above(module, node))
    for child, call in zip([node, *above], above, strict=False):
        named = isinstance(call, ast.Call) and _last(call) in SINKS and not isinstance(call.func, ast.Subscript) and call.func not in above
        if named and isinstance(call, ast.Call) and not (_last(call) == "save" and len(call.args) > 1 and call.args[0] is child):
            return True  # of torch.save(what, where) the second names it
    if any(path == module.path and _covers(span, Span.of(node)) for path, span in outputs):
        return True
    statement = module.statement(node)
    if any(isinstance(p, ast.BinOp) and isinstance(p.op, ast.Sub) for p in above) or not isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    reads = [read for target in targets for read in _reads(program, module, target)]
    return any(_names_files(program, home, read, outputs, steps + 1) for home, read in reads)


def _reads(program: Program, module: Module, target: ast.expr) -> Iterator[tuple[Module, ast.expr]]:
    """Where what ``target`` is given is read: its name, in other modules too, or an attribute of that name."""
    if isinstance(target, ast.Name):
        here = module.scope(target).lookup(target.id)
        for node in module.nodes.among(ast.Name):
            if isinstance(node, ast.Name) and node.id == target.id and isinstance(node.ctx, ast.Load):
                if module.scope(node).lookup(node.id) == here:
                    yield module, node
        if here is not None and here[0] is module.names.root:
            yield from _read_elsewhere(program, module, target.id)
    if isinstance(target, ast.Attribute):
        for node in module.nodes.among(ast.Attribute):
            if isinstance(node, ast.Attribute) and node.attr == target.attr and isinstance(node.ctx, ast.Load):
                yield module, node


def _read_elsewhere(program: Program, home: Module, name: str) -> Iterator[tuple[Module, ast.expr]]:
    """Where other modules read the variable ``name`` of ``home``, by the module or by a name that they import it under."""
    wanted = f"{home.path}:{name}"
    for module in program.modules.values():
        if module is home or name not in module.text:
            continue
        for node in module.nodes.among(ast.Name, ast.Attribute):
            if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load) and program.qualified(module, node) == wanted:
                yield module, node


def _covers(outer: Span, inner: Span) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) and (inner.end_line, inner.end_column) <= (
        outer.end_line,
        outer.end_column,
    )
