"""What has to be saved and restored so that a loop can be gone on with: the objects alive before it, and the names it carries."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from migrate.facts.model import Place
from migrate.facts.nodes import walk
from migrate.facts.notes import once
from migrate.facts.program import Module, Program
from migrate.facts.scopes import Scope
from migrate.facts.training.bound import Bound, holds_none
from migrate.facts.training.eager import trained_variables
from migrate.facts.training.extent import Root, extent_of
from migrate.facts.training.graphs import (
    SESSION_NAMES,
    data_begin_anew,
    held_outside,
    is_compiled,
    is_session,
    spread_sessions,
    spread_variables,
    tensorflow_steps,
)
from migrate.facts.training.jax_steps import jax_gradients, jax_steps
from migrate.facts.training.loops import Loop, acts, chains, unfollowed
from migrate.facts.training.makers import imports_library
from migrate.facts.training.names import Names
from migrate.facts.training.objects import STATEFUL, Kinds, kinds_of
from migrate.facts.training.obstacles import Refused, Unnamed, refuse
from migrate.facts.training.saved import saved_attributes
from migrate.facts.training.turns import Turns, is_counted, turns_of

STATE_METHODS = {"parameters", "named_parameters", "state_dict", "load_state_dict", "zero_grad"}
CHANGES = {
    "append", "extend", "insert", "add", "update", "pop", "popleft", "appendleft", "popitem", "remove", "discard", "clear", "setdefault",
    "sort", "reverse", "push", "copy_", "fill_", "zero_", "add_", "mul_",
}  # fmt: skip
MONITORED = "a monitored session goes on from its checkpoint_dir by itself"
DEEPSPEED = (
    "saves and loads the parts of its processes itself: {0}.save_checkpoint(folder) behind each turn, in all processes, with client_state "
    "for the turn; {0}.load_checkpoint(folder) before the loop tells where to go on; the folder below the checkpoint folder"
)
WRAPPERS = {
    "DataParallel",
    "DistributedDataParallel",
    "DDP",
    "FSDP",
    "FullyShardedDataParallel",
    "compile",
}  # keep the model that they are given
OUTSIDE_MODELS = ("optimizer", "scheduler", "scaler")  # a model that has one as a part does not save it with itself
PLAIN = (ast.List, ast.Tuple, ast.Dict, ast.ListComp, ast.DictComp)
NOT_KEPT = {
    "quiet", "loader", "ordered", "dataset", "file", "time", "model", "optimizer", "scheduler", "scaler", "text", "reader", "estimator",
    "transformer", "session", "variable",
}  # fmt: skip


@dataclass(frozen=True)
class Resume:
    """How one loop is made to go on. All but ``refused`` is source text as the function of the loop spells it.

    ``objects`` are restored in place; ``attributes`` are (object, names) whose attributes change in the turns; ``values`` are the names
    that the loop rebinds, ``unset`` those of them that have no value before it. ``spelled`` tells how those are named that only some
    runs have. ``turns``: what the loop's turns are counted from, where that is restored.
    ``caution``: what will not be as it would have been, with ``where``. ``refused``: why it cannot be done, with ``where``.
    """

    loop: Loop
    objects: tuple[str, ...] = ()
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    values: tuple[str, ...] = ()
    unset: frozenset[str] = frozenset()
    spelled: Mapping[str, str] = field(default_factory=dict)
    caution: str | None = None
    refused: str | None = None
    turns: Turns | None = None
    unfollowed: bool = False  # refused since it is not found what calls it
    where: Place | None = None


@dataclass
class _Found:
    stateful: dict[str, None] = field(default_factory=dict)
    containers: dict[str, None] = field(default_factory=dict)
    attributes: dict[str, set[str]] = field(default_factory=dict)
    trained: set[str] = field(default_factory=set)
    retrained: set[str] = field(default_factory=set)  # models that each turn gives another optimizer


@once
def find_resumes(program: Program) -> list[Resume]:
    """Every loop that has to be made to go on, outer ones first; empty where no training by hand is found in a loop."""
    outer, inner = _stacked(program)
    kinds = kinds_of(program)
    found: dict[int, Resume] = {}
    for chain in (chain for key, ways in outer.items() if key not in inner for chain in ways):  # elsewhere it may stand inside a loop
        for resume in _along(program, kinds, chain):
            found.setdefault(id(resume.loop.node), resume)
    followed = [resume for resume in found.values() if not resume.unfollowed]
    kept = any(_is_kept(loop) for ways in outer.values() for chain in ways for loop in chain)  # by an earlier apply
    return sorted(followed if followed or kept else found.values(), key=lambda r: (r.loop.module.path, r.loop.line))


def _stacked(program: Program) -> tuple[dict[int, list[tuple[Loop, ...]]], dict[int, Loop]]:
    """The loops that train, by id of the outermost of each stack, and those inside others."""
    outer: dict[int, list[tuple[Loop, ...]]] = {}
    inner: dict[int, Loop] = {}
    for act in acts(program):
        for chain in chains(program, act):
            if chain:
                ways = outer.setdefault(id(chain[-1].node), [])
                if all([loop.node for loop in way] != [loop.node for loop in chain] for way in ways):
                    ways.append(chain)
                inner.update((id(loop.node), loop) for loop in chain[:-1])
    return outer, inner


def kept_loops(program: Program) -> list[Loop]:
    """The outermost loops that go on after an interruption, those that an earlier apply has changed among them."""
    refused = {id(resume.loop.node) for resume in find_resumes(program) if resume.refused is not None}
    return [ways[0][-1] for key, ways in _stacked(program)[0].items() if key not in refused]


def innermost_loops(program: Program) -> list[Loop]:
    """Of each stack of loops that train, the innermost."""
    ways = [way for several in _stacked(program)[0].values() for way in several]
    return list({id(way[0].node): way[0] for way in ways}.values())


def not_to_keep(program: Program, resumes: Sequence[Resume]) -> list[Loop]:
    """Loops that train, and that must not be kept for another entry point's sake: inside others here, or refused."""
    kept = {id(resume.loop.node) for resume in resumes if resume.refused is None}
    refused = [resume.loop for resume in resumes if resume.refused is not None and not resume.unfollowed]
    return [loop for key, loop in _stacked(program)[1].items() if key not in kept] + refused


