"""What the code around an origin says of it: how it stands in a path, what it is compared with, whether a part of it is known."""

from __future__ import annotations

import ast
import itertools

from migrate.facts.model import Place, Span
from migrate.facts.notes import once
from migrate.facts.parts import Value, text_of
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive
from migrate.facts.uses import Origin, Uses
from migrate.facts.values import Values


def names_behind(origin: Origin) -> list[str]:
    """The names that an anchor is joined to, where all of them are literals."""
    join = origin.joined
    behind = [] if join is None else [join.right] if isinstance(join, ast.BinOp) else join.args[1:]
    names = [a.value for a in behind if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return names if len(names) == len(behind) else []


def names_in_the_middle(program: Program, values: Values, uses: Uses) -> set[tuple[Place, str]]:
    """Options with text before them in some path, as in ``args.save = "eval-{}".format(args.save)`` and ``"./{}/x.png"``: names, or
    folders that have to stay what they are. Each by its place and dest."""
    options = {o.option.dest for o in uses.origins.values() if o.option is not None}
    assigned = [
        value
        for module in program.modules.values()
        for names, node in _stored(module)
        if not options.isdisjoint(names) and is_alive(program, module, node)
        for value in values.of(module, node.value)
    ]
    found: set[tuple[Place, str]] = set()
    for value in [*assigned, *(value for use in uses.uses for value in use.values)]:
        first = next((n for n, part in enumerate(value) if part.kind != "literal"), None)
        option = value[first].option if first else None
        if option is not None and any(part.text for part in value[:first]):
            found.add((option.place, option.dest))
    return found


@once
def _stored(module: Module) -> list[tuple[list[str], ast.Assign]]:
    """The assignments to attributes, each with their names."""
    found = (([t.attr for t in node.targets if isinstance(t, ast.Attribute)], node) for node in module.nodes.of(ast.Assign))
    return [(names, node) for names, node in found if names]


def starts_join(program: Program, origin: Origin) -> bool:
    """Whether a literal is the first argument of an ``os.path.join``."""
    parent = origin.module.parent(origin.node) if origin.node is not None else None
    return (
        isinstance(parent, ast.Call)
        and len(parent.args) > 1
        and parent.args[0] is origin.node
        and program.qualified(origin.module, parent.func) == "os.path.join"
    )


def starts_path(origin: Origin) -> bool:
    """Whether a folder's expression stands at the head of one path, ``os.getcwd() + "/out/x.txt"``, rather than being given a name."""
    parent = origin.module.parent(origin.node) if origin.node is not None else None
    if isinstance(parent, ast.FormattedValue):
        return True
    tail = parent.right if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add) and parent.left is origin.node else None
    return tail is not None and not (isinstance(tail, ast.Constant) and not str(tail.value).strip("./"))


def stands_behind(origin: Origin) -> bool:
    """Whether a literal is joined to what stands before it, by its form: ``folder / "a.png"``."""
    child = origin.node
    parent = origin.module.parent(child) if child is not None else None
    while isinstance(parent, (ast.BinOp, ast.Call, ast.Attribute, ast.FormattedValue, ast.JoinedStr)):
        if isinstance(parent, ast.BinOp) and parent.right is child and isinstance(parent.op, (ast.Add, ast.Div)):
            return True
        if isinstance(parent, ast.Call) and child is not parent.func:
            joins = isinstance(parent.func, ast.Attribute) and parent.func.attr in ("join", "joinpath")
            first = (
                parent.args and parent.args[0] is child and not (isinstance(parent.func, ast.Attribute) and parent.func.attr == "joinpath")
            )
            return joins and not first
        child, parent = parent, origin.module.parent(parent)
    return False


def inside_others(uses: Uses) -> set[int]:
    """Origins (by id) that also stand inside another path's text, as in ``"best_" + name``: there a folder would stand in the middle."""
    by_place = {(key[1], key[2]): origin for key, origin in uses.origins.items()}
    found = {id(origin) for origin in uses.origins.values() if origin.kind == "literal" and stands_behind(origin)}
    for use in uses.uses:
        for value in use.values:
            for before, part in zip(value, value[1:], strict=False):
                after_slash = before.kind == "literal" and before.text.endswith("/")
                if after_slash or part.node is value[0].node and part.node is not None:
                    continue
                place = (part.option.place.path, part.option.place.span) if part.option is not None else None
                if part.kind == "literal" and part.module is not None and part.node is not None:
                    place = (part.module.path, Span.of(part.node))
                origin = by_place.get(place) if place is not None else None
                if origin is not None:
                    found.add(id(origin))
    return found


def prefixes(origin: Origin, acts: tuple[str, ...] | None = None) -> set[str]:
    """The paths that start at the origin, as far as they are literal."""
    found: set[str] = set()
    for use, value in origin.uses:
        if acts is None or use.act in acts:
            known = list(itertools.takewhile(lambda part: part.kind in ("literal", "option"), value))
            found.add(text_of(tuple(known)) if len(known) == len(value) else text_of(tuple(known)).rpartition("/")[0] or origin.text or "")
    return found


