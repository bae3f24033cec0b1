"""The other kinds of command line: which library reads it, with its options where the source tells them cheaply and surely."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from migrate.facts.arguments.flags import flag_default, is_written_out
from migrate.facts.arguments.objects import ClassValue, External, FunctionValue, is_plain
from migrate.facts.arguments.parsers import Call
from migrate.facts.ec2_literal import ec2_literal
from migrate.facts.model import Option, Place
from migrate.facts.program import Module

MARKS: tuple[tuple[str, str], ...] = (
    (r"(.*\.)?(LightningCLI|LightningArgumentParser)|jsonargparse\.(auto_cli|CLI|auto_parser)", "LightningCLI"),
    (r"hydra\.(main|compose|initialize\w*)", "hydra"),
    (r"click\.(command|group|option|argument)|rich_click\..*", "click"),
    (r"typer\.(run|Typer)(\..*)?", "click"),
    (r"fire\.Fire(\..*)?", "fire"),
    (r"tyro\.(cli|extras\..*)", "tyro"),
    (r"docopt\.docopt", "docopt"),
    (r"(transformers\.(.*\.)?)?HfArgumentParser", "HfArgumentParser"),
    (r"(absl\.flags|ml_collections\.config_flags)\..*|absl\.app\.run", "absl"),
    (r"tensorflow\.((compat\.v1\.)?(app\.)?flags\..*|(compat\.v1\.)?app\.run|python\.platform\.(flags|app)\..*)", "tf.flags"),
    (r"yacs\.config\.CfgNode(\..*)?", "yacs"),
)
FLAG_TYPES = {"integer": "int", "float": "float", "boolean": "bool", "bool": "bool", "string": None, "enum": None, "list": "list"}
_OPTION_LINE = re.compile(r"^\s*((?:-{1,2}[\w-]+[ =,]*(?:<[^>]+>|[A-Z][A-Z_]*)?[ ,]*)+?)(?:  +(.*))?$")


@dataclass(frozen=True)
class Found:
    """A kind of command line, with the call that shows it and its options."""

    cli: str
    place: Place
    options: tuple[Option, ...] = ()


def find_kind(calls: list[tuple[str, Call]], entry: str) -> Found | None:
    """The kind that these library calls show; None when they show none. What the entry itself calls counts before what its modules call."""
    marked = [(marks, name, call) for name, call in calls if (marks := _marks(name))]
    for number, (_, cli) in enumerate(MARKS if marked else ()):
        found = [(name, call) for marks, name, call in marked if number in marks]
        found = [(name, call) for name, call in found if call.module.path == entry] or found
        if found:
            reader = READERS.get(cli)
            options = [option for name, call in found for option in (reader(name, call) if reader else ())]
            return Found(cli, found[0][1].place, tuple(_unique(options)))
    for name, call in calls:
        if name == "exec" and "open(" in ast.unparse(call.node):
            return Found("exec", call.place, tuple(_globals(call.module, call.node)))
    return None


@lru_cache(maxsize=1 << 14)
def _marks(name: str) -> frozenset[int]:
    """The numbers of the MARKS that a name is one of."""
    return frozenset(number for number, (pattern, _) in enumerate(MARKS) if re.fullmatch(pattern, name))


def _unique(options: list[Option]) -> Iterator[Option]:
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for option in options:
        if (option.dest, option.options) not in seen:
            seen.add((option.dest, option.options))
            yield option


def _option(
    dest: str, options: tuple[str, ...], place: Place, kind: str | None, default: object, known: bool, required: bool = False
) -> Option:
    value = default if known and is_plain(default) else None
    return Option(
        dest=dest,
        options=options,
        action="store",
        type=kind,
        nargs=None,
        choices=None,
        default=value,
        default_known=known and is_plain(default),
        required=required,
        help=None,
        place=place,
    )


def _click(name: str, call: Call) -> Iterator[Option]:
    """``@click.option("--lr", type=float, default=0.1)``."""
    last = name.rpartition(".")[2]
    words = [str(arg) for arg in call.args if isinstance(arg, str)]
    if last not in ("option", "argument") or not words:
        return
    spelt = tuple(part for word in words if word.startswith("-") for part in word.split("/"))
    plain = [word for word in words if not word.startswith("-")]
    long = [option for option in spelt if option.startswith("--")]
    dest = plain[0] if plain else (long or list(spelt))[0].lstrip("-").replace("-", "_")
    flag = call.keywords.get("is_flag") is True or any("/" in word for word in words if word.startswith("-"))
    kind = call.keywords.get("type")
    text = kind.name.rpartition(".")[2].lower() if isinstance(kind, External) else None
    default = call.keywords.get("default", False if flag else None)
    option = _option(dest, () if last == "argument" else spelt, call.place, text, default, True, call.keywords.get("required") is True)
    yield replace(option, action="store_true" if flag else "store")


def _flags(name: str, call: Call) -> Iterator[Option]:
    """``flags.DEFINE_integer("steps", 100, "help")``."""
    last = name.rpartition(".")[2]
    named = call.args[0] if call.args else call.keywords.get("name", call.keywords.get("flag_name"))
    if not last.startswith("DEFINE_") or not isinstance(named, str):
        return
    default = call.args[1] if len(call.args) > 1 else call.keywords.get("default", call.keywords.get("default_value"))
    kind = last.removeprefix("DEFINE_")
    option = _option(named, (f"--{named}",), call.place, FLAG_TYPES.get(kind), default, is_plain(default))
    choices = call.args[2] if len(call.args) > 2 else call.keywords.get("enum_values")
    listed = tuple(choices) if kind == "enum" and isinstance(choices, (list, tuple)) and is_plain(choices) else None
    yield replace(option, choices=listed, default_span=flag_default(call) if is_written_out(call) else None)


def _fields(dashes: bool) -> Callable[[str, Call], Iterator[Option]]:
    """The fields of the dataclasses that are given: ``tyro.cli(Args)``, ``HfArgumentParser((ModelArguments, DataArguments))``."""

    def read(name: str, call: Call) -> Iterator[Option]:
        given = call.args[0] if call.args else call.keywords.get("dataclass_types")
        for cls in given if isinstance(given, (tuple, list)) else [given]:
            if not dashes and _is_training_arguments(cls):  # the one of their fields that has no default
                yield _option("output_dir", ("--output_dir",), call.place, "str", None, True)
            if isinstance(cls, ClassValue):
                yield from _class_fields(cls, dashes)
            elif isinstance(cls, FunctionValue) and not isinstance(cls.node, ast.Lambda):
                yield from _parameters(cls, "-" if dashes else "_")

    return read


def _is_training_arguments(cls: object) -> bool:
    """Whether it is the ``TrainingArguments`` of transformers, or a class of the script's that inherits from them."""
    if isinstance(cls, ClassValue):
        return any(_is_training_arguments(base) for base in cls.bases)
    return isinstance(cls, External) and cls.name.startswith("transformers.") and cls.name.endswith("TrainingArguments")