def _along(program: Program, kinds: Kinds, chain: tuple[Loop, ...]) -> Iterator[Resume]:
    """The outermost loop, and the next ones inside for as long as what is trained is made anew in the turns."""
    made: list[Resume] = []
    whole = False  # the model lives through the turns of the loop around this one
    stranger = None if any(_is_kept(loop) for loop in chain) else unfollowed(program, chain[-1])
    if stranger is not None:
        if not any(_steps(_Look(program, kinds, loop)) for loop in chain):
            return
        reason = f"it is not found what calls {stranger.node.name}(), which leads to it: another loop may stand around it"
        yield Resume(chain[-1], refused=reason, unfollowed=True)
        return
    for loop in reversed(chain):
        if loop is chain[0] and whole and not is_counted(program, loop):  # batches of an epoch whose optimizer is its own
            yield from made
            return
        look = _Look(program, kinds, loop)
        try:
            resume = look.resume()
            made += [] if _is_kept(loop) else [resume]
            whole = any(look.kind_of(text) == "model" for text in resume.objects)
        except Refused as refused:
            if _is_kept(loop):
                return
            if isinstance(refused, Unnamed) and loop is not chain[0] and look.goes_over(refused.text):
                made = []  # each element is trained in a loop of its own, which knows it by name; those that are over are over at once
                continue
            yield Resume(loop, refused=refused.reason, where=refused.place())
            return
        batches = len(chain) > 1 and loop is chain[1] and _goes_over_batches(kinds, chain[0])
        if look.found.trained or (look.found.retrained and batches):
            yield from made
            return
    if any(_is_kept(loop) for loop in chain) or not _steps(look):
        return
    loop = chain[-1]
    reason = "no optimizer or model is found that is alive before the loop"
    yield Resume(loop, refused=reason, where=loop.module.place(loop.node))


