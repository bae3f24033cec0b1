"""Every use of a path in a program, and the origins that the used paths start at: a literal, an option, or nothing that is known."""

from __future__ import annotations

import ast
import itertools
import re
from dataclasses import dataclass, field

from migrate.facts.calls import Row, Table, act_of, candidates, path_argument, rows_of
from migrate.facts.locations import REMOTE, is_file_like, words
from migrate.facts.model import Option, Span
from migrate.facts.parts import IN_MEMORY, NOT_RUN, Part, Value
from migrate.facts.program import CallSite, Module, Program
from migrate.facts.reach import dormant, reached
from migrate.facts.values import Values

BESIDE_INPUT = "it is written beside an input"
NO_FILE = ("os.devnull", "sys.stdout", "sys.stderr", "sys.stdin")


@dataclass(frozen=True, eq=False)
class PathUse:
    """One call with a path. ``argument`` is None when the call leaves the path to the library's default."""

    module: Module
    call: ast.Call
    row: Row
    act: str  # read, write, make, test, list, remove
    argument: ast.expr | None
    values: tuple[Value, ...]

    @property
    def line(self) -> int:
        return self.call.lineno


@dataclass(eq=False)
class Origin:
    """Where paths start. ``text`` is what is known of the literal itself, or of the option's default (None: there is none)."""

    kind: str  # literal, option, anchor (an expression that names the working folder or the code's own)
    module: Module
    node: ast.expr | None  # the literal; for an option the default's expression, if it is a literal
    option: Option | None
    text: str | None
    names: set[str] = field(default_factory=set)
    uses: list[tuple[PathUse, Value]] = field(default_factory=list)
    joined: ast.Call | ast.BinOp | None = None  # of an anchor: the join that it starts

    @property
    def line(self) -> int:
        if self.option is not None:
            return self.option.place.span.line
        return self.node.lineno if self.node is not None else 1

    def acts(self) -> set[str]:
        return {use.act for use, _ in self.uses}


@dataclass(frozen=True, eq=False)
class Unknown:
    """A use whose path starts at nothing known, with the reason."""

    use: PathUse
    value: Value
    reason: str


@dataclass
class Uses:
    """All uses of one program, by origin."""

    uses: list[PathUse] = field(default_factory=list)
    origins: dict[tuple[object, ...], Origin] = field(default_factory=dict)
    unknown: list[Unknown] = field(default_factory=list)
    placed: set[int] = field(default_factory=set)  # ids of uses whose path an earlier apply has given its place
    moved: list[tuple[PathUse, Value]] = field(default_factory=list)  # the same, with the value that starts at the variable
    beside: list[Unknown] = field(default_factory=list)  # writes into a channel that an earlier apply made
    remote: list[tuple[PathUse, str]] = field(default_factory=list)
    defaulted: list[PathUse] = field(default_factory=list)


def find_uses(program: Program, values: Values, calls: Table) -> Uses:
    """Every call of the table in the program, with its origins."""
    found = Uses()
    alive = reached(program)
    for module in program.modules.values():
        asleep = dormant(module, program)
        for call in candidates(calls, program, module):
            rows = rows_of(calls, program, module, call)
            function = module.scope(call).function() if rows else None
            if id(call) in asleep or (function is not None and id(function.node) not in alive):
                continue
            given = [(site.module, site.call) for site in _handed_on(program, module, call)] or [(module, call)] if rows else []
            for row, (module_of, given_call) in itertools.product(rows, given):
                _note(program, values, found, row, module_of, given_call)
    for key in [key for key, origin in found.origins.items() if _is_choice(program, origin)]:
        del found.origins[key]
    return found


def _is_choice(program: Program, origin: Origin) -> bool:
    """Whether a text is a word that the code tells from others under the name that it is given to: ``weights == "imagenet"``."""
    text = origin.text or ""
    if not re.fullmatch(r"\w+", text):
        return False
    for module in program.modules.values():
        for node in module.nodes.of(ast.Compare) if text in module.text else ():
            if isinstance(node.left, (ast.Name, ast.Attribute)) and isinstance(node.ops[0], (ast.Eq, ast.In)):
                name = node.left.id if isinstance(node.left, ast.Name) else node.left.attr
                told = any(isinstance(n, ast.Constant) and n.value == text for n in ast.walk(node.comparators[0]))
                if told and words(name) & origin.names:
                    return True
    return False


