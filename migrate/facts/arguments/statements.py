"""Follows statements: both sides of a branch whose condition is not known, each turn of a loop over known items, else one turn."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from migrate.facts.arguments import operations
from migrate.facts.arguments.expressions import Expressions, better
from migrate.facts.arguments.objects import UNKNOWN, ClassValue, Env, External, FunctionValue, ModuleValue, SysArgv
from migrate.facts.program import Module

STEPS = 150_000  # statements followed in all
TURNS = 300  # of one loop


_METHODS = {kind: f"exec_{kind.__name__}" for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.stmt)}


@dataclass(frozen=True)
class Return:
    """The end of a block by ``return``."""

    value: object


STOP = Return(UNKNOWN)  # raise, sys.exit()
LOOP = "loop"  # break or continue


class Statements(Expressions):
    """Follows blocks of statements. ``maybe`` gathers what the function that is being followed may return on a branch."""

    def __init__(self) -> None:
        self.steps = 0
        self.doubt = 0  # branches that are followed without knowing whether they are taken
        self.argv_reads: list[tuple[Module, ast.Subscript, int]] = []
        self.maybe: list[object] = []
        self.modules: dict[str, Env] = {}

    def run_module(self, module: Module, main: bool = False) -> Env:
        if module.path in self.modules:
            return self.modules[module.path]
        env = Env(
            {"__name__": "__main__" if main else module.path, "__file__": UNKNOWN, "__doc__": ast.get_docstring(module.tree, clean=False)},
            None,
            module,
        )
        self.modules[module.path] = env
        self.block(module.tree.body, env)
        return env

    def import_module(self, origin: str, dotted: str | None, level: int) -> object:
        """The module of this program that an import means, run if it was not yet; else an External."""
        path = self.program.resolver(origin, dotted, level)
        if path is not None and path in self.program.modules:
            return ModuleValue(self.run_module(self.program.modules[path]), dotted or "")
        return External(dotted or "", origin)

    def block(self, body: list[ast.stmt], env: Env) -> object:
        """Follow statements; gives a Return, LOOP, or None when the end is reached."""
        for statement in body:
            self.steps += 1
            if self.steps > STEPS:
                return STOP
            method = getattr(self, _METHODS[statement.__class__], None)
            signal = method(statement, env) if method is not None else None
            if signal is not None:
                return signal
        return None

    def exec_Expr(self, node: ast.Expr, env: Env) -> object:
        value = self.evaluate(node.value, env)
        return STOP if value is STOP else None

    def exec_Assign(self, node: ast.Assign, env: Env) -> object:
        value = self.evaluate(node.value, env)
        for target in node.targets:
            self.assign(target, value, env)
        return None

    def exec_AnnAssign(self, node: ast.AnnAssign, env: Env) -> object:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value, env), env)
        return None

    def exec_AugAssign(self, node: ast.AugAssign, env: Env) -> object:
        load = ast.parse(ast.unparse(node.target), mode="eval").body if isinstance(node.target, ast.Attribute) else None
        current = (
            self.eval_Name(ast.Name(node.target.id, ast.Load()), env)
            if isinstance(node.target, ast.Name)
            else self.evaluate(load, env)
            if load
            else UNKNOWN
        )
        self.assign(node.target, operations.binary(node.op, current, self.evaluate(node.value, env)), env)
        return None

    def exec_Delete(self, node: ast.Delete, env: Env) -> object:
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                container, index = self.evaluate(target.value, env), self.evaluate(target.slice, env)
                if isinstance(container, dict) and isinstance(index, (str, int)) and not self.doubt:
                    container.pop(index, None)
        return None

    def exec_Return(self, node: ast.Return, env: Env) -> object:
        return Return(self.evaluate(node.value, env))

    def exec_Raise(self, node: ast.Raise, env: Env) -> object:
        return STOP

    def exec_Break(self, node: ast.stmt, env: Env) -> object:
        return LOOP

    exec_Continue = exec_Break

    def exec_Global(self, node: ast.Global | ast.Nonlocal, env: Env) -> object:
        env.outer.update(node.names)
        return None

    exec_Nonlocal = exec_Global

    def exec_Import(self, node: ast.Import, env: Env) -> object:
        for alias in node.names:
            if alias.asname:
                env.set(alias.asname, self.import_module(env.module.path, alias.name, 0))
            else:
                self.import_module(env.module.path, alias.name, 0)
                first = alias.name.split(".")[0]
                env.set(first, self.import_module(env.module.path, first, 0))
        return None

    def exec_ImportFrom(self, node: ast.ImportFrom, env: Env) -> object:
        home = self.import_module(env.module.path, node.module, node.level)
        for alias in node.names:
            if alias.name == "*":
                for name, value in home.env.names.items() if isinstance(home, ModuleValue) else ():
                    if not name.startswith("_"):
                        env.set(name, value)
                continue
            if isinstance(home, ModuleValue) and alias.name in home.env.names:
                env.set(alias.asname or alias.name, home.env.names[alias.name])
                continue
            dotted = f"{node.module}.{alias.name}" if node.module else alias.name
            inner = self.import_module(env.module.path, dotted, node.level)
            if isinstance(home, ModuleValue) and not isinstance(inner, ModuleValue):
                inner = UNKNOWN
            if dotted == "sys.argv":
                inner = SysArgv()
            env.set(alias.asname or alias.name, inner)
        return None

    def exec_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, env: Env) -> object:
        owner = env.names.get("<class>")
        value = FunctionValue(
            node, env.parent if owner is not None and env.parent is not None else env, owner if isinstance(owner, ClassValue) else None
        )
        env.set(node.name, value)
        for decorator in node.decorator_list:
            self.evaluate(decorator, env)
        return None

    exec_AsyncFunctionDef = exec_FunctionDef

    def exec_ClassDef(self, node: ast.ClassDef, env: Env) -> object:
        inner = Env({}, env, env.module)
        value = ClassValue(node, inner, [self.evaluate(base, env) for base in node.bases])
        inner.names["<class>"] = value
        self.block(node.body, inner)
        env.set(node.name, value)
        return None

    def exec_If(self, node: ast.If, env: Env) -> object:
        truth = self.truth(self.evaluate(node.test, env))
        if truth is not None:
            return self.block(node.body if truth else node.orelse, env)
        return self.either([node.body, node.orelse], env)

    def either(self, bodies: list[list[ast.stmt]], env: Env) -> object:
        """Follow each body as if it alone ran; what they leave differently is not known afterwards."""
        before = dict(env.names)
        signals, results = [], []
        for body in bodies:
            env.names = dict(before)
            self.doubt += 1
            signals.append(self.block(body, env))
            self.doubt -= 1
            results.append(env.names)
        alive = [names for names, signal in zip(results, signals, strict=True) if signal is None]
        env.names = alive[0] if alive else results[0]
        for names in alive[1:]:
            for name in {*env.names, *names}:
                first, second = env.names.get(name, UNKNOWN), names.get(name, UNKNOWN)
                env.names[name] = better(first, second)
        returned = [signal for signal in signals if isinstance(signal, Return)]
        if alive:
            self.maybe += [signal.value for signal in returned if signal is not STOP]
            return None
        if not returned:
            return signals[0]
        value = returned[0].value
        for signal in returned[1:]:
            value = signal.value if value is UNKNOWN else better(value, signal.value)
        return STOP if all(signal is STOP for signal in returned) else Return(value)

    def exec_For(self, node: ast.For | ast.AsyncFor, env: Env) -> object:
        items = self.evaluate(node.iter, env)
        known = isinstance(items, (list, tuple, dict, set, str))
        for item in list(items)[:TURNS] if isinstance(items, (list, tuple, dict, set, str)) else [UNKNOWN]:
            self.assign(node.target, item, env)
            signal = self.block(node.body, env)
            if isinstance(signal, Return):
                if known and signal is not STOP:
                    return signal
                if signal is not STOP:
                    self.maybe.append(signal.value)
                break
        return self.block(node.orelse, env)

    exec_AsyncFor = exec_For

    def exec_While(self, node: ast.While, env: Env) -> object:
        if self.truth(self.evaluate(node.test, env)) is False:
            return self.block(node.orelse, env)
        signal = self.block(node.body, env)
        return signal if isinstance(signal, Return) and signal is not STOP else None

    def exec_With(self, node: ast.With | ast.AsyncWith, env: Env) -> object:
        for item in node.items:
            self.evaluate(item.context_expr, env)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, UNKNOWN, env)
        return self.block(node.body, env)

    exec_AsyncWith = exec_With

    def exec_Try(self, node: ast.Try, env: Env) -> object:
        signal = self.block(node.body, env)
        after = dict(env.names)
        for handler in node.handlers:
            self.doubt += 1
            self.block(handler.body, env)
            self.doubt -= 1
            env.names = {**env.names, **after}
        if signal is None or signal is STOP:
            signal = self.block(node.orelse, env) if signal is None else None
        final = self.block(node.finalbody, env)
        return final or signal

    exec_TryStar = exec_Try

    def exec_Match(self, node: ast.Match, env: Env) -> object:
        self.evaluate(node.subject, env)
        return self.either([case.body for case in node.cases] + [[]], env)
