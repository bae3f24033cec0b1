"""What name a file has for a module or a thing of one; where a new import goes."""

from __future__ import annotations

import ast
import builtins
import keyword
import sys
from collections.abc import Iterator

from migrate.edits.model import AddImport
from migrate.edits.names import Names, Target, names_of
from migrate.edits.statements import is_docstring
from migrate.facts.model import Span


def local_name(
    tree: ast.Module, path: str, module: str, name: str | None = None, level: int = 0, before: Span | None = None, either: bool = False
) -> tuple[str, AddImport | None]:
    """The name under which code at ``before`` can use ``module`` (or its ``name``), with the import that must be added, if any.

    An import that the file has is used when it surely has run at ``before`` and nothing hides it there; without ``before`` it must hold for
    every place in the file. Else a new import is asked for, under a name that clashes with nothing in the file: ``os``, ``_os``, ``_os_2``.
    ``either`` asks for an import that works as a member of a package and as a script alike (``if __package__:``). A submodule
    (``module="a.b"`` with no ``name``) is taken as ``from a import b``.
    """
    if name is None and "." in module:
        module, _, name = module.rpartition(".")
    names = names_of(tree)
    target = Target(module, name, level)
    for local in _locals(names, target):
        if _usable(names, local, target, before):
            return local, None
    if either and (found := _either(tree, target, before)):
        return found, None
    local = next(candidate for candidate in _candidates(name or module) if _free(names, candidate, target, before))
    return local, AddImport(path, module, local, name, level, either)


def _locals(names: Names, target: Target) -> list[str]:
    """The local names that an import of ``target`` binds, those of the module first."""
    return list(
        dict.fromkeys(
            local
            for scope in names.scopes
            for local, bindings in scope.names.items()
            if any(binding.target and binding.target.same(target) for binding in bindings)
        )
    )


def _usable(names: Names, local: str, target: Target, before: Span | None) -> bool:
    if before is None and any(local in scope.names for scope in names.scopes[1:]):
        return False
    for scope in names.chain(before):
        if bindings := scope.names.get(local):
            start = (before.line, before.column) if before else (sys.maxsize, 0)
            return all(binding.target and binding.target.same(target) for binding in bindings) and any(
                binding.direct and binding.end <= start for binding in bindings
            )
    return False


def _free(names: Names, local: str, target: Target, before: Span | None) -> bool:
    """Whether a new import at the top of the file may bind ``local``, for a use at ``before``."""
    if keyword.iskeyword(local) or hasattr(builtins, local):
        return False
    bindings = names.bindings(local)
    if any(binding.target is None or not binding.target.same(target) for binding in bindings):
        return False
    if not bindings and local in names.loads and (target.name is not None or target.level or target.module not in sys.stdlib_module_names):
        return False  # it comes from somewhere (``import *``); a module of the standard library is surely meant as that
    hiding = names.chain(before)[:-1] if before else names.scopes[1:]
    return not any(local in scope.names for scope in hiding)


def _candidates(name: str) -> Iterator[str]:
    name = name.lstrip("_") or name
    yield name
    yield f"_{name}"
    number = 2
    while True:
        yield f"_{name}_{number}"
        number += 1


def _either(tree: ast.Module, target: Target, before: Span | None) -> str | None:
    """The name that an ``if __package__:`` import in two forms already gives to ``target``."""
    for node in tree.body:
        if before and (node.end_lineno or 0) >= before.line:
            break
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "__package__":
            for inner in node.body:
                for alias in inner.names if isinstance(inner, ast.ImportFrom) and inner.module == target.module else ():
                    if alias.name == target.name:
                        return alias.asname or alias.name
    return None


def import_code(add: AddImport, *others: AddImport) -> str:
    """The statement that does it; ``others`` are more names of the same module."""
    if add.name is None:
        return f"import {add.module}\n" if add.local == add.module else f"import {add.module} as {add.local}\n"
    what = "import " + ", ".join(str(one.name) if one.local == one.name else f"{one.name} as {one.local}" for one in (add, *others))
    if add.either:
        return f"if __package__:\n    from .{add.module} {what}\nelse:\n    from {add.module} {what}\n"
    return f"from {'.' * add.level}{add.module} {what}\n"


def import_place(body: list[ast.stmt], tree: ast.Module, add: AddImport, first: int | None) -> tuple[int, bool]:
    """The index of the statement in ``body`` to put the import after (True) or before (False).

    ``first`` is the index of the first statement that another edit touches: the import stands before it. The body is not empty.
    """
    start = _prologue(body, tree)
    limit = len(body) if first is None else max(first, start)
    block = _block(body, start, limit)
    if not block:
        return (start, False) if start < len(body) else (start - 1, True)
    standard = [index for index in block if _is_standard(body[index])]
    if add.level or add.either or add.module.partition(".")[0] not in sys.stdlib_module_names:
        return block[-1], True
    plain = [index for index in standard if isinstance(body[index], ast.Import)]
    if add.name is not None:
        return (standard[-1], True) if standard else (block[0], False)
    keys = [_key(body[index]) for index in plain]
    if not plain:
        return block[0], False
    if keys == sorted(keys):
        return next(((index, False) for index, key in zip(plain, keys, strict=True) if key > add.module.lower()), (plain[-1], True))
    return plain[-1], True


def _prologue(body: list[ast.stmt], tree: ast.Module) -> int:
    """How many statements must stay first: the docstring, ``from __future__`` imports."""
    futures = [
        index for index, node in enumerate(body) if isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level
    ]
    if futures:
        return futures[-1] + 1
    return 1 if is_docstring(tree, body[0]) else 0


def _block(body: list[ast.stmt], start: int, limit: int) -> list[int]:
    """The first run of import statements, as far as it stands before ``limit``."""
    begin = next((index for index in range(start, limit) if isinstance(body[index], (ast.Import, ast.ImportFrom))), None)
    if begin is None:
        return []
    end = begin
    while end < limit and isinstance(body[end], (ast.Import, ast.ImportFrom)):
        end += 1
    return list(range(begin, end))


def _is_standard(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return node.names[0].name.partition(".")[0] in sys.stdlib_module_names
    return isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] in sys.stdlib_module_names


def _key(node: ast.stmt) -> str:
    assert isinstance(node, ast.Import)
    return node.names[0].name.lower()