def _handed_on(program: Program, module: Module, call: ast.Call) -> list[CallSite]:
    """Where the arguments of a call are given that hands on all those of its function: ``def save(*args): torch.save(*args)``."""
    scope = module.scope(call).function()
    first = call.args[0].value if call.args and isinstance(call.args[0], ast.Starred) else None
    if scope is None or not isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)) or not isinstance(first, ast.Name):
        return []
    arguments = scope.node.args
    whole = arguments.vararg is not None and arguments.vararg.arg == first.id and not arguments.args and not arguments.posonlyargs
    return program.calls_of.get(id(scope.node), []) if whole else []


def _note(program: Program, values: Values, found: Uses, row: Row, module: Module, call: ast.Call) -> None:
    """One use of one row, with the origins of its path."""
    argument = path_argument(row, call)
    if argument is None:
        spread = any(k.arg is None for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args)
        if row.default is not None and not spread:
            found.defaulted.append(PathUse(module, call, row, row.act, None, ()))
        return
    if isinstance(argument, ast.Constant) and argument.value is None:
        return
    use = PathUse(
        module, call, row, act_of(row, call, lambda mode: _texts(module, values, mode)), argument, tuple(_each(module, values, argument))
    )
    if _is_path_method(program, use):
        if use.act == "open":
            for value in use.values:
                found.unknown.append(Unknown(use, value, "whether it is read or written is not followed"))
            return
        found.uses.append(use)
        for value in use.values:
            _place(program, values, found, use, value, 0)


def _texts(module: Module, values: Values, node: ast.expr) -> list[str] | None:
    """The texts that an expression may be; None where not all are known."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else None
    found = values.of(module, node)
    known = all(part.kind == "literal" for value in found for part in value)
    return ["".join(part.text for part in value) for value in found] if found and known else None


def _each(module: Module, values: Values, argument: ast.expr) -> list[Value]:
    """The values of an argument; those of each element where a list of files is given."""
    if isinstance(argument, (ast.List, ast.Tuple)):
        return [v for element in argument.elts for v in values.of(module, element)]
    return values.of(module, argument)


def _is_path_method(program: Program, use: PathUse) -> bool:
    """A method row (``.save``, ``.exists``) is believed only where something of its path is known: the object may be anything. Where the
    program has methods of that name too, it has to look like a path: ``trainer.save("latest")`` gives a label."""
    if not use.row.name.startswith("."):
        return True
    if program.has_method(use.row.name[1:]) and not any(_looks_like_path(value) for value in use.values):
        return False
    return any(
        part.kind in ("literal", "option") and _is_text(part.text if part.kind == "literal" else part.option)
        for value in use.values
        for part in value
    )


def _looks_like_path(value: Value) -> bool:
    text = "".join(part.text if part.kind == "literal" else "*" for part in value)
    known = any(p.kind in ("anchor", "env") or (p.option is not None and isinstance(p.option.default, str)) for p in value)
    return "/" in text or is_file_like(text) or text.startswith(("~", ".")) or (known and len(value) > 1)


def _is_text(text: object) -> bool:
    if isinstance(text, Option):
        return text.default is None or isinstance(text.default, str)
    return not str(text).replace(".", "", 1).isdigit()


def _place(program: Program, values: Values, found: Uses, use: PathUse, value: Value, depth: int) -> None:
    parts = [p for p in value if not (p.kind == "literal" and p.text == "")]
    first = parts[0] if parts else (value[0] if value else None)
    if first is None:
        return
    if first.kind == "literal" and not first.text.strip("./") and len(parts) > 1 and parts[1].kind == "option":
        if any("/" in part.text for part in parts[2:] if part.kind == "literal"):
            found.unknown.append(Unknown(use, value, "its folder is filled in"))
            return
    if (
        first.kind == "literal"
        and first.node is not None
        and first.module is not None
        and isinstance(first.node, (ast.Constant, ast.JoinedStr))
    ):
        text = node_text(first.node)
        if text is None or text.startswith("*"):
            return
        if REMOTE.match(text):
            found.remote.append((use, text))
            return
        key = ("literal", first.module.path, Span.of(first.node))
        origin = found.origins.get(key)
        if origin is None:
            origin = found.origins[key] = Origin("literal", first.module, first.node, None, text, names_around(first.module, first.node))
        origin.uses.append((use, value))
    elif first.kind == "option" and first.option is not None:
        _place_option(program, values, found, use, value, depth)
    elif first.kind == "env" and first.text.startswith("SM_"):
        found.placed.add(id(use))
        found.moved.append((use, value))
        if first.text.startswith("SM_CHANNEL_") and use.act == "write":
            found.beside.append(Unknown(use, value, BESIDE_INPUT))
    elif first.kind == "anchor" and first.node is not None and first.module is not None:
        key = ("anchor", first.module.path, Span.of(first.node))
        anchor = found.origins.get(key)
        if anchor is None:
            anchor = found.origins[key] = Origin("anchor", first.module, first.node, None, None, joined=first.joined)
        anchor.uses.append((use, value))
    elif first.kind == "hole" and (first.text in ("None", IN_MEMORY, NOT_RUN) or first.text.endswith(NO_FILE)):
        return
    else:
        reason = f"it starts at the environment variable {first.text}" if first.kind == "env" else f"it starts at {first.text}"
        if first.kind == "literal":
            reason = "it starts at the working folder, asked of the system"
        found.unknown.append(Unknown(use, value, reason))


def _place_option(program: Program, values: Values, found: Uses, use: PathUse, value: Value, depth: int) -> None:
    option = next(p.option for p in value if p.option is not None)
    module = program.modules.get(option.place.path)
    if module is None:
        return
    default = default_expression(module, option)
    text = option.default if option.default_known and isinstance(option.default, str) else None
    if default is not None and not isinstance(default, ast.Constant) and depth < 3:
        inners = values.of(module, default)
        if is_certain_text(default) and all(i[0].kind == "hole" or is_home(i[0]) for i in inners):
            key: tuple[object, ...] = ("option", option.place.path, option.place.span)
            computed = found.origins.setdefault(key, Origin("option", module, default, option, None, words(option.dest)))
            computed.uses.append((use, value))
            return
        for inner in inners:
            if not (inner and inner[0].kind == "hole" and inner[0].text == "None"):
                _place(program, values, found, use, (*inner, *value[1:]), depth + 1)
        return
    key = ("option", option.place.path, option.place.span)
    origin = found.origins.get(key)
    if origin is None:
        node = default if isinstance(default, ast.Constant) and isinstance(default.value, str) else None
        origin = found.origins[key] = Origin("option", module, node, option, text, words(option.dest))
    origin.uses.append((use, value))


def is_home(part: Part) -> bool:
    """Whether a path starts at the user's folder: ``os.path.expanduser("~")``."""
    return (part.kind == "literal" and part.text in ("~", "~/")) or (part.kind == "hole" and part.text.startswith("`Path.home()`"))


