"""The checkpoints that a script with a loop of its own saves and loads by itself: none, save-only, partial or full.

Full is what restores model, optimizer and the place in the training, before the loop. A load of weights alone, from a file of other
making or behind the loop, is no resuming.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrate.facts.nodes import walk
from migrate.facts.notes import once
from migrate.facts.program import Module, Program
from migrate.facts.reach import dormant, reached
from migrate.facts.training.loops import Loop, acts, chains
from migrate.facts.training.names import LOADED, reads_checkpoint
from migrate.facts.training.objects import Kinds, kinds_of

SAVES = {"torch.save", "pickle.dump", "joblib.dump", "torch.jit.save"}
SAVE_METHODS = {"save_state", "save_pretrained", "save_checkpoint", "save_weights", "save_model"}
LOAD_METHODS = {"load_state_dict", "load_weights"}
LAST_NAMES = {name.rsplit(".", 1)[-1] for name in SAVES} | SAVE_METHODS | LOAD_METHODS | {"load"}
STATES = re.compile(r"state|model|optim|net|weight|arg|conf|encoder|decoder|ema|scheduler|scaler", re.IGNORECASE)


@once
def own_checkpoints(program: Program) -> str:
    """none, save-only, partial or full."""
    loops = {id(chain[-1].node): chain[-1] for act in acts(program) for chain in chains(program, act) if chain}
    saves, states, places, resumes = False, set[str](), False, False
    kinds = kinds_of(program)
    for module, node in _alive(program):
        if isinstance(node, ast.Call):
            saves = saves or _is_save(program, module, node)
            if not _is_load(program, module, node):
                continue
        if _is_behind(program, list(loops.values()), module, node):
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOAD_METHODS:
            states.add(_kind(kinds, module, node.func.value))
            resumes = resumes or any(_asks(n) for argument in node.args for n in walk(argument))
        elif isinstance(node, ast.Call):
            resumes = resumes or any(_asks(n) for argument in node.args for n in walk(argument))
        elif isinstance(node, ast.Assign):
            for target in [t for one in node.targets for t in (one.elts if isinstance(one, (ast.Tuple, ast.List)) else [one])]:
                states |= {_kind(kinds, module, target)} & {"model", "optimizer"}
                places = places or (_is_place(node.value) and not STATES.search(ast.unparse(target).rsplit(".", 1)[-1]))
    if states & {"optimizer"} and places:
        return "full"
    return "none" if not saves else "partial" if states and (places or resumes or "optimizer" in states) else "save-only"


def _kind(kinds: Kinds, module: Module, node: ast.expr) -> str:
    return kinds.of(module, node) or ("optimizer" if "optim" in ast.unparse(node).rsplit(".", 1)[-1].lower() else "")


def _alive(program: Program) -> Iterator[tuple[Module, ast.Call | ast.Assign]]:
    """The calls that may save or load, by their last names alone, and the assignments that read a checkpoint, in code that may run."""
    alive = reached(program)
    for module in program.modules.values():
        asleep = dormant(module, program)
        nodes: list[ast.Call | ast.Assign] = [*module.calls_named(*program.written(*LAST_NAMES)), *_reading(module)]
        for node in nodes:
            scope = module.scope(node).function()
            if id(node) not in asleep and (scope is None or id(scope.node) in alive):
                yield module, node


@once
def _reading(module: Module) -> list[ast.Assign]:
    """The assignments that take something out of a checkpoint."""
    found: dict[int, ast.Assign] = {}
    for node in module.nodes.among(ast.Call, ast.Subscript, ast.Attribute):
        if not reads_checkpoint(node):
            continue
        child, parent = node, module.parent(node)
        while parent is not None and not isinstance(child, ast.stmt):
            if isinstance(parent, ast.Assign) and parent.value is child:
                found[id(parent)] = parent
            child, parent = parent, module.parent(parent)
    return list(found.values())


def _is_load(program: Program, module: Module, call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute) and call.func.attr in LOAD_METHODS:
        return True
    return program.qualified(module, call.func) == "torch.load"


def _is_save(program: Program, module: Module, call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute) and call.func.attr in SAVE_METHODS:
        return True
    return (program.qualified(module, call.func) or "") in SAVES


def _is_behind(program: Program, loops: list[Loop], module: Module, node: ast.AST) -> bool:
    """Whether code runs after a training loop: there it loads the best model to test it."""
    scope = module.scope(node).function()
    places = [(module, node)]
    if scope is not None:
        places += [(site.module, site.call) for site in program.calls_of.get(id(scope.node), [])]
    own = [loop for loop in loops for m, n in places if loop.module is m and _holder(loop.module, loop.node) is _holder(m, n)]
    return bool(own) and all(
        any(
            loop.module is m and _holder(m, loop.node) is _holder(m, n) and getattr(n, "lineno", 0) > (loop.node.end_lineno or 0)
            for loop in own
        )
        for m, n in (places[1:] if scope is not None and len(places) > 1 and not _beside(places[0], own) else places[:1])
    )


def _beside(place: tuple[Module, ast.AST], loops: list[Loop]) -> bool:
    return any(loop.module is place[0] and _holder(loop.module, loop.node) is _holder(*place) for loop in loops)


def _holder(module: Module, node: ast.AST) -> object:
    scope = module.scope(node).function()
    return scope.node if scope is not None else module.tree


def _is_place(value: ast.expr) -> bool:
    """``checkpoint["epoch"] + 1``, ``step_of(latest_checkpoint(folder))``: no state of an object."""
    for node in walk(value):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and reads_checkpoint(node):
            return not STATES.search(str(node.slice.value))
        if isinstance(node, ast.Call) and reads_checkpoint(node):
            return re.search(r"step|epoch|iter|load_checkpoint|load_ckpt|resume", ast.unparse(node.func), re.IGNORECASE) is not None
    return False


def _asks(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    name = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else name
    return LOADED.search(name) is not None
