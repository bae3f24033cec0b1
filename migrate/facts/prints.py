"""What a program prints: each line of text with the values in it, whichever way of formatting made it.

``print``, loggers, ``tqdm.write``, ``set_description`` and ``set_postfix`` are read; f-strings, ``%``, ``str.format``, ``+`` and
``join`` are taken apart. What cannot be taken apart is a value of unknown form.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from migrate.facts.model import Place
from migrate.facts.notes import once
from migrate.facts.program import Class, Module, Program, last_name
from migrate.facts.reach import dormant, reached
from migrate.facts.scopes import Binding

LOG_METHODS = {"info": 0, "warning": 0, "warn": 0, "error": 0, "critical": 0, "log": 1}  # to the argument that is the format
TEXT_METHODS = frozenset({"write", "set_description", "set_description_str", "set_postfix_str"})
PRINTERS = frozenset({"print", "set_postfix", *LOG_METHODS, *TEXT_METHODS})
MOST_NAMES = 3  # followed from a printed name to the text that it holds
TEXTS = {"os.path.join", "os.path.abspath", "os.path.basename", "os.path.dirname", "pathlib.Path", "str", "bool"}  # what they give is one
PERCENT = re.compile(r"%(?:\((?P<key>[^)]*)\))?(?P<spec>[#0\- +]*(?:\d+)?(?:\.\d+)?)[hlL]?(?P<kind>[diouxXeEfFgGcrsa%])")


@dataclass(frozen=True)
class Value:
    """A value in a printed line. ``form`` is how it is written: ``{:.4f}``, ``%5.2f``, ``{}``; ``words`` are those of its expression."""

    form: str
    words: tuple[str, ...] = ()
    postfix: bool = False  # tqdm writes it, with three digits
    number: bool = True  # False where it is known to be none: a path, a flag, an exception

    def show(self, value: object) -> str:
        """``value`` as the program would print it.

        Raises:
            ValueError, TypeError: the form takes no such value.
        """
        if self.postfix:
            return _format_number(value)
        return self.form % (value,) if self.form.startswith("%") else self.form.format(value)


Part = str | Value


@dataclass(frozen=True)
class Line:
    """One printed line: texts and values in their order. ``function`` is the name of the function that prints it; empty at the top."""

    parts: tuple[Part, ...]
    place: Place
    function: str


def find_prints(program: Program) -> tuple[Line, ...]:
    """Every line that the code that may run prints and that holds a value, the entry's own first."""
    found: list[Line] = []
    alive = reached(program)
    for module in program.modules.values():
        if module.path.endswith("sagemaker_support.py"):
            continue
        asleep = dormant(module, program)
        for call in _printing(module):
            scope = module.scope(call).function()
            if id(call) in asleep or (scope is not None and id(scope.node) not in alive):
                continue
            name = getattr(scope.node, "name", "") if scope is not None else ""
            parts = _Reader(program, module).printed(call)
            handed = _handed_on(program, module, call) if parts else []
            found += handed or [Line(line, module.place(call), name) for line in _lines(parts)]
    return tuple(found)


@once
def _printing(module: Module) -> list[ast.Call]:
    """The calls of a module that may print something, by their last names alone."""
    return [call for call in module.calls() if (name := last_name(call.func)) in PRINTERS or name.endswith("_print")]


def _handed_on(program: Program, module: Module, call: ast.Call) -> list[Line]:
    """The lines of a function that prints what it is given: those of its callers."""
    scope = module.scope(call).function()
    function = program.function_of(scope.node) if scope is not None else None
    name = call.args[0].id if len(call.args) == 1 and isinstance(call.args[0], ast.Name) else None
    if function is None or name is None or name not in function.parameters():
        return []
    found: list[Line] = []
    for site in program.calls_of.get(id(function.node), []):
        argument = program.argument(function, site.call, name)
        around = site.module.scope(site.call).function()
        if argument is not None:
            caller = getattr(around.node, "name", "") if around is not None else ""
            lines = _lines(_Reader(program, site.module).text(argument))
            found += [Line(line, site.module.place(site.call), caller) for line in lines]
    return found