def default_expression(module: Module, option: Option) -> ast.expr | None:
    """The expression given as ``default=`` of an option."""
    if option.default_span is None:
        return None
    return next(iter(module.expressions(option.default_span)), None)


def node_text(node: ast.expr) -> str | None:
    """The text of a literal; of an f-string what stands before its first field."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        first = node.values[0] if node.values else None
        return str(first.value) if isinstance(first, ast.Constant) else ""
    return None


def names_around(module: Module, node: ast.expr) -> set[str]:
    """The words of what the code calls a literal: the variable, keyword, dictionary key or parameter that it is given to."""
    found: set[str] = set()
    child: ast.AST = node
    current = module.parent(node)
    while current is not None:
        if isinstance(current, ast.keyword) and current.arg:
            return found | words(current.arg)
        if isinstance(current, (ast.Assign, ast.AnnAssign)):
            for target in current.targets if isinstance(current, ast.Assign) else [current.target]:
                found |= _target_words(target)
            return found
        if isinstance(current, ast.Dict):
            for key, value in zip(current.keys, current.values, strict=True):
                if value is child and isinstance(key, ast.Constant):
                    return found | words(str(key.value))
        if isinstance(current, ast.arguments):
            return found | _parameter_words(current, child)
        if isinstance(current, ast.stmt):
            return found
        child, current = current, module.parent(current)
    return found


def _target_words(target: ast.expr) -> set[str]:
    if isinstance(target, ast.Name):
        return words(target.id)
    if isinstance(target, ast.Attribute):
        return words(target.attr)
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return words(str(target.slice.value))
    if isinstance(target, (ast.Tuple, ast.List)):
        return set().union(*(_target_words(e) for e in target.elts))
    return set()


def _parameter_words(arguments: ast.arguments, default: ast.AST) -> set[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    for argument, value in zip(reversed(positional), reversed(arguments.defaults), strict=False):
        if value is default:
            return words(argument.arg)
    for argument, kw_value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if kw_value is default:
            return words(argument.arg)
    return set()


def is_certain_text(node: ast.expr) -> bool:
    """Whether an expression is a ``str`` by its form alone."""
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return is_certain_text(node.left) or is_certain_text(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "format" and isinstance(node.func.value, ast.Constant):
            return True
        return ast.unparse(node.func) in ("os.path.join", "osp.join")
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
