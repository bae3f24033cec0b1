"""What one file runs, named: its functions, classes and running code, with the names each uses and the training acts each holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

RUNNING = "<main>"  # what runs when the file is started as a script
IMPORTED = "<import>"  # what runs when it is imported

ACTS = frozenset(
    """
    backward manual_backward step fit fit_generator fit_one_cycle fine_tune train_on_batch partial_fit minimize
    apply_gradients train train_and_evaluate learn run update cv value_and_grad grad LightningCLI train_detector
    train_model train_segmentor train_unsuper fit_transform run_training Word2Vec FastText Doc2Vec LdaModel LdaMulticore
    """.split()
)


_PLAIN_FIELDS = frozenset(
    "ctx op ops id attr arg name asname names module level kind type_comment conversion simple is_async type_ignores".split()
)
_STATEMENTS = frozenset({ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.With, ast.AsyncWith})
_NAMES = re.compile(r"^[A-Za-z_]\w{0,60}(?:\.[A-Za-z_]\w{0,60}){1,6}$")


@dataclass(frozen=True)
class Act:
    """A call that may train: ``method`` on ``receiver`` (dotted, None when it is no name); ``made_by`` is the call that made the
    receiver in place."""

    method: str
    receiver: str | None
    made_by: str | None
    arguments: int  # how many, keywords too
    only_flag: bool  # one argument, a boolean or a name like is_train: switches a mode
    line: int
    words: str = ""  # of run: the names in its first argument


@dataclass
class Body:
    """One stretch of code: the names it loads, attribute names, dotted names, acts, and calls that choose a function by its name."""

    names: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    dotted: set[str] = field(default_factory=set)
    acts: list[Act] = field(default_factory=list)
    strings: set[str] = field(default_factory=set)  # texts that may name something: ``package.module.Class``


@dataclass
class Outline:
    """``imported`` maps a local name to (module, level, member or None); ``made`` a variable's or attribute's last name to the calls
    that fill it."""

    bodies: dict[str, Body] = field(default_factory=dict)
    methods: dict[str, set[str]] = field(default_factory=dict)
    bases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    decorators: dict[str, tuple[str, ...]] = field(default_factory=dict)
    imported: dict[str, tuple[str | None, int, str | None]] = field(default_factory=dict)
    stars: list[tuple[str | None, int]] = field(default_factory=list)
    made: dict[str, set[str]] = field(default_factory=dict)
    libraries: set[str] = field(default_factory=set)  # first names of absolute imports
    guarded: bool = False

    @cached_property
    def known(self) -> frozenset[str]:
        """Names that mean something of this file or an import."""
        return frozenset(self.bodies) | self.imported.keys()


def dotted(node: ast.AST) -> str | None:
    """``a.b.c`` for a chain of names, None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def is_main_guard(node: ast.stmt) -> bool:
    """``if __name__ == "__main__":``, also with more conditions."""
    return isinstance(node, ast.If) and any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test))


def read(module: ast.Module) -> Outline:
    """The outline of a parsed file."""
    outline = Outline()
    running, imported = Body(), Body()
    outline.bodies = {RUNNING: running, IMPORTED: imported}
    _statements(outline, module.body, running, imported)
    return outline


def _statements(outline: Outline, statements: Iterable[ast.stmt], running: Body, imported: Body | None) -> None:
    for node in statements:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            _function(outline, node, node.name)
        elif isinstance(node, ast.ClassDef):
            _class(outline, node)
        elif is_main_guard(node):
            assert isinstance(node, ast.If)
            outline.guarded = True
            _statements(outline, node.body, running, None)
            _statements(outline, node.orelse, running, imported)
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)) and _defines(node):
            for name, value in ast.iter_fields(node):
                if name in {"body", "orelse", "finalbody"}:
                    _statements(outline, value, running, imported)
                elif name == "handlers":
                    for handler in value:
                        _statements(outline, handler.body, running, imported)
                elif isinstance(value, ast.expr):
                    _collect(outline, [value], running, imported)
                elif name == "items":
                    _collect(outline, [item.context_expr for item in value], running, imported)
        else:
            _collect(outline, [node], running, imported)


def _defines(node: ast.AST) -> bool:
    """Whether a block holds definitions or a main guard, at any depth of blocks."""
    for name in ("body", "orelse", "finalbody", "handlers"):
        for part in getattr(node, name, ()):
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                return True
            if isinstance(part, (ast.If, ast.Try, ast.With, ast.For, ast.While, ast.ExceptHandler)) and (_is_guard(part) or _defines(part)):
                return True
    return False


def _is_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and is_main_guard(node)


def _function(outline: Outline, node: ast.FunctionDef | ast.AsyncFunctionDef, key: str) -> None:
    body = outline.bodies.setdefault(key, Body())
    _collect(outline, [*node.body, *node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)], body, None)
    if node.decorator_list:
        outline.decorators[key] = tuple(
            name for d in node.decorator_list if (name := dotted(d.func if isinstance(d, ast.Call) else d)) is not None
        )
        _collect(outline, list(node.decorator_list), body, None)


def _class(outline: Outline, node: ast.ClassDef) -> None:
    body = outline.bodies.setdefault(node.name, Body())
    outline.bases[node.name] = tuple(name for base in node.bases if (name := dotted(base)) is not None)
    methods = outline.methods.setdefault(node.name, set())
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            methods.add(statement.name)
            _function(outline, statement, f"{node.name}.{statement.name}")
        else:
            _collect(outline, [statement], body, None)


