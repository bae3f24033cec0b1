"""Where a string comes from: an expression told as the parts it is put together from, followed back through assignments, calls,
options, attributes and imports to the literals and options it starts at. From ``ast`` alone.

A value is a tuple of parts, concatenated. Several values mean: any of these. What is not followed is a hole, with the reason.
"""

from __future__ import annotations

import ast
import re

from migrate.facts.arguments.argv import index_of
from migrate.facts.calls import Table, path_argument, rows_of
from migrate.facts.flow import reaching, returns_of
from migrate.facts.locations import words
from migrate.facts.members import visible
from migrate.facts.model import Arguments, Option
from migrate.facts.namespaces import Attributes, Namespaces
from migrate.facts.parts import (
    BRACE_HOLE,
    CODE,
    FORMAT_HOLE,
    IN_MEMORY,
    LIBRARY_DEFAULT,
    MADE_BY_LIBRARY,
    MOST_VALUES,
    NOT_RUN,
    PART_OF_PATH,
    TIME_OR_CHANCE,
    Part,
    Value,
    concatenated,
    distinct,
    folder,
    hole,
    is_none,
    joined,
)
from migrate.facts.program import Class, Function, Module, Program
from migrate.facts.scopes import Binding, Scope
from migrate.facts.spreads import Given, given

MOST_DEPTH = 40  # expressions followed in a row
MOST_STEPS = 1000  # expressions followed for one question: in a library, everything leads to everything
SAME_ON_RESTART = ("sagemaker_support.same_on_restart", "sagemaker_support.py:same_on_restart")  # put in by an earlier apply
PASS_THROUGH = frozenset(
    """
    str os.fspath os.path.abspath os.path.expanduser os.path.expandvars os.path.normpath os.path.realpath os.path.relpath repr
    pathlib.Path pathlib.PurePath pathlib.PosixPath copy.copy copy.deepcopy py.path.local path.Path open io.open
    codecs.open gzip.open bz2.open
    """.split()
)
PASS_METHODS = {
    "strip",
    "rstrip",
    "lstrip",
    "expanduser",
    "resolve",
    "absolute",
    "as_posix",
    "lower",
    "upper",
    "open",
    "encode",
    "decode",
    "copy",
}
TIME_CALLS = ("time.", "datetime.", "uuid.", "secrets.", "random.")


