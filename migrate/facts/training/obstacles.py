"""What defeats the resuming of a loop, and what can only be gone on with nearly: each with its line."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from migrate.facts.model import Place
from migrate.facts.program import Function, Module, Program, last_name
from migrate.facts.training.extent import Extent, Root
from migrate.facts.training.loops import MOST_CALLS, Loop, callers
from migrate.facts.training.makers import live_calls

SHARDERS = {"ZeroRedundancyOptimizer"}  # spread an optimizer's state over processes, and hand it out only gathered in one of them
SPAWNERS = {"Process", "spawn", "start_processes"}
NO_STATE_CALLS = {"parameters", "named_parameters", "children", "modules"}  # next(model.parameters()) asks for the first one

TELLERS = set("range xrange enumerate zip reversed sorted list tuple iter map filter itertools numpy trange tqdm torch math".split())
WRAPPERS_OF_TURNS = {"enumerate", "reversed", "sorted", "list", "tuple", "iter", "tqdm.tqdm"}
MOST_RESETS = 3  # functions through which an episode's begin is followed
LISTERS = {"os.listdir", "os.scandir", "os.walk", "glob.glob", "glob.iglob"}  # in an order that is the file system's own
LISTER_METHODS = {"iterdir", "glob", "rglob"}
TELLER_METHODS = {"items", "keys", "values", "split", "arange", "linspace"}  # of dictionaries, of cross-validators

KindOf = Callable[[Root], str | None]


class Refused(Exception):
    """A loop that cannot be gone on with: ``reason``, at ``node``."""

    def __init__(self, reason: str, module: Module, node: ast.AST) -> None:
        super().__init__(reason)
        self.reason, self.module, self.node = reason, module, node

    def place(self) -> Place:
        node = self.node if isinstance(self.node, (ast.expr, ast.stmt)) else self.module.tree.body[0]
        return self.module.place(node)


class Unnamed(Refused):
    """What is trained is a part of something that the container ``text`` holds: only code inside can name it."""

    def __init__(self, part: str, text: str, module: Module, node: ast.AST) -> None:
        super().__init__(f"{part} is a part of something that {text} holds, which has no name at the loop", module, node)
        self.text = text


def refuse(program: Program, extent: Extent, kind_of: KindOf) -> Refused | None:
    """Raises Refused for a loop that cannot be gone on with; returns what has to be looked at in one that can."""
    loop = extent.loop
    if isinstance(loop.node, ast.AsyncFor):
        raise Refused("it is an asynchronous loop", loop.module, loop.node)
    _refuse_spread(program)
    _refuse_environments_elsewhere(program)
    _refuse_shared(program, [f for f in (loop.function, *extent.functions.values()) if f is not None])
    caution = _unknown_turns(program, extent) or _tried_again(program, loop)
    for module, node in extent.nodes():
        if not isinstance(node, ast.Call):
            continue
        if (program.qualified(module, node.func) or "").startswith(("torch.distributed.autograd.", "torch.distributed.rpc.")):
            raise Refused("a part of what is trained lives in other processes (torch.distributed.rpc)", module, node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "step":
            caution = _environment(extent, module, node) or caution
        source = _drawn_from(node)
        if source is not None and caution is None:
            caution = _iterator(extent, kind_of, module, node, source)
    return caution


def begins_anew(name: str, module: Module, node: ast.AST) -> Refused:
    """An iterator that is alive before the loop has no place that could be saved."""
    return Refused(f"the iterator {name}, made before the loop, begins anew: the data come in another order than without it", module, node)


def _unknown_turns(program: Program, extent: Extent) -> Refused | None:
    """Turns that a library hands out, which after an interruption may hand out others: those that are done are drawn again."""
    loop = extent.loop
    source = None if isinstance(loop.node, ast.While) else loop.node.iter
    while isinstance(source, ast.Call):
        name = program.qualified(loop.module, source.func)
        if name == "sorted":
            return None
        if _is_listing(name, source) and not (source is loop.node.iter and name in ("os.listdir", "glob.glob")):  # type: ignore[union-attr]
            reason = f"another machine may list {ast.unparse(source)}, which gives the turns, in another order: sorted() keeps it"
            return Refused(reason, loop.module, source)
        wraps = name in WRAPPERS_OF_TURNS and bool(source.args)
        if not wraps and ((name or "").partition(".")[0] in TELLERS or program.callees(loop.module, source)):
            return None
        if isinstance(source.func, ast.Attribute) and source.func.attr in TELLER_METHODS:
            return None
        if not source.args:
            text = ast.unparse(source)
            return Refused(f"the turns come from {text}, which has to hand out the same ones again", loop.module, source)
        source = source.args[0]  # a wrapper: a progress bar, a prefetcher
    return None


def _is_listing(name: str | None, call: ast.Call) -> bool:
    """Whether a call lists a folder. Of a list of names, the keeper knows the order of the first start."""
    return name in LISTERS or (name is None and isinstance(call.func, ast.Attribute) and call.func.attr in LISTER_METHODS)


def _tried_again(program: Program, loop: Loop) -> Refused | None:
    """A loop that is run once more where an exception has ended it: from the checkpoint, the two cannot be told apart."""
    function, steps = loop.function, 0
    while function is not None and steps < MOST_CALLS:
        sites = list(callers(program, function))
        for module, point in sites:
            current, parent = point, module.parent(point)
            while parent is not None and not isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if isinstance(parent, ast.Try) and any(current is s for s in parent.body):
                    handled = {id(n) for handler in parent.handlers for n in ast.walk(handler)}
                    again = next((other for _, other in sites if id(other) in handled), None)
                    if again is not None:
                        return Refused(f"{function.node.name}() is tried again after an exception", module, again)
                current, parent = parent, module.parent(parent)
        scopes = [module.scope(point).function() for module, point in sites]
        function = program.function_of(scopes[0].node) if scopes and scopes[0] is not None else None
        steps += 1
    return None


def _refuse_spread(program: Program) -> None:
    for module, call, name in _named_calls(program, SHARDERS):
        raise Refused(f"{name} spreads the state of what is trained over the processes", module, call)


def _refuse_environments_elsewhere(program: Program) -> None:
    """Processes of the script's own that each step an environment: what they stand at is nowhere here."""
    for module, call, _ in _named_calls(program, {"Process"}):
        for target in (k.value for k in call.keywords if k.arg == "target"):
            for function in (d for d in program.definitions(module, target) if isinstance(d, Function)):
                for node in ast.walk(function.node):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "step":
                        if _gives_transition(function.module, node):
                            raise Refused("environments are stepped in other processes, whose state cannot be saved", module, call)