def _collect(outline: Outline, roots: Iterable[ast.AST], body: Body, also: Body | None) -> None:
    """Adds what ``roots`` hold, nested functions and classes included."""
    target = Body()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind is ast.Name:
            if type(node.ctx) is ast.Load:  # type: ignore[attr-defined]
                target.names.add(node.id)  # type: ignore[attr-defined]
            continue
        if kind is ast.Constant:
            text = node.value  # type: ignore[attr-defined]
            if type(text) is str and "." in text and _NAMES.match(text):
                target.strings.add(text)
            continue
        if kind is ast.Attribute:
            target.attributes.add(node.attr)  # type: ignore[attr-defined]
            name = dotted(node)
            if name is not None:
                target.dotted.add(name)
        elif kind is ast.Call:
            _call(node, target)  # type: ignore[arg-type]
        elif kind in _STATEMENTS:
            _statement(outline, node)
        for field_name in _fields(kind):
            value = getattr(node, field_name, None)
            if type(value) is list:
                waiting += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)
    for each in (body, also):
        if each is not None:
            each.names |= target.names
            each.attributes |= target.attributes
            each.dotted |= target.dotted
            each.acts += target.acts
            each.strings |= target.strings


def _statement(outline: Outline, node: ast.AST) -> None:
    """Notes imports, and which calls fill which names."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        _import(outline, node)
    elif isinstance(node, ast.Assign):
        _made(outline, node.targets, node.value)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
        if node.value is not None:
            _made(outline, [node.target], node.value)
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        for item in node.items:
            if item.optional_vars is not None:
                _made(outline, [item.optional_vars], item.context_expr)


_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a node that hold nodes with names: no operators, contexts, plain texts or numbers."""
    found = _FIELDS.get(kind)
    if found is None:
        found = _FIELDS[kind] = tuple(name for name in kind._fields if name not in _PLAIN_FIELDS)
    return found


def _call(node: ast.Call, body: Body) -> None:
    function = node.func
    if isinstance(function, ast.Call) and isinstance(function.func, ast.Name) and len(function.args) == 1 and not function.keywords:
        function = function.args[0]  # keras_fit(model.fit)(...), as an earlier apply leaves it
    if isinstance(function, ast.Attribute):
        method, receiver = function.attr, dotted(function.value)
        inner = function.value
        while isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and dotted(inner.func) is None:
            inner = inner.func.value  # Model().compile(...).fit(...)
        made_by = dotted(inner.func) if isinstance(inner, ast.Call) else None
    elif isinstance(function, ast.Name):
        method, receiver, made_by = function.id, None, None
    else:
        return
    if method not in ACTS:
        return
    count = len(node.args) + len(node.keywords)
    only_flag = count == 1 and (not node.keywords or node.keywords[0].arg in {"mode", "is_train", "train"})
    if only_flag and node.args:
        first = node.args[0]
        name = (dotted(first) or "").rpartition(".")[2]
        only_flag = (
            (isinstance(first, ast.Constant) and isinstance(first.value, bool)) or "train" in name and name not in {"train", "train_data"}
        )
        only_flag = only_flag or isinstance(first, (ast.Compare, ast.UnaryOp, ast.BoolOp))
    body.acts.append(
        Act(
            method,
            receiver if isinstance(function, ast.Attribute) else "",
            made_by,
            count,
            only_flag,
            node.lineno,
            _words(node) if method == "run" else "",
        )
    )


def _words(node: ast.Call) -> str:
    parts = ast.walk(node.args[0]) if node.args else []
    return " ".join(part.id if isinstance(part, ast.Name) else part.attr for part in parts if isinstance(part, (ast.Name, ast.Attribute)))


def _import(outline: Outline, node: ast.Import | ast.ImportFrom) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            first = alias.name.split(".")[0]
            outline.libraries.add(first)
            outline.imported[alias.asname or first] = (alias.name if alias.asname else first, 0, None)
        return
    if node.level == 0 and node.module:
        outline.libraries.add(node.module.split(".")[0])
    for alias in node.names:
        if alias.name == "*":
            outline.stars.append((node.module, node.level))
        else:
            outline.imported[alias.asname or alias.name] = (node.module, node.level, alias.name)


def _made(outline: Outline, targets: Iterable[ast.expr], value: ast.expr) -> None:
    makers = {name for part in _calls(value) if (name := dotted(part.func)) is not None}
    if not makers:
        return
    flat: list[ast.expr] = []
    for target in targets:
        flat += target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    for target in flat:
        while isinstance(target, (ast.Subscript, ast.Starred)):
            target = target.value
        name = (dotted(target) or "").rpartition(".")[2]
        if name:
            outline.made.setdefault(name, set()).update(makers)


def _calls(value: ast.expr) -> list[ast.Call]:
    """The calls whose result ``value`` may be: through chained calls, conditional expressions and lists."""
    if isinstance(value, ast.Call):
        inner = value.func.value if isinstance(value.func, ast.Attribute) else None
        return [value, *(_calls(inner) if inner is not None else [])]
    if isinstance(value, ast.IfExp):
        return [*_calls(value.body), *_calls(value.orelse)]
    if isinstance(value, (ast.BoolOp,)):
        return [call for part in value.values for call in _calls(part)]
    if isinstance(value, (ast.List, ast.Tuple)):
        return [call for part in value.elts for call in _calls(part)]
    return []
