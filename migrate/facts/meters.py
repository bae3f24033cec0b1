"""Meters that format themselves: a class of the script's own whose ``__str__`` writes a label and its values.

``AverageMeter("Loss", ":.4e")`` prints ``Loss 2.3026e+00 (2.3100e+00)`` wherever it is put into a line: the label and the form stand
where the meter is made, the line in its class.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator, Mapping

from migrate.facts.prints import Line, Part, Value, split_words
from migrate.facts.program import Class, Function, Module, Program
from migrate.facts.training.makers import live_calls

_Known = Mapping[str, str]  # the attributes of a meter that are texts, as it is made
_NAMES = 3  # followed from a name to the text that it holds


def meter_lines(program: Program) -> tuple[Line, ...]:
    """What each meter that the program makes writes of itself, each text once."""
    writers = {id(cls.node): (cls, method) for cls in program.classes if (method := _method(program, cls, "__str__")) is not None}
    if not writers:
        return ()
    found: dict[tuple[Part, ...], Line] = {}
    for module, call in live_calls(program):
        for made in program.definitions(module, call.func):
            cls, method = writers.get(id(made.node), (None, None)) if isinstance(made, Class) else (None, None)
            if cls is None or method is None:
                continue
            parts = _joined(_written(method, _known(program, cls, call)))
            if any(isinstance(part, Value) for part in parts) and any(isinstance(part, str) for part in parts):
                scope = module.scope(call).function()
                name = getattr(scope.node, "name", "") if scope is not None else ""
                several = parts in found and found[parts].function != name  # neither's own
                found[parts] = Line(parts, found[parts].place if parts in found else module.place(call), "" if several else name)
    return tuple(found.values())


def _method(program: Program, cls: Class, name: str) -> Function | None:
    node = next((each for each in cls.node.body if isinstance(each, ast.FunctionDef) and each.name == name), None)
    return program.function_of(node) if node is not None else None


def _known(program: Program, cls: Class, call: ast.Call) -> _Known:
    """The attributes that ``__init__`` takes from its arguments as they are, where those are texts here."""
    start = _method(program, cls, "__init__")
    if start is None:
        return {}
    names = start.parameters()
    given: dict[str, ast.expr | None] = {name: start.default(name) for name in names}
    given |= dict(zip(names, call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg in given}
    texts = {name: node.value for name, node in given.items() if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    known = {}
    for node in ast.walk(start.node):
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in texts:
            name = _own(target)
            if name is not None:
                known[name] = texts[node.value.id]
    return known


def _own(node: ast.expr | None) -> str | None:
    """The attribute of ``self`` that an expression is."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return None


def _written(method: Function, known: _Known) -> list[Part]:
    """What the one ``return`` of ``__str__`` writes; nothing where there are several."""
    returned = [node.value for node in ast.walk(method.node) if isinstance(node, ast.Return) and node.value is not None]
    return _parts(method.module, returned[0], known) if len(returned) == 1 else []


def _parts(module: Module, node: ast.expr, known: _Known) -> list[Part]:
    text = _text(module, node, known)
    if text is not None:
        return [text]
    if isinstance(node, ast.JoinedStr):
        return [part for value in node.values for part in _of_fstring(module, value, known)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_parts(module, node.left, known), *_parts(module, node.right, known)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        template = _text(module, node.func.value, known)
        return list(_of_format(module, template, node, known)) if template is not None else []
    return [Value("{}", _words(node))]


def _of_fstring(module: Module, value: ast.expr, known: _Known) -> list[Part]:
    if not isinstance(value, ast.FormattedValue) or value.conversion != -1:
        return _parts(module, value, known) if isinstance(value, ast.Constant) else [Value("{}")]
    spec = _text(module, value.format_spec, known) if value.format_spec is not None else ""
    own = _text(module, value.value, known)
    if own is not None and not spec:
        return [own]
    return [Value(f"{{:{spec}}}" if spec else "{}", _words(value.value))]


def _of_format(module: Module, template: str, call: ast.Call, known: _Known) -> Iterator[Part]:
    """``"{name} {val:f}".format(**self.__dict__)``, or with keywords and positions."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
    spread = any(keyword.arg is None for keyword in call.keywords)
    automatic = 0
    try:
        fields = list(string.Formatter().parse(template))
    except ValueError:
        return
    for text, name, spec, conversion in fields:
        if text:
            yield text
        if name is None:
            continue
        if not name:
            name, automatic = str(automatic), automatic + 1
        node = keywords.get(name) or (call.args[int(name)] if name.isdigit() and int(name) < len(call.args) else None)
        own = _text(module, node, known) if node is not None else known.get(name) if spread else None
        form = "{}" if conversion or "{" in (spec or "") else f"{{:{spec}}}" if spec else "{}"
        words = _words(node) if node is not None else _meant(name)
        yield own if own is not None and not spec else Value(form, words)


def _text(module: Module, node: ast.expr, known: _Known, names: int = _NAMES) -> str | None:
    """The text that an expression is, as far as the making of the meter tells."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        pieces = [_text(module, each.value if isinstance(each, ast.FormattedValue) else each, known, names) for each in node.values]
        return "".join(piece for piece in pieces if piece is not None) if None not in pieces else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(module, node.left, known, names), _text(module, node.right, known, names)
        return left + right if left is not None and right is not None else None
    name = _own(node)
    if name is not None:
        return known.get(name)
    if isinstance(node, ast.Name) and names:
        found = module.scope(node).lookup(node.id)
        [only] = found[1] if found is not None and len(found[1]) == 1 else [None]
        if only is not None and only.kind == "assign" and not only.index and only.value is not None:
            return _text(module, only.value, known, names - 1)
    return None


def _words(node: ast.AST) -> tuple[str, ...]:
    return _meant(*(each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)))


def _meant(*names: str) -> tuple[str, ...]:
    """The words of a meter's attributes: its ``val`` is a value, of no validation."""
    return tuple(word for name in names for word in split_words(name) if word != "val")


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Neighbouring texts as one; nothing where a line ends inside."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return () if any(isinstance(part, str) and "\n" in part for part in joined) else tuple(joined)
