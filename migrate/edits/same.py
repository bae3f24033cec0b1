"""Do two trees mean the same? Positions aside, node by node, with no recursion (long sums and ``elif`` chains nest deeply)."""

from __future__ import annotations

import ast


def same(left: ast.AST, right: ast.AST) -> bool:
    """Whether both trees are equal but for where their nodes stand."""
    pairs: list[tuple[object, object]] = [(left, right)]
    while pairs:
        a, b = pairs.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, ast.AST):
            for field in a._fields:
                pairs.append((getattr(a, field, None), getattr(b, field, None)))
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            pairs.extend(zip(a, b, strict=True))
        elif a != b and not (a != a and b != b):  # nan is never equal to itself
            return False
    return True
