"""Follows a program from its first line to learn which options its parsers hold when it parses, and where it parses.

This is reading, not running: values are those written in the source, a branch whose condition is not known is followed on both
sides, a loop over something unknown is followed once, and calls are followed only where they may lead to a parser. So a parser that
is made in a function, handed through others, filled in an options class and its bases, or by names from a dictionary, is seen as it
will be; and what another script's ``__main__`` block would do is not.
"""

from __future__ import annotations

import ast
import posixpath
from dataclasses import dataclass, replace

from migrate.facts.arguments import operations, parsers
from migrate.facts.arguments.expressions import better
from migrate.facts.arguments.objects import (
    UNKNOWN,
    Bound,
    ClassValue,
    Env,
    External,
    FunctionValue,
    Group,
    Instance,
    Namespace,
    Parser,
    Subparsers,
    Super,
    SysArgv,
)
from migrate.facts.arguments.relevance import Relevance
from migrate.facts.arguments.statements import STEPS, STOP, Return, Statements
from migrate.facts.model import ParseSite, Place, Span
from migrate.facts.program import Program, all_arguments

DEPTH = 30  # of calls
SUPPORT = "sagemaker_support"
SUPPORT_ARGV = External(f"{SUPPORT}.argv")


@dataclass(frozen=True)
class Parse:
    """One call of a parsing method as it was met, with the value of its argv: none, sys.argv or other."""

    site: ParseSite
    parser: Parser


class Machine(Statements):
    """State of one reading."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self.relevance = Relevance(program)
        self.parses: list[Parse] = []
        self.notes: dict[Place, str] = {}
        self.externals: list[tuple[str, parsers.Call]] = []  # calls of library functions, as met
        self.stack: list[int] = []  # ids of the functions that are being followed

    def run(self) -> None:
        """Follow the entry from its first line, as far as Python's own stack reaches."""
        try:
            self.run_module(self.program.main, main=True)
        except RecursionError:
            main = self.program.main
            self.notes[main.place(main.tree.body[0])] = "the program nests too deep to be followed to its end"

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
            if function.env.module.path.rpartition("/")[2] == f"{SUPPORT}.py" and not isinstance(function.node, ast.Lambda):
                return self._support(function.node.name, call)
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
        last = name.rpartition(".")[2]
        if last.endswith(("parser", "argparser")) and last.islower():  # get_parser(), default_argument_parser()
            return Parser(name, None)
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
            if function.name == "set_defaults" and self.doubt:
                call = replace(call, keywords=dict.fromkeys(call.keywords, UNKNOWN))
            result, reason = parsers.parser_method(receiver, function.name, call)
            if reason is not None:
                self.notes[call.place] = reason
            if isinstance(result, Parser) and isinstance(receiver, Subparsers):
                result.library = receiver.parser.library
            return result
        if self.doubt and isinstance(receiver, dict) and function.name == "update":
            for given in [*call.args, call.keywords]:
                receiver.update(dict.fromkeys(given, UNKNOWN) if isinstance(given, dict) else {})
            return None
        if self.doubt and isinstance(receiver, dict) and function.name == "pop":
            return UNKNOWN
        return operations.method(receiver, function.name, call.args, call.keywords)

    def _support(self, name: str, call: parsers.Call) -> object:
        """A function of the support module that an earlier apply has put in."""
        if name == "parse_args" and call.args and isinstance(call.args[0], Parser):
            method = call.args[1] if len(call.args) > 1 and isinstance(call.args[1], str) else name
            return self._parse(call.args[0], method, parsers.Call(call.module, call.node, [SUPPORT_ARGV], {}, {}, False))
        return SUPPORT_ARGV if name in ("sagemaker_argv", "script_argv") else UNKNOWN

    def _parse(self, parser: Parser, method: str, call: parsers.Call) -> object:
        given = call.keywords.get("args", call.args[0] if call.args else None)
        expression = call.expressions.get("args") or (call.node.args[0] if call.node.args else None)
        argv = "none" if given is None else "sys.argv" if isinstance(given, SysArgv) and given.start == 1 else "other"
        argv = "support" if given is SUPPORT_ARGV else argv
        receiver = call.node.func.value if isinstance(call.node.func, ast.Attribute) else call.node.func
        span = Span.of(expression) if expression is not None else None
        site = ParseSite(call.place, method, Span.of(receiver), ast.unparse(receiver), argv, span, parser.library)
        self.parses.append(Parse(site, parser))
        if parser.place is None:
            self.notes[call.place] = f"the options that {parser.library} makes are not read"
        space = Namespace(parser)
        if method == "parse_args_into_dataclasses":
            return UNKNOWN
        rest = UNKNOWN if argv == "other" else SysArgv(1)  # what this parser does not know, for the next one
        return (space, rest) if "known" in method else space

    def _external(self, function: External, call: parsers.Call) -> object:
        self.externals.append((function.name, call))
        if parsers.is_parser_class(function.name):
            return parsers.make_parser(function.name, call)
        if function.name.startswith(f"{SUPPORT}."):
            return self._support(function.name.rpartition(".")[2], call)
        if function.name in ("sys.exit", "exit", "quit", "os._exit"):
            return STOP
        if function.name in ("os.environ.get", "os.getenv") and call.args and str(call.args[0]).startswith("SM_"):
            return call.args[1] if len(call.args) > 1 else None  # what it is on EC2
        if function.name in ("copy.copy", "copy.deepcopy") and call.args:
            return call.args[0]
        if function.name in ("getattr", "setattr", "hasattr"):
            return self._getattr(function.name, call)
        if "." not in function.name:
            return operations.builtin(function.name, call.args, call.keywords)
        known = self._known_library(function.name, call)
        return self._stranger(function.name, call) if known is UNKNOWN else known

    @staticmethod
    def _known_library(name: str, call: parsers.Call) -> object:
        """Functions of the standard library that only rearrange what they are given."""
        if not call.args:
            return {} if name == "collections.OrderedDict" and not call.keywords else UNKNOWN
        if name == "functools.partial" and len(call.args) == 1 and not call.keywords:
            return call.args[0]
        if name == "collections.OrderedDict":
            return operations.builtin("dict", call.args, call.keywords)
        if name == "os.path.join" and all(isinstance(arg, str) for arg in call.args):
            return posixpath.join(*[str(arg) for arg in call.args])
        target = call.args[0]
        if name in ("inspect.getfullargspec", "inspect.getargspec", "inspect.signature") and isinstance(target, FunctionValue):
            names = [argument.arg for argument in all_arguments(target.node.args)]
            return {"parameters": dict.fromkeys(names, UNKNOWN)} if name == "inspect.signature" else (names,)
        return UNKNOWN

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
        found = cls.lookup("__init__")
        if found is not None and isinstance(found[0], FunctionValue):
            if self.relevance.follow(found[0].node, [*call.args, *call.keywords.values()]) or library is not None:
                self.invoke(FunctionValue(found[0].node, found[0].env, found[1], made), list(call.args), call.keywords)
        elif isinstance(made, Parser):
            parsers.initialise(made, call)
        elif cls.external_bases():
            self.externals += [(base.name, call) for base in cls.external_bases()]
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
            value = signal.value if isinstance(signal, Return) else None
            for other in self.maybe:
                value = other if value in (None, UNKNOWN) and signal is STOP else better(value, other)
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
