"""Flags of absl, or of TensorFlow 1, which took them over: their options, and where the entry can still say what their command line is.

absl reads ``sys.argv`` when ``app.run`` or ``FLAGS(sys.argv)`` is called; the ``tf.flags`` of TensorFlow read it at the latest when a flag
is first asked for. Source: absl/app.py and absl/flags of absl-py 2.5, tensorflow/python/platform/flags.py of TensorFlow 1.4 and 1.15.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from migrate.facts.arguments.parsers import Call
from migrate.facts.model import FLAGS_LIBRARY, ParseSite, Span
from migrate.facts.program import Module, Program

RUN = re.compile(r"absl\.app\.run|tensorflow\.((compat\.v1\.)?app\.run|python\.platform\.app\.run)")
SUPPORT_CALL = "sagemaker_flags"


def flags_site(program: Program, calls: Sequence[tuple[str, Call]]) -> ParseSite | None:
    """The statement of the entry that reads the flags, or the first behind their definitions; None where nothing can be put before it.

    ``calls`` are the library calls that the entry leads to. The place is that of the statement; ``receiver_text`` names the flags there.
    """
    main = program.main
    given = [node for node in main.calls() if ast.unparse(node.func).rpartition(".")[2] == SUPPORT_CALL]
    if given:
        return _site(main, given[0], ast.unparse(given[0].args[0]) if given[0].args else "", "support")
    reading, own = _reading(main, calls)
    statement = reading or _behind(main)
    flags = _flags_text(main, statement) if statement is not None and not own else None
    return _site(main, statement, flags, "none") if statement is not None and flags is not None else None


def _site(main: Module, node: ast.stmt | ast.expr, flags: str, argv: str) -> ParseSite:
    return ParseSite(main.place(node), "flags", Span.of(node), flags, argv, None, FLAGS_LIBRARY)


def _flags_text(main: Module, statement: ast.stmt) -> str | None:
    """How code at ``statement`` can name the object of all flags: ``FLAGS``, or ``flags.FLAGS`` as its definitions spell it."""
    bound = dict(_bound_before(main.tree.body, statement.lineno))
    named = [name for name, value in bound.items() if isinstance(value, ast.Attribute) and value.attr == "FLAGS"]
    named += [name for name, value in bound.items() if value == "FLAGS"]
    usable = [name for name in named if not _is_hidden(main, statement, name)]
    if usable:
        return usable[0]
    for node in _definitions(main):
        root = node.func
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(node.func, ast.Attribute) and isinstance(root, ast.Name) and root.id in bound:
            if not _is_hidden(main, node, root.id) and not _is_hidden(main, statement, root.id):
                return f"{ast.unparse(node.func.value)}.FLAGS"
    return None


def _bound_before(body: list[ast.stmt], line: int) -> Iterator[tuple[str, ast.expr | str]]:
    """The names that the top level has surely bound before ``line``, each with its expression, or the name that it imports."""
    for statement in body:
        if (statement.end_lineno or 0) >= line:
            return
        if isinstance(statement, ast.Try):  # try: one import, except ImportError: another one
            yield from _bound_before(statement.body, line)
        elif isinstance(statement, ast.Assign):
            yield from ((target.id, statement.value) for target in statement.targets if isinstance(target, ast.Name))
        elif isinstance(statement, ast.Import):
            yield from ((alias.asname or alias.name.partition(".")[0], alias.name) for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield from ((alias.asname or alias.name, alias.name) for alias in statement.names)


def _is_hidden(main: Module, node: ast.AST, name: str) -> bool:
    """Whether a function around ``node`` binds ``name`` itself."""
    current = main.parent(node)
    while current is not None:
        if isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for inner in ast.walk(current):
                if isinstance(inner, ast.arg) and inner.arg == name:
                    return True
                if isinstance(inner, ast.Name) and inner.id == name and isinstance(inner.ctx, ast.Store):
                    return True
        current = main.parent(current)
    return False


def _definitions(main: Module) -> Iterator[ast.Call]:
    """The calls of ``DEFINE_...`` in ``main``, in the order of their lines."""
    for node in sorted(main.calls(), key=lambda call: call.lineno):
        if ast.unparse(node.func).rpartition(".")[2].startswith("DEFINE_"):
            yield node


def _reading(main: Module, calls: Sequence[tuple[str, Call]]) -> tuple[ast.stmt | None, bool]:
    """The statement that calls ``app.run(...)`` or ``FLAGS(sys.argv)``, unless a flag is asked for at the top level before it.

    Also whether such a call has an argv of its own.
    """
    for name, call in calls:
        node = call.node
        if call.module is not main or not (RUN.fullmatch(name) or name.rpartition(".")[2] == "FLAGS"):
            continue
        given = node.args[0 if name.endswith("FLAGS") else 1 :] + [k.value for k in node.keywords if k.arg in ("argv", None)]
        if any(ast.unparse(argument) != "sys.argv" for argument in given):
            return None, True
        statement, first = _statement(main, node), _first_read(main)
        return (None if first is not None and first.lineno < statement.lineno else statement), False
    return None, False


def _statement(main: Module, node: ast.AST) -> ast.stmt:
    current: ast.AST | None = node
    while not isinstance(current, ast.stmt):
        assert current is not None
        current = main.parent(current)
    return current


def _first_read(main: Module) -> ast.Attribute | None:
    """The first ``FLAGS.name`` that runs when the script is loaded."""
    todo: list[ast.AST] = list(main.tree.body)
    found: list[ast.Attribute] = []
    for node in todo:  # it grows
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).rpartition(".")[2] == "FLAGS":
            found.append(node)
        todo += list(ast.iter_child_nodes(node))
    return min(found, key=lambda node: node.lineno, default=None)


def _behind(main: Module) -> ast.stmt | None:
    """The statement after the last top-level definition, where all stand at the top level and none is asked for before it."""
    body, defined = main.tree.body, list(_definitions(main))
    places = [index for index, statement in enumerate(body) if any(_statement(main, node) is statement for node in defined)]
    if not places or len({id(_statement(main, node)) for node in defined}) != len(places) or places[-1] + 1 >= len(body):
        return None
    last = places[-1] + 1
    while last < len(body) - 1 and _names_flags(body[last]):  # FLAGS = flags.FLAGS
        last += 1
    first = _first_read(main)
    return body[last] if first is None or first.lineno >= body[last].lineno else None


def _names_flags(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Attribute) and statement.value.attr == "FLAGS"


def flag_default(call: Call) -> Span | None:
    """Where the default of a ``DEFINE_...`` call is written."""
    node = call.node
    if len(node.args) > 1 and not any(isinstance(arg, ast.Starred) for arg in node.args[:2]):
        return Span.of(node.args[1])
    return call.span("default") or call.span("default_value")


def is_written_out(call: Call) -> bool:
    """Whether the call defines one flag alone: its name stands in it."""
    name = call.node.args[0] if call.node.args else call.expressions.get("name", call.expressions.get("flag_name"))
    return isinstance(name, ast.Constant)


__all__ = ["flag_default", "flags_site", "is_written_out"]
