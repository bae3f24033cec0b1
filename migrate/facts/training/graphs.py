"""Training with TensorFlow by hand: what a session of TensorFlow 1 runs to train, and the steps of eager loops."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.flow import returns_of
from migrate.facts.notes import once
from migrate.facts.program import Function, Module, Program
from migrate.facts.reach import reached
from migrate.facts.training.makers import live_calls
from migrate.facts.training.objects import MONITORED, SESSIONS, Kinds, kinds_of
from migrate.repo.acts import GRAPH_STEP

SESSION_MAKERS = {*SESSIONS, *MONITORED, "managed_session", "Estimator"}
EAGER_STEPS = {"minimize", "apply_gradients", "apply"}
MAKE_STEPS = {"minimize", "apply_gradients", "optimize_loss", "create_train_op"}
HOLD_STEPS = {"group", "tuple", "with_dependencies", "list"}  # run what they are given
SESSION_NAMES = {"sess", "session", "_sess", "_session"}
# They hand out data: the place in it is in no variable.
FEEDERS = {"start_queue_runners", "make_one_shot_iterator", "make_initializable_iterator"}
SPREAD = {"Server", "ClusterSpec", "BroadcastGlobalVariablesHook", "broadcast_global_variables", "replica_device_setter"}
MOST_STEPS = 10


@once
def tensorflow_steps(program: Program) -> dict[int, tuple[Module, ast.Call]]:
    """The calls, by id, that make a step of training: ``sess.run(train_op)``, ``train_op.run()``; in eager code ``apply_gradients``."""
    return {id(call): (module, call) for module, call in _steps(program)}


def _steps(program: Program) -> Iterator[tuple[Module, ast.Call]]:
    if not any("tensorflow" in module.text for module in program.modules.values()):
        return
    kinds = kinds_of(program)
    calls = list(_live(program, {"run", "assign_sub", *EAGER_STEPS, *SESSION_MAKERS}))
    graph = any(_last(call.func) in SESSION_MAKERS and _is_tensorflow(program, module, call) for module, call in calls)
    for module, call in calls:
        assert isinstance(call.func, ast.Attribute)
        if call.func.attr == "run" and (_is_session_run(kinds, module, call) or is_training_op(kinds, module, call.func.value)):
            yield module, call
        elif not graph and call.func.attr != "run" and _is_eager(kinds, module, call):
            yield module, call


def _is_tensorflow(program: Program, module: Module, call: ast.Call) -> bool:
    return (program.qualified(module, call.func) or "tensorflow").startswith("tensorflow")


def _live(program: Program, names: set[str]) -> Iterator[tuple[Module, ast.Call]]:
    """The method calls of these names in code that may run."""
    return ((module, call) for module, call in live_calls(program, *names) if isinstance(call.func, ast.Attribute))


def is_session(program: Program, module: Module, node: ast.expr) -> bool:
    """Whether an expression is a session of TensorFlow 1, by what made it, or by its name."""
    named = isinstance(node, (ast.Name, ast.Attribute)) and _last(node) in SESSION_NAMES
    return named or ("tensorflow" in module.text and kinds_of(program).of(module, node) in ("session", "monitored"))


def _is_session_run(kinds: Kinds, module: Module, call: ast.Call) -> bool:
    """Whether a session runs a training step here; else it evaluates."""
    assert isinstance(call.func, ast.Attribute)
    if not is_session(kinds.program, module, call.func.value):
        return False
    fetched = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "fetches")]
    return any(is_training_op(kinds, module, node) or _is_named_so(node) for node in fetched)


def _is_named_so(node: ast.expr) -> bool:
    """Whether a name in what is fetched is that of a training step."""
    names = [n.id if isinstance(n, ast.Name) else n.attr for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Attribute))]
    return GRAPH_STEP.search(" ".join(names)) is not None


def is_training_op(kinds: Kinds, module: Module, node: ast.expr, steps: int = 0) -> bool:
    """Whether an expression is, or holds, an operation that trains: what ``minimize()`` and ``apply_gradients()`` give."""
    if steps > MOST_STEPS:
        return False
    return any(is_training_op(kinds, home, inner, steps + 1) for home, inner in _sources(kinds, module, node)) or (
        isinstance(node, ast.Call) and _last(node.func) in MAKE_STEPS
    )


def _sources(kinds: Kinds, module: Module, node: ast.expr) -> Iterator[tuple[Module, ast.expr]]:
    """What the value of an expression is made of, or was assigned from."""
    program = kinds.program
    if isinstance(node, (ast.List, ast.Tuple)):
        yield from ((module, element) for element in node.elts)
    elif isinstance(node, ast.Dict):
        yield from ((module, value) for value in node.values)
    elif isinstance(node, ast.BinOp):
        yield from ((module, side) for side in (node.left, node.right))
    elif isinstance(node, ast.IfExp):
        yield from ((module, side) for side in (node.body, node.orelse))
    elif isinstance(node, (ast.Subscript, ast.Starred)):
        yield module, node.value
    elif isinstance(node, ast.Name):
        yield from _assigned(kinds, module, node)
    elif isinstance(node, ast.Attribute):
        for cls in kinds.classes(module, node.value):
            yield from kinds.assigned(cls, node.attr)
            method = program.method(cls, node.attr)  # a property
            yield from ((method.module, value) for value in returns_of(method)) if method is not None else ()
    elif isinstance(node, ast.Call) and _last(node.func) in HOLD_STEPS:
        yield from ((module, argument) for argument in node.args)
    elif isinstance(node, ast.Call) and _last(node.func) == "no_op":
        yield from ((module, given) for given in _controlled_by(module, node))
    elif isinstance(node, ast.Call):
        for function in program.callees(module, node):
            yield from ((function.module, value) for value in returns_of(function))


def _assigned(kinds: Kinds, module: Module, node: ast.Name) -> Iterator[tuple[Module, ast.expr]]:
    program = kinds.program
    found = module.scope(node).lookup(node.id)
    for binding in found[1] if found is not None else []:
        if binding.kind == "assign" and binding.value is not None and not binding.index:
            yield module, binding.value
        elif binding.kind == "assign" and binding.value is not None:
            yield from _elements(program, module, binding.value, binding.index)
        elif binding.kind == "import":
            home = program.modules.get(program.resolver(module.path, binding.module, binding.level) or "")
            inner = home.names.root.bindings.get(binding.name or "", []) if home is not None else []
            yield from ((home, b.value) for b in inner if home is not None and b.kind == "assign" and b.value is not None)
        elif binding.kind == "param" and found is not None:
            yield from kinds.arguments(found[0], node.id)


def _elements(program: Program, module: Module, value: ast.expr, index: tuple[int, ...]) -> Iterator[tuple[Module, ast.expr]]:
    """The element that an unpacked value gives: one of a tuple, or of those that a function returns."""
    several = [(module, value)]
    if isinstance(value, ast.Call):
        several = [(function.module, returned) for function in program.callees(module, value) for returned in returns_of(function)]
    for home, one in several:
        if isinstance(one, (ast.Tuple, ast.List)) and index[0] < len(one.elts):
            yield home, one.elts[index[0]]
        elif one is not value:
            yield home, one


def _controlled_by(module: Module, node: ast.AST) -> Iterator[ast.expr]:
    """What an operation runs after: ``with tf.control_dependencies([apply_gradients]):``."""
    parent = module.parent(node)
    while parent is not None and not isinstance(parent, (ast.FunctionDef, ast.ClassDef)):
        for item in parent.items if isinstance(parent, ast.With) else []:
            if isinstance(item.context_expr, ast.Call) and _last(item.context_expr.func) == "control_dependencies":
                yield from item.context_expr.args
        parent = module.parent(parent)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_eager(kinds: Kinds, module: Module, call: ast.Call) -> bool:
    """Whether a step is made here and now; with a CheckpointManager of the script's own it is another rule's."""
    program = kinds.program
    texts = [m.text for m in program.modules.values()]
    if any("CheckpointManager" in text for text in texts):
        return False
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr == "minimize":
        first = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "loss"), None)
        given = len(call.args) > 1 or any(k.arg == "var_list" for k in call.keywords)
        return given and (isinstance(first, ast.Lambda) or (first is not None and bool(program.definitions(module, first))))
    kind = {"apply": "optimizer", "assign_sub": "variable"}.get(call.func.attr)
    if kind is not None and kinds.of(module, call.func.value) != kind:
        return False
    return any("GradientTape" in text for text in texts)


def data_begin_anew(program: Program, module: Module, loop: ast.AST) -> tuple[str, Module, ast.Call] | None:
    """What hands out the data of a session by itself, and starts again after an interruption: the reason, and the call.

    An iterator that each turn of the loop sets up does as it did.
    """
    for home, call in _live(program, FEEDERS):
        if _last(call.func) == "make_initializable_iterator" and _each_turn(module, loop, "initializer"):
            continue
        source = "queues begin" if _last(call.func) == "start_queue_runners" else "iterator over the data begins"
        return f"the session's {source} anew: the data come in another order than without an interruption", home, call
    return None


def _each_turn(module: Module, loop: ast.AST, attribute: str) -> bool:
    """Whether every turn reads an attribute of this name, whatever happens in it."""
    for node in (n for n in ast.walk(loop) if isinstance(n, ast.Attribute) and n.attr == attribute):
        parent = module.parent(node)
        while isinstance(parent, (ast.expr, ast.keyword, ast.Expr, ast.Assign, ast.With)):
            parent = module.parent(parent)
        if parent is loop:
            return True
    return False


def spread_sessions(program: Program) -> tuple[Module, ast.Call] | None:
    """Sessions of several processes that train together."""
    return next(_live(program, SPREAD), None)


def spread_variables(program: Program) -> tuple[Module, ast.Call] | None:
    """A strategy that spreads variables over devices or processes."""
    alive = reached(program)
    for module in program.modules.values():
        for call in module.calls() if "Strategy" in module.text else []:
            if _last(call.func).endswith("Strategy") and (program.qualified(module, call.func) or "").startswith("tensorflow."):
                function = module.scope(call).function()
                if function is None or id(function.node) in alive:
                    return module, call
    return None


def is_compiled(program: Program, function: Function | None) -> bool:
    """Whether ``tf.function`` makes a graph of a function: its loops are TensorFlow's."""
    decorators = function.node.decorator_list if function is not None else []
    named = [node.func if isinstance(node, ast.Call) else node for node in decorators]
    return function is not None and any(program.qualified(function.module, node) == "tensorflow.function" for node in named)


def held_outside(program: Program) -> tuple[Module, ast.Call] | None:
    """What is trained, but is no variable of the graph: the trees of a forest."""
    return next(_live(program, {"shared_resources", "ForestHParams"}), None)
