"""Data that a script fetches itself where they are not there yet: what it writes then is no output, and needs no place of its own."""

from __future__ import annotations

import ast

from migrate.facts.program import Module, Program

TESTS = {"exists", "isfile", "isdir", "is_file", "is_dir"}
FETCHERS = {"urlopen", "urlretrieve", "download_url_to_file", "load_state_dict_from_url", "download_url", "download_and_extract_archive"}
FETCHING = {"requests.get", "wget.download", "gdown.download"}


def is_fetched(program: Program, module: Module, call: ast.Call) -> bool:
    """Whether a call runs only where some path is absent, in a block that fetches from the network."""
    child: ast.AST = call
    parent = module.parent(call)
    while parent is not None and not isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        if isinstance(parent, ast.If) and isinstance(child, ast.stmt):
            block = parent.body if child in parent.body else parent.orelse
            if _tests_absence(parent.test, block is parent.orelse) and any(_fetches(program, module, node) for node in block):
                return True
        child, parent = parent, module.parent(parent)
    return False


def _tests_absence(test: ast.expr, otherwise: bool) -> bool:
    """Whether a block that runs where ``test`` holds (``otherwise``: where it does not) runs only where a path is absent."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _tests_absence(test.operand, not otherwise)
    if isinstance(test, ast.BoolOp):
        enough = any if isinstance(test.op, ast.And) != otherwise else all
        return enough(_tests_absence(value, otherwise) for value in test.values)
    return otherwise and isinstance(test, ast.Call) and _last(test) in TESTS


def _fetches(program: Program, module: Module, statement: ast.stmt) -> bool:
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return any(_last(call) in FETCHERS or program.qualified(module, call.func) in FETCHING for call in calls)


def _last(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
