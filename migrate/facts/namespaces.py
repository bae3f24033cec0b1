"""Which expressions hold the parsed options of the command line."""

from __future__ import annotations

import ast

from migrate.facts.flow import returns_of
from migrate.facts.program import Module, Program
from migrate.facts.scopes import Binding, Scope

Attributes = dict[str, list[tuple[Module, ast.Attribute, ast.expr]]]
"""Every ``x.name = value`` of a program, by name."""

NAMESPACE_NAMES = {"args", "arg", "opt", "opts", "options", "flags", "FLAGS", "hparams", "hps", "parsed_args", "params"}


class Namespaces:
    """Answers for one program. ``cli`` is what reads the command line; ``attributes`` are those that the program assigns."""

    def __init__(self, program: Program, cli: str, attributes: Attributes) -> None:
        self.program, self.cli, self._attributes = program, cli, attributes
        self._flags = cli in ("absl", "tf.flags")
        self._known: dict[int, bool] = {}

    def stored(self, name: str) -> list[tuple[Module, ast.Attribute, ast.expr]]:
        """What the program stores under an attribute, with where."""
        return self._attributes.get(name, [])

    def holds(self, module: Module, node: ast.expr) -> bool:
        """Whether ``node`` holds the parsed options."""
        known = self._known.get(id(node))
        if known is None:
            self._known[id(node)] = False  # a cycle proves nothing
            known = self._known[id(node)] = self._find(module, node)
        return known

    def _find(self, module: Module, node: ast.expr) -> bool:
        if isinstance(node, ast.Call):
            return self._call_gives_namespace(module, node)
        if isinstance(node, ast.Subscript):
            return isinstance(node.slice, ast.Constant) and node.slice.value == 0 and self.holds(module, node.value)
        if isinstance(node, ast.Attribute):
            if self._flags and node.attr == "FLAGS":  # flags.FLAGS, tf.app.flags.FLAGS
                return True
            name = self.program.qualified(module, node)
            if name is not None and ".py:" in name and self._global_holds(name):
                return True
            assigned = self._attributes.get(node.attr, [])
            return any(self.holds(m, value) for m, _, value in assigned)
        if not isinstance(node, ast.Name):
            return False
        found = module.scope(node).lookup(node.id)
        if found is None:
            return False
        scope, bindings = found
        for binding in bindings:
            if binding.kind == "assign" and binding.value is not None and binding.index in ((), (0,)) and self.holds(module, binding.value):
                return True
            if binding.kind == "import" and self._import_holds(module, binding):
                return True
            if binding.kind == "param" and self._parameter_holds(scope, node.id):
                return True
        return False

    def _call_gives_namespace(self, module: Module, node: ast.Call) -> bool:
        if isinstance(node.func, ast.Attribute) and node.func.attr in (
            "parse_args",
            "parse_known_args",
            "parse_intermixed_args",
            "parse_known_intermixed_args",
        ):
            return True
        name = self.program.qualified(module, node.func) or ""
        if name in ("vars", "copy.copy", "copy.deepcopy", "dict") or name.rsplit(".", 1)[-1] in (
            "Namespace",
            "EasyDict",
            "edict",
            "AttrDict",
            "parse_args_into_dataclasses",
        ):
            return any(self.holds(module, a) for a in [*node.args, *(k.value for k in node.keywords if k.arg is None)])
        for function in self.program.callees(module, node):
            if any(self.holds(function.module, r.elts[0] if isinstance(r, ast.Tuple) and r.elts else r) for r in returns_of(function)):
                return True
        return False

    def _global_holds(self, name: str) -> bool:
        path, _, dotted = name.partition(".py:")
        home = self.program.modules.get(path + ".py")
        bindings = home.names.root.bindings.get(dotted, []) if home else []
        return any(b.value is not None and home is not None and b.index in ((), (0,)) and self.holds(home, b.value) for b in bindings)

    def _import_holds(self, module: Module, binding: Binding) -> bool:
        if self._flags and binding.name == "FLAGS":
            return True
        path = self.program.resolver(module.path, binding.module, binding.level)
        return path is not None and binding.name is not None and self._global_holds(f"{path}:{binding.name}")

    def _parameter_holds(self, scope: Scope, name: str) -> bool:
        function = self.program.function_of(scope.node)
        if function is None:
            return name in NAMESPACE_NAMES
        sites = self.program.calls_of.get(id(scope.node), [])
        for site in sites:
            argument = self.program.argument(function, site.call, name)
            if argument is not None and self.holds(site.module, argument):
                return True
        return name in NAMESPACE_NAMES and self.cli == "argparse"
