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
    flags = _flags_text(main)
    reading, own = _reading(main, calls)
    statement = reading or _behind(main)
    if flags is None or statement is None or own:
        return None
    return _site(main, statement, flags, "none")


def _site(main: Module, node: ast.stmt | ast.expr, flags: str, argv: str) -> ParseSite:
    return ParseSite(main.place(node), "flags", Span.of(node), flags, argv, None, FLAGS_LIBRARY)


def _flags_text(main: Module) -> str | None:
    """How the top level of ``main`` names the object of all flags: ``FLAGS``, or ``flags.FLAGS`` as its definitions spell it."""
    for statement in main.tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            if isinstance(statement.value, ast.Attribute) and statement.value.attr == "FLAGS":
                return statement.targets[0].id
        if isinstance(statement, ast.ImportFrom):
            local = next((alias.asname or alias.name for alias in statement.names if alias.name == "FLAGS"), None)
            if local is not None:
                return local
    defined = next((node.func for node in _definitions(main) if isinstance(node.func, ast.Attribute)), None)
    return f"{ast.unparse(defined.value)}.FLAGS" if defined is not None else None


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
