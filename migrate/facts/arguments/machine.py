"""Follows a program from its first line to learn which options its parsers hold when it parses, and where it parses.

This is reading, not running: values are those written in the source, a branch whose condition is not known is followed on both sides, a loop over
something unknown is followed once, and calls are followed only where they may lead to a parser. So a parser that is made in a function, handed
through others, filled in an options class and its bases, or by names from a dictionary, is seen as it will be; and what another
script's ``__main__`` block would do is not.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migrate.facts.arguments import operations, parsers
from migrate.facts.arguments.expressions import Expressions, better
from migrate.facts.arguments.objects import (
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
)
from migrate.facts.arguments.relevance import Relevance
from migrate.facts.model import ParseSite, Place, Span
from migrate.facts.program import Module, Program

STEPS = 150_000  # statements followed in all
TURNS = 300  # of one loop
DEPTH = 40


@dataclass(frozen=True)
class _Return:
    value: object


_STOP = _Return(UNKNOWN)  # raise, sys.exit()
_LOOP = "loop"  # break or continue


@dataclass(frozen=True)
class Parse:
    """One call of a parsing method as it was met, with the value of its argv: none, sys.argv or other."""

    site: ParseSite
    parser: Parser


@dataclass
class Machine(Expressions):
    """State of one reading."""

    program: Program
    relevance: Relevance
    parses: list[Parse] = field(default_factory=list)
    parsers: list[Parser] = field(default_factory=list)
    notes: dict[Place, str] = field(default_factory=dict)
    externals: list[tuple[str, Module, ast.Call]] = field(default_factory=list)  # calls of library functions, as met
    modules: dict[str, Env] = field(default_factory=dict)
    steps: int = 0
    stack: list[int] = field(default_factory=list)  # ids of the functions that are being followed

    def run(self) -> None:
        """Follow the entry from its first line."""
        self._module(self.program.main, main=True)

    def _module(self, module: Module, main: bool = False) -> Env:
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
            return ModuleValue(self._module(self.program.modules[path]), dotted or "")
        return External(dotted or "", origin)

    # statements

    def block(self, body: list[ast.stmt], env: Env) -> object:
        """Follow statements; gives a _Return, _LOOP, or None when the end is reached."""
        for statement in body:
            self.steps += 1
            if self.steps > STEPS:
                return _STOP
            method = getattr(self, "exec_" + type(statement).__name__, None)
            signal = method(statement, env) if method is not None else None
            if signal is not None:
                return signal
        return None

    def exec_Expr(self, node: ast.Expr, env: Env) -> object:
        value = self.evaluate(node.value, env)
        return _STOP if value is _STOP else None

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

    def exec_Return(self, node: ast.Return, env: Env) -> object:
        return _Return(self.evaluate(node.value, env))

    def exec_Raise(self, node: ast.Raise, env: Env) -> object:
        return _STOP

    def exec_Break(self, node: ast.stmt, env: Env) -> object:
        return _LOOP

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
            signals.append(self.block(body, env))
            results.append(env.names)
        alive = [names for names, signal in zip(results, signals, strict=True) if signal is None]
        env.names = alive[0] if alive else results[0]
        for names in alive[1:]:
            for name in {*env.names, *names}:
                first, second = env.names.get(name, UNKNOWN), names.get(name, UNKNOWN)
                env.names[name] = better(first, second)
        returned = [signal for signal in signals if isinstance(signal, _Return)]
        if alive:
            self.maybe += [signal.value for signal in returned if signal is not _STOP]
            return None
        if not returned:
            return signals[0]
        value = returned[0].value
        for signal in returned[1:]:
            value = signal.value if value is UNKNOWN else better(value, signal.value)
        return _STOP if all(signal is _STOP for signal in returned) else _Return(value)

    maybe: list[object] = field(default_factory=list)  # what a followed function may return on a branch

    def exec_For(self, node: ast.For | ast.AsyncFor, env: Env) -> object:
        items = self.evaluate(node.iter, env)
        known = isinstance(items, (list, tuple, dict, set, str))
        for item in list(items)[:TURNS] if isinstance(items, (list, tuple, dict, set, str)) else [UNKNOWN]:
            self.assign(node.target, item, env)
            signal = self.block(node.body, env)
            if isinstance(signal, _Return):
                if known and signal is not _STOP:
                    return signal
                if signal is not _STOP:
                    self.maybe.append(signal.value)
                break
        return self.block(node.orelse, env)

    exec_AsyncFor = exec_For

    def exec_While(self, node: ast.While, env: Env) -> object:
        if self.truth(self.evaluate(node.test, env)) is False:
            return self.block(node.orelse, env)
        signal = self.block(node.body, env)
        return signal if isinstance(signal, _Return) and signal is not _STOP else None

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
            self.block(handler.body, env)
            env.names = {**env.names, **after}
        if signal is None or signal is _STOP:
            signal = self.block(node.orelse, env) if signal is None else None
        final = self.block(node.finalbody, env)
        return final or signal

    exec_TryStar = exec_Try

    def exec_Match(self, node: ast.Match, env: Env) -> object:
        self.evaluate(node.subject, env)
        return self.either([case.body for case in node.cases] + [[]], env)

    # calls

    def call(self, node: ast.Call, env: Env) -> object:
        """The value of a call, with what it does to parsers."""
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            return self._super(env)
        function = self.evaluate(node.func, env)
        call = self._arguments(node, env)
        return self.apply(function, call)

    def _super(self, env: Env) -> object:
        scope: Env | None = env
        while scope is not None:
            if "<self>" in scope.names:
                cls = scope.names.get("<owner>")
                return Super(scope.names["<self>"], cls) if isinstance(cls, ClassValue) else UNKNOWN
            scope = scope.parent
        return UNKNOWN

    def _arguments(self, node: ast.Call, env: Env) -> parsers.Call:
        args: list[object] = []
        keywords: dict[str, object] = {}
        expressions: dict[str, ast.expr] = {}
        open_ = False
        for arg in node.args:
            if isinstance(arg, ast.Starred):
                inner = self.evaluate(arg.value, env)
                open_ = open_ or not isinstance(inner, (list, tuple))
                args += list(inner) if isinstance(inner, (list, tuple)) else []
            else:
                args.append(self.evaluate(arg, env))
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, env)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
                expressions[keyword.arg] = keyword.value
            elif isinstance(value, dict):
                keywords.update({str(k): v for k, v in value.items()})
            else:
                open_ = True
        return parsers.Call(env.module, node, args, keywords, expressions, open_)

    def apply(self, function: object, call: parsers.Call) -> object:
        if isinstance(function, Bound):
            return self._method(function, call)
        if isinstance(function, External):
            return self._external(function, call)
        if isinstance(function, ClassValue):
            return self._construct(function, call)
        if isinstance(function, FunctionValue):
            held = [*call.args, *call.keywords.values()]
            if self.relevance.follow(function.node, held):
                return self.invoke(function, list(call.args), call.keywords)
            return UNKNOWN
        if isinstance(function, Instance):
            found = function.cls.lookup("__call__")
            if found is not None and isinstance(found[0], FunctionValue):
                return self.apply(FunctionValue(found[0].node, found[0].env, found[1], function), call)
        return self._stranger("a function that the source does not tell", call)

    def _stranger(self, name: str, call: parsers.Call) -> object:
        """A call of something that cannot be read: it may fill a parser, or call back a function that it is given."""
        held = [*call.args, *call.keywords.values()]
        for value in held:
            if isinstance(value, FunctionValue) and self.relevance.follow(value.node, []):
                self.invoke(value, [UNKNOWN] * len(value.node.args.args), {})
        for value in held:
            filled = parsers.owner(value)
            if filled is not None:
                self.notes[call.place] = f"the options that {name} adds are not read"
                return value
        return UNKNOWN

    def _method(self, function: Bound, call: parsers.Call) -> object:
        receiver = function.receiver
        if isinstance(receiver, (Parser, Group)) and function.name in parsers.PARSE_METHODS:
            parser = parsers.owner(receiver)
            assert parser is not None
            return self._parse(parser, function.name, call)
        if isinstance(receiver, Parser) and function.name == "__init__":
            parsers.initialise(receiver, call)
            return None
        if isinstance(receiver, (Parser, Group, Subparsers)):
            result, reason = parsers.parser_method(receiver, function.name, call)
            if reason is not None:
                self.notes[call.place] = reason
            if isinstance(result, Parser) and isinstance(receiver, Subparsers):
                result.library = receiver.parser.library
            return result
        return operations.method(receiver, function.name, call.args, call.keywords)

    def _parse(self, parser: Parser, method: str, call: parsers.Call) -> object:
        given = call.keywords.get("args", call.args[0] if call.args else None)
        expression = call.expressions.get("args") or (call.node.args[0] if call.node.args else None)
        argv = "none" if given is None else "sys.argv" if isinstance(given, SysArgv) and given.start == 1 else "other"
        receiver = call.node.func.value if isinstance(call.node.func, ast.Attribute) else call.node.func
        span = Span.of(expression) if expression is not None else None
        site = ParseSite(call.place, method, Span.of(receiver), ast.unparse(receiver), argv, span)
        self.parses.append(Parse(site, parser))
        space = Namespace(parser)
        if method == "parse_args_into_dataclasses":
            return UNKNOWN
        return (space, UNKNOWN) if "known" in method else space

    def _external(self, function: External, call: parsers.Call) -> object:
        self.externals.append((function.name, call.module, call.node))
        if parsers.is_parser_class(function.name):
            parser = next((p for p in self.parsers if p.place == call.place and self.stack), None)
            parser = parsers.make_parser(function.name, call)
            self.parsers.append(parser)
            return parser
        if function.name in ("sys.exit", "exit", "quit", "os._exit"):
            return _STOP
        if function.name in ("os.environ.get", "os.getenv") and call.args and str(call.args[0]).startswith("SM_"):
            return call.args[1] if len(call.args) > 1 else None  # what it is on EC2
        if function.name in ("copy.copy", "copy.deepcopy") and call.args:
            return call.args[0]
        if function.name in ("getattr", "setattr", "hasattr"):
            return self._getattr(function.name, call)
        if "." not in function.name:
            return operations.builtin(function.name, call.args, call.keywords)
        if function.name == "functools.partial" and call.args:
            return call.args[0] if len(call.args) == 1 and not call.keywords else UNKNOWN
        if function.name in ("collections.OrderedDict", "collections.ChainMap"):
            return operations.builtin("dict", call.args, call.keywords)
        return self._stranger(function.name, call)

    def _getattr(self, name: str, call: parsers.Call) -> object:
        if name == "setattr" or len(call.args) < 2 or not isinstance(call.args[1], str):
            if name == "setattr" and len(call.args) == 3 and isinstance(call.args[0], Instance) and isinstance(call.args[1], str):
                call.args[0].attributes[call.args[1]] = call.args[2]
            return UNKNOWN
        value = self.attribute(call.args[0], call.args[1])
        return UNKNOWN if name == "hasattr" else value

    def _construct(self, cls: ClassValue, call: parsers.Call) -> object:
        """An instance of a class of this program; a parser, if the class descends from one."""
        library = next((base.name for base in cls.external_bases() if parsers.is_parser_class(base.name)), None)
        made: Instance | Parser = Instance(cls)
        if library is not None:
            made = Parser(library, call.place, cls)
            self.parsers.append(made)
        found = cls.lookup("__init__")
        if found is not None and isinstance(found[0], FunctionValue):
            if self.relevance.follow(found[0].node, [*call.args, *call.keywords.values()]) or library is not None:
                self.invoke(FunctionValue(found[0].node, found[0].env, found[1], made), list(call.args), call.keywords)
        elif isinstance(made, Parser):
            parsers.initialise(made, call)
        elif cls.external_bases():
            self.externals.append((cls.external_bases()[0].name, call.module, call.node))
        return made

    def invoke(self, function: FunctionValue, args: list[object], keywords: dict[str, object]) -> object:
        """Follow a function of this program with these arguments."""
        if len(self.stack) >= DEPTH or self.stack.count(id(function.node)) > 1 or self.steps > STEPS:
            return UNKNOWN
        env = Env({}, function.env, function.env.module)
        if function.bound is not None:
            args = [function.bound, *args]
        if function.owner is not None and args:
            env.names.update({"<self>": args[0], "<owner>": function.owner})
        self._parameters(function, env, args, keywords)
        self.stack.append(id(function.node))
        outer, self.maybe = self.maybe, []
        try:
            if isinstance(function.node, ast.Lambda):
                return self.evaluate(function.node.body, env)
            signal = self.block(function.node.body, env)
            value = signal.value if isinstance(signal, _Return) else None
            for other in self.maybe:
                value = other if value in (None, UNKNOWN) and signal is _STOP else better(value, other)
            return value
        finally:
            self.stack.pop()
            self.maybe = outer

    def _parameters(self, function: FunctionValue, env: Env, args: list[object], keywords: dict[str, object]) -> None:
        arguments = function.node.args
        positional = [a.arg for a in [*arguments.posonlyargs, *arguments.args]]
        rest = dict(keywords)
        for name, default in zip(reversed(positional), reversed(arguments.defaults), strict=False):
            env.names[name] = self.evaluate(default, function.env)
        for argument, kw_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            env.names[argument.arg] = self.evaluate(kw_default, function.env) if kw_default is not None else UNKNOWN
            if argument.arg in rest:
                env.names[argument.arg] = rest.pop(argument.arg)
        for name in positional:
            if name in rest:
                env.names[name] = rest.pop(name)
        env.names.update(zip(positional, args, strict=False))
        for name in positional:
            env.names.setdefault(name, UNKNOWN)
        if arguments.vararg is not None:
            env.names[arguments.vararg.arg] = tuple(args[len(positional) :])
        if arguments.kwarg is not None:
            env.names[arguments.kwarg.arg] = rest
