"""The secrets in the text of a Python module."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.model import Place, Span
from migrate.facts.program import Module
from migrate.facts.secrets.model import Secret
from migrate.facts.secrets.texts import known_secrets, looks_meant, names_a_secret

_BY_NAME = {"getenv", "get", "setdefault", "putenv", "add_argument", "add_option", "option", "pop", "setenv", "DEFINE_string"}


def secrets_of(module: Module) -> tuple[Secret, ...]:
    """Every secret that stands in a module: in its texts, and in its comments."""
    if "secrets" not in module.notes:
        module.notes["secrets"] = tuple(_find(module))
    found: tuple[Secret, ...] = module.notes["secrets"]
    return found


def _find(module: Module) -> Iterator[Secret]:
    seen: set[tuple[int, str]] = set()
    lines = module.text.splitlines()
    for node in module.nodes.of(ast.Constant):
        if not isinstance(node.value, str) or len(node.value) < 6:
            continue
        name = name_of(module, node)
        for kind, value in _in_text(name, node.value):
            yield Secret(kind, name, *_where(module, node, value), value)
            seen |= {(line, value) for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    for number, line in enumerate(lines, 1):
        if "#" in line:
            for kind, value in known_secrets(line):
                if (number, value) not in seen:
                    yield Secret(kind, None, Place(module.path, _line(line, number)), False, value)


def _in_text(name: str | None, text: str) -> Iterator[tuple[str, str]]:
    found = False
    for line in text.splitlines() or [text]:
        for kind, value in known_secrets(f'{name or ""} = "{line}"'):
            found = True
            yield kind, value
    if not found and name is not None and names_a_secret(name) and looks_meant(text):
        yield f"value of {name}", text


def _where(module: Module, node: ast.Constant, value: str) -> tuple[Place, bool]:
    """The place of a text, and whether it is the secret itself, in an expression of its own. Parts of an f-string have no place."""
    parent = module.parent(node)
    if isinstance(parent, ast.JoinedStr):
        return module.place(parent), False
    whole = node.value == value and not isinstance(parent, ast.Expr | ast.JoinedStr | ast.FormattedValue)
    return module.place(node), whole


def _line(text: str, number: int) -> Span:
    return Span(number, 0, number, len(text.encode("utf-8", "replace")))


def name_of(module: Module, node: ast.Constant) -> str | None:
    """What the code calls a text: the name, key or option that it is given to."""
    parent = module.parent(node)
    if isinstance(parent, ast.keyword):
        call = module.parent(parent)
        if parent.arg == "default" and isinstance(call, ast.Call):
            return _option(call)
        return _with_library(parent.arg, call)
    if isinstance(parent, ast.Assign) and parent.value is node:
        return _target(parent.targets[0])
    if isinstance(parent, ast.AnnAssign | ast.NamedExpr) and parent.value is node:
        return _target(parent.target)
    if isinstance(parent, ast.Dict):
        return next((_text(key) for key, value in zip(parent.keys, parent.values, strict=True) if value is node and key is not None), None)
    if isinstance(parent, ast.Call):
        return _argument(parent, node)
    if isinstance(parent, ast.BoolOp):  # os.environ.get("KEY") or "..."
        return next((_option(value) for value in parent.values if isinstance(value, ast.Call)), None)
    if isinstance(parent, ast.arguments):
        return _parameter(parent, node)
    return None


def _with_library(name: str | None, call: ast.AST | None) -> str | None:
    """``key`` in ``wandb.login(key=...)`` is wandb's key."""
    if name in ("key", "token") and isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        owner = ast.unparse(call.func.value).rpartition(".")[2]
        return (
            f"{owner}_{'api_key' if name == 'key' else 'api_token'}" if owner in ("wandb", "comet_ml", "neptune", "hub", "HfApi") else name
        )
    return name


def _target(target: ast.expr) -> str | None:
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute):
        return target.attr
    return _text(target.slice) if isinstance(target, ast.Subscript) else None


def _argument(call: ast.Call, node: ast.Constant) -> str | None:
    """The name before a default: ``os.getenv("API_KEY", "...")``, ``environ.setdefault("API_KEY", "...")``."""
    if len(call.args) == 2 and call.args[1] is node:
        return _option(call)
    return _with_library("key", call) if call.args and call.args[0] is node and ast.unparse(call.func).endswith("login") else None


def _option(call: ast.Call) -> str | None:
    """The first text of a call that takes a name and a default; the longest spelling of an option."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    texts = [text for text in map(_text, call.args) if text]
    if function in ("add_argument", "option") and texts:
        return max(texts, key=len).lstrip("-")
    return texts[0] if texts and function in _BY_NAME else None


def _parameter(arguments: ast.arguments, node: ast.Constant) -> str | None:
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(reversed(positional), reversed(arguments.defaults), strict=False)]
    pairs += [(arg, default) for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is not None]
    return next((arg.arg for arg, default in pairs if default is node), None)


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
