"""Folders that a file adds to ``sys.path``, as far as its source tells."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator

_ROOT = "/@"  # stands for the tree's root while paths are put together
_SAME = frozenset({"abspath", "realpath", "normpath", "expanduser", "resolve", "absolute", "str", "Path", "PurePath", "fspath", "as_posix"})
_MENTIONS = re.compile(rb"sys\s*\.\s*path\b|\bsite\.addsitedir\b|\bfrom\s+sys\s+import\b[^\n]*\bpath\b")


def mentions(source: bytes) -> bool:
    """Whether ``source`` may change ``sys.path``: a look at the bytes, cheap."""
    return _MENTIONS.search(source) is not None


def added(module: ast.Module, path: str) -> tuple[str, ...]:
    """Folders, relative to the root, that the file at ``path`` may add; whether they exist is for the caller to see.

    A folder that is put together from ``__file__`` counts wherever it stands, since helpers like ``add_path(lib)`` pass it on; a plain
    text counts only
    as an argument of ``sys.path``'s own methods, and means a folder below the root or below the script's own folder.
    """
    found = [folder for value, direct in _given(module, path) for folder in _folders(value, path, direct)]
    return tuple(dict.fromkeys(found))


def relative(module: ast.Module, path: str) -> tuple[str, ...]:
    """Folders that the file at ``path`` adds as they are from the working folder: ``../lib``."""
    texts = (value for value, direct in _given(module, path) if direct and value and not value.startswith(("/", "~")))
    return tuple(dict.fromkeys(text for text in texts if posixpath.normpath(text) != "."))


def _given(module: ast.Module, path: str) -> Iterator[tuple[str | None, bool]]:
    """Paths that the file hands on, and whether ``sys.path`` is what gets them."""
    values: dict[str, str] = {"__file__": f"{_ROOT}/{path}"}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = _value(node.value, values)
            if value is not None:
                values[node.targets[0].id] = value
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            direct = _on_sys_path(node.func)
            yield from ((_value(argument, values), direct) for argument in node.args)
        elif isinstance(node, (ast.Assign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(ast.unparse(target).startswith("sys.path") for target in targets):
                yield from ((_value(part, values), True) for part in ast.walk(node.value) if isinstance(part, ast.expr))


def _on_sys_path(function: ast.expr) -> bool:
    named = isinstance(function, ast.Attribute) and function.attr in {"append", "insert", "extend", "addsitedir"}
    return named and ast.unparse(function) in {
        "sys.path.append",
        "sys.path.insert",
        "sys.path.extend",
        "path.append",
        "path.insert",
        "site.addsitedir",
    }


def _folders(value: str | None, path: str, direct: bool) -> list[str]:
    if value is None:
        return []
    if value == _ROOT or value.startswith(_ROOT + "/"):
        return [value[len(_ROOT) + 1 :]] if not value.endswith(".py") else []
    if not direct or value.startswith("/"):
        return []
    below = [posixpath.normpath(posixpath.join(base, value)) for base in ("", posixpath.dirname(path))]
    return ["" if folder == "." else folder for folder in below if not folder.startswith("..")]


def _value(node: ast.expr, values: dict[str, str]) -> str | None:
    """The path that an expression gives, normalised; None when that cannot be told."""
    result: str | None = None
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return values.get(node.id)
    if isinstance(node, ast.Attribute):
        if node.attr == "parent":
            base = _value(node.value, values)
            result = posixpath.dirname(base) if base is not None else None
        elif node.attr in {"curdir", "pardir"}:
            result = "." if node.attr == "curdir" else ".."
    elif isinstance(node, ast.Subscript):
        result = _parents(node, values)
    elif isinstance(node, ast.BinOp):
        left, right = _value(node.left, values), _value(node.right, values)
        if left is not None and right is not None:
            result = left + right if isinstance(node.op, ast.Add) else posixpath.join(left, right)
    elif isinstance(node, ast.Call):
        result = _call(node, values)
    if result is None or not result:
        return result
    return posixpath.normpath(result)


def _parents(node: ast.Subscript, values: dict[str, str]) -> str | None:
    if not (isinstance(node.value, ast.Attribute) and node.value.attr == "parents" and isinstance(node.slice, ast.Constant)):
        return None
    base, count = _value(node.value.value, values), node.slice.value
    if base is None or not isinstance(count, int) or count < 0:
        return None
    for _ in range(min(count, 20) + 1):
        base = posixpath.dirname(base)
    return base


def _call(node: ast.Call, values: dict[str, str]) -> str | None:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    arguments = [_value(argument, values) for argument in node.args]
    if name in {"getcwd", "cwd"}:
        return _ROOT
    if name == "dirname" and arguments:
        return posixpath.dirname(arguments[0]) if arguments[0] is not None else None
    if name in {"join", "joinpath"}:
        parts = [_value(function.value, values), *arguments] if name == "joinpath" and isinstance(function, ast.Attribute) else arguments
        known = [part for part in parts if part is not None]
        return posixpath.join(*known) if known and len(known) == len(parts) else None
    if name in _SAME:
        if arguments:
            return arguments[0] if len(arguments) == 1 else None
        return _value(function.value, values) if isinstance(function, ast.Attribute) else None
    return None