def is_derived_from(origin: Origin) -> bool:
    """Whether the origin itself is read, and what is written only has a name made from it: ``Path(weights).with_suffix(".onnx")``."""
    read = any(u.act == "read" and is_known(v) for u, v in origin.uses)
    written = [v for u, v in origin.uses if u.act in ("write", "make")]
    beside = bool(written) and all(len(v) > 1 and v[1].kind == "literal" and v[1].text[:1] not in ("/", "") for v in written)
    if beside and any(u.act == "read" and len(v) == 1 for u, v in origin.uses):
        return True  # `f"{args.config}_done"`
    return read and "write" in origin.acts() and not any(is_known(v) for v in written)


def begins_names(origin: Origin) -> bool:
    """Whether a name goes on right behind it, with no slash between: a folder there would be another one, beside it."""
    return any(len(v) > 1 and v[1].kind == "literal" and v[1].text[:1] not in ("/", "") for _, v in origin.uses)


def is_known(value: Value) -> bool:
    return all(part.kind in ("literal", "option", "anchor") for part in value)


def has_pair(origin: Origin) -> bool:
    """Whether it is the default of a method, and another method of the class has the same: ``save(path="x.pt")``, ``load(path="x.pt")``."""
    holder = origin.module.parent(origin.node) if origin.node is not None else None
    method = origin.module.parent(holder) if isinstance(holder, ast.arguments) else None
    cls = origin.module.parent(method) if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
    if not isinstance(cls, ast.ClassDef):
        return False
    others = [m for m in cls.body if isinstance(m, (ast.FunctionDef, ast.AsyncFunctionDef)) and m is not method]
    defaults = [d for m in others for d in [*m.args.defaults, *m.args.kw_defaults]]
    return any(isinstance(d, ast.Constant) and d.value == origin.text for d in defaults)


def is_loaded_by_name(program: Program, origin: Origin) -> bool:
    """Whether a method of an unknown object saves under this text, and another loads it, of which nothing is known: ``learn.save("a")``,
    ``learn.load("a")``. It may be a name below a folder of the library's own."""
    saves = [u for u, _ in origin.uses if u.row.name == ".save" and u.act == "write"]
    if not saves or len(saves) < len([u for u, _ in origin.uses if u.act == "write"]):
        return False
    return any(
        isinstance(call.func, ast.Attribute) and isinstance(argument, ast.Constant) and argument.value == origin.text
        for module in program.modules.values()
        for call in module.calls_named("load")
        if program.qualified(module, call.func) is None
        for argument in call.args[:1]
    )


MERGES = ("merge_from_file", "merge_from_list", "merge_from_other_cfg", "cfg_from_file", "merge_a_into_b", "_merge_a_into_b")


def may_be_set_again(program: Program, origin: Origin) -> bool:
    """Whether a file that is merged at the script's start may put another value in its place: into a configuration object
    (``cfg.merge_from_file``), into parsed options (``vars(args).update``), or as their defaults (``set_defaults(**values)``)."""
    if origin.kind == "anchor":
        return False
    holder = origin.module.parent(origin.node) if origin.node is not None else None
    return _is_set_again(program, holder if origin.kind == "literal" else None, origin.kind == "option")


def was_set_again(program: Program, module: Module, node: ast.AST) -> bool:
    """The same of a default that an earlier apply has given its place: ``node`` asks for SageMaker's variable."""
    child, parent = node, module.parent(node)
    while isinstance(parent, ast.Call) and child in parent.args:  # the join around it
        child, parent = parent, module.parent(parent)
    return _is_set_again(program, parent, isinstance(parent, ast.keyword) and parent.arg == "default")


def _is_set_again(program: Program, holder: ast.AST | None, is_option: bool) -> bool:
    calls: list[tuple[Module, ast.Call]] = []
    if isinstance(holder, ast.Assign) and any(isinstance(target, ast.Attribute) for target in holder.targets):
        calls = [(m, c) for m in program.modules.values() for c in m.calls_named(*MERGES)]
    elif is_option:
        calls = [(m, c) for m in program.modules.values() for c in m.calls_named("update", "set_defaults") if _sets_options(c)]
    return any(is_alive(program, module, call) for module, call in calls)


def _sets_options(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    if call.func.attr == "set_defaults":
        return any(keyword.arg is None for keyword in call.keywords)
    of = call.func.value
    whole = isinstance(of, ast.Call) and isinstance(of.func, ast.Name) and of.func.id == "vars"
    return whole or (isinstance(of, ast.Attribute) and of.attr == "__dict__")


def quoted(text: str, quote: str) -> str:
    plain = repr(text)
    return quote + text + quote if quote not in text and plain[1:-1] == text else plain


def compared_names(program: Program) -> tuple[set[str], set[str]]:
    """Options that the code compares with texts: they choose something, they are no path; and those compared with the empty text."""
    pairs = {pair for module in program.modules.values() for pair in compared_in(module)}
    return {name for name, text in pairs if text not in ("", ".") and "/" not in text}, {name for name, text in pairs if text == ""}


def compared_in(module: Module) -> set[tuple[str, str]]:
    """Attributes that a module compares, with the texts."""
    known: set[tuple[str, str]] | None = module.notes.get("compared names")
    if known is not None:
        return known
    found: set[tuple[str, str]] = set()
    for node in module.nodes.of(ast.Compare):
        if not isinstance(node.left, ast.Attribute):
            continue
        for operator, other in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)):
                texts = other.elts if isinstance(other, (ast.List, ast.Tuple, ast.Set)) else [other]
                found |= {(node.left.attr, t.value) for t in texts if isinstance(t, ast.Constant) and isinstance(t.value, str)}
    module.notes["compared names"] = found
    return found
