"""The nodes of one module, walked once: in the order of ``ast.walk``, by kind, each with its parent."""

from __future__ import annotations

import ast
from typing import TypeVar, cast

MOST_LEVELS = 450  # of nodes inside one another; what recurses over them has to fit into Python's own stack
_PLAIN = frozenset(
    "ctx op ops id attr arg name asname module level kind type_comment conversion simple is_async type_ignores rest kwd_attrs str".split()
)
_LEAVES = (ast.Constant, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.MatchSingleton)
_Node = TypeVar("_Node", bound=ast.AST)


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a node that hold nodes: no operators, contexts, plain texts or numbers."""
    return () if issubclass(kind, _LEAVES) else tuple(name for name in kind._fields if name not in _PLAIN)


_FIELDS = {kind: _fields(kind) for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)}


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly inside ``node``, as ``ast.iter_child_nodes`` gives them, but for operators, contexts and the names of imports."""
    found: list[ast.AST] = []
    for name in _FIELDS[node.__class__]:
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += [child for child in value if child is not None]
        elif value is not None:
            found.append(value)
    return found


def walk(node: ast.AST) -> list[ast.AST]:
    """``node`` and all nodes inside it, in the order of ``ast.walk``, but for operators, contexts and the names of imports."""
    found = [node]
    for current in found:  # which grows meanwhile
        found += children(current)
    return found


class Nodes:
    """All nodes of ``tree`` but operators, contexts and the names of imports. Raises ValueError where they nest too deep."""

    def __init__(self, tree: ast.Module) -> None:
        self.order: list[ast.AST] = []
        self.parents: dict[int, ast.AST] = {}
        self._chosen: dict[tuple[type[ast.AST], ...], list[ast.AST]] = {}
        parents, level, depth = self.parents, [cast(ast.AST, tree)], 0
        while level:  # written out, not with ``children``: nothing else takes as much of a scan
            depth += 1
            self.order += level
            below: list[ast.AST] = []
            for node in level:
                for name in _FIELDS[node.__class__]:
                    value = getattr(node, name, None)
                    if value.__class__ is list:
                        for child in value:
                            if child is not None:
                                parents[id(child)] = node
                                below.append(child)
                    elif value is not None:
                        parents[id(value)] = node
                        below.append(value)
            level = below
        if depth > MOST_LEVELS:
            raise ValueError("an expression nests too deep to be read")
        kinds: dict[type[ast.AST], list[ast.AST]] = {}
        for node in self.order:
            same = kinds.get(node.__class__)
            if same is None:
                kinds[node.__class__] = [node]
            else:
                same.append(node)
        self._kinds = kinds

    def forget(self) -> None:
        """Let go of all nodes."""
        self.order.clear()
        self.parents.clear()
        self._kinds.clear()
        self._chosen.clear()

    def of(self, kind: type[_Node]) -> list[_Node]:
        """Those of one kind."""
        return cast("list[_Node]", self._kinds.get(kind, []))

    def among(self, *kinds: type[ast.AST]) -> list[ast.AST]:
        """Those of several kinds, in order; looked for once."""
        found = self._chosen.get(kinds)
        if found is None:
            present = [kind for kind in kinds if kind in self._kinds]
            if len(present) > 1:
                found = [node for node in self.order if node.__class__ in present]
            else:
                found = self._kinds[present[0]] if present else []
            self._chosen[kinds] = found
        return found