def _refuse_shared(program: Program, functions: list[Function]) -> None:
    """Processes that train one model between them, each in a loop of its own, unless they are told from each other by rank."""
    if any(True for _ in _named_calls(program, {"init_process_group", "init_distributed"})):
        return
    for module, call, _ in _named_calls(program, SPAWNERS):
        targets = [k.value for k in call.keywords if k.arg in ("target", "fn")] + call.args[:1]
        for target in targets:
            if any(d is f for d in program.definitions(module, target) for f in functions):
                raise Refused("several processes run it at once, on one model", module, call)
    for module, call, _ in _named_calls(program, {"Thread"}):
        for target in [k.value for k in call.keywords if k.arg == "target"] if _is_one_of_many(module, call) else []:
            inner = [n.func for n in ast.walk(target.body) if isinstance(n, ast.Call)] if isinstance(target, ast.Lambda) else [target]
            if any(d is f for node in inner for d in program.definitions(module, node) for f in functions):
                raise Refused("several threads run it at once", module, call)


def _is_one_of_many(module: Module, node: ast.AST) -> bool:
    """Whether a loop or a comprehension stands around a node."""
    parent = module.parent(node)
    while parent is not None and not isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        if isinstance(parent, (ast.For, ast.While, ast.ListComp, ast.GeneratorExp)):
            return True
        parent = module.parent(parent)
    return False


def _named_calls(program: Program, names: set[str]) -> Iterator[tuple[Module, ast.Call, str]]:
    return ((module, call, last_name(call.func)) for module, call in live_calls(program, *names))


def _environment(extent: Extent, module: Module, call: ast.Call) -> Refused | None:
    """An environment in which a turn takes steps. One that each turn begins with a new episode carries its random numbers alone."""
    assert isinstance(call.func, ast.Attribute)
    roots = extent.roots(module, call.func.value) if _gives_transition(module, call) else set()
    if not roots:
        return None
    name = ast.unparse(call.func.value)
    for home, node in extent.nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reset":
            if extent.roots(home, node.func.value) & roots and _runs_each_turn(extent, home, node, 0):
                reason = f"each turn begins a new episode of {name}, whose own random numbers begin anew after an interruption"
                return Refused(reason, module, call)
    raise Refused(
        f"the state of the environment {name} cannot be saved: an interrupted run has to begin a new episode, with what it has learned "
        "and collected saved by hand at an episode's end",
        module,
        call,
    )


def _runs_each_turn(extent: Extent, module: Module, node: ast.AST, steps: int) -> bool:
    """Whether a part of the turns' code runs in every one of them, whatever the tests in it."""
    statement = module.statement(node) if isinstance(node, ast.expr) else node
    parent = module.parent(statement)
    if parent is extent.loop.node:
        return True
    if not isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)) or steps >= MOST_RESETS:
        return False
    sites = extent.sites.get(id(parent), [])
    return bool(sites) and all(_runs_each_turn(extent, site.module, site.call, steps + 1) for site in sites)


def _gives_transition(module: Module, call: ast.Call) -> bool:
    """``observation, reward, done, info = env.step(action)``."""
    parent = module.parent(call)
    return isinstance(parent, ast.Assign) and any(isinstance(t, ast.Tuple) and len(t.elts) >= 4 for t in parent.targets)


def _drawn_from(call: ast.Call) -> ast.expr | None:
    """What ``next(it)``, ``it.next()`` or ``data.next_batch(32)`` takes from."""
    if isinstance(call.func, ast.Name) and call.func.id == "next" and call.args:
        return call.args[0]
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("next", "__next__") and not call.args:
        return call.func.value
    if isinstance(call.func, ast.Attribute) and call.func.attr == "next_batch":
        return call.func.value
    return None


def _iterator(extent: Extent, kind_of: KindOf, module: Module, call: ast.Call, source: ast.expr) -> Refused | None:
    roots = extent.roots(module, source)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "next_batch" and extent.runs_own(module, call):  # it is followed
        return None
    if not roots or any(kind_of(root) in ("model", "container", "reader") for root in roots):
        return None
    if isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute) and source.func.attr in NO_STATE_CALLS:
        return None
    loop = extent.loop
    asked = [n for n in ast.walk(loop.node.test) if isinstance(n, (ast.Name, ast.Attribute))] if isinstance(loop.node, ast.While) else []
    if any(root in extent.roots(loop.module, n) for n in asked for root in roots):
        raise Refused(f"the iterator {ast.unparse(source)}, whose place cannot be saved, says when the loop is over", module, call)
    return begins_anew(ast.unparse(source), module, call)
