"""Which of the values that an attribute of an object is given can be seen where it is read.

``folder = "a"`` of a class is gone once ``__init__`` has done ``self.folder = os.path.join(root, self.folder)``; in that line it is not.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from migrate.facts.nodes import walk
from migrate.facts.program import Class, Program


def visible(program: Program, cls: Class, attribute: str, node: ast.expr | None) -> tuple[bool, Callable[[ast.expr], bool]]:
    """Whether the class's own value of ``attribute`` can be seen at ``node``, which reads it, and a test of that for each value that a
    method gives it. With no node: behind the object's making."""
    init = program.method(cls, "__init__")
    statements = init.node.body if init is not None else []
    sure = [s for s in statements if isinstance(s, (ast.Assign, ast.AnnAssign)) and s.value is not None and _gives(s, attribute)]
    if not sure or init is None:
        return True, lambda value: True
    given = {id(n) for n in walk(init.node)}
    inside = node is not None and id(node) in given
    line = next((s.lineno for s in statements if any(n is node for n in walk(s))), 0) if inside else (init.node.end_lineno or 0) + 1
    before = [s.lineno for s in sure if s.lineno < line]

    def seen(value: ast.expr) -> bool:
        return id(value) not in given or (value.lineno < line and (not before or value.lineno >= before[-1]))

    return not before, seen


def _gives(statement: ast.Assign | ast.AnnAssign, attribute: str) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return any(
        isinstance(t, ast.Attribute) and t.attr == attribute and isinstance(t.value, ast.Name) and t.value.id == "self" for t in targets
    )
