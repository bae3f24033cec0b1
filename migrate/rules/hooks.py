"""The one edit that makes every option of a parser reachable: its parse call takes its argv from the support module."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from migrate.edits.imports import local_name
from migrate.edits.model import AddArgument, Edit, Insert, Replace
from migrate.facts.model import FLAGS_LIBRARY, Option, ParseSite, Span
from migrate.facts.program import Module, Program
from migrate.rules.base import Context
from migrate.rules.model import Finding

SUPPORT = "sagemaker_support"
FAITHFUL = ("argparse.", "configargparse.", "transformers.", "rich_argparse.")  # parse as argparse does


@dataclass(frozen=True)
class Hook:
    """What mends one parse call: ``edits``, or the ``reason`` why there are none. ``fix`` is safe, unsafe or none."""

    site: ParseSite
    edits: tuple[Edit, ...]
    reason: str | None = None

    @property
    def fix(self) -> str:
        if not self.edits:
            return "none"
        faithful = self.site.library.startswith(FAITHFUL) or "." not in self.site.library
        return "safe" if faithful else "unsafe"


def pending(context: Context) -> list[ParseSite]:
    """The parse calls that read the process's own argv as it comes."""
    return [site for site in context.arguments.sites if site.argv in ("none", "sys.argv")]


_KNOWN: WeakKeyDictionary[Program, list[Hook]] = WeakKeyDictionary()  # every rule asks for the same hooks, once an option


def hooks(context: Context) -> list[Hook]:
    """A hook for each pending parse call."""
    if context.program not in _KNOWN:
        _KNOWN[context.program] = [hook(context, site) for site in pending(context)]
    return _KNOWN[context.program]


def hook(context: Context, site: ParseSite) -> Hook:
    """The edits that let ``site`` take its argv from the support module."""
    module = context.program.modules[site.place.path]
    if site.library == FLAGS_LIBRARY:
        return _flags_hook(context, module, site)
    call = expression_at(module, site.place.span)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return Hook(site, (), "the call that parses is not written as a call of a parser's method")
    if any(isinstance(arg, ast.Starred) for arg in call.args) or any(keyword.arg is None for keyword in call.keywords):
        return Hook(site, (), "the arguments of the call that parses are spread from a value")
    receiver = _receiver_text(module, call.func.value)
    if receiver is None:
        return _call_on_expression(context, module, site, call)
    function, added = support_name(context, module, "sagemaker_argv", site.place.span)
    if site.argv_span is None:
        return Hook(site, (*added, AddArgument(module.path, site.place.span, f"{function}({receiver})")))
    given = expression_at(module, site.argv_span)
    plain = isinstance(given, ast.Constant) or ast.unparse(given) == "sys.argv[1:]"
    code = f"{function}({receiver})" if plain else f"{function}({receiver}, {segment(module, given)})"
    return Hook(site, (*added, Replace(module.path, site.argv_span, code)))


def _flags_hook(context: Context, module: Module, site: ParseSite) -> Hook:
    """``sys.argv[1:] = sagemaker_flags(FLAGS)`` before the statement that reads absl's flags."""
    sys, needed = local_name(module.tree, module.path, "sys", before=site.place.span)
    function, added = support_name(context, module, "sagemaker_flags", site.place.span)
    line = f"{sys}.argv[1:] = {function}({site.receiver_text})"
    return Hook(site, (*([needed] if needed else []), *added, Insert(module.path, site.place.span, line)))


def _receiver_text(module: Module, receiver: ast.expr) -> str | None:
    """The receiver's source where writing it a second time means the same: a name, ``self.parser``; ``self`` for ``super()``."""
    if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Name) and receiver.func.id == "super":
        function = module.scope(receiver).function()
        if function is not None and isinstance(function.node, ast.FunctionDef) and function.node.args.args:
            return function.node.args.args[0].arg
        return None
    part = receiver
    while isinstance(part, ast.Attribute):
        part = part.value
    return ast.unparse(receiver) if isinstance(part, ast.Name) else None


