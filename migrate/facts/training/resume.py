"""What has to be saved and restored so that a loop can be gone on with: the objects alive before it, and the names it carries."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from migrate.facts.model import Place, Span
from migrate.facts.program import Function, Module, Program
from migrate.facts.scopes import Binding
from migrate.facts.training.carried import Flow, Turn
from migrate.facts.training.extent import Extent, Root
from migrate.facts.training.loops import Loop, acts, chains
from migrate.facts.training.makers import imports_library
from migrate.facts.training.objects import STATEFUL, Kinds

STATE_METHODS = {"parameters", "named_parameters", "state_dict", "load_state_dict", "zero_grad"}
CHANGES = {
    "append", "extend", "insert", "add", "update", "pop", "popleft", "appendleft", "popitem", "remove", "discard", "clear", "setdefault",
    "sort", "reverse", "push", "copy_", "fill_", "zero_", "add_", "mul_",
}  # fmt: skip
NOT_KEPT = {"quiet", "loader", "dataset", "file", "time", "model", "optimizer", "scheduler", "scaler", "text", "reader", "estimator"}


@dataclass(frozen=True)
class Resume:
    """How one loop is made to go on. All but ``refused`` is source text as the function of the loop spells it.

    ``objects`` are restored in place; ``attributes`` are (object, names) whose attributes change in the turns; ``values`` are the names
    that the loop rebinds, ``unset`` those of them that have no value before it. ``refused``: why it cannot be done, with ``where``.
    """

    loop: Loop
    objects: tuple[str, ...] = ()
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    values: tuple[str, ...] = ()
    unset: frozenset[str] = frozenset()
    refused: str | None = None
    where: Place | None = None


@dataclass
class _Found:
    stateful: dict[str, None] = field(default_factory=dict)
    containers: dict[str, None] = field(default_factory=dict)
    attributes: dict[str, set[str]] = field(default_factory=dict)
    trained: set[str] = field(default_factory=set)
    unset: set[str] = field(default_factory=set)


class Refused(Exception):
    """A loop that cannot be gone on with: ``reason``, at ``node``."""

    def __init__(self, reason: str, module: Module, node: ast.AST) -> None:
        super().__init__(reason)
        self.reason, self.module, self.node = reason, module, node


def find_resumes(program: Program) -> list[Resume]:
    """Every loop that has to be made to go on, outer ones first; empty where no training by hand is found in a loop."""
    outer: dict[int, tuple[Loop, ...]] = {}
    inner: set[int] = set()
    for act in acts(program):
        for chain in chains(program, act):
            if chain:
                outer.setdefault(id(chain[-1].node), chain)
                inner |= {id(loop.node) for loop in chain[:-1]}
    kinds = Kinds(program)
    found: dict[int, Resume] = {}
    for key, chain in outer.items():
        if key in inner:  # in other ways of calls it stands inside a loop
            continue
        for resume in _along(program, kinds, chain):
            found.setdefault(id(resume.loop.node), resume)
    return sorted(found.values(), key=lambda r: (r.loop.module.path, r.loop.line))


def _along(program: Program, kinds: Kinds, chain: tuple[Loop, ...]) -> Iterator[Resume]:
    """The outermost loop, and the next ones inside for as long as what is trained is made anew in the turns."""
    made: list[Resume] = []
    for loop in reversed(chain):
        look = _Look(program, kinds, loop)
        try:
            resume = look.resume()
            made += [] if _is_kept(loop) else [resume]
        except Refused as refused:
            if _is_kept(loop):
                return
            where = refused.node if isinstance(refused.node, (ast.expr, ast.stmt)) else loop.node
            yield Resume(loop, refused=refused.reason, where=refused.module.place(where))
            return
        if look.found.trained:
            yield from made
            return
    if any(_is_kept(loop) for loop in chain):
        return
    loop = chain[-1]
    reason = "no optimizer or model is found that is alive before the loop"
    yield Resume(loop, refused=reason, where=loop.module.place(loop.node))


class _Look:
    """Looks at one loop."""

    def __init__(self, program: Program, kinds: Kinds, loop: Loop) -> None:
        self.program, self.kinds, self.loop = program, kinds, loop
        self.extent = Extent(program, kinds, loop)
        self.found = _Found()
        self._kinds: dict[str, str | None] = {}  # by the text of the root

    def resume(self) -> Resume:
        if isinstance(self.loop.node, ast.AsyncFor):
            raise Refused("it is an asynchronous loop", self.loop.module, self.loop.node)
        self._refuse_what_cannot_be()
        self._stateful()
        self._changed()
        values = self._values()
        objects = [o for o in self._outermost(self.found.stateful) if o not in values]
        objects += [c for c in self._outermost(self.found.containers) if c not in values and not _below(c, [*objects, *values])]
        attributes = {
            base: names for base, names in self.found.attributes.items() if not _below(base, objects) and base not in values and names
        }
        given = tuple((base, tuple(sorted(names))) for base, names in sorted(attributes.items()))
        objects += [target for target in self._targets(objects) if target not in values]
        objects.sort(key=lambda text: (*self._first_line(text), text))
        return Resume(self.loop, tuple(objects), given, tuple(values), frozenset(self.found.unset))

    def _targets(self, objects: list[str]) -> Iterator[str]:
        """The models of Chainer optimizers, which have no name of their own beside the loop: ``optimizer.target``."""
        named = set(objects)
        for text in objects if imports_library(self.program, "chainer") else []:
            if self._kind(Root(text)) == "optimizer" and not named & set(self._set_up(text)):
                yield f"{text}.target"

    def _set_up(self, optimizer: str) -> Iterator[str]:
        """What an optimizer is set up for, as the module spells it; names for its target."""
        for node in ast.walk(self.loop.module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setup" and node.args:
                assigned = self.loop.module.parent(node)
                targets = assigned.targets if isinstance(assigned, ast.Assign) else [node.func.value]
                if any(ast.unparse(target) == optimizer for target in targets):
                    yield ast.unparse(node.args[0])
            elif isinstance(node, ast.Assign) and ast.unparse(node.value) == f"{optimizer}.target":
                yield from (ast.unparse(target) for target in node.targets)

    # -- what defeats it ---------------------------------------------------------------------------------------------------------------

    def _refuse_what_cannot_be(self) -> None:
        for module, node in self.extent.nodes():
            if not isinstance(node, ast.Call):
                continue
            if (self.program.qualified(module, node.func) or "").startswith(("torch.distributed.autograd.", "torch.distributed.rpc.")):
                raise Refused("a part of what is trained lives in other processes (torch.distributed.rpc)", module, node)
            if isinstance(node.func, ast.Name) and node.func.id == "next" and node.args:
                self._refuse_iterator(module, node)
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("next", "__next__") and not node.args:
                self._refuse_iterator(module, node)
            if isinstance(node.func, ast.Attribute) and node.func.attr == "step":
                self._refuse_environment(module, node)

    def _refuse_iterator(self, module: Module, call: ast.Call) -> None:
        source = call.args[0] if call.args else call.func.value if isinstance(call.func, ast.Attribute) else call
        roots = self.extent.roots(module, source)
        if any(self._kind(root) in ("model", "container", "reader") for root in roots):
            return
        if roots and not (isinstance(source, ast.Call) and not self._kept_iterator(source)):
            text = ast.unparse(source)
            raise Refused(f"{text} is an iterator that is alive before the loop: its place cannot be saved", module, call)

    def _kept_iterator(self, source: ast.Call) -> bool:
        return not (
            isinstance(source.func, ast.Attribute) and source.func.attr in ("parameters", "named_parameters", "children", "modules")
        )

    def _refuse_environment(self, module: Module, call: ast.Call) -> None:
        parent = module.parent(call)
        several = isinstance(parent, ast.Assign) and any(isinstance(t, ast.Tuple) and len(t.elts) >= 4 for t in parent.targets)
        assert isinstance(call.func, ast.Attribute)
        if several and self.extent.roots(module, call.func.value):
            text = ast.unparse(call.func.value)
            raise Refused(f"the state of the environment {text} cannot be saved", module, call)

    # -- objects -----------------------------------------------------------------------------------------------------------------------

    def _stateful(self) -> None:
        for module, node in self.extent.nodes():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                self._stateful_call(module, node, node.func)
            elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
                within = isinstance(module.parent(node), ast.Attribute)
                for root in self.extent.roots(module, node):
                    kind = self._kind(root)
                    if within and kind != "reader":
                        continue
                    if kind in STATEFUL:
                        self._note_stateful(module, node, root, kind == "optimizer")
                    elif kind == "sharded":
                        raise Refused(f"{root.text} is sharded over processes (FSDP, DeepSpeed)", module, node)
        for module, call in self._calls_around():
            assert isinstance(call.func, ast.Attribute)
            if call.func.attr in STATE_METHODS:
                for root in self.extent.roots(module, call.func.value):
                    if self._kind(root) != "environment":
                        self._note_stateful(module, call, root, False)
        for text in self._named_in_methods():
            self.found.stateful.setdefault(text)

    def _stateful_call(self, module: Module, call: ast.Call, target: ast.Attribute) -> None:
        name = target.attr
        alone = isinstance(module.parent(call), ast.Expr) or any(isinstance(a, (ast.Name, ast.Lambda)) for a in call.args)
        switch = name in ("train", "eval") and isinstance(module.parent(call), ast.Expr) and len(call.args) < 2
        kind = {"fit": "estimator", "partial_fit": "estimator", "update": "optimizer"}.get(name)
        for root in self.extent.roots(module, target.value) if kind is not None else ():
            if self._kind(root) == kind:
                self._note_stateful(module, call, root, True)
        if name in STATE_METHODS or switch or (name == "step" and alone):
            for root in self.extent.roots(module, target.value):
                if self._kind(root) not in NOT_KEPT - STATEFUL | {"environment", "container", "instance"}:
                    self._note_stateful(module, call, root, name in ("step", "zero_grad"))

    def _note_stateful(self, module: Module, node: ast.AST, root: Root, trained: bool) -> None:
        if root.home is not None:
            raise Refused(f"{root.text} is a global of {root.home}, which the loop in {self.loop.module.path} cannot name", module, node)
        text = root.text
        self.found.stateful.setdefault(text)
        if trained:
            self.found.trained.add(text)

    def _calls_around(self) -> Iterator[tuple[Module, ast.Call]]:
        """Method calls of the code that the loop stands in, before and after it."""
        module = self.loop.module
        holder: ast.AST = self.loop.function.node if self.loop.function is not None else module.tree
        for node in ast.walk(holder):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and module.scope(node).function() is self._scope():
                yield module, node

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
                for node in ast.walk(relative.node):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STATE_METHODS:
                        named = ast.unparse(node.func.value)
                        if named.startswith("self.") and named.replace(".", "").isidentifier():
                            yield text + named.removeprefix("self").removesuffix(".module")

    def _scope(self) -> object:
        return self.loop.module.scope(self.loop.node).function()

    def _kind(self, root: Root) -> str | None:
        """What the object is, told at the loop."""
        if root.home is not None:
            return None
        if root.text not in self._kinds:
            self._kinds[root.text] = self._find_kind(root.text)
        return self._kinds[root.text]

    def _find_kind(self, text: str) -> str | None:
        try:
            expression = ast.parse(text, mode="eval").body
        except SyntaxError:
            return None
        return self.kinds.of(*self._placed(expression))

    def _placed(self, expression: ast.expr) -> tuple[Module, ast.expr]:
        """A made expression, given the scope of the loop."""
        names = self.loop.module.names
        scope = self.loop.module.scope(self.loop.node)
        for node in ast.walk(expression):
            names.scope_of[id(node)] = scope
        self.loop.module.notes.setdefault("made", []).append(expression)  # the table goes by id: the node has to live as long as the module
        return self.loop.module, expression

    # -- what changes in place ---------------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        for module, node in self.extent.nodes():
            if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in [t for one in targets for t in _flat(one)]:
                    self._stored(module, target, node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
                for root in self.extent.roots(module, node.func.value):
                    self._note_container(module, node, root)

    def _stored(self, module: Module, target: ast.expr, statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
        if isinstance(target, ast.Subscript):
            for root in self.extent.roots(module, target.value):
                self._note_container(module, target, root)
        elif isinstance(target, ast.Attribute):
            for root in self.extent.roots(module, target.value):
                if root.home is None and self._kind(root) not in STATEFUL and self._is_kept(module, target.attr, statement):
                    self.found.attributes.setdefault(root.text, set()).add(target.attr)

    def _is_kept(self, module: Module, name: str, statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> bool:
        """Whether an attribute that is assigned in the turns may be read there before that."""
        if isinstance(statement, ast.AugAssign):
            return True
        reads = [(m, n) for m, n in self.extent.nodes() if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load) and n.attr == name]
        scope = module.scope(statement).function()
        if scope is None or module.parent(statement) is not scope.node:  # it is not always assigned
            return bool(reads)
        calls = [s.call.lineno for s in self.extent.sites.get(id(scope.node), []) if s.module is self.loop.module]
        return any(
            not (m.scope(n).function() is scope and n.lineno >= statement.lineno)
            and not (m is self.loop.module and m.scope(n).function() is self._scope() and any(line < n.lineno for line in calls))
            for m, n in reads
        )

    def _note_container(self, module: Module, node: ast.AST, root: Root) -> None:
        kind = self._kind(root)
        if kind in NOT_KEPT or (kind is None and "." in root.text and _below(root.text, self.found.stateful)):
            return
        if kind in ("container", "array") and root.home is None:
            self.found.containers.setdefault(root.text)

    def _outermost(self, texts: dict[str, None]) -> list[str]:
        return [t for t in texts if not _below(t, [o for o in texts if o != t])]

    # -- names -------------------------------------------------------------------------------------------------------------------------

    def _values(self) -> list[str]:
        flow, targets = self._flow(lenient=False)
        written = flow.written | self._globals_written()
        after = self._read_after()  # a loop that was over before the interruption runs no turn again
        wanted = (written & (flow.exposed | self._globals_exposed()) - targets) | ((written | targets) & after)
        soft = self._flow(lenient=True)[0].exposed | after
        kept = [name for name in wanted if name in soft or self._bound_before(name)]
        return [name for name in sorted(kept, key=self._first_line) if self._can_be_kept(name)]

    def _flow(self, lenient: bool) -> tuple[Flow, set[str]]:
        """One turn, and the targets of the loop."""
        loop = self.loop.node
        turn = Turn(self._read_by, lenient)
        if isinstance(loop, ast.While):
            return turn.block([ast.copy_location(ast.Expr(loop.test), loop.test), *loop.body], set()), set()
        targets = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
        return turn.block(loop.body, set(targets)), targets

    def _bound_before(self, name: str) -> bool:
        """Whether the name has a value when the loop begins."""
        found = self.loop.module.names.scope_of[id(self.loop.node)].lookup(name)
        line = self.loop.node.lineno
        return found is not None and (
            found[0].function() is not self._scope() or any(b.kind == "param" or getattr(b.node, "lineno", line) < line for b in found[1])
        )

    def _can_be_kept(self, name: str) -> bool:
        found = self.loop.module.names.scope_of[id(self.loop.node)].lookup(name)
        bindings = found[1] if found is not None else []
        inside = [b for b in bindings if self.extent._inside(b)]
        kinds = {self.kinds.of(self.loop.module, b.value) for b in inside if b.kind == "assign" and b.value is not None and not b.index}
        if any(b.kind in ("import", "function", "class") for b in bindings) or (kinds and kinds <= {"time", "quiet", "loader", "file"}):
            return False
        node = inside[0].node if inside else self.loop.node
        if kinds & {"iterator"}:
            raise Refused(f"{name} is an iterator that goes from turn to turn: its place cannot be saved", self.loop.module, node)
        if found is not None and found[0].parent is None and self.loop.function is not None:
            if name not in self.loop.module.scope(self.loop.node).outer:
                self._note_global(name)
                return False
        if not self._bound_before(name):
            if "NameError" in self.loop.module.text or "UnboundLocalError" in self.loop.module.text or "locals()" in self.loop.module.text:
                raise Refused(f"{name} gets its first value in the loop, and is read in a later turn", self.loop.module, node)
            self.found.unset.add(name)
        return True

    def _note_global(self, name: str) -> None:
        raise Refused(f"the global {name} changes in the loop, which does not declare it", self.loop.module, self.loop.node)

    def _first_line(self, name: str) -> tuple[int, tuple[int, ...]]:
        """Where the name first gets a value: its line, and its place in an unpacked tuple."""
        found = self.loop.module.names.scope_of[id(self.loop.node)].lookup(name.split(".")[0])
        places = [(getattr(b.node, "lineno", 0), b.index or (getattr(b.value, "col_offset", 0),)) for b in found[1]] if found else []
        return min(places, default=(0, ()))

    def _read_after(self) -> set[str]:
        """Names that the code behind the loop reads before it assigns them."""
        turn = Turn(self._read_by)
        flow = turn.block(self.loop.node.orelse, set())
        exposed, assigned = set(flow.exposed), flow.assigned or set()
        child: ast.AST = self.loop.node
        parent = self.loop.module.parent(child)
        while parent is not None and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for _, block in ast.iter_fields(parent):
                if isinstance(block, list) and any(s is child for s in block) and isinstance(child, ast.stmt):
                    rest = turn.block(block[block.index(child) + 1 :], set(assigned))
                    exposed |= rest.exposed
                    assigned = assigned if rest.assigned is None else rest.assigned
            child, parent = parent, self.loop.module.parent(parent)
        return exposed

    def _globals_of(self, function: Function, wanted: type[ast.expr_context]) -> set[str]:
        """Names of the loop's scope, or of one around it, that a function of the extent reads or writes."""
        if function.module is not self.loop.module or function is self.loop.function:
            return set()
        found: set[str] = set()
        for node in ast.walk(function.node):
            if isinstance(node, ast.Name) and isinstance(node.ctx, wanted):
                scope = self.loop.module.scope(node).lookup(node.id)
                if scope is not None and self.extent._is_outside(scope[0]):
                    found.add(node.id)
        return found

    def _globals_written(self) -> set[str]:
        return {n for f in self.extent.functions.values() for n in self._globals_of(f, ast.Store)}

    def _globals_exposed(self) -> set[str]:
        """Names that a called function both writes and reads: ``global best``."""
        return {n for f in self.extent.functions.values() for n in self._globals_of(f, ast.Store) & self._globals_of(f, ast.Load)}

    def _read_by(self, call: ast.Call) -> set[str]:
        todo = list(self.program.callees(self.loop.module, call))
        seen: set[int] = set()
        names: set[str] = set()
        while todo:
            function = todo.pop()
            if id(function.node) in seen:
                continue
            seen.add(id(function.node))
            names |= self._globals_of(function, ast.Load)
            todo += [f for c in function.module.calls() if _stands_in(function, c) for f in self.program.callees(function.module, c)]
        return names


def _is_kept(loop: Loop) -> bool:
    """Whether an earlier ``apply`` gave the loop its keeper: ``keeper.epochs(...)``, ``... and keeper.turn()``."""
    asked = loop.node.test if isinstance(loop.node, ast.While) else loop.node.iter
    return any(
        isinstance(n, ast.Attribute)
        and n.attr in ("epochs", "turn", "batches")
        and isinstance(n.value, ast.Name)
        and any(b.module and b.module.endswith("sagemaker_support") for b in _bindings(loop.module, n.value))
        for n in ast.walk(asked)
    )


def _bindings(module: Module, node: ast.Name) -> list[Binding]:
    found = module.scope(node).lookup(node.id)
    return found[1] if found is not None else []


def _stands_in(function: Function, node: ast.AST) -> bool:
    scope = function.module.scope(node).function()
    return scope is not None and scope.node is function.node


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


__all__ = ["Resume", "Span", "find_resumes"]