def _lines(parts: Sequence[Part]) -> Iterator[tuple[Part, ...]]:
    """``parts`` cut where a line ends, neighbouring texts joined; only lines with a value."""
    line: list[Part] = []
    for part in [*parts, "\n"]:
        pieces = re.split(r"[\r\n]+", part) if isinstance(part, str) else [part]
        for number, piece in enumerate(pieces):
            if number:
                if any(isinstance(item, Value) for item in line):
                    yield tuple(line)
                line = []
            if isinstance(piece, str) and line and isinstance(line[-1], str):
                line[-1] += piece
            elif piece != "":
                line.append(piece)


def words_of(node: ast.AST) -> tuple[str, ...]:
    """The names in an expression, as lower-case words: ``errD.item()`` gives err, d."""
    found: list[str] = []
    for child in ast.walk(node):
        name = child.id if isinstance(child, ast.Name) else child.attr if isinstance(child, ast.Attribute) else None
        if isinstance(child, ast.Constant) and isinstance(child.value, str) and child.value.isidentifier():
            name = child.value
        if name is not None and name not in ("item", "format", "np", "torch", "self", "args"):
            found += split_words(name)
    return tuple(dict.fromkeys(found))


def split_words(name: str) -> list[str]:
    """``valLoss_top1`` as val, loss, top1."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+", name)]


def _format_number(value: object) -> str:
    """As tqdm writes the number of a postfix (``tqdm.format_num``)."""
    if isinstance(value, str):
        return value.strip()
    short = f"{value:.3g}".replace("e+0", "e+").replace("e-0", "e-")
    return min(short, str(value), key=len)


@once
def _bars(module: Module) -> frozenset[str]:
    """The names that a module gives to progress bars of tqdm's, and to the standard streams it imports."""
    found = set()
    for node in module.nodes.among(ast.ImportFrom, ast.withitem, ast.Assign, ast.NamedExpr):
        if isinstance(node, ast.ImportFrom) and node.module == "sys":
            found |= {alias.asname or alias.name for alias in node.names if alias.name in ("stdout", "stderr")}
        pairs = [(node.optional_vars, node.context_expr)] if isinstance(node, ast.withitem) else []
        pairs += [(target, node.value) for target in node.targets] if isinstance(node, ast.Assign) else []
        pairs += [(node.target, node.value)] if isinstance(node, ast.NamedExpr) else []
        for target, value in pairs:
            if isinstance(target, ast.Name) and isinstance(value, ast.Call) and last_name(value.func) in ("tqdm", "trange"):
                found.add(target.id)
    return frozenset(found)


