"""What argparse does with ``add_argument`` and its kin, on values read from the source.

Source of the rules: the ``argparse`` module of Python 3.11 (``_get_optional_kwargs``, ``_get_positional_kwargs``, ``set_defaults``).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from migrate.facts.arguments.objects import UNKNOWN, Declared, External, FunctionValue, Group, Parser, Subparsers, is_plain
from migrate.facts.model import Option, Place, Span
from migrate.facts.program import Module

PARSER_CLASSES = frozenset({"ArgumentParser", "ArgParser", "LightningArgumentParser", "HfArgumentParser", "ArgumentParserPlus"})
PARSER_LIBRARIES = (
    "argparse",
    "configargparse",
    "jsonargparse",
    "transformers",
    "simple_parsing",
    "pytorch_lightning",
    "lightning",
    "rich_argparse",
    "gooey",
)
PARSE_METHODS = {
    "parse_args": 0,
    "parse_known_args": 0,
    "parse_intermixed_args": 0,
    "parse_known_intermixed_args": 0,
    "parse_args_into_dataclasses": 0,
}
FLAG_DEFAULTS: dict[str, object] = {"store_true": False, "store_false": True}
IGNORED_ACTIONS = frozenset({"help", "version"})


@dataclass(frozen=True)
class Call:
    """A call with its values: ``keywords`` by name, ``expressions`` the source of those written out at the call itself."""

    module: Module
    node: ast.Call
    args: Sequence[object]
    keywords: dict[str, object]
    expressions: dict[str, ast.expr]
    open: bool  # spreads something that is not known

    @property
    def place(self) -> Place:
        return self.module.place(self.node)

    def span(self, name: str) -> Span | None:
        return Span.of(self.expressions[name]) if name in self.expressions else None


def is_parser_class(name: str) -> bool:
    """Whether a dotted name is an ``ArgumentParser``, of argparse or of a library that follows it."""
    library, _, last = name.rpartition(".")
    return last in PARSER_CLASSES and library.split(".")[0] in PARSER_LIBRARIES


def add_argument(parser: Parser, call: Call) -> str | None:
    """Declare an option on ``parser``. Gives the reason when the source does not tell it."""
    flags = list(call.args)
    if call.open and not flags:
        return "the names of this option are not written in the source"
    if not all(isinstance(flag, str) for flag in flags):
        return "the name of this option is not written in the source"
    option = _option(parser, [str(flag) for flag in flags], call)
    if option is not None:
        _declare(parser, option, resolve=parser.attributes.get("conflict_handler") == "resolve")
    return None


def _option(parser: Parser, flags: list[str], call: Call) -> Option | None:
    action = _action(call)
    if action in IGNORED_ACTIONS:
        return None
    spelt = tuple(flag for flag in flags if flag[:1] and flag[0] in parser.prefix)
    dest = call.keywords.get("dest")
    if not isinstance(dest, str):
        dest = _dest(flags, spelt, parser.prefix)
    if dest is None:
        return None
    known, default, span = _default(parser, dest, action, call)
    nargs = call.keywords.get("nargs")
    if isinstance(nargs, External):
        nargs = {"REMAINDER": "...", "OPTIONAL": "?", "ZERO_OR_MORE": "*", "ONE_OR_MORE": "+", "PARSER": "A..."}.get(
            nargs.name.rpartition(".")[2]
        )
    choices = call.keywords.get("choices")
    text = call.keywords.get("help")
    required = call.keywords.get("required") is True or (not spelt and nargs not in ("?", "*", "..."))
    return Option(
        dest=dest,
        options=spelt,
        action=action,
        type=_type(call),
        nargs=nargs if isinstance(nargs, (str, int)) else None,
        choices=tuple(choices) if isinstance(choices, (list, tuple, set, dict, str)) and is_plain(choices) else None,
        default=default if known else None,
        default_known=known,
        required=required,
        help=text if isinstance(text, str) else None,
        place=call.place,
        default_span=span,
        required_span=call.span("required"),
        nargs_span=call.span("nargs"),
        subcommand=parser.subcommand,
    )


def _dest(flags: list[str], spelt: tuple[str, ...], prefix: str) -> str | None:
    if not spelt:
        return flags[0] if flags else None
    long = [flag for flag in spelt if len(flag) > 1 and flag[1] in prefix]
    return (long or list(spelt))[0].lstrip(prefix).replace("-", "_") or None


def _action(call: Call) -> str:
    action = call.keywords.get("action", "store")
    if action is None:
        return "store"
    if isinstance(action, str):
        return action
    if isinstance(action, External) and action.name.endswith("BooleanOptionalAction"):
        return "BooleanOptionalAction"
    return ast.unparse(call.expressions["action"]) if "action" in call.expressions else "custom"


def _type(call: Call) -> str | None:
    if "type" not in call.keywords:
        return None
    kind = call.keywords["type"]
    if kind is None:
        return None
    if isinstance(kind, External) and "." not in kind.name:
        return kind.name
    expression = call.expressions.get("type")
    if (
        isinstance(kind, FunctionValue)
        and not isinstance(kind.node, ast.Lambda)
        and (expression is None or isinstance(expression, ast.Name))
    ):
        return kind.node.name
    return ast.unparse(expression) if expression is not None else "custom"


def _default(parser: Parser, dest: str, action: str, call: Call) -> tuple[bool, object, Span | None]:
    """Whether the default is known, its value, and where it is written."""
    if "default" in call.keywords:
        value = call.keywords["default"]
        return is_plain(value), value, call.span("default")
    if dest in parser.defaults:
        value, place = parser.defaults[dest]
        return is_plain(value), value, place.span if place and place.path == call.module.path else None
    if call.open:
        return False, None, None
    return "argument_default" not in parser.attributes, FLAG_DEFAULTS.get(action), None


def _declare(parser: Parser, option: Option, resolve: bool) -> None:
    for declared in list(parser.declared):
        old = declared.option
        same = set(old.options) & set(option.options) or (not old.options and not option.options and old.dest == option.dest)
        if not same:
            continue
        if old.place == option.place:
            declared.option = option
            return
        if resolve:
            left = tuple(o for o in old.options if o not in option.options)
            parser.declared.remove(declared)
            if left:
                parser.declared.append(Declared(replace(old, options=left)))
            continue
        if (old.default_known, old.default) != (option.default_known, option.default):  # declared on two branches
            declared.option = replace(old, default_known=False, default=None)
        return
    parser.declared.append(Declared(option))


def set_defaults(parser: Parser, call: Call) -> None:
    """``parser.set_defaults(lr=0.1)``: beats the default of an option that is there, and serves those that come later without one."""
    for name, value in call.keywords.items():
        expression = call.expressions.get(name)
        place = call.module.place(expression) if expression is not None else None
        parser.defaults[name] = (value, place)
        for declared in parser.declared:
            if declared.option.dest == name:
                span = place.span if place and place.path == declared.option.place.path else None
                known = is_plain(value)
                declared.option = replace(declared.option, default=value if known else None, default_known=known, default_span=span)


def make_parser(library: str, call: Call) -> Parser:
    """``ArgumentParser(...)``."""
    parser = Parser(library, call.place)
    initialise(parser, call)
    return parser


def initialise(parser: Parser, call: Call) -> None:
    """What ``ArgumentParser.__init__`` does with its keywords."""
    prefix = call.keywords.get("prefix_chars")
    if isinstance(prefix, str) and prefix:
        parser.prefix = prefix
    for name in ("conflict_handler", "argument_default", "allow_abbrev"):
        if name in call.keywords:
            parser.attributes[name] = call.keywords[name]
    parents = call.keywords.get("parents")
    for parent in parents if isinstance(parents, (list, tuple)) else []:
        if isinstance(parent, Parser):
            parser.declared += [Declared(declared.option) for declared in parent.declared]
            parser.defaults.update(parent.defaults)


def add_subparsers(parser: Parser, call: Call) -> Subparsers:
    dest = call.keywords.get("dest")
    parser.command_dest = dest if isinstance(dest, str) else parser.command_dest
    parser.command_place = call.place
    parser.command_required = call.keywords.get("required") is True
    return Subparsers(parser)


def add_parser(subparsers: Subparsers, call: Call) -> Parser:
    """``subparsers.add_parser("train")``."""
    name = call.args[0] if call.args and isinstance(call.args[0], str) else "?"
    outer = subparsers.parser
    child = next((c for c in outer.children if c.place == call.place and c.subcommand == name), None)
    if child is None:
        child = Parser(outer.library, call.place, subcommand=name, prefix=outer.prefix)
        initialise(child, call)
        child.declared = [Declared(replace(d.option, subcommand=name)) for d in child.declared]
        outer.children.append(child)
    return child


def collect(parser: Parser) -> Iterator[Option]:
    """Every option of a parser and its subparsers, in the order of their declaration."""
    for declared in parser.declared:
        yield declared.option
    if parser.command_place is not None:
        yield _command(parser, parser.command_place)
    for child in parser.children:
        yield from collect(child)


def _command(parser: Parser, place: Place) -> Option:
    """The subcommand itself, as an option: its key is its dest, or ``command``."""
    return Option(
        dest=parser.command_dest or "command",
        options=(),
        action="subcommand",
        type=None,
        nargs="A...",
        choices=tuple(child.subcommand for child in parser.children),
        default=None,
        default_known=True,
        required=parser.command_required,
        help=None,
        place=place,
        subcommand=parser.subcommand,
    )


def owner(receiver: object) -> Parser | None:
    """The parser behind a parser or one of its groups."""
    if isinstance(receiver, Group):
        return receiver.parser
    return receiver if isinstance(receiver, Parser) else None


def parser_method(receiver: Parser | Group | Subparsers, name: str, call: Call) -> tuple[object, str | None]:
    """A method other than parsing. Gives its result, and a reason when something could not be read."""
    if isinstance(receiver, Subparsers):
        return (add_parser(receiver, call), None) if name == "add_parser" else (UNKNOWN, None)
    parser = owner(receiver)
    assert parser is not None
    if name in ("add_argument", "add", "add_arg"):
        return UNKNOWN, add_argument(parser, call)
    if name == "add_argument_group":
        return Group(parser), None
    if name == "add_mutually_exclusive_group":
        return Group(parser, exclusive=True), None
    if name == "set_defaults":
        set_defaults(parser, call)
        return None, None
    if name == "add_subparsers":
        return add_subparsers(parser, call), None
    if name == "get_default":
        found = [d.option for d in parser.declared if call.args and d.option.dest == call.args[0]]
        return (found[0].default if found and found[0].default_known else UNKNOWN), None
    if name in ("add_arguments", "add_class_arguments", "add_lightning_class_args", "add_subclass_arguments", "add_dataclass_arguments"):
        return UNKNOWN, f"the options that {name} makes are not read"
    return UNKNOWN, None
