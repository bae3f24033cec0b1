"""What a call gives for a parameter, also where it spreads a dictionary: ``build(**kwargs)``, ``Trainer(**vars(args))``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.flow import returns_of
from migrate.facts.namespaces import Namespaces
from migrate.facts.nodes import walk
from migrate.facts.program import CallSite, Function, Module, Program
from migrate.facts.reach import is_alive

MOST_STEPS = 4  # functions through which keyword arguments are handed on


@dataclass(frozen=True)
class Given:
    """``value`` as it stands in ``module``, or the option of that name; neither where the default holds.

    ``unknown``: it may be anything.
    """

    module: Module
    value: ast.expr | None = None
    option: str | None = None
    unknown: bool = False

    @property
    def is_default(self) -> bool:
        return self.value is None and self.option is None and not self.unknown


def given(program: Program, namespaces: Namespaces, function: Function, name: str, steps: int = 0) -> Iterator[Given]:
    """What each call of ``function`` gives for its parameter ``name``, of the calls that may run."""
    for site in program.calls_of.get(id(function.node), []):
        if is_alive(program, site.module, site.call):
            for one in program.handed_on(site):
                yield from _of_site(program, namespaces, function, one, name, steps)


def _of_site(program: Program, namespaces: Namespaces, function: Function, site: CallSite, name: str, steps: int) -> Iterator[Given]:
    argument = program.argument(function, site.call, name)
    spreads = [keyword.value for keyword in site.call.keywords if keyword.arg is None]
    if argument is not None or not spreads:
        yield Given(site.module, argument)
    for spread in spreads if argument is None else ():
        yield from _of_spread(program, namespaces, site.module, spread, name, steps)


def _of_spread(program: Program, namespaces: Namespaces, module: Module, spread: ast.expr, name: str, steps: int) -> Iterator[Given]:
    found = module.scope(spread).lookup(spread.id) if isinstance(spread, ast.Name) else None
    if isinstance(spread, ast.Name) and found is not None and any(b.kind == "param" for b in found[1]):
        function = program.function_of(found[0].node)
        handed = function.node.args.kwarg if function is not None else None
        if function is not None and handed is not None and handed.arg == spread.id and steps < MOST_STEPS:
            above = list(given(program, namespaces, function, name, steps + 1))
            yield from above or [Given(module, unknown=True)]
            return
    if namespaces.holds(module, spread.value if isinstance(spread, ast.Attribute) and spread.attr == "__dict__" else spread):
        yield Given(module, option=name)
        return
    stored = [(home, value) for home, target, value in namespaces.stored(name) if _is_text(target.value, spread)]
    if stored:  # ``args.run_dir = folder``, of an object that is a dictionary too
        yield from (Given(home, value) for home, value in stored)
        return
    known = _display(program, module, spread)
    yield Given(known[0], known[1].get(name)) if known is not None else Given(module, unknown=True)


def _is_text(node: ast.expr, other: ast.expr) -> bool:
    return isinstance(node, ast.Name) and isinstance(other, ast.Name) and node.id == other.id


def _display(program: Program, module: Module, spread: ast.expr) -> tuple[Module, dict[str, ast.expr]] | None:
    """What ``**spread`` gives, by name, and where that is written; None where it is not known."""
    if isinstance(spread, ast.Call):
        functions = program.callees(module, spread)
        returned = [(f.module, value) for f in functions for value in returns_of(f)]
        if len(returned) == 1 and functions:
            return _display(program, *returned[0])
    display: ast.expr | None = spread
    stored: dict[str, ast.expr] = {}
    if isinstance(spread, ast.Name):
        known = module.scope(spread).lookup(spread.id)
        if known is None or len(known[1]) != 1 or known[1][0].kind != "assign" or known[1][0].index:
            return None
        display, changes = known[1][0].value, _changes(known[0].node, spread.id)
        if changes is None:
            return None
        stored = changes
    if isinstance(display, ast.Dict) and all(isinstance(key, ast.Constant) for key in display.keys):
        pairs = zip(display.keys, display.values, strict=True)
        return module, {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)} | stored
    if isinstance(display, ast.Call) and isinstance(display.func, ast.Name) and display.func.id == "dict" and not display.args:
        if all(keyword.arg for keyword in display.keywords):
            return module, {str(keyword.arg): keyword.value for keyword in display.keywords} | stored
    return None


def _changes(holder: ast.AST, name: str) -> dict[str, ast.expr] | None:
    """What ``name[key] = value`` stores in a function; None where the dictionary changes otherwise."""
    found: dict[str, ast.expr] = {}
    for node in walk(holder):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            if node.func.value.id == name and node.func.attr in ("update", "setdefault"):
                return None
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id == name:
                if not isinstance(target.slice, ast.Constant):
                    return None
                found[str(target.slice.value)] = node.value  # type: ignore[attr-defined]
    return found
