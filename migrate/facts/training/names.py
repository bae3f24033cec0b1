"""The names that a loop carries from turn to turn, or leaves behind, and those that its turns start from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from migrate.facts.nodes import walk
from migrate.facts.notes import once
from migrate.facts.program import Function, Module, Program
from migrate.facts.scopes import Scope
from migrate.facts.training.bound import Bound
from migrate.facts.training.carried import Flow, Turn
from migrate.facts.training.extent import Extent
from migrate.facts.training.objects import Kinds
from migrate.facts.training.obstacles import Refused, begins_anew

# What the value of a first turn is read from, where a script looks for a checkpoint of its own.
LOADED = re.compile(
    r"resum|restor|ckpt|checkpoint|snapshot|latest|load_(state|model|weights|training|last)|^(glob|listdir|scandir)$", re.IGNORECASE
)
READERS = {"torch", "pickle", "dill", "joblib"}  # their load
MOST_STEPS = 4  # names followed from the loop's iterable back


class Names:
    """Looks at one loop. ``unset`` are the names without a value before it; ``caution`` is an iterator that begins anew."""

    def __init__(self, program: Program, kinds: Kinds, extent: Extent, bound: Bound) -> None:
        self.program, self.kinds, self.extent, self.loop, self.bound = program, kinds, extent, extent.loop, bound
        self.unset: set[str] = set()
        self.written: set[str] = set()  # names that the turns assign to
        self.anew: set[str] = set()  # those of them that every turn assigns to before it reads them: what they were before is over
        self.first: list[str] = []  # names that the turns start from, and a checkpoint of the script's own may have set
        self.caution: Refused | None = None

    def carried(self) -> list[str]:
        """The names whose values have to be restored."""
        flow, targets = self._flow(lenient=False)
        written = flow.written | self._globals_written()
        after = self._read_after()  # a loop that was over before the interruption runs no turn again
        wanted = (written & (flow.exposed | self._globals_exposed()) - targets) | ((written | targets) & after)
        soft = self._flow(lenient=True)[0].exposed | after
        kept = {name for name in wanted if name in soft or self._bound_before(name)}
        kept |= {name for name in wanted - kept if self._stays_with(name, kept)}
        found = [name for name in sorted(kept, key=self.first_line) if self._can_be_kept(name)]
        self.written, self.first = written, self._started()
        self.anew = flow.written - flow.exposed - targets - after
        return [*(name for name in self.first if name not in found and name not in targets), *found]

    def _stays_with(self, name: str, kept: set[str]) -> bool:
        """Whether a name gets its values only together with one that is carried, under a test that reads that one, and is read elsewhere:
        ``if score > best: best, state = score, model.state_dict()``."""
        stores = self._uses_of(name, ast.Store)
        tests = [self._branch_of(node, kept) for node in stores]
        inside = {id(n) for test in tests if test is not None for s in test.body for n in walk(s)}
        return bool(tests) and None not in tests and any(id(n) not in inside for n in self._uses_of(name, ast.Load))

    def _uses_of(self, name: str, wanted: type[ast.expr_context]) -> list[ast.Name]:
        return [n for n in walk(self.loop.node) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, wanted)]

    def _branch_of(self, node: ast.AST, kept: set[str]) -> ast.If | None:
        child, parent = node, self.loop.module.parent(node)
        while parent is not None and parent is not self.loop.node:
            if isinstance(parent, ast.If) and any(child is s for s in parent.body):
                asked = {n.id for n in walk(parent.test) if isinstance(n, ast.Name)} & kept
                if asked & {n.id for s in parent.body for n in walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}:
                    return parent
            child, parent = parent, self.loop.module.parent(parent)
        return None

    def started(self) -> list[tuple[str, str]]:
        """Attributes (object, name) that the loop's turns start from, and that a checkpoint of the script's own may have set.

        The second machine may find such a checkpoint or not: the turns that are done are counted from where the first one started.
        """
        if isinstance(self.loop.node, ast.While):
            return []
        found = []
        for node in _counted(self.loop.node.iter):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and isinstance(node.value, (ast.Name, ast.Attribute)):
                stores = [v for module in self.program.modules.values() for v in _stored(module).get(node.attr, ())]
                if ast.unparse(node.value).replace(".", "").isidentifier() and any(reads_checkpoint(n) for v in stores for n in walk(v)):
                    found.append((ast.unparse(node.value), node.attr))
        return found

    def first_line(self, name: str) -> tuple[int, tuple[int, ...]]:
        """Where the name first gets a value: its line, and its place in an unpacked tuple."""
        first, *rest = name.split(".")
        if name == "self":
            return (0, ())
        if first == "self":  # where the class gives itself the attribute
            owners = self.kinds.classes(self.loop.module, self.extent.placed("self"))
            values = [value for owner in owners for _, value in self.kinds.assigned(owner, rest[0])]
            return min(((v.lineno, (v.col_offset,)) for v in values), default=(0, ()))
        found = self.loop.module.names.scope_of[id(self.loop.node)].lookup(first)
        places = [(getattr(b.node, "lineno", 0), b.index or (getattr(b.value, "col_offset", 0),)) for b in found[1]] if found else []
        return min(places, default=(0, ()))

    # -- what the turns start from -----------------------------------------------------------------------------------------------------

    def _started(self) -> list[str]:
        if isinstance(self.loop.node, ast.While):
            return []
        names = dict.fromkeys(n.id for n in _counted(self.loop.node.iter) if isinstance(n, ast.Name))
        scope = self.loop.module.scope(self.loop.node)
        return [name for name in names if self._may_be_loaded(self.loop.module, scope, name, 0) and self._may_be_named(name)]

    def _may_be_loaded(self, module: Module, scope: Scope, name: str, steps: int) -> bool:
        found = scope.lookup(name)
        if found is None or steps > MOST_STEPS:
            return False
        for binding in found[1]:
            if binding.kind == "param":
                if any(self._reads_loaded(m, value, steps) for m, value in self._arguments(found[0], name)):
                    return True
            elif binding.kind == "assign" and binding.value is not None and not self.extent._inside(binding):
                if self._reads_loaded(module, binding.value, steps):
                    return True
        return False

    def _reads_loaded(self, module: Module, value: ast.expr, steps: int) -> bool:
        if any(reads_checkpoint(node) for node in walk(value)):
            return True
        names = {n.id for n in walk(value) if isinstance(n, ast.Name)}
        return any(self._may_be_loaded(module, module.scope(value), name, steps + 1) for name in names)

    def _arguments(self, scope: Scope, name: str) -> Iterator[tuple[Module, ast.expr]]:
        function = self.program.function_of(scope.node)
        for site in self.program.calls_of.get(id(scope.node), []) if function is not None else []:
            argument = self.program.argument(function, site.call, name) if function is not None else None
            if argument is not None:
                yield site.module, argument

    def _may_be_named(self, name: str) -> bool:
        """Whether the function of the loop may assign to the name without making it another one."""
        scope = self.loop.module.scope(self.loop.node)
        found = scope.lookup(name)
        own = scope.function() or self.loop.module.names.root
        if found is None or any(b.kind in ("import", "function", "class", "for") for b in found[1]):
            return False
        if found[0] is own or name in own.outer:
            return True
        reason = f"{name}, where the turns start, is set by a checkpoint of the script's own, and is a global that the loop cannot restore"
        raise Refused(reason, self.loop.module, self.loop.node)

    # -- names of the turns --------------------------------------------------------------------------------------------------------

    def _flow(self, lenient: bool) -> tuple[Flow, set[str]]:
        """One turn, and the targets of the loop."""
        loop = self.loop.node
        turn = Turn(self._read_by, lenient)
        if isinstance(loop, ast.While):
            return turn.block([ast.copy_location(ast.Expr(loop.test), loop.test), *loop.body], set()), set()
        targets = {n.id for n in walk(loop.target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
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
        if any(b.kind in ("import", "function", "class") for b in bindings) or (
            kinds and kinds <= {"time", "quiet", "loader", "ordered", "file"}
        ):
            if kinds & {"loader", "ordered"} and self._bound_before(name):
                reason = f"{name} becomes another loader in the turns, which is not kept: after an interruption it is the first one again"
                self.caution = self.caution or Refused(reason, self.loop.module, inside[0].node)
            return False
        node = inside[0].node if inside else self.loop.node
        if kinds & {"iterator"}:
            self.caution = self.caution or begins_anew(name, self.loop.module, node)
            return False
        if found is not None and found[0].parent is None and self.loop.function is not None:
            if name not in self.loop.module.scope(self.loop.node).outer:
                raise Refused(f"the global {name} changes in the loop, which does not declare it", self.loop.module, self.loop.node)
        if not self._bound_before(name):
            if "NameError" in self.loop.module.text or "UnboundLocalError" in self.loop.module.text or "locals()" in self.loop.module.text:
                raise Refused(f"{name} gets its first value in the loop, and is read in a later turn", self.loop.module, node)
            self.unset.add(name)
        return True

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
        for node in walk(function.node):
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
            todo += [f for c in _calls_in(function) for f in self.program.callees(function.module, c)]
        return names

    def _scope(self) -> object:
        return self.loop.module.scope(self.loop.node).function()


def _counted(iterable: ast.expr) -> Iterator[ast.expr]:
    """The numbers from which a loop's turns are counted: what stands in ``range(...)`` or ``count(...)``, names and attributes."""
    for node in walk(iterable):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] in ("range", "trange", "count"):
            held = {id(n.value) for n in walk(node) if isinstance(n, ast.Attribute)} | {id(node.func)}
            for inner in (n for argument in [*node.args, *(k.value for k in node.keywords)] for n in walk(argument)):
                if isinstance(inner, (ast.Name, ast.Attribute)) and id(inner) not in held:
                    yield inner


