"""Where a function is started from: called for nothing but its effect, or run by a thread that nothing else is asked of."""

from __future__ import annotations

import ast

from migrate.facts.program import Function, Module, Program

THREADS = {"threading.Thread", "multiprocessing.Process", "threading.Timer"}
HARMLESS = {"start", "setDaemon"}  # what a thread that is not started allows
Start = tuple[Module, ast.Call]


def starts_of(program: Program, function: Function) -> list[Start]:
    """The calls, each a statement of its own, that start ``function``; empty where it is used in any other way too."""
    name = function.node.name
    found: list[Start] = []
    if function.owner is not None:
        return []
    for module in program.modules.values():
        if name not in module.text:
            continue
        for node in module.nodes.of(ast.Name):
            if node.id == name and isinstance(node.ctx, ast.Load) and function in program.definitions(module, node):
                start = _start(program, module, node)
                if start is None:
                    return []
                found.append((module, start))
        if any(node.attr == name for node in module.nodes.of(ast.Attribute)):
            return []  # it may be this function, by its module
    return found


def _start(program: Program, module: Module, name: ast.Name) -> ast.Call | None:
    parent = module.parent(name)
    if isinstance(parent, ast.Call) and parent.func is name:
        return parent if isinstance(module.parent(parent), ast.Expr) else None
    thread = module.parent(parent) if isinstance(parent, ast.keyword) and parent.arg == "target" else None
    if not isinstance(thread, ast.Call) or program.qualified(module, thread.func) not in THREADS:
        return None
    holder = module.parent(thread)
    if isinstance(holder, ast.Attribute):
        return _started(module, holder)
    target = holder.targets[0] if isinstance(holder, ast.Assign) and len(holder.targets) == 1 else None
    return _by_name(module, target) if isinstance(target, ast.Name) else None


def _started(module: Module, method: ast.AST | None) -> ast.Call | None:
    """The statement ``thread.start()`` that ``method`` is of."""
    call = module.parent(method) if isinstance(method, ast.Attribute) and method.attr == "start" else None
    return call if isinstance(call, ast.Call) and isinstance(module.parent(call), ast.Expr) else None


def _by_name(module: Module, target: ast.Name) -> ast.Call | None:
    """The one start of a thread with a name, of which nothing is asked that a thread not started would refuse."""
    scope = module.scope(target)
    uses = [node for node in module.nodes.of(ast.Name) if node.id == target.id and node is not target and module.scope(node) is scope]
    starts: list[ast.Call] = []
    for use in uses:
        method = module.parent(use)
        if not isinstance(use.ctx, ast.Load) or not isinstance(method, ast.Attribute):
            return None
        if isinstance(method.ctx, ast.Store) and method.attr == "daemon":
            continue
        start = _started(module, method)
        if method.attr not in HARMLESS:
            return None
        starts += [start] if start is not None else []
    return starts[0] if len(starts) == 1 else None