def _class_fields(cls: ClassValue, dashes: bool) -> Iterator[Option]:
    for base in cls.bases:
        if isinstance(base, ClassValue):
            yield from _class_fields(base, dashes)
    for node in cls.node.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        name = node.target.id
        known, default = _field_default(node.value)
        spelt = "--" + (name.replace("_", "-") if dashes else name)
        place = cls.env.module.place(node)
        yield _option(name, (spelt,), place, ast.unparse(node.annotation), default, known, required=node.value is None)


def _field_default(value: ast.expr | None) -> tuple[bool, object]:
    if isinstance(value, ast.Call):  # field(default=...)
        given = [k.value for k in value.keywords if k.arg == "default"]
        if given:
            return _field_default(given[0])
    try:
        return (True, ec2_literal(value)) if value is not None else (False, None)
    except ValueError:
        return False, None


def _parameters(function: FunctionValue, dash: str = "_") -> Iterator[Option]:
    """The parameters of a function, as ``fire.Fire(train)`` offers them."""
    node = function.node
    if isinstance(node, ast.Lambda):
        return
    positional = [*node.args.posonlyargs, *node.args.args]
    defaults: list[ast.expr | None] = [*[None] * (len(positional) - len(node.args.defaults)), *node.args.defaults, *node.args.kw_defaults]
    for argument, default in zip([*positional, *node.args.kwonlyargs], defaults, strict=True):
        if argument.arg in ("self", "cls"):
            continue
        known, value = _field_default(default)
        kind = (
            ast.unparse(argument.annotation)
            if argument.annotation is not None
            else type(value).__name__
            if known and value is not None
            else None
        )
        place = function.env.module.place(argument)
        yield _option(argument.arg, ("--" + argument.arg.replace("_", dash),), place, kind, value, known, required=default is None)


def _fire(name: str, call: Call) -> Iterator[Option]:
    target = call.args[0] if call.args else call.keywords.get("component")
    if isinstance(target, FunctionValue):
        yield from _parameters(target)


def _docopt(name: str, call: Call) -> Iterator[Option]:
    """The option lines of the usage text."""
    text = call.args[0] if call.args else call.keywords.get("doc")
    for line in text.splitlines() if isinstance(text, str) else ():
        match = _OPTION_LINE.match(line)
        if match is None:
            continue
        spelt = tuple(re.findall(r"(?<![\w-])-{1,2}[\w-]+", match[1]))
        if not spelt:
            continue
        takes = bool(re.search(r"[= ](<[^>]+>|[A-Z][A-Z_]*)", match[1]))
        default = re.search(r"\[default: ([^\]]*)\]", match[2] or "")
        long = [option for option in spelt if option.startswith("--")]
        dest = (long or list(spelt))[0].lstrip("-").replace("-", "_")
        option = _option(dest, spelt, call.place, None, default[1] if default else None if takes else False, True)
        yield option if takes else replace(option, action="store_true")


def _globals(module: Module, before: ast.Call) -> Iterator[Option]:
    """The literal globals above an ``exec(open(...).read())``: what the file that is run may set."""
    for node in module.tree.body:
        if node.lineno >= before.lineno:
            return
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            known, value = _field_default(node.value)
            if known and isinstance(value, (int, float, str)) and not name.startswith("_"):
                yield _option(name, (f"--{name}",), module.place(node), type(value).__name__, value, True)


READERS: dict[str, Callable[[str, Call], Iterator[Option]]] = {
    "click": _click,
    "absl": _flags,
    "tf.flags": _flags,
    "tyro": _fields(True),
    "HfArgumentParser": _fields(False),
    "fire": _fire,
    "docopt": _docopt,
}