def reads_checkpoint(node: ast.AST) -> bool:
    """Whether a part of an expression reads what a checkpoint held: ``checkpoint["epoch"]``, ``torch.load(...)``, ``args.resume_epoch``."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            of = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            return _is_loaded(node.func.attr) or (node.func.attr == "load" and of in READERS)
        return isinstance(node.func, ast.Name) and _is_loaded(node.func.id)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return _is_loaded(node.value.id)
    return isinstance(node, ast.Attribute) and _is_loaded(node.attr)


@lru_cache(maxsize=1 << 14)
def _is_loaded(name: str) -> bool:
    return LOADED.search(name) is not None


@once
def _stored(module: Module) -> dict[str, list[ast.expr]]:
    """The values that a module assigns to attributes, by their names."""
    found: dict[str, list[ast.expr]] = {}
    for node in module.nodes.of(ast.Assign):
        for target in node.targets:
            parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
            for name in {part.attr for part in parts if isinstance(part, ast.Attribute)}:
                found.setdefault(name, []).append(node.value)
    return found


def _calls_in(function: Function) -> list[ast.Call]:
    """The calls that stand in a function, and in no function inside it."""
    return _calls_by_function(function.module).get(id(function.node), [])


@once
def _calls_by_function(module: Module) -> dict[int, list[ast.Call]]:
    found: dict[int, list[ast.Call]] = {}
    for call in module.calls():
        scope = module.scope(call).function()
        if scope is not None:
            found.setdefault(id(scope.node), []).append(call)
    return found