class _Look:
    """Looks at one loop."""

    def __init__(self, program: Program, kinds: Kinds, loop: Loop) -> None:
        self.program, self.kinds, self.loop = program, kinds, loop
        self.extent = extent_of(program, loop)
        self.found = _Found()
        self.caution: Refused | None = None
        self._read: set[str] | None = None
        self._kinds: dict[Root, str | None] = {}

    def resume(self) -> Resume:
        caution = refuse(self.program, self.extent, self._kind)
        self._stateful()
        caution = self._sessions() or caution
        self._changed()
        bound = Bound(self.program, self.kinds, self.extent)
        names = Names(self.program, self.kinds, self.extent, bound)
        values = names.carried()
        self._refuse_graph_parts(values)
        self._note_values(values)
        self._refuse_what_an_environment_gave(values)
        self._forget(names.anew)
        caution = caution or self.caution or names.caution or self._not_followed()
        objects = [o for o in self._outermost(self.found.stateful) if o not in values and o not in self._aliases()]
        objects += [c for c in self._outermost(self.found.containers) if c not in values and not self._held(c, [*objects, *values])]
        changed = {base: set(own) for base, own in self.found.attributes.items()}
        for base, name in names.started():
            self.found.attributes.setdefault(base, set()).add(name)
        attributes = {base: n for base, n in self.found.attributes.items() if base not in values and n and not self._whole(base, objects)}
        given = tuple((base, tuple(sorted(names))) for base, names in sorted(attributes.items()))
        objects += [target for target in self._targets(objects) if target not in values]
        objects.sort(key=lambda text: (*names.first_line(text), text))
        rebound = [name for name in values if name not in names.first or name in names.written]
        first = {*names.first, *(f"{base}.{name}" for base, name in names.started())}
        turns = turns_of(self.program, self.loop, rebound, changed, objects, first, self.kind_of)
        spelled = {text: bound.spelled(text) for text in [*objects, *attributes]}
        spelled |= {name: bound.name(name) for name in values if name not in names.unset}
        return Resume(
            self.loop,
            tuple(objects),
            given,
            tuple(values),
            frozenset(names.unset),
            {text: source for text, source in spelled.items() if source != text},
            caution.reason if caution else None,
            where=caution.place() if caution else None,
            turns=turns,
        )

    def _forget(self, names: set[str]) -> None:
        """Leave out what hangs on names that every turn gives another object, before it reads them."""
        for texts in (self.found.stateful, self.found.containers, self.found.attributes):
            for text in [text for text in texts if text.split(".")[0] in names]:
                del texts[text]

    def _note_values(self, values: list[str]) -> None:
        """What JAX trains has no state of its own: it is among the values that the turns give anew, names or attributes."""
        known = jax_steps(self.program) | jax_gradients(self.program)
        steps = [(module, node) for module, node in self.extent.nodes() if id(node) in known]
        for module, call in steps:
            assert isinstance(call, ast.Call)
            of = [call.func.value] if isinstance(call.func, ast.Attribute) else []
            for argument in [*of, *call.args, *(k.value for k in call.keywords)]:
                for root in self.extent.roots(module, argument):
                    base, _, name = root.text.rpartition(".")
                    if root.text in values or name in self.found.attributes.get(base, ()):
                        self.found.trained.add(root.text)

    def _refuse_what_an_environment_gave(self, values: list[str]) -> None:
        """``state = env.reset()`` before the loop, and what the turns make of it: it means nothing to another environment."""
        module = self.loop.module
        for name in values:
            found = module.scope(self.loop.node).lookup(name)
            for binding in found[1] if found is not None else []:
                call = binding.value if binding.kind == "assign" else None
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and not self.extent._inside(binding):
                    if self.kinds.of(module, call.func.value) == "environment":
                        raise Refused(f"the state of the environment {ast.unparse(call.func.value)} cannot be saved", module, call)

    def _not_followed(self) -> Refused | None:
        """An object that the turns call, of a class in a module of the repository that is not followed: what it carries is not known."""
        scope = self.loop.module.scope(self.loop.node)
        for module, node in self.extent.nodes():
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            for root in self.extent.roots(module, node.func.value):
                found = scope.lookup(root.text) if root.home is None and not root.element else None
                made = [b.value for b in found[1] if b.kind == "assign" and isinstance(b.value, ast.Call)] if found is not None else []
                for call in made if self._kind(root) is None and root.text not in self.found.stateful else ():
                    name = self.program.qualified(self.loop.module, call.func) if isinstance(call, ast.Call) else None
                    path = (name or "").rpartition(":")[0]
                    if path.endswith(".py") and path not in self.program.modules:
                        return Refused(f"what {root.text} carries is not known: {path}, which makes it, is not followed", module, node)
        return None

    def _targets(self, objects: list[str]) -> Iterator[str]:
        """The models of Chainer optimizers, which have no name of their own beside the loop: ``optimizer.target``."""
        named = set(objects)
        for text in objects if imports_library(self.program, "import chainer") or imports_library(self.program, "from chainer") else []:
            if self._kind(Root(text)) == "optimizer" and not named & set(self._set_up(text)):
                yield f"{text}.target"

    def _set_up(self, optimizer: str) -> Iterator[str]:
        """What an optimizer is set up for, as the module spells it; names for its target."""
        for node in self.loop.module.nodes.among(ast.Call, ast.Assign):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setup" and node.args:
                assigned = self.loop.module.parent(node)
                targets = assigned.targets if isinstance(assigned, ast.Assign) else [node.func.value]
                if any(ast.unparse(target) == optimizer for target in targets):
                    yield ast.unparse(node.args[0])
            elif (
                isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute) and ast.unparse(node.value) == f"{optimizer}.target"
            ):
                yield from (ast.unparse(target) for target in node.targets)

    def goes_over(self, text: str) -> bool:
        """Whether the loop's turns are the elements of a container."""
        nodes = walk(self.loop.node.iter) if not isinstance(self.loop.node, ast.While) else iter(())
        named = (n for n in nodes if isinstance(n, (ast.Name, ast.Attribute)))
        return any(root.text == text for node in named for root in self.extent.roots(self.loop.module, node))

    # -- objects -----------------------------------------------------------------------------------------------------------------------

    def _stateful(self) -> None:
        for module, node in self.extent.nodes():
            if isinstance(node, ast.Call):
                self._note_retrained(module, node)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                self._stateful_call(module, node, node.func)
            elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
                inner = isinstance(module.parent(node), ast.Attribute)
                for root in self.extent.roots(module, node):
                    kind = self._kind(root)
                    if inner and kind not in ("reader", "variable"):
                        if kind == "model" and isinstance(node, ast.Name):  # a part of it is used
                            self._note_stateful(module, node, root, False)
                    elif kind == "ordered" and root.home is None and not root.inner:
                        self.found.stateful.setdefault(root.text)
                    elif kind in STATEFUL:
                        self._note_stateful(module, node, root, kind == "optimizer")
                    elif kind == "engine":
                        raise Refused(f"{root.text} is DeepSpeed's, which {DEEPSPEED.format(root.text)}", module, node)
        for module, call in self._calls_around():
            assert isinstance(call.func, ast.Attribute)
            if call.func.attr in STATE_METHODS:
                for root in self.extent.roots(module, call.func.value):
                    if self._kind(root) not in ("environment", "container") and not root.inner and self._is_made_before(root):
                        self._note_stateful(module, call, root, False)
        for text in self._named_in_methods():
            if self._kind(Root(text)) not in NOT_KEPT - STATEFUL | {"environment", "instance", "container"}:
                self.found.stateful.setdefault(text)

    def _note_retrained(self, module: Module, call: ast.Call) -> None:
        """``optim.SGD(net.parameters())`` in a turn: the model goes on, and its optimizer begins anew."""
        if call.args and _names_class(call) and self.kinds.of(module, call) == "optimizer":
            over = [n.func.value for n in walk(call) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n is not call]
            self.found.retrained |= {root.text for node in over for root in self.extent.roots(module, node) if root.home is None}

    def _stateful_call(self, module: Module, call: ast.Call, target: ast.Attribute) -> None:
        name = target.attr
        if name == "run":
            self._session_run(module, call, target)
        elif id(call) in tensorflow_steps(self.program):
            self._eager_step(module, call, target)
        alone = isinstance(module.parent(call), ast.Expr) or any(isinstance(a, (ast.Name, ast.Lambda)) for a in call.args)
        switch = name in ("train", "eval") and isinstance(module.parent(call), ast.Expr) and len(call.args) < 2
        switch = switch and not any(is_session(self.program, module, argument) for argument in call.args)
        kinds = {"fit": ("estimator", "transformer"), "partial_fit": ("estimator", "transformer"), "update": ("optimizer",)}.get(name, ())
        for root in self.extent.roots(module, target.value) if kinds else ():
            if self._kind(root) in kinds:
                self._note_stateful(module, call, root, True)
        if name in STATE_METHODS or switch or (name == "step" and alone):
            own = self.extent.runs_own(module, call)  # a method of the program is followed itself
            for root in self.extent.roots(module, target.value):
                kind = self._kind(root)
                if kind not in NOT_KEPT - STATEFUL | {"environment", "instance", "container"} and not (kind is None and own):
                    self._note_stateful(module, call, root, name in ("step", "zero_grad"))

    def _session_run(self, module: Module, call: ast.Call, target: ast.Attribute) -> None:
        """``session.run(...)`` changes the session's variables; ``train_op.run()`` those of the only one that there is."""
        kind = self.kinds.of(module, target.value)
        if kind == "monitored":
            raise Refused(MONITORED, module, call)
        if kind == "session" or ast.unparse(target.value).rsplit(".", 1)[-1] in SESSION_NAMES:
            for root in self.extent.roots(module, target.value):
                self._note_stateful(module, call, root, True)
        elif id(call) in tensorflow_steps(self.program):
            names = self._own_sessions()
            if len(names) != 1:
                raise Refused("the session that runs it has no name at the loop", module, call)
            self._note_stateful(module, call, Root(names[0]), True)

    def _eager_step(self, module: Module, call: ast.Call, target: ast.Attribute) -> None:
        """``optimizer.apply_gradients(...)``, ``weight.assign_sub(...)``."""
        if is_compiled(self.program, self.loop.function):
            raise Refused("the loop is compiled into a graph (tf.function)", self.loop.module, self.loop.node)
        spread = spread_variables(self.program)
        if spread is not None:
            raise Refused("a strategy spreads what is trained over devices", *spread)
        for root in self.extent.roots(module, target.value):
            self._note_stateful(module, call, root, True)
        for home, node, roots in trained_variables(self.extent):
            if not roots:
                raise Refused(f"it is not found what holds the variables {ast.unparse(node)}, which it trains", home, node)
            for root in roots:
                self._note_stateful(home, node, root, False)

    def _own_sessions(self) -> list[str]:
        """The names of sessions that are made before the loop."""
        found: list[str] = []
        scope: Scope | None = self.loop.module.scope(self.loop.node)
        while scope is not None:
            found += [n for n in scope.bindings if self._kind(Root(n)) == "session" and self._is_made_before(Root(n))]
            scope = scope.parent
        return list(dict.fromkeys(found))

    def _sessions(self) -> Refused | None:
        """Where sessions train: they hold what variables and optimizers hold. Returns what has to be looked at."""
        if not any(self._kind(Root(text)) == "session" or text.rsplit(".", 1)[-1] in SESSION_NAMES for text in self.found.trained):
            return None
        spread = spread_sessions(self.program)
        if spread is not None:
            raise Refused("several processes train together", *spread)
        outside = held_outside(self.program)
        if outside is not None:
            raise Refused("a part of what is trained is no variable of the session's graph", *outside)
        inside = ("optimizer", "variable") if not imports_library(self.program, "import torch") else ("variable",)
        for text in [text for text in self.found.stateful if self._kind(Root(text)) in inside]:
            del self.found.stateful[text]
        anew = data_begin_anew(self.program, self.loop.module, self.loop.node)
        return Refused(*anew) if anew is not None else None

    def _refuse_graph_parts(self, values: list[str]) -> None:
        """A tensor of a graph is no value that could be saved."""
        if not any(self._kind(Root(text)) == "session" for text in self.found.trained):
            return
        module, scope = self.loop.module, self.loop.module.scope(self.loop.node)
        for name in values:
            found = scope.lookup(name)
            for value in [b.value for b in found[1] if self.extent._inside(b)] if found is not None else []:
                if isinstance(value, ast.Call) and (self.program.qualified(module, value.func) or "").startswith("tensorflow."):
                    raise Refused(f"{name}, which the loop carries, is a part of the graph", module, value)

    def _note_stateful(self, module: Module, node: ast.AST, root: Root, trained: bool) -> None:
        part = node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else node
        within = root.element and root.home is None and isinstance(part, ast.expr) and self.kinds.of(module, part) not in OUTSIDE_MODELS
        whole = next((w for w in _prefixes(root.text) if within and self._kind(Root(w)) == "model" and not self._loose(w, root.text)), None)
        if whole is not None:
            root = Root(whole)
        if root.inner:
            raise Unnamed(ast.unparse(part), root.text, module, node)
        if root.home is not None:
            raise Refused(f"{root.text} is a global of {root.home}, which the loop in {self.loop.module.path} cannot name", module, node)
        text = root.text
        self.found.stateful.setdefault(text)
        if trained:
            self.found.trained.add(text)

    def _loose(self, model: str, text: str) -> bool:
        """Whether a part of a model stands in a list or dict of Python's, which the model's state does not hold."""
        name = text.removeprefix(model).lstrip(".").split(".")[0]
        owners = self.kinds.classes(self.loop.module, self.extent.placed(model)) if name else []
        owners = [owner for owner in owners if not self.kinds.is_of_keras(owner)]  # which holds what stands in lists
        return any(isinstance(value, PLAIN) for owner in owners for _, value in self.kinds.assigned(owner, name))

    def _calls_around(self) -> Iterator[tuple[Module, ast.Call]]:
        """Method calls of the code that the loop stands in, before and after it."""
        module = self.loop.module
        holder: ast.AST = self.loop.function.node if self.loop.function is not None else module.tree
        for node in walk(holder):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and module.scope(node).function() is self._scope():
                yield module, node

    def _is_made_before(self, root: Root) -> bool:
        """Whether the code before the loop, rather than a later phase, makes the object."""
        found = self.loop.module.scope(self.loop.node).lookup(root.text.split(".")[0])
        if found is None or found[0].function() is not self._scope():
            return True
        return any(b.kind == "param" or getattr(b.node, "lineno", 0) < self.loop.node.lineno for b in found[1])

    def _named_in_methods(self) -> Iterator[str]:
        """What methods say has a state, of the loop's own object and of those whose methods run in the turns: ``self.net.parameters()``."""
        function = self.loop.function
        homes: dict[tuple[str, int], None] = {}
        if function is not None and function.owner is not None:
            homes["self", id(function.owner)] = None
        for called in self.extent.functions.values():
            first = [a.arg for a in called.node.args.args[:1]]
            if called.owner is not None and first and not (function is not None and called.owner is function.owner):
                for root in self.extent.passed(called, first[0]):
                    if root.home is None:
                        homes[root.text, id(called.owner)] = None
        owners = {id(cls.node): cls for cls in self.program.classes}
        for text, owner in homes:
            for relative in self.program.family(owners[owner]):
                for node in walk(relative.node):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STATE_METHODS:
                        named = ast.unparse(node.func.value)
                        if named.startswith("self.") and named.replace(".", "").isidentifier():
                            yield text + named.removeprefix("self").removesuffix(".module")

    def _scope(self) -> object:
        return self.loop.module.scope(self.loop.node).function()

    def kind_of(self, text: str) -> str | None:
        return self._kind(Root(text))

    def _kind(self, root: Root) -> str | None:
        """What the object is, told at the loop."""
        if root not in self._kinds:
            expression = self.extent.placed(root.text)
            look = self.kinds.of if not root.element else self.kinds.held if not root.inner else None
            self._kinds[root] = look(self.loop.module, expression) if look is not None and root.home is None else None
        return self._kinds[root]

    # -- what changes in place ---------------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        for target in _flat(self.loop.node.target) if not isinstance(self.loop.node, ast.While) else ():
            if isinstance(target, ast.Attribute):  # for self.epoch in ...
                for root in self.extent.roots(self.loop.module, target.value):
                    if root.home is None and not root.element:
                        self.found.attributes.setdefault(root.text, set()).add(target.attr)
        for module, node in self.extent.nodes():
            if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in [t for one in targets for t in _flat(one)]:
                    self._stored(module, target, node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
                changed = node.func.value
                if isinstance(changed, ast.Attribute) and changed.attr == "data":  # of a tensor
                    changed = changed.value
                for root in self.extent.roots(module, changed):
                    self._note_container(module, node, root)
            elif isinstance(node, ast.Call) and self._shuffles(module, node):
                for root in self.extent.roots(module, node.args[0]):
                    self._note_container(module, node, root, sure=True)

        for base, name in saved_attributes(self.extent):
            if self._kind(Root(base)) is None and f"{base}.{name}" not in self.found.stateful and self._made_by_library(base):
                self.found.attributes.setdefault(base, set()).add(name)

    def _made_by_library(self, name: str) -> bool:
        """Whether a call makes what the loop calls by this name: no module, no settings, nothing handed on."""
        found = self.loop.module.scope(self.loop.node).lookup(name)
        values = [b.value for b in found[1] if b.kind == "assign" and not b.index] if found is not None else []
        made = [v.body if isinstance(v, ast.IfExp) else v for v in values]
        return bool(made) and all(isinstance(v, ast.Call) and _names_class(v) or holds_none(v) for v in made)

    def _shuffles(self, module: Module, call: ast.Call) -> bool:
        """``random.shuffle(order)``: what is shuffled is a list or an array, whatever made it."""
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "shuffle" or not call.args:
            return False
        known = self.program.qualified(module, call.func) in ("random.shuffle", "numpy.random.shuffle")
        return known or self.kinds.of(module, call.func.value) == "reader"

    def _stored(self, module: Module, target: ast.expr, statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
        if isinstance(target, ast.Subscript):
            for root in self.extent.roots(module, target.value):
                self._note_container(module, target, root)
        elif isinstance(target, ast.Attribute):
            for root in self.extent.roots(module, target.value):
                kind = self._kind(root)
                if root.element:
                    self._note_container(module, target, root)
                    continue
                if root.home is not None or kind in ("optimizer", "scheduler", "scaler", "container", "array"):
                    continue
                if kind == "model" and not self._is_plain(module, statement):  # parameters and parts are in its state
                    continue
                if self._is_kept(module, target.attr, statement) and not self._is_made_again(module, statement, root, target.attr):
                    self.found.attributes.setdefault(root.text, set()).add(target.attr)

    def _is_made_again(self, module: Module, statement: ast.Assign | ast.AugAssign | ast.AnnAssign, root: Root, name: str) -> bool:
        """Whether what is assigned to an attribute is no state: a writer of logs, a file, a reading of the clock, another loader."""
        kind = self.kinds.of(module, statement.value) if statement.value is not None else None
        if kind in ("loader", "ordered"):
            reason = f"{root.text}.{name} becomes another loader in the turns, and is not kept: after an interruption it is the first again"
            self.caution = self.caution or Refused(reason, module, statement)
        return kind in ("quiet", "file", "time", "loader", "ordered")

    def _is_plain(self, module: Module, statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> bool:
        """Whether a number, a text or a container is assigned."""
        if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
            return True
        return statement.value is not None and self.kinds.of(module, statement.value) in ("number", "text", "none", "container")

    def _is_kept(self, module: Module, name: str, statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> bool:
        """Whether an attribute that is assigned in the turns may be read there before that."""
        if isinstance(statement, ast.AugAssign):
            return True
        reads = [(m, n) for m, n in self.extent.nodes() if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load) and n.attr == name]
        scope = module.scope(statement).function()
        if scope is None or module.parent(statement) is not scope.node:  # it is not always assigned
            return bool(reads) or self._is_read(name)
        calls = [s.call.lineno for s in self.extent.sites.get(id(scope.node), []) if s.module is self.loop.module]
        own = {id(n) for n in walk(statement.value)} if statement.value is not None else set()  # self.rate = self.rate / 2
        return any(
            id(n) in own
            or not (m.scope(n).function() is scope and n.lineno >= statement.lineno)
            and not (m is self.loop.module and m.scope(n).function() is self._scope() and any(line < n.lineno for line in calls))
            for m, n in reads
        )

    def _is_read(self, name: str) -> bool:
        """Whether code anywhere reads an attribute of that name: behind the loop, as a rule."""
        if self._read is None:
            nodes = (n for m in self.program.modules.values() for n in m.nodes.of(ast.Attribute))
            self._read = {n.attr for n in nodes if isinstance(n.ctx, ast.Load)}
        return name in self._read

    def _note_container(self, module: Module, node: ast.AST, root: Root, sure: bool = False) -> None:
        if root.element and self._kind(Root(root.text, root.home, True)) in NOT_KEPT:  # a batch that a loader of several gives
            return
        root = Root(root.text, root.home)
        kind = self._kind(root)
        if kind in NOT_KEPT or (kind is None and "." in root.text and _below(root.text, self.found.stateful)):
            return
        if (sure or kind in ("container", "array")) and root.home is None:
            self.found.containers.setdefault(root.text)

    # -- which of them are named -------------------------------------------------------------------------------------------------------

    def _outermost(self, texts: dict[str, None]) -> list[str]:
        return [text for text in texts if not self._held(text, [other for other in texts if other != text])]

    def _held(self, text: str, others: list[str]) -> bool:
        """Whether an object is saved with one that holds it: a model holds its parts, and no optimizer."""
        kind = self._kind(Root(text))
        part = kind in ("model", "array") or (kind is None and text not in self.found.trained)
        above = [other for other in others if text.startswith(other + ".")]
        return text in others or any(self._kind(Root(o)) != "model" or (part and not self._loose(o, text)) for o in above)

    def _whole(self, base: str, objects: list[str]) -> bool:
        """Whether all attributes of ``base`` are saved with one of the objects; those of a model that are no tensors are not."""
        return any((base == o or base.startswith(o + ".")) and self._kind(Root(o)) != "model" for o in objects)

    def _aliases(self) -> set[str]:
        """Names that are another name of an object found: ``bare = model.module if distributed else model``."""
        found = {text for text in self.found.stateful if "." in text and self._given(text) & (set(self.found.stateful) - {text})}
        names = self.loop.module.scope(self.loop.node)
        for name in self.found.stateful:
            known = names.lookup(name)
            values = [b.value for b in known[1] if b.kind == "assign" and not b.index] if known is not None else []
            if not values or known is None or len(values) < len(known[1]):
                continue
            of = {text for value in values for text in _same_as(value)} - {name}
            if len(of) == 1 and (other := of.pop()) in self.found.stateful and other != name and other not in found:
                line = max(b.node.lineno for b in known[1] if isinstance(b.node, ast.stmt))
                if self._stays_itself(other, line):
                    found.add(name)
        return found

    def _given(self, text: str) -> set[str]:
        """What an attribute was given when its object was made: ``model`` for ``trainer.model`` of ``Trainer(model)``."""
        base, _, name = text.rpartition(".")
        function, found = self.loop.function, set[str]()
        for cls in self.kinds.classes(self.loop.module, self.extent.placed(base)) if base != "self" else []:
            values = [value for _, value in self.kinds.assigned(cls, name)]
            init = self.program.method(cls, "__init__")
            if init is None or not values or not all(isinstance(v, ast.Name) and v.id in init.parameters() for v in values):
                return set()
            for site in self.program.calls_of.get(id(init.node), []):
                here = site.module is self.loop.module and site.module.scope(site.call).function() is self._scope()
                own = site.module.scope(site.call).enclosing_class()
                mine = function is not None and own is not None and own.node is function.owner
                given = self.program.argument(init, site.call, values[0].id) if isinstance(values[0], ast.Name) else None
                if given is not None and (here or (mine and ast.unparse(given).startswith("self."))):
                    found.add(ast.unparse(given))
        return found if len(found) == 1 else set()

    def _stays_itself(self, name: str, line: int) -> bool:
        """Whether behind ``line`` the name gets no other object: ``model = wrapped(model)`` is the same one."""
        known = self.loop.module.scope(self.loop.node).lookup(name)
        later = [b for b in known[1] if getattr(b.node, "lineno", 0) > line] if known is not None else []
        return all(b.value is not None and any(isinstance(n, ast.Name) and n.id == name for n in walk(b.value)) for b in later)


def _goes_over_batches(kinds: Kinds, loop: Loop) -> bool:
    """Whether a loop's turns are the batches of a data loader."""
    nodes = walk(loop.node.iter) if not isinstance(loop.node, ast.While) else []
    return any(isinstance(n, (ast.Name, ast.Attribute)) and kinds.of(loop.module, n) in ("loader", "ordered") for n in nodes)


def _steps(look: _Look) -> bool:
    """Whether a turn changes what is trained; a gradient may be wanted for itself."""
    known = tensorflow_steps(look.program) | jax_steps(look.program)
    return any(id(n) in known for _, n in look.extent.nodes()) or any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == "step" and isinstance(m.parent(n), ast.Expr)
        for m, n in look.extent.nodes()
    )


def _is_kept(loop: Loop) -> bool:
    """Whether an earlier ``apply`` gave the loop its keeper."""
    return id(loop.node) in loop.module.kept


def _prefixes(text: str) -> Iterator[str]:
    """``a``, ``a.b`` and ``a.b.c`` for the last."""
    parts = text.split(".")
    yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _names_class(call: ast.Call) -> bool:
    """Whether a class is called, by the custom of its name."""
    return ast.unparse(call.func).rsplit(".", 1)[-1].lstrip("_")[:1].isupper()


def _same_as(value: ast.expr | None) -> Iterator[str]:
    """The names whose object an expression gives; an empty text for any other."""
    if isinstance(value, ast.IfExp):
        yield from _same_as(value.body)
        yield from _same_as(value.orelse)
    elif isinstance(value, ast.Attribute) and value.attr == "module":
        yield from _same_as(value.value)
    elif isinstance(value, ast.Call) and value.args and ast.unparse(value.func).rsplit(".", 1)[-1] in WRAPPERS:
        yield from _same_as(value.args[0])
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ("to", "cuda"):
        yield from _same_as(value.func.value)
    else:
        yield value.id if isinstance(value, ast.Name) else ""


def _below(text: str, others: dict[str, None] | list[str]) -> bool:
    return any(text == o or text.startswith(o + ".") for o in others)


def _flat(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            yield from _flat(element)
    elif isinstance(target, ast.Starred):
        yield from _flat(target.value)
    else:
        yield target


__all__ = ["Resume", "find_resumes"]
