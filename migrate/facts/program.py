"""An entry script with the local modules it needs, parsed, with names resolved across them. Reads source only; runs nothing."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from migrate.facts.choices import choices, chosen_names
from migrate.facts.module import Class, Function, Module, is_main_guard, is_starred, last_name, module_of, parse_module
from migrate.facts.scopes import Binding, all_arguments
from migrate.repo.parsing import parse

MOST_IMPORTS = 20  # followed from module to module: they may go in a circle
Resolver = Callable[[str, str | None, int], str | None]
"""``resolver(from_path, module, level)`` gives the local file that an import means, or None for a library."""


@dataclass(frozen=True, eq=False)
class CallSite:
    """A call in the program of a function of the program."""

    module: Module
    call: ast.Call


@dataclass(eq=False)
class Program:
    """``modules`` holds the entry first. ``calls_of`` lists the call sites of each function (by id of its node)."""

    entry: str
    modules: dict[str, Module]
    resolver: Resolver
    calls_of: dict[int, list[CallSite]] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    _methods: dict[str, list[Function]] = field(default_factory=dict)
    _classes_by_node: dict[int, Class] = field(default_factory=dict)
    _functions_by_node: dict[int, Function] = field(default_factory=dict)
    _bases: dict[int, list[Class]] = field(default_factory=dict)
    _subclasses: dict[int, list[Class]] | None = None
    _callees: dict[int, list[Function]] = field(default_factory=dict)
    _qualified: dict[ast.expr, str | None] = field(default_factory=dict)
    _definitions: dict[ast.expr, list[Function | Class]] = field(default_factory=dict)
    _defined_names: set[str] = field(default_factory=set)  # what the functions and classes of the program can be called by
    _chosen: set[str] = field(default_factory=set)  # names that are given one of several of them
    _renamed: frozenset[str] = frozenset()  # what imports call by another name
    notes: dict[str, Any] = field(default_factory=dict)  # what others have found out about this program, by who they are

    def __post_init__(self) -> None:
        for module in self.modules.values():  # what another program that shares it has bound
            bindings = module.names.root.bindings
            for name in [name for name, known in bindings.items() if any(is_starred(b) for b in known)] if "*" in bindings else []:
                del bindings[name]
        starred: set[str] = set()
        for module in self.modules.values():
            self._bind_starred(module, starred)
        for module in self.modules.values():
            functions, classes = module.definitions()
            self.functions += functions
            self.classes += classes
        self._functions_by_node = {id(function.node): function for function in self.functions}
        self._classes_by_node = {id(known.node): known for known in self.classes}
        for function in self.functions:
            if function.owner is not None:
                self._methods.setdefault(function.node.name, []).append(function)
        self._defined_names = {f.node.name for f in self.functions} | {c.node.name for c in self.classes}
        self._renamed = frozenset().union(*(module.renamed() for module in self.modules.values()))
        self._defined_names |= self._renamed
        for _ in range(2):  # a name for a class, and a dictionary of such names
            for module in self.modules.values():
                self._chosen |= chosen_names(module, self._defined_names)
            self._defined_names |= self._chosen
        for module in self.modules.values():
            asleep = set() if module.path == self.entry else module.guarded()
            for call in module.calls_among(self._defined_names, ("",)):  # and what a table gives: SETS[name]()
                if id(call) in asleep:  # the tests of an imported module do not run
                    continue
                for function in self.callees(module, call):
                    self.calls_of.setdefault(id(function.node), []).append(CallSite(module, call))

    def _bind_starred(self, module: Module, done: set[str]) -> None:
        """Bind what ``from x import *`` brings, as if each name were imported; a name of the module's own stays."""
        if module.path in done:
            return
        done.add(module.path)
        bindings = module.names.root.bindings
        if "*" not in bindings:
            return
        own = set(bindings)
        for star in bindings["*"]:
            home = self.modules.get(self.resolver(module.path, star.module, star.level) or "")
            if home is None:
                continue
            self._bind_starred(home, done)
            for name in home.names.root.bindings:
                if not name.startswith(("_", "*")) and name not in own:
                    bindings[name] = [Binding("import", star.node, module=star.module, name=name, level=star.level)]

    def forget(self) -> None:
        """Let go of all that was found out, which may hold the program itself."""
        self.notes.clear()

    @property
    def main(self) -> Module:
        return self.modules[self.entry]

    def qualified(self, module: Module, expression: ast.expr) -> str | None:
        """The dotted name of ``expression`` as the import statements tell it: ``torch.save``, ``os.path.join``; None if it is no such name.

        A name bound to something of this program comes back as ``path.py:name``. A builtin comes back bare: ``open``.
        """
        if not isinstance(expression, (ast.Attribute, ast.Name)):
            return None
        if expression not in self._qualified:
            self._qualified[expression] = self._find_qualified(module, expression)
        return self._qualified[expression]

    def _find_qualified(self, module: Module, expression: ast.Attribute | ast.Name) -> str | None:
        if isinstance(expression, ast.Attribute):
            base = self.qualified(module, expression.value)
            if base is None:
                return None
            return self._in_module(base, expression.attr) if base.endswith(".py:") else f"{base}.{expression.attr}"
        found = module.scope(expression).lookup(expression.id)
        if found is None:
            return expression.id
        for binding in found[1]:
            if binding.kind == "import":
                return self._imported_name(module, binding)
        if len(found[1]) == 1 and found[1][0].kind in ("function", "class"):
            return f"{module.path}:{expression.id}"
        return None

    def aliased(self, module: Module, expression: ast.expr) -> str | None:
        """As :meth:`qualified`, where the first name is assigned once from something of a library: ``slim = tf.contrib.slim``."""
        if not isinstance(expression, ast.Attribute):
            return None
        base = expression.value
        if isinstance(base, ast.Attribute):
            outer = self.aliased(module, base)
        else:
            found = module.scope(base).lookup(base.id) if isinstance(base, ast.Name) else None
            only = found[1][0] if found is not None and len(found[1]) == 1 else None
            value = only.value if only is not None and only.kind == "assign" and not only.index else None
            outer = self.qualified(module, value) if isinstance(value, ast.Attribute) else None
        return f"{outer}.{expression.attr}" if outer is not None and ".py:" not in outer else None

    def _in_module(self, base: str, name: str) -> str:
        """What ``name`` is in the module ``base`` (``path.py:``): what it imports under that name, or a submodule, or its own."""
        home = self.modules.get(base[:-1])
        bindings = home.names.root.bindings.get(name, []) if home is not None else []
        if home is not None and bindings and bindings[0].kind == "import":
            return self._imported_name(home, bindings[0]) or base + name
        if not bindings and base.endswith("__init__.py:"):
            folder = base.removesuffix("__init__.py:")
            for path in (f"{folder}{name}.py", f"{folder}{name}/__init__.py"):
                if path in self.modules:
                    return f"{path}:"
        return base + name

    def _imported_name(self, module: Module, binding: Binding, steps: int = 0) -> str | None:
        if binding.name is None:
            local = self.resolver(module.path, binding.module, 0)
            return f"{local}:" if local else binding.module
        package = self.resolver(module.path, binding.module, binding.level)
        inner = self.modules[package].names.root.bindings.get(binding.name, []) if package in self.modules else []
        if inner and inner[0].node is not binding.node:  # else a package imports a module of its own, by its own name
            if inner[0].kind == "import" and steps < MOST_IMPORTS:
                return self._imported_name(self.modules[package], inner[0], steps + 1)  # type: ignore[index]
            return f"{package}:{binding.name}"
        dotted = f"{binding.module}.{binding.name}" if binding.module else binding.name
        submodule = self.resolver(module.path, dotted, binding.level)
        if submodule is not None and submodule != package:
            return f"{submodule}:"
        if package is not None:
            return f"{package}:{binding.name}"
        return None if binding.level else dotted

    def calls_of_library(self, module: Module, names: Iterable[str]) -> list[ast.Call]:
        """The calls of a module that may be of one of these dotted names of a library, by their last name alone: ask ``qualified``."""
        return module.calls_named(*self.written(*names))

    def written(self, *names: str) -> tuple[str, ...]:
        """The last names that a call of what has one of these (dotted) names may be written with: those, and what imports rename."""
        return *(name.rpartition(".")[2] for name in names), *self._renamed

    @property
    def defined(self) -> Collection[str]:
        """The names of what the program defines, and those that imports rename."""
        return self._defined_names

    def may_define(self, called: ast.expr) -> bool:
        """Whether what is called may be defined in this program, by its last name alone."""
        if isinstance(called, ast.Name):
            return called.id in self._defined_names
        if isinstance(called, ast.Subscript):
            return self._may_choose(called)
        return isinstance(called, ast.Attribute) and called.attr in self._defined_names

    def definitions(self, module: Module, expression: ast.expr) -> list[Function | Class]:
        """The functions and classes of this program that ``expression`` names; not to be changed."""
        if expression not in self._definitions:
            self._definitions[expression] = self._find_definitions(module, expression)
        return self._definitions[expression]

    def _find_definitions(self, module: Module, expression: ast.expr) -> list[Function | Class]:
        if isinstance(expression, ast.Name):
            found = module.scope(expression).lookup(expression.id)
            if found is not None:
                local = [self._defined(b.node) for b in found[1] if b.kind in ("function", "class")]
                if local:
                    return [d for d in local if d is not None]
        if self._may_choose(expression):
            chosen = [d for one in choices(module, expression) for d in self.definitions(module, one)]
            if chosen:
                return list({id(d.node): d for d in chosen}.values())
        name = self.qualified(module, expression)
        if name is None or ".py:" not in name:
            return []
        path, _, dotted = name.partition(".py:")
        home = self.modules.get(path + ".py")
        if home is None or not dotted:
            return []
        first, _, rest = dotted.partition(".")
        result: list[Function | Class] = []
        for binding in home.names.root.bindings.get(first, []):
            definition = self._defined(binding.node) if binding.kind in ("function", "class") else None
            if definition is not None and rest and isinstance(definition, Class):
                method = self.method(definition, rest)
                result += [method] if method else []
            elif definition is not None and not rest:
                result.append(definition)
        return result

    def _may_choose(self, expression: ast.expr) -> bool:
        """Whether an expression may stand for one of several functions or classes, by its last name alone."""
        if isinstance(expression, ast.Subscript):
            return isinstance(expression.value, (ast.Dict, ast.List, ast.Tuple)) or last_name(expression.value) in self._chosen
        return isinstance(expression, (ast.Name, ast.Attribute)) and last_name(expression) in self._chosen

    def _defined(self, node: ast.AST) -> Function | Class | None:
        return self._functions_by_node.get(id(node)) or self._classes_by_node.get(id(node))

    def function_of(self, node: ast.AST) -> Function | None:
        return self._functions_by_node.get(id(node))

    def class_of(self, node: ast.AST) -> Class | None:
        return self._classes_by_node.get(id(node))

    def bases(self, cls: Class) -> list[Class]:
        """The bases of ``cls`` that this program defines."""
        known = self._bases.get(id(cls.node))
        if known is None:
            known = self._bases[id(cls.node)] = self._find_bases(cls)
        return known

    def _find_bases(self, cls: Class) -> list[Class]:
        found = [d for base in cls.node.bases for d in self.definitions(cls.module, base)]
        return [d for d in found if isinstance(d, Class)]

    def family(self, cls: Class) -> list[Class]:
        """``cls``, its bases and its subclasses within the program: those that share ``self``."""
        result: list[Class] = []
        todo = [cls]
        while todo:
            current = todo.pop(0)
            if all(current.node is not seen.node for seen in result):
                result.append(current)
                todo += self.bases(current)
        result += [c for c in self._subclasses_of(cls) if all(c.node is not seen.node for seen in result)]
        return result

    def _subclasses_of(self, cls: Class) -> list[Class]:
        if self._subclasses is None:
            self._subclasses = {}
            for other in self.classes:
                for base in self.bases(other):
                    self._subclasses.setdefault(id(base.node), []).append(other)
        return self._subclasses.get(id(cls.node), [])

    def method(self, cls: Class, name: str) -> Function | None:
        """The method ``name`` of ``cls`` or of the first base that has it; of several in one class the last, as in Python."""
        for member in reversed(cls.node.body):
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and member.name == name:
                return self._functions_by_node[id(member)]
        for base in self.bases(cls):
            found = self.method(base, name)
            if found is not None:
                return found
        return None

    def has_method(self, name: str) -> bool:
        """Whether a class of this program has a method of that name."""
        return name in self._methods

    def callees(self, module: Module, call: ast.Call) -> list[Function]:
        """The functions of this program that ``call`` may run: by name, by ``self.``, by class (its ``__init__``), or by a method name
        that only one class has."""
        known = self._callees.get(id(call))
        if known is None:
            if not self.may_define(call.func):
                return []
            known = self._callees[id(call)] = self._find_callees(module, call)
        return known

    def _find_callees(self, module: Module, call: ast.Call) -> list[Function]:
        target = call.func
        result: list[Function] = []
        for definition in self.definitions(module, target):
            if isinstance(definition, Function):
                result.append(definition)
            else:
                init = self.method(definition, "__init__")
                result += [init] if init else []
        if result or not isinstance(target, ast.Attribute):
            return result
        if isinstance(target.value, ast.Name) and target.value.id in ("self", "cls"):
            owner = module.scope(call).enclosing_class()
            cls = self._classes_by_node.get(id(owner.node)) if owner else None
            for relative in self.family(cls) if cls else []:
                found = self.method(relative, target.attr)
                if found is not None and all(found.node is not r.node for r in result):
                    result.append(found)
            return result
        if isinstance(target.value, ast.Call) and isinstance(target.value.func, ast.Name) and target.value.func.id == "super":
            owner = module.scope(call).enclosing_class()
            cls = self._classes_by_node.get(id(owner.node)) if owner else None
            bases = [self.method(base, target.attr) for base in self.bases(cls)] if cls else []
            return [b for b in bases if b is not None]
        methods = self._methods.get(target.attr, [])
        made = self._made_of(module, target.value) if len(methods) > 1 else []
        if made:
            found_methods = [m for cls in made if (m := self.method(cls, target.attr)) is not None]
            return list({id(m.node): m for m in found_methods}.values())
        if isinstance(target.value, ast.Call) and self._is_librarys(module, target.value):
            return []
        if self.qualified(module, target) is None and len({id(m.owner) for m in methods}) == 1:
            return methods
        return []

    def _made_of(self, module: Module, receiver: ast.expr) -> list[Class]:
        """The classes of which a name's object is, where all that it is given are calls of classes of the program."""
        found = module.scope(receiver).lookup(receiver.id) if isinstance(receiver, ast.Name) else None
        result: list[Class] = []
        for binding in found[1] if found is not None else []:
            value = binding.value
            if isinstance(value, ast.Constant) and value.value is None and binding.kind == "assign":
                continue
            if binding.kind != "assign" or binding.index or not isinstance(value, ast.Call):
                return []
            known = self.definitions(module, value.func)
            if not known or not all(isinstance(one, Class) for one in known):
                return []
            result += [one for one in known if isinstance(one, Class)]
        return result

    def _is_librarys(self, module: Module, call: ast.Call) -> bool:
        """Whether a call is one of an imported library's."""
        root: ast.expr = call.func
        while isinstance(root, (ast.Attribute, ast.Call)):
            root = root.func if isinstance(root, ast.Call) else root.value
        found = module.scope(root).lookup(root.id) if isinstance(root, ast.Name) else None
        name = self.qualified(module, root) if found is not None and all(b.kind == "import" for b in found[1]) else None
        return name is not None and ".py:" not in name

    def handed_on(self, site: CallSite, steps: int = 0) -> list[CallSite]:
        """Where the arguments of a call are given: the call itself, or those of a function that hands on all of its own:
        ``def __init__(self, *args, **kwargs): super().__init__(*args, **kwargs)``."""
        first = site.call.args[0].value if site.call.args and isinstance(site.call.args[0], ast.Starred) else None
        scope = site.module.scope(site.call).function()
        own = self._functions_by_node.get(id(scope.node)) if scope is not None else None
        if own is None or not isinstance(first, ast.Name) or own.parameters() or steps > MOST_IMPORTS:
            return [site]
        given = own.node.args.vararg
        if given is None or given.arg != first.id:
            return [site]
        return [one for outer in self.calls_of.get(id(own.node), []) for one in self.handed_on(outer, steps + 1)]

    def argument(self, function: Function, call: ast.Call, name: str) -> ast.expr | None:
        """The expression that ``call`` passes for parameter ``name``; None when it leaves the default or spreads ``*`` / ``**``."""
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword.value
        parameters = function.parameters()
        if name in parameters:
            position = parameters.index(name)
            before = call.args[: position + 1]
            if len(before) > position and not any(isinstance(a, ast.Starred) for a in before):
                return before[position]
        return None