class _Reader:
    """Takes the arguments of printing calls apart."""

    def __init__(self, program: Program, module: Module, names: int = MOST_NAMES) -> None:
        self.program, self.module, self.names = program, module, names

    def printed(self, call: ast.Call) -> list[Part]:
        """What ``call`` prints; empty where it prints nothing, or nothing known."""
        if any(isinstance(argument, ast.Starred) for argument in call.args):
            return []
        name = last_name(call.func)
        if name == "write" and not self.on_screen(call.func.value if isinstance(call.func, ast.Attribute) else None):
            return []
        if any(keyword.arg == "file" and not self.on_screen(keyword.value) for keyword in call.keywords):
            return []
        if name == "print" or name.endswith("_print"):
            return self.joined(call.args, self.separator(call))
        if isinstance(call.func, ast.Attribute):
            if name in LOG_METHODS and len(call.args) > LOG_METHODS[name]:
                return self.logged(call.args[LOG_METHODS[name] :])
            if name in TEXT_METHODS and len(call.args) == 1:
                return self.text(call.args[0])
            if name == "set_postfix":
                return self.postfix(call)
        return []

    def on_screen(self, node: ast.expr | None) -> bool:
        """Whether what is written to ``node`` is printed: the standard streams, tqdm, and bars that it has made; no file is."""
        if isinstance(node, ast.Attribute):
            return node.attr in ("stdout", "stderr", "__stdout__", "__stderr__", "tqdm")
        return isinstance(node, ast.Name) and (node.id == "tqdm" or node.id in _bars(self.module))

    def separator(self, call: ast.Call) -> str:
        given = next((keyword.value for keyword in call.keywords if keyword.arg == "sep"), None)
        return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else " "

    def joined(self, nodes: Sequence[ast.expr], separator: str) -> list[Part]:
        parts: list[Part] = []
        for number, node in enumerate(nodes):
            parts += [separator] if number else []
            parts += self.text(node)
        return parts

    def logged(self, arguments: list[ast.expr]) -> list[Part]:
        """A logger formats with ``%`` where it is given values."""
        text = arguments[0]
        if len(arguments) > 1 and isinstance(text, ast.Constant) and isinstance(text.value, str):
            return self.percent(text.value, arguments[1:])
        return self.text(text)

    def postfix(self, call: ast.Call) -> list[Part]:
        """``set_postfix(loss=x)``, ``set_postfix({"loss": x})``: ``loss=0.123`` in the bar; tqdm sorts the keywords."""
        items: list[tuple[str, ast.expr]] = []
        for argument in call.args[:1]:
            if isinstance(argument, ast.Dict):
                pairs = zip(argument.keys, argument.values, strict=True)
                items += [(key.value, value) for key, value in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)]
        named = [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg not in (None, "refresh", "ordered_dict")]
        items += sorted(((name, value) for name, value in named if name is not None), key=lambda item: item[0])
        parts: list[Part] = []
        for name, value in items:
            inner = self.text(value)
            plain = len(inner) == 1 and isinstance(inner[0], Value) and inner[0].form == "{}"
            parts += [f", {name}=", *([Value("{}", words_of(value), postfix=True)] if plain else inner)]
        return parts

    def text(self, node: ast.expr) -> list[Part]:
        """The parts of an expression that is printed."""
        if isinstance(node, ast.Constant):
            return [str(node.value)]
        if isinstance(node, ast.JoinedStr):
            return [part for value in node.values for part in self.of_fstring(value)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and self.is_text(node):
            return [*self.text(node.left), *self.text(node.right)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            template = self.literal(node.left)
            if template is not None:
                return self.percent(template, list(node.right.elts) if isinstance(node.right, ast.Tuple) else [node.right])
        if isinstance(node, ast.Call):
            return self.of_call(node)
        if isinstance(node, ast.Name):
            held = self.held(node)
            if held is not None and self.formats_itself(held):
                return [Value("{}")]  # no number: migrate.facts.meters knows what it writes
            if held is not None:
                return _Reader(self.program, self.module, self.names - 1).text(held)
        return [Value("{}", words_of(node), number=not self.is_no_number(node))]

    def formats_itself(self, node: ast.expr) -> bool:
        """Whether an expression makes an object of a class of the program that says how it is printed."""
        made = self.program.definitions(self.module, node.func) if isinstance(node, ast.Call) else []
        bodies = [one.node.body for one in made if isinstance(one, Class)]
        return any(isinstance(each, ast.FunctionDef) and each.name == "__str__" for body in bodies for each in body)

    def of_call(self, node: ast.Call) -> list[Part]:
        function = node.func
        if isinstance(function, ast.Name) and function.id in ("str", "repr") and len(node.args) == 1:
            return self.text(node.args[0])
        if isinstance(function, ast.Attribute):
            template = self.literal(function.value)
            if template is not None and function.attr == "format":
                return self.braces(template, node)
            if template is not None and function.attr == "join" and len(node.args) == 1 and isinstance(node.args[0], (ast.List, ast.Tuple)):
                return self.joined(node.args[0].elts, template)
        if isinstance(function, ast.Name) and function.id == "format" and len(node.args) == 2:
            spec = self.literal(node.args[1])
            return [Value(f"{{:{spec}}}" if spec is not None else "{}", words_of(node.args[0]))]
        return [Value("{}", words_of(node), number=not self.is_no_number(node))]

    def of_fstring(self, value: ast.expr) -> list[Part]:
        if not isinstance(value, ast.FormattedValue):
            return self.text(value)
        conversion = f"!{chr(value.conversion)}" if value.conversion != -1 else ""
        if value.format_spec is None and not conversion:
            return self.text(value.value)
        spec = self.literal(value.format_spec) if value.format_spec is not None else ""
        return [Value(f"{{{conversion}:{spec}}}" if spec else f"{{{conversion}}}", words_of(value.value))]

    def percent(self, template: str, values: list[ast.expr]) -> list[Part]:
        """``template % values``."""
        parts: list[Part] = []
        position, used = 0, 0
        table = _keyed(values)
        for match in PERCENT.finditer(template):
            parts.append(template[position : match.start()].replace("%%", "%"))
            position = match.end()
            if match["kind"] == "%":
                parts.append("%")
                continue
            node = table.get(match["key"]) if match["key"] is not None else values[used] if used < len(values) else None
            used += 1
            parts += self.value(f"%{match['spec']}{match['kind']}", node)
        return [*parts, template[position:]]

    def braces(self, template: str, call: ast.Call) -> list[Part]:
        """``template.format(...)``."""
        keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
        parts: list[Part] = []
        automatic = 0
        try:
            fields = list(string.Formatter().parse(template))
        except ValueError:
            return [Value("{}")]
        for text, name, spec, conversion in fields:
            parts.append(text)
            if name is None:
                continue
            first = re.split(r"[.\[]", name)[0]
            if not first:
                first, automatic = str(automatic), automatic + 1
            node = keywords.get(first) or (call.args[int(first)] if first.isdigit() and int(first) < len(call.args) else None)
            written = (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            form = "{}" if "{" in written else f"{{{written}}}"
            if name != first:  # {loss.avg:.4f}
                words = [*(words_of(node) if node is not None else ()), *split_words(name)]
                number = name != "" or node is None or not self.is_no_number(node)
                parts.append(Value(form, tuple(dict.fromkeys(words)), number=number))
            else:
                parts += self.value(form, node)
        return parts

    def value(self, form: str, node: ast.expr | None) -> list[Part]:
        """One value in a format; a text that is put in as it is is taken apart too."""
        if node is not None and form in ("{}", "%s"):
            inner = self.text(node)
            return [replace(part, form=form) if isinstance(part, Value) and part.form == "{}" else part for part in inner]
        return [Value(form, words_of(node) if node is not None else ())]

    def is_no_number(self, node: ast.expr) -> bool:
        """Whether a printed expression is known to be no number: a path, a text, a flag, an exception."""
        if isinstance(node, ast.Call):
            return (self.program.qualified(self.module, node.func) or "") in TEXTS
        found = self.module.scope(node).lookup(node.id) if isinstance(node, ast.Name) else None
        return found is not None and bool(found[1]) and all(self._binds_no_number(binding) for binding in found[1])

    def _binds_no_number(self, binding: Binding) -> bool:
        if isinstance(binding.node, ast.ExceptHandler):
            return True
        if binding.kind == "param" and isinstance(binding.node, ast.arg):
            return binding.node.annotation is not None and ast.unparse(binding.node.annotation) in ("bool", "str", "Path")
        value = binding.value if binding.kind == "assign" and not binding.index else None
        if isinstance(value, ast.Constant):
            return isinstance(value.value, (bool, str))
        return isinstance(value, ast.Call) and (self.program.qualified(self.module, value.func) or "") in TEXTS

    def literal(self, node: ast.expr) -> str | None:
        """The text that ``node`` is; None where it is not one literal."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.JoinedStr) and all(isinstance(value, ast.Constant) for value in node.values):
            return "".join(str(value.value) for value in node.values if isinstance(value, ast.Constant))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.literal(node.left), self.literal(node.right)
            return left + right if left is not None and right is not None else None
        if isinstance(node, ast.Name):
            held = self.held(node)
            return _Reader(self.program, self.module, self.names - 1).literal(held) if held is not None else None
        return None

    def is_text(self, node: ast.expr) -> bool:
        """Whether an addition is one of texts, as far as its parts tell."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.is_text(node.left) or self.is_text(node.right)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self.literal(node.left) is not None
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Name) and node.func.id in ("str", "repr")
        return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))

    def held(self, node: ast.Name) -> ast.expr | None:
        """The text that a name holds, where it is bound once: in its own scope, or at the top of the module."""
        if not self.names:
            return None
        found = self.module.scope(node).lookup(node.id)
        if found is None or len(found[1]) != 1:
            return None
        [only] = found[1]
        value = only.value if only.kind == "assign" and not only.index else None
        return value if value is not None and _may_be_text(value) else None


def _keyed(values: list[ast.expr]) -> dict[str | None, ast.expr]:
    if len(values) != 1 or not isinstance(values[0], ast.Dict):
        return {}
    pairs = zip(values[0].keys, values[0].values, strict=True)
    return {key.value: value for key, value in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def _may_be_text(node: ast.expr) -> bool:
    return isinstance(node, (ast.JoinedStr, ast.BinOp, ast.Call)) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