def _call_on_expression(context: Context, module: Module, site: ParseSite, call: ast.Call) -> Hook:
    """``get_parser().parse_args()`` becomes ``parse_args(get_parser())``, so that the parser is made once."""
    assert isinstance(call.func, ast.Attribute)
    if call.args or call.keywords:
        return Hook(site, (), "the parser is made in the call that parses, which takes arguments of its own; give the parser a name first")
    function, added = support_name(context, module, "parse_args", site.place.span)
    method = "" if site.method == "parse_args" else f', "{site.method}"'
    code = f"{function}({segment(module, call.func.value)}{method})"
    return Hook(site, (*added, Replace(module.path, site.place.span, code)))


def support_name(context: Context, module: Module, name: str, before: Span | None) -> tuple[str, tuple[Edit, ...]]:
    """The local name of a function of the support module, which lies beside ``module``, and the import that it needs."""
    member, top = imported_as(context, module)
    local, added = local_name(
        module.tree, module.path, SUPPORT, name, level=1 if member and not top else 0, before=before, either=member and top
    )
    return local, (added,) if added else ()


def imported_as(context: Context, module: Module) -> tuple[bool, bool]:
    """Whether ``module`` may be loaded as a member of a package, and whether by its bare name or as the script."""
    program = context.program
    script = module.path == program.entry
    packaged = program.resolver(module.path, None, 1) is not None  # an __init__.py stands beside it: others may load it as a member
    member = packaged or (script and context.as_module and "/" in module.path)
    top = script
    for other in program.modules.values():
        for name, level in other.imported():
            if program.resolver(other.path, name, level) == module.path and other is not module:
                inside = level > 0 or "." in (name or "")
                member, top = member or inside, top or not inside
    if module.path.endswith("/__init__.py"):
        return True, False
    if context.as_module and script and any(isinstance(node, ast.ImportFrom) and node.level for node in module.tree.body):
        return True, False  # by its bare name it would not even start
    return member, top or not member


def expression_at(module: Module, span: Span) -> ast.expr:
    """The outermost expression of exactly this span."""
    for node in module.expressions(span):
        return node
    raise LookupError(f"{module.path}:{span.line}: no expression at this span")


def segment(module: Module, node: ast.expr) -> str:
    """The source of an expression as it is written."""
    lines = module.source.splitlines(keepends=True)
    span = Span.of(node)
    if span.line != span.end_line or not lines[span.line - 1].isascii():
        return ast.unparse(node)
    return lines[span.line - 1][span.column : span.end_column].decode("ascii")


def blank_lines(module: Module, first: ast.stmt) -> list[str]:
    """The empty lines that a function put before ``first`` (and the comment above it) still needs, so that two stand above it."""
    lines = module.source.splitlines()
    line = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))]) - 1
    while line and lines[line - 1].startswith(b"#"):
        line -= 1
    above = 0
    while line - above > 0 and not lines[line - above - 1].strip():
        above += 1
    return [""] * (max(0, 2 - above) if module.tree.body[0] is not first else 1)


def option_finding(context: Context, rule: tuple[str, str], option: Option, severity: str, message: str) -> Finding:
    """A finding about one option, mended by the hook of every pending parse call."""
    found = hooks(context)
    edits = tuple(dict.fromkeys(edit for one in found for edit in one.edits))
    reason = next((one.reason for one in found if one.reason), None)
    fix = "none" if reason else "unsafe" if any(one.fix == "unsafe" for one in found) else "safe"
    return Finding(rule[0], rule[1], option.place, severity, message, fix, reason, edits=() if reason else edits)


def spelling(option: Option) -> str:
    """How a person calls the option: its first long spelling, a positional by its name."""
    return next((o for o in option.options if o.startswith("--")), option.options[0] if option.options else option.dest)