def load_program(
    entry: str,
    closure: tuple[str, ...],
    read: Callable[[str], bytes],
    resolver: Resolver,
    parsed: dict[str, Module] | None = None,
    function: str | None = None,
) -> Program:
    """Parse the entry and its closure. A closure file that cannot be parsed is left out: its names stay unknown.

    ``parsed`` keeps modules between the entry points of one repository; ``resolver`` is asked the same again and again. ``function`` is
    called at the end of the entry. Raises SyntaxError, ValueError or OSError for the entry itself.
    """
    known = {} if parsed is None else parsed
    modules: dict[str, Module] = {}
    for path in dict.fromkeys((entry, *closure)):
        try:
            if path not in known:
                known[path] = parse_module(path, read(path))
            modules[path] = known[path]
        except (SyntaxError, ValueError, OSError, LookupError):
            if path == entry:
                raise
    if function is not None:
        modules[entry] = _calling(modules[entry], function)
    return Program(entry, modules, resolver)


def _calling(module: Module, function: str) -> Module:
    """``module`` as if ``function()`` stood below its last line, as a console script calls it. The source is what it was."""
    tree, call = parse(module.source), ast.parse(f"{function}()")
    ast.increment_lineno(call, module.source.count(b"\n") + 1)
    tree.body += call.body
    return module_of(module.path, tree, module.source, module.text)


__all__ = [
    "CallSite",
    "Class",
    "Function",
    "Module",
    "Program",
    "Resolver",
    "all_arguments",
    "is_main_guard",
    "last_name",
    "load_program",
    "parse_module",
]