class Values:
    """Follows expressions of one program. Results are kept: each expression is followed once."""

    def __init__(self, program: Program, arguments: Arguments, calls: Table | None = None) -> None:
        self.program = program
        self.calls = calls or Table()
        self.options: dict[str, list[Option]] = {}
        for option in arguments.options:
            self.options.setdefault(option.dest, []).append(option)
        self.cli = arguments.cli
        self._positions: dict[int | None, Option] = {}  # of a script that reads sys.argv by number
        for option in arguments.options if arguments.cli == "sys.argv" else ():
            self._positions.setdefault(index_of(program.modules[option.place.path], option), option)
        self._known: dict[int, list[Value]] = {}
        self._holes: dict[ast.expr, Value] = {}  # what is not followed, as it is told
        self._reaching: dict[ast.Name, tuple[Scope, list[Binding]] | None] = {}
        self._given: dict[tuple[int, str], list[Given]] = {}
        self._active: set[int] = set()
        self._cut = False  # whether something was cut short in what is being followed
        self._steps = 0  # of the question that is being answered
        self._attributes = self._collect_attributes()
        self.namespaces = Namespaces(program, arguments.cli, self._attributes)

    def _collect_attributes(self) -> Attributes:
        """Every ``x.name = value`` of the program, by name."""
        found: Attributes = {}
        for module in self.program.modules.values():
            for target, value in _assigned_attributes(module):
                found.setdefault(target.attr, []).append((module, target, value))
        return found

    # -- following -------------------------------------------------------------------------------------------------------------------

    def of(self, module: Module, node: ast.expr) -> list[Value]:
        """The values that ``node`` may have; never empty."""
        known = self._known.get(id(node))
        if known is not None:
            return known
        if self._is_cut(node):
            return []
        self._steps = self._steps + 1 if self._active else 0
        outer, self._cut = self._cut, False
        self._active.add(id(node))
        try:
            method = getattr(self, "_of_" + type(node).__name__, None)
            found = method(module, node) if method else []
        finally:
            self._active.discard(id(node))
        if not found:
            found = [self._unfollowed(node)]
        result = distinct(found)
        if not self._active or not self._cut:  # what was cut short by a cycle is true only for the one who asked
            self._known[id(node)] = result
        self._cut = bool(self._active) and (self._cut or outer)
        return result

    def _unfollowed(self, node: ast.expr) -> Value:
        if node not in self._holes:
            self._holes[node] = hole(f"`{ast.unparse(node)[:60]}`, which is not followed", node)
        return self._holes[node]

    def _is_cut(self, node: ast.expr) -> bool:
        """Whether following ``node`` would go in a circle, too deep, or on and on."""
        far = bool(self._active) and (len(self._active) > MOST_DEPTH or self._steps > MOST_STEPS)
        self._cut = self._cut or far or id(node) in self._active
        return far or id(node) in self._active

    def _of_Constant(self, module: Module, node: ast.Constant) -> list[Value]:
        if isinstance(node.value, str):
            return [(Part("literal", node.value, module, node),)]
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            return [(Part("literal", str(node.value), module, node),)]
        return [hole("None" if node.value is None else "no text", node)]

    def _of_JoinedStr(self, module: Module, node: ast.JoinedStr) -> list[Value]:
        pieces: list[list[Value]] = []
        for piece in node.values:
            if isinstance(piece, ast.Constant):
                pieces.append([(Part("literal", str(piece.value), module, node),)])
            elif isinstance(piece, ast.FormattedValue):
                pieces.append(self.of(module, piece.value))
        return concatenated(pieces)

    def _of_BinOp(self, module: Module, node: ast.BinOp) -> list[Value]:
        if isinstance(node.op, ast.Add):
            return concatenated([self.of(module, node.left), self.of(module, node.right)])
        if isinstance(node.op, ast.Div):
            return [self._anchored(module, node, v) for v in joined([self.of(module, node.left), self.of(module, node.right)])]
        if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Call):  # as an earlier apply writes it
            name = self.program.qualified(module, node.left.func)
            return [(*v, Part("hole", "formatted")) for v in self.of(module, node.left)] if name == "os.path.join" else []
        if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            given = list(node.right.elts) if isinstance(node.right, ast.Tuple) else [node.right]
            return self._filled(module, node.left, FORMAT_HOLE, given)
        return []

    def _filled(self, module: Module, template: ast.Constant, pattern: re.Pattern[str], given: list[ast.expr]) -> list[Value]:
        pieces: list[list[Value]] = []
        text, last, turn = str(template.value), 0, 0
        for match in pattern.finditer(text):
            if match.group() in ("%%", "{{", "}}"):
                continue
            pieces.append([(Part("literal", text[last : match.start()], module, template),)])
            name = match.group()[1:-1].split(":")[0].split("!")[0] if match.group().startswith("{") else ""
            index = int(name) if name.isdigit() else turn
            named = bool(name) and not name.isdigit()
            pieces.append(self.of(module, given[index]) if index < len(given) and not named else [hole("formatted")])
            turn, last = turn + 1, match.end()
        pieces.append([(Part("literal", text[last:], module, template),)])
        return concatenated(pieces)

    def _of_IfExp(self, module: Module, node: ast.IfExp) -> list[Value]:
        return [*self.of(module, node.body), *self.of(module, node.orelse)]

    def _of_BoolOp(self, module: Module, node: ast.BoolOp) -> list[Value]:
        return [v for operand in node.values for v in self.of(module, operand) if not is_none(v)]

    def _of_NamedExpr(self, module: Module, node: ast.NamedExpr) -> list[Value]:
        return self.of(module, node.value)

    def _of_Name(self, module: Module, node: ast.Name) -> list[Value]:
        if node.id == "__file__":
            return [hole(CODE, node)]
        found = self._bound(module, node)
        if found is None:
            return [hole(f"the unknown name {node.id}", node)]
        scope, bindings = found
        values: list[Value] = []
        for binding in bindings:
            values += self._of_binding(module, scope, binding, node.id)
        return values

    def _bound(self, module: Module, node: ast.Name) -> tuple[Scope, list[Binding]] | None:
        """The scope that binds a name, with the bindings that this read of it may see."""
        if node not in self._reaching:
            found = module.scope(node).lookup(node.id)
            self._reaching[node] = (found[0], reaching(module, node, *found)) if found is not None else None
        return self._reaching[node]

    def _of_binding(self, module: Module, scope: Scope, binding: Binding, name: str) -> list[Value]:
        if binding.kind == "assign" and binding.value is not None:
            if not binding.index:
                return self.of(module, binding.value)
            return self._element(module, binding.value, binding.index)
        if binding.kind == "augmented" and binding.value is not None:
            others = [b for b in scope.bindings[name] if b.kind == "assign" and b.value is not None and not b.index]
            base = [v for b in others if b.value is not None for v in self.of(module, b.value)]
            return concatenated([base, self.of(module, binding.value)]) if base else []
        if binding.kind == "param":
            return self._of_parameter(module, scope, name)
        if binding.kind == "with" and binding.value is not None:
            return self.of(module, binding.value)
        if binding.kind == "for" and binding.value is not None:
            return self._elements(module, binding.value, binding.index)
        if binding.kind == "import":
            return self._of_import(module, binding)
        return []

    def _element(self, module: Module, node: ast.expr, index: tuple[int, ...]) -> list[Value]:
        if isinstance(node, (ast.Tuple, ast.List)) and index[0] < len(node.elts):
            element = node.elts[index[0]]
            return self.of(module, element) if len(index) == 1 else self._element(module, element, index[1:])
        if isinstance(node, ast.Call):
            halves = self._halves(module, node)
            if halves is not None and index in ((0,), (1,)):
                return halves[index[0]]
            values: list[Value] = []
            for function in self.program.callees(module, node):
                for returned in returns_of(function):
                    if isinstance(returned, ast.Tuple):
                        values += self._element(function.module, returned, index)
            return values
        if isinstance(node, ast.IfExp):
            return [*self._element(module, node.body, index), *self._element(module, node.orelse, index)]
        return []

    def _elements(self, module: Module, node: ast.expr, index: tuple[int, ...]) -> list[Value]:
        literal = self._literal(module, node)
        if isinstance(literal, (ast.List, ast.Tuple, ast.Set)):
            found = [self._element(module, e, index) if index else self.of(module, e) for e in literal.elts[:MOST_VALUES]]
            return [v for values in found for v in values]
        if isinstance(literal, ast.Dict):
            return [v for key in literal.keys if key is not None for v in self.of(module, key)]
        if isinstance(node, ast.Call):
            name = self.program.qualified(module, node.func) or ""
            if name in ("sorted", "list", "reversed", "tuple", "enumerate", "tqdm.tqdm", "set") and node.args:
                return self._elements(module, node.args[0], index[1:] if name == "enumerate" else index)
            if name in ("glob.glob", "glob.iglob", "os.walk") and node.args:
                return self.of(module, node.args[0])
            if name in ("os.listdir", "os.scandir"):
                return [hole("a name found in a folder", node)]
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("glob", "rglob", "iterdir"):
                found_there = (Part("literal", "/"), Part("hole", "a name found in a folder"))
                return [(*v, *found_there) for v in self.of(module, node.func.value)]
        if isinstance(node, ast.Name):
            return self._elements_of_name(module, node, index)
        return []

    def _elements_of_name(self, module: Module, node: ast.Name, index: tuple[int, ...]) -> list[Value]:
        """``files = sorted(folder.glob("*"))``, looked into by ``for f in files`` or ``files[0]``."""
        found = self._bound(module, node)
        if found is None or (id(node) in self._active and self._is_cut(node)):
            return []
        self._active.add(id(node))
        try:
            made = [b.value for b in found[1] if b.kind == "assign" and not b.index and isinstance(b.value, ast.Call)]
            return [v for call in made for v in self._elements(module, call, index)]
        finally:
            self._active.discard(id(node))

    def _literal(self, module: Module, node: ast.expr) -> ast.expr | None:
        """The list, tuple, set or dict display that ``node`` names."""
        if isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict)):
            return node
        if isinstance(node, ast.Name):
            found = self._bound(module, node)
            for binding in found[1] if found else []:
                if binding.kind == "assign" and isinstance(binding.value, (ast.List, ast.Tuple, ast.Set, ast.Dict)) and not binding.index:
                    return binding.value
        return None

    def _of_parameter(self, module: Module, scope: Scope, name: str) -> list[Value]:
        node = scope.node
        function = self.program.function_of(node)
        if function is None:
            return [hole(f"the argument {name}")]
        values: list[Value] = []
        passed = self._passed_for(function, name)
        if not passed and function.node.name == "__init__" and self.program.calls_of.get(id(node)):
            return [hole(NOT_RUN)]
        for one in passed:
            if one.value is not None:
                values += self.of(one.module, one.value)
            elif one.option is not None and one.option in self.options:
                values += self._of_option(one.option)
        default = function.default(name)
        if isinstance(default, ast.Constant) and default.value == "" and not passed and function.owner is not None:
            default = None  # it stands for what those give who make the object
        if any(one.unknown for one in passed):
            values.append(hole(f"the argument {name} of {function.node.name}, which a spread dictionary may give"))
            if isinstance(default, ast.Constant) and not default.value:
                return values
        if default is not None and not (passed and all(self._is_told(one) for one in passed)):
            if not (values and isinstance(default, ast.Constant) and default.value is None):
                values += self.of(function.module, default)
        return values or [hole(f"the argument {name} of {function.node.name}, which no call here passes")]

    def _passed_for(self, function: Function, name: str) -> list[Given]:
        """What the calls of a function in code that may run give for a parameter."""
        key = id(function.node), name
        if key not in self._given:
            self._given[key] = list(given(self.program, self.namespaces, function, name))
        return self._given[key]

    def _is_told(self, one: Given) -> bool:
        return not one.is_default and (one.option is None or one.option in self.options)

    def _of_import(self, module: Module, binding: Binding) -> list[Value]:
        path = self.program.resolver(module.path, binding.module, binding.level)
        home = self.program.modules.get(path or "")
        if home is None or binding.name is None:
            return [hole(f"{binding.module}.{binding.name}, outside this program")]
        if id(binding) in self._active:  # modules that import from each other
            return []
        self._active.add(id(binding))
        try:
            inner = home.names.root.bindings.get(binding.name, [])
            return [v for b in inner for v in self._of_binding(home, home.names.root, b, binding.name)]
        finally:
            self._active.discard(id(binding))

    # -- attributes and items --------------------------------------------------------------------------------------------------------

    def _of_Attribute(self, module: Module, node: ast.Attribute) -> list[Value]:
        if node.attr in self.options and self.namespaces.holds(module, node.value):
            return self._of_option(node.attr)
        if node.attr in self._attributes and self.namespaces.holds(module, node.value):
            return self._assigned_later(node) or [hole(f"the attribute {ast.unparse(node)}", node)]
        if node.attr == "value" and (flag := self._flag(module, node.value)) is not None:
            return self._of_option(flag)
        if node.attr == "parent":
            return [self._folder_above(module, node, v) for v in self.of(module, node.value)]
        name = self.program.qualified(module, node)
        if name in ("os.curdir", "os.path.curdir"):
            return [(Part("anchor", ".", module, node),)]
        if name is not None and ".py:" in name:
            return self._of_global(name)
        values: list[Value] = []
        own = isinstance(node.value, ast.Name) and node.value.id == "self"
        for cls in self.classes_of(module, node.value):
            values += self._of_member(cls, node.attr, node if own else None)
        if not values and node.attr in ("name", "stem", "suffix"):
            return [hole(PART_OF_PATH, node)]
        if not values and not self._is_module(module, node.value):
            candidates = self._attributes.get(node.attr, [])
            if not own:  # ``cfg.data.root`` is set as it is read
                text = ast.unparse(node)
                candidates = [one for one in candidates if ast.unparse(one[1]) == text] or candidates
            owners = {id(m.scope(target).enclosing_class()) for m, target, _ in candidates}
            if len(owners) == 1:
                values = [v for m, _, value in candidates for v in self.of(m, value)]
        return values or self._of_maker(module, node) or [hole(f"the attribute {ast.unparse(node)}", node)]

    def _of_maker(self, module: Module, node: ast.Attribute) -> list[Value]:
        """The folder of an object that writes into it, asked of the object: ``writer.log_dir``."""
        values: list[Value] = []
        for home, call in self._makers(module, node.value):
            for row in rows_of(self.calls, self.program, home, call):
                if row.act == "write" and node.attr in [keyword for _, keyword in row.arguments]:
                    given = path_argument(row, call)
                    values += self.of(home, given) if given is not None else [hole(LIBRARY_DEFAULT, call)]
        return values

    def _makers(self, module: Module, node: ast.expr) -> list[tuple[Module, ast.Call]]:
        """The calls that may have made what a name or an attribute holds."""
        found: list[tuple[Module, ast.expr | None]] = []
        if isinstance(node, ast.Name):
            _, bindings = module.scope(node).lookup(node.id) or (None, [])
            found = [(module, binding.value) for binding in bindings if binding.kind == "assign" and not binding.index]
        elif isinstance(node, ast.Attribute):
            found = [(home, value) for home, _, value in self._attributes.get(node.attr, [])]
        return [(home, value) for home, value in found if isinstance(value, ast.Call)]

    def _flag(self, module: Module, node: ast.expr) -> str | None:
        """The flag whose holder ``node`` names: ``_DATA = flags.DEFINE_string("data", ...)``."""
        found = module.scope(node).lookup(node.id) if isinstance(node, ast.Name) and self.cli in ("absl", "tf.flags") else None
        for binding in found[1] if found else []:
            call = binding.value
            if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2].startswith("DEFINE_") and call.args:
                first = call.args[0]
                return first.value if isinstance(first, ast.Constant) and first.value in self.options else None
        return None

    def _folder_above(self, module: Module, node: ast.expr, value: Value) -> Value:
        """The folder that holds ``value``; above the code it starts at the expression ``node``, whatever its name."""
        if len(value) == 1 and (value[0].text == CODE or value[0].kind == "anchor"):
            return (Part("anchor", "", module, node),)
        return (*value[:-1], *folder(value[-1]))

    def _is_module(self, module: Module, node: ast.expr) -> bool:
        return self.program.qualified(module, node) is not None

    def _assigned_later(self, node: ast.Attribute) -> list[Value]:
        """What the code itself puts into the namespace: ``args.run_dir = os.path.join(args.out, args.name)``."""
        found = [(m, value) for m, target, value in self._attributes[node.attr] if self.namespaces.holds(m, target.value)]
        return [v for m, value in found for v in self.of(m, value) if not is_none(v)]

    def _of_option(self, dest: str) -> list[Value]:
        values: list[Value] = [(Part("option", dest, option=option),) for option in self.options[dest]]
        for module, target, value in self._attributes.get(dest, []):
            if self.namespaces.holds(module, target.value):
                others = [other for other in _alternatives(value) if not _mentions(other, dest)]
                values += [v for other in others for v in self.of(module, other) if not is_none(v)]
        return values

    def _of_global(self, name: str) -> list[Value]:
        path, _, dotted = name.partition(".py:")
        home = self.program.modules.get(path + ".py")
        first, _, rest = dotted.partition(".")
        if home is None:
            return []
        values: list[Value] = []
        for binding in home.names.root.bindings.get(first, []):
            if not rest:
                values += self._of_binding(home, home.names.root, binding, first)
            elif binding.kind == "class" and "." not in rest:
                cls = self.program.class_of(binding.node)
                values += self._of_member(cls, rest) if cls else []
            elif binding.kind == "assign" and binding.value is not None and "." not in rest:
                for cls in self.classes_of(home, binding.value):
                    values += self._of_member(cls, rest)
        return values

    def _of_member(self, cls: Class, attribute: str, read: ast.expr | None = None) -> list[Value]:
        values: list[Value] = []
        of_class, seen = visible(self.program, cls, attribute, read)
        for relative in self.program.family(cls):
            scope = relative.module.names.scopes[id(relative.node)]
            for binding in scope.bindings.get(attribute, []) if of_class else ():
                values += self._of_binding(relative.module, scope, binding, attribute) or self._of_property(binding)
            for module, target, value in self._attributes.get(attribute, []):
                owner = module.scope(target).enclosing_class()
                if (
                    owner is not None
                    and owner.node is relative.node
                    and isinstance(target.value, ast.Name)
                    and target.value.id in ("self", "cls")
                    and seen(value)
                ):
                    values += self.of(module, value)
        return values

    def _of_property(self, binding: Binding) -> list[Value]:
        function = self.program.function_of(binding.node) if binding.kind == "function" else None
        if function is None or not any(
            ast.unparse(d).rsplit(".", 1)[-1] in ("property", "cached_property") for d in function.node.decorator_list
        ):
            return []
        return [v for returned in returns_of(function) for v in self.of(function.module, returned)]

    def classes_of(self, module: Module, node: ast.expr, depth: int = 0) -> list[Class]:
        """The classes of this program that ``node`` may be, or be an instance of."""
        if depth > 6:
            return []
        if isinstance(node, ast.Name) and node.id in ("self", "cls"):
            owner = module.scope(node).enclosing_class()
            cls = self.program.class_of(owner.node) if owner else None
            return [cls] if cls else []
        if isinstance(node, ast.Call):
            return [d for d in self.program.definitions(module, node.func) if isinstance(d, Class)]
        direct = [d for d in self.program.definitions(module, node) if isinstance(d, Class)]
        if direct or not isinstance(node, ast.Name):
            if direct or not isinstance(node, ast.Attribute):
                return direct
            return [c for m, _, value in self._attributes.get(node.attr, []) for c in self.classes_of(m, value, depth + 1)]
        found = module.scope(node).lookup(node.id)
        result: list[Class] = []
        for binding in found[1] if found else []:
            if binding.kind == "assign" and binding.value is not None and not binding.index:
                result += self.classes_of(module, binding.value, depth + 1)
            elif binding.kind == "import" and found is not None:
                result += self._imported_classes(module, binding, depth)
            elif binding.kind == "param" and found is not None:
                result += self._passed_classes(found[0], node.id, depth)
        return result

    def _imported_classes(self, module: Module, binding: Binding, depth: int) -> list[Class]:
        home = self.program.modules.get(self.program.resolver(module.path, binding.module, binding.level) or "")
        result: list[Class] = []
        for inner in home.names.root.bindings.get(binding.name or "", []) if home else []:
            if inner.kind == "assign" and inner.value is not None and home is not None:
                result += self.classes_of(home, inner.value, depth + 1)
        return result

    def _passed_classes(self, scope: Scope, name: str, depth: int) -> list[Class]:
        function = self.program.function_of(scope.node)
        result: list[Class] = []
        for site in self.program.calls_of.get(id(scope.node), []) if function else []:
            argument = self.program.argument(function, site.call, name) if function else None
            if argument is not None:
                result += self.classes_of(site.module, argument, depth + 1)
        return result

    def _of_Subscript(self, module: Module, node: ast.Subscript) -> list[Value]:
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if isinstance(key, str):
            if self.program.qualified(module, node.value) == "os.environ":
                return [(Part("env", key, node=node),)]
            if key in self.options and self.namespaces.holds(module, node.value):
                return self._of_option(key)
            return self._of_item(module, node.value, key)
        literal = self._literal(module, node.value)
        if isinstance(literal, (ast.List, ast.Tuple)):
            if isinstance(key, int) and -len(literal.elts) <= key < len(literal.elts):
                return self.of(module, literal.elts[key])
            return [v for e in literal.elts for v in self.of(module, e)]
        if self.program.qualified(module, node.value) == "sys.argv":
            option = self._positions.get(key) if isinstance(key, int) else None
            return [(Part("option", option.dest, option=option),)] if option is not None else [hole("sys.argv", node)]
        if isinstance(literal, ast.Dict):
            return [v for e in literal.values for v in self.of(module, e)]
        if isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
            return [self._folder_above(module, node, v) for v in self.of(module, node.value.value)]
        if isinstance(key, int) and isinstance(node.value, ast.Call) and (halves := self._halves(module, node.value)):
            return halves[key]
        return self._elements(module, node.value, ()) if not isinstance(node.slice, ast.Slice) else []

    def _halves(self, module: Module, call: ast.Call) -> tuple[list[Value], list[Value]] | None:
        """Both parts of ``os.path.split(p)`` or ``os.path.splitext(p)``."""
        name = self.program.qualified(module, call.func)
        if name not in ("os.path.split", "os.path.splitext") or len(call.args) != 1:
            return None
        whole = self.of(module, call.args[0])
        if name == "os.path.split":
            return [(*v[:-1], *folder(v[-1])) for v in whole], [hole(PART_OF_PATH, call)]
        names = all(v[0].kind == "hole" and v[0].text == PART_OF_PATH for v in whole)
        return (whole if names else [hole("a path without its ending", call)]), [hole(PART_OF_PATH, call)]

    def _of_item(self, module: Module, base: ast.expr, key: str) -> list[Value]:
        """``base["key"]`` where base is a dict display, or a name bound to one, or to ``dict(key=...)``."""
        found = module.scope(base).lookup(base.id) if isinstance(base, ast.Name) else None
        candidates: list[tuple[Module, ast.expr]] = [(module, base)]
        for binding in found[1] if found else []:
            if binding.kind == "assign" and binding.value is not None:
                candidates.append((module, binding.value))
            elif binding.kind == "import":
                home = self.program.modules.get(self.program.resolver(module.path, binding.module, binding.level) or "")
                for inner in home.names.root.bindings.get(binding.name or "", []) if home else []:
                    if inner.kind == "assign" and inner.value is not None and home is not None:
                        candidates.append((home, inner.value))
            elif binding.kind == "param" and found is not None:
                candidates += self._passed(found[0], base.id) if isinstance(base, ast.Name) else []
        values: list[Value] = []
        for home, display in candidates:
            if isinstance(display, ast.Dict):
                for name, value in zip(display.keys, display.values, strict=True):
                    if isinstance(name, ast.Constant) and name.value == key:
                        values += self.of(home, value)
            elif isinstance(display, ast.Call):
                values += [v for k in display.keywords if k.arg == key for v in self.of(home, k.value)]
                values += [v for a in display.args if isinstance(a, ast.Dict) for v in self._of_item(home, a, key)]
        return values or [hole(f"the entry {key!r} of {ast.unparse(base)}")]

    def _passed(self, scope: Scope, name: str) -> list[tuple[Module, ast.expr]]:
        function = self.program.function_of(scope.node)
        result: list[tuple[Module, ast.expr]] = []
        for site in self.program.calls_of.get(id(scope.node), []) if function else []:
            argument = self.program.argument(function, site.call, name) if function else None
            if argument is None:
                continue
            literal = self._literal(site.module, argument)
            result.append((site.module, literal if literal is not None else argument))
        return result

    # -- calls -----------------------------------------------------------------------------------------------------------------------

    def _of_Call(self, module: Module, node: ast.Call) -> list[Value]:
        name = self.program.qualified(module, node.func) or ""
        if name in ("os.path.join", "posixpath.join", "ntpath.join", "pathlib.Path", "pathlib.PurePath") and len(node.args) > 1:
            values = joined([self.of(module, a.value if isinstance(a, ast.Starred) else a) for a in node.args])
            return [self._anchored(module, node, value) for value in values] if name.endswith("path.join") else values
        if name.endswith("path.join") and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            return self.of(module, node.args[0])
        if (name in PASS_THROUGH or name.endswith(SAME_ON_RESTART)) and node.args:
            return self.of(module, node.args[0])
        if name in ("open", "io.open") and node.keywords:
            return [v for k in node.keywords if k.arg == "file" for v in self.of(module, k.value)]
        if name in ("os.environ.get", "os.getenv") and node.args and isinstance(node.args[0], ast.Constant):
            variable = (Part("env", str(node.args[0].value), module, node),)
            if str(node.args[0].value).startswith("SM_"):  # migrated already: its default is for EC2
                return [variable]
            return [variable, *(self.of(module, node.args[1]) if len(node.args) > 1 else [])]
        if name == "os.getcwd":
            return [(Part("anchor", ".", module, node),)]
        if name == "pathlib.Path.cwd":
            return [(Part("literal", ".", module, None),)]
        if name in ("pathlib.Path", "pathlib.PurePath") and not node.args:
            return [(Part("literal", ".", module, None),)]
        if name == "os.path.dirname" and node.args:
            if any(isinstance(n, ast.Name) and n.id == "__file__" for n in ast.walk(node.args[0])):
                return [(Part("anchor", "", module, node),)]
            return [self._folder_above(module, node, v) for v in self.of(module, node.args[0])]
        if name in ("os.path.basename", "os.path.splitext"):
            return [hole(PART_OF_PATH, node)]
        if name.rpartition(".")[2] in ("BytesIO", "StringIO"):
            return [hole(IN_MEMORY, node)]
        if name.startswith("tempfile."):
            return [hole("a temporary folder", node)]
        if name.startswith(TIME_CALLS):
            return [hole(TIME_OR_CHANCE, node)]
        if name in ("input", "raw_input", "getpass.getpass"):
            return [hole("what a person types", node)]
        return self._of_local_call(module, node) or self._of_method(module, node) or self._made_by_library(module, node, name)

    def _made_by_library(self, module: Module, node: ast.Call, name: str) -> list[Value]:
        """What a function of a library makes of a folder starts there, where its name says that it makes a path."""
        last = name.rpartition(".")[2]
        if not node.args or not words(last) & {"path", "dir", "directory", "folder"}:
            return []
        made = (Part("hole", MADE_BY_LIBRARY),)
        return [(*v, *made) for v in self.of(module, node.args[0]) if v and _is_start(v[0])]

    def _anchored(self, module: Module, join: ast.Call | ast.BinOp, value: Value) -> Value:
        """A path joined to the working folder or the code's own starts at this join's first part: there it can be given another start."""
        if value and value[0].kind == "anchor":
            first = join.left if isinstance(join, ast.BinOp) else join.args[0]
            nested = isinstance(first, ast.Call) and (self.program.qualified(module, first.func) or "").endswith("path.join")
            if value[0].joined is not None and not nested:
                return value  # a folder below the anchor has a name already: there it starts
            return (Part("anchor", value[0].text, module, first, joined=join), *value[1:])
        return value

    def _of_local_call(self, module: Module, node: ast.Call) -> list[Value]:
        values: list[Value] = []
        if any(isinstance(d, Class) for d in self.program.definitions(module, node.func)):
            return []
        for function in self.program.callees(module, node):
            for returned in returns_of(function):
                values += self.of(function.module, returned)
        return values

    def _of_method(self, module: Module, node: ast.Call) -> list[Value]:
        if not isinstance(node.func, ast.Attribute):
            return []
        base, method = node.func.value, node.func.attr
        if method == "format" and isinstance(base, ast.Constant) and isinstance(base.value, str):
            return self._filled(module, base, BRACE_HOLE, list(node.args))
        if method == "format":
            return [(*v, Part("hole", "formatted")) for v in self.of(module, base)]
        if method in PASS_METHODS:
            return self.of(module, base)
        if method == "replace":
            return [(*v[:1], Part("hole", "replaced")) for v in self.of(module, base)]
        if method in ("joinpath", "with_name") and node.args:
            return joined([self.of(module, base), *(self.of(module, a) for a in node.args)])
        if method in ("glob", "rglob", "with_suffix"):
            return [(*v, Part("hole", method)) for v in self.of(module, base)]
        if method == "join" and isinstance(base, ast.Constant) and node.args and isinstance(node.args[0], (ast.List, ast.Tuple)):
            pieces: list[list[Value]] = []
            for position, element in enumerate(node.args[0].elts):
                pieces += [[(Part("literal", str(base.value)),)]] if position else []
                pieces.append(self.of(module, element))
            return concatenated(pieces)
        if method == "get" and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            return self._of_item(module, base, node.args[0].value)
        return []


def _assigned_attributes(module: Module) -> list[tuple[ast.Attribute, ast.expr]]:
    """Every ``x.name = value`` of one module."""
    found: list[tuple[ast.Attribute, ast.expr]] | None = module.notes.get("assigned attributes")
    if found is None:
        found = module.notes["assigned attributes"] = []
        for node in module.nodes.among(ast.Assign, ast.AnnAssign):
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found += [(target, node.value) for target in targets if isinstance(target, ast.Attribute)]
    return found


def _is_start(part: Part) -> bool:
    """Whether paths start here: also at a variable of SageMaker's, that an earlier apply has put in."""
    return part.kind in ("literal", "option", "anchor") or (part.kind == "env" and part.text.startswith("SM_"))


def _alternatives(node: ast.expr) -> list[ast.expr]:
    """What an expression may be: each side of ``a or b``, and of ``a if x else b``."""
    if isinstance(node, ast.BoolOp):
        return [inner for operand in node.values for inner in _alternatives(operand)]
    return [*_alternatives(node.body), *_alternatives(node.orelse)] if isinstance(node, ast.IfExp) else [node]


def _mentions(node: ast.expr, attribute: str) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == attribute for n in ast.walk(node))
