"""The value of an expression while the building of a command line is followed."""

from __future__ import annotations

import ast
import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable

from migrate.facts.arguments import operations
from migrate.facts.arguments.objects import (
    MISSING,
    UNKNOWN,
    Bound,
    ClassValue,
    Env,
    External,
    FunctionValue,
    Group,
    Instance,
    ModuleValue,
    Namespace,
    Parser,
    Subparsers,
    Super,
    SysArgv,
    is_plain,
)
from migrate.facts.program import Module, Program

_METHODS = {kind: f"eval_{kind.__name__}" for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)}


class Expressions(ABC):
    """Evaluates expressions; calls are the machine's."""

    program: Program
    doubt: int
    argv_reads: list[tuple[Module, ast.Subscript, int]]  # ``sys.argv[i]``, as met

    @abstractmethod
    def call(self, node: ast.Call, env: Env) -> object: ...

    @abstractmethod
    def invoke(self, function: FunctionValue, args: list[object], keywords: dict[str, object]) -> object: ...

    @abstractmethod
    def import_module(self, origin: str, dotted: str | None, level: int) -> object: ...

    def evaluate(self, node: ast.expr | None, env: Env) -> object:
        """The value of ``node``, UNKNOWN when the source does not tell it."""
        if node is None:
            return None
        method = getattr(self, _METHODS[node.__class__], None)
        if method is None:
            for child in ast.iter_child_nodes(node):  # a call inside still happens
                if isinstance(child, ast.expr):
                    self.evaluate(child, env)
            return UNKNOWN
        result: object = method(node, env)
        return result

    def eval_Constant(self, node: ast.Constant, env: Env) -> object:
        return node.value if is_plain(node.value) else UNKNOWN

    def eval_Name(self, node: ast.Name, env: Env) -> object:
        value = env.get(node.id)
        if value is not MISSING:
            return value
        return External(node.id) if hasattr(builtins, node.id) else UNKNOWN

    def eval_NamedExpr(self, node: ast.NamedExpr, env: Env) -> object:
        value = self.evaluate(node.value, env)
        env.set(node.target.id, value)
        return value

    def eval_Lambda(self, node: ast.Lambda, env: Env) -> object:
        return FunctionValue(node, env)

    def eval_Await(self, node: ast.Await, env: Env) -> object:
        return self.evaluate(node.value, env)

    def eval_Call(self, node: ast.Call, env: Env) -> object:
        return self.call(node, env)

    def eval_Attribute(self, node: ast.Attribute, env: Env) -> object:
        return self.attribute(self.evaluate(node.value, env), node.attr)

    def attribute(self, value: object, name: str) -> object:
        """``value.name``."""
        if isinstance(value, External):
            return self._external_attribute(value, name)
        if isinstance(value, ModuleValue):
            box = value.env.names.get(name, UNKNOWN)
            if box is UNKNOWN:
                inner = self.import_module(value.env.module.path, f"{value.dotted}.{name}", 0)
                return inner if isinstance(inner, ModuleValue) else UNKNOWN
            return box
        if isinstance(value, Instance):
            if name in value.attributes:
                return value.attributes[name]
            if name in ("__class__", "__dict__"):
                return value.cls if name == "__class__" else UNKNOWN
            return self._member(value.cls, name, value)
        if isinstance(value, ClassValue):
            return value.node.name if name == "__name__" else self._member(value, name, None)
        if isinstance(value, Parser):
            if name in value.attributes and name not in ("conflict_handler", "argument_default", "allow_abbrev"):
                return value.attributes[name]
            own = value.cls.lookup(name) if value.cls else None
            return self._bind(own[0], own[1], value) if own else Bound(value, name)
        if isinstance(value, Super):
            for base in value.cls.bases:
                found = base.lookup(name) if isinstance(base, ClassValue) else None
                if found is not None:
                    return self._bind(found[0], found[1], value.instance)
            return Bound(value.instance, name) if isinstance(value.instance, Parser) else UNKNOWN
        if (name == "args" and isinstance(value, tuple) and value) or (name == "parameters" and isinstance(value, dict) and name in value):
            return value[0] if isinstance(value, tuple) else value[name]  # of inspect.getfullargspec(), inspect.signature()
        if isinstance(value, (Group, Subparsers)) or (type(value) in operations.METHODS):
            return Bound(value, name)
        return UNKNOWN

    def _external_attribute(self, value: External, name: str) -> object:
        if value.name == "sys" and name == "argv":
            return SysArgv()
        if value.origin:
            local = self.import_module(value.origin, f"{value.name}.{name}", 0)
            if isinstance(local, ModuleValue):
                return local
        return External(f"{value.name}.{name}", value.origin)

    def _member(self, cls: ClassValue, name: str, instance: object | None) -> object:
        found = cls.lookup(name)
        return self._bind(found[0], found[1], instance, cls) if found is not None else UNKNOWN

    def _bind(self, member: object, owner: ClassValue, instance: object | None, cls: ClassValue | None = None) -> object:
        if not isinstance(member, FunctionValue):
            return member
        kinds = member.decorators
        if "staticmethod" in kinds:
            return member
        if "classmethod" in kinds:
            return FunctionValue(member.node, member.env, owner, cls or owner)
        if instance is None:
            return member
        bound = FunctionValue(member.node, member.env, owner, instance)
        if kinds & {"property", "cached_property"}:
            return self.invoke(bound, [], {})
        return bound

    def eval_Subscript(self, node: ast.Subscript, env: Env) -> object:
        value = self.evaluate(node.value, env)
        if isinstance(node.slice, ast.Slice):
            lower, upper = self.evaluate(node.slice.lower, env), self.evaluate(node.slice.upper, env)
            if isinstance(value, SysArgv) and node.slice.step is None and isinstance(lower, int) and lower >= 0 and upper is None:
                return SysArgv(value.start + lower)
            if node.slice.step is not None or not isinstance(value, (str, list, tuple)):
                return UNKNOWN
            if (lower is None or isinstance(lower, int)) and (upper is None or isinstance(upper, int)):
                return value[lower:upper]
            return UNKNOWN
        index = self.evaluate(node.slice, env)
        if isinstance(value, SysArgv) and isinstance(index, int):
            self.argv_reads.append((env.module, node, value.start + index if index >= 0 else index))
        try:
            if isinstance(value, dict) and is_plain(index):
                return value[index]
            if isinstance(value, (str, list, tuple)) and isinstance(index, int):
                return value[index]
        except operations.FAULTS:
            return UNKNOWN
        return UNKNOWN

    def eval_List(self, node: ast.List, env: Env) -> object:
        return self._items(node.elts, env)

    def eval_Tuple(self, node: ast.Tuple, env: Env) -> object:
        items = self._items(node.elts, env)
        return tuple(items) if isinstance(items, list) else UNKNOWN

    def eval_Set(self, node: ast.Set, env: Env) -> object:
        items = self._items(node.elts, env)
        return set(items) if isinstance(items, list) and all(isinstance(i, (str, int, float)) for i in items) else UNKNOWN

    def _items(self, nodes: list[ast.expr], env: Env) -> list[object]:
        items: list[object] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                inner = self.evaluate(node.value, env)
                items += list(inner) if isinstance(inner, (list, tuple, set)) else [UNKNOWN]
            else:
                items.append(self.evaluate(node, env))
        return items

    def eval_Dict(self, node: ast.Dict, env: Env) -> object:
        result: dict[object, object] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            item = self.evaluate(value, env)
            if key is None:
                if not isinstance(item, dict):
                    return UNKNOWN
                result.update(item)
                continue
            name = self.evaluate(key, env)
            if not isinstance(name, (str, int, float, tuple, type(None))) or not is_plain(name):
                return UNKNOWN
            result[name] = item
        return result

    def eval_JoinedStr(self, node: ast.JoinedStr, env: Env) -> object:
        text = ""
        for part in node.values:
            value = self.evaluate(part.value if isinstance(part, ast.FormattedValue) else part, env)
            plain = isinstance(part, ast.Constant) or (
                isinstance(part, ast.FormattedValue) and part.format_spec is None and part.conversion == -1
            )
            if not plain or not isinstance(value, (str, int, float)):
                return UNKNOWN
            text += str(value)
        return text

    def eval_UnaryOp(self, node: ast.UnaryOp, env: Env) -> object:
        value = self.evaluate(node.operand, env)
        if isinstance(node.op, ast.Not):
            truth = self.truth(value)
            return UNKNOWN if truth is None else not truth
        if isinstance(value, (int, float)) and isinstance(node.op, (ast.USub, ast.UAdd)):
            return -value if isinstance(node.op, ast.USub) else value
        return UNKNOWN

    def eval_BinOp(self, node: ast.BinOp, env: Env) -> object:
        return operations.binary(node.op, self.evaluate(node.left, env), self.evaluate(node.right, env))

    def eval_BoolOp(self, node: ast.BoolOp, env: Env) -> object:
        for part in node.values[:-1]:
            value = self.evaluate(part, env)
            truth = self.truth(value)
            if truth is None:
                for other in node.values[1:]:
                    self.evaluate(other, env)
                return UNKNOWN
            if truth == isinstance(node.op, ast.Or):
                return value
        return self.evaluate(node.values[-1], env)

    def eval_Compare(self, node: ast.Compare, env: Env) -> object:
        left = self.evaluate(node.left, env)
        result: object = True
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(right_node, env)
            result = operations.compare(op, left, right)
            if result is not True:
                return result
            left = right
        return result

    def eval_IfExp(self, node: ast.IfExp, env: Env) -> object:
        truth = self.truth(self.evaluate(node.test, env))
        if truth is not None:
            return self.evaluate(node.body if truth else node.orelse, env)
        body, orelse = self.evaluate(node.body, env), self.evaluate(node.orelse, env)
        return better(body, orelse)

    def eval_ListComp(self, node: ast.ListComp, env: Env) -> object:
        return self._comprehend(node.generators, env, lambda inner: self.evaluate(node.elt, inner))

    eval_GeneratorExp = eval_ListComp

    def eval_SetComp(self, node: ast.SetComp, env: Env) -> object:
        items = self._comprehend(node.generators, env, lambda inner: self.evaluate(node.elt, inner))
        return set(items) if isinstance(items, list) and all(isinstance(i, (str, int, float)) for i in items) else UNKNOWN

    def eval_DictComp(self, node: ast.DictComp, env: Env) -> object:
        pairs = self._comprehend(node.generators, env, lambda inner: (self.evaluate(node.key, inner), self.evaluate(node.value, inner)))
        if not isinstance(pairs, list) or not all(isinstance(pair[0], (str, int)) for pair in pairs):
            return UNKNOWN
        return dict(pairs)

    def _comprehend(self, generators: list[ast.comprehension], env: Env, element: Callable[[Env], object]) -> object:
        inner = Env({}, env, env.module)
        results: list[object] = []

        def run(position: int) -> bool:
            if position == len(generators):
                results.append(element(inner))
                return len(results) <= operations.LARGEST
            items = self.evaluate(generators[position].iter, inner)
            if not isinstance(items, (list, tuple, set, dict, str)):
                return False
            for item in list(items):
                self.assign(generators[position].target, item, inner)
                truths = [self.truth(self.evaluate(condition, inner)) for condition in generators[position].ifs]
                if None in truths:
                    return False
                if all(truths) and not run(position + 1):
                    return False
            return True

        return results if run(0) else UNKNOWN

    def assign(self, target: ast.expr, value: object, env: Env) -> None:
        """``target = value``."""
        if isinstance(target, ast.Name):
            env.set(target.id, value)
        elif isinstance(target, ast.Attribute):
            owner = self.evaluate(target.value, env)
            if isinstance(owner, (Instance, Parser)):
                owner.attributes[target.attr] = value
            elif isinstance(owner, (ClassValue, ModuleValue)):
                owner.env.names[target.attr] = value
            elif isinstance(owner, Subparsers) and target.attr == "required":
                owner.parser.command_required = value is True
            elif isinstance(owner, Subparsers) and target.attr == "dest" and isinstance(value, str):
                owner.parser.command_dest = value
        elif isinstance(target, ast.Subscript):
            container, index = self.evaluate(target.value, env), self.evaluate(target.slice, env)
            known = isinstance(container, list) and isinstance(index, int) and -len(container) <= index < len(container)
            if known or (isinstance(container, dict) and isinstance(index, (str, int))):
                container[index] = UNKNOWN if self.doubt else value  # type: ignore[index]
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, value, env)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value, env)

    def _unpack(self, targets: list[ast.expr], value: object, env: Env) -> None:
        known = isinstance(value, (list, tuple)) and len(value) == len(targets) and not any(isinstance(t, ast.Starred) for t in targets)
        for position, target in enumerate(targets):
            self.assign(target, value[position] if known and isinstance(value, (list, tuple)) else UNKNOWN, env)

    @staticmethod
    def truth(value: object) -> bool | None:
        """Whether ``value`` is true; None when it is not known."""
        if isinstance(value, (FunctionValue, ClassValue, Parser, Instance, Group, Namespace, ModuleValue)):
            return True
        if isinstance(value, (str, int, float, bytes, list, tuple, dict, set, complex, type(None))):
            return bool(value)
        return None


def better(first: object, second: object) -> object:
    """One of two possible values: the one that a command line is built of, else the common one, else UNKNOWN."""
    if first is second:
        return first
    wanted = (Parser, Group, Subparsers, Namespace, Instance, FunctionValue, ClassValue, ModuleValue, SysArgv)
    for value in (first, second):
        if isinstance(value, wanted):
            return value
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        return tuple(better(a, b) for a, b in zip(first, second, strict=True))
    if is_plain(first) and is_plain(second) and type(first) is type(second) and first == second:
        return first
    if isinstance(first, External) and isinstance(second, External) and first.name == second.name:
        return first
    return UNKNOWN
