"""Paths that take their default from a variable of SageMaker's already: what an earlier ``apply``, or a person, wrote."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.locations import kind_of, normal
from migrate.facts.model import Arguments, Option, Place, Span
from migrate.facts.program import Module, Program
from migrate.facts.reach import dormant, reached
from migrate.facts.uses import names_around

VARIABLES = {"SM_MODEL_DIR": "model", "SM_OUTPUT_DATA_DIR": "data"}


@dataclass(frozen=True)
class Migrated:
    """One such default. ``default`` is the EC2 path as far as it is a literal; ``root`` the folder that the variable replaces."""

    role: str  # channel, model, data, log
    place: Place
    env: str
    default: str | None
    root: str | None
    channel: str | None
    option: Option | None


def find_migrated(program: Program, arguments: Arguments) -> list[Migrated]:
    """Every ``os.environ.get("SM_...")`` of a channel or an output folder in the code that may run, as paths are looked for."""
    options = {(o.place.path, o.place.span): o for o in arguments.options}
    found: list[Migrated] = []
    alive: set[int] | None = None
    for module in program.modules.values():
        if "SM_" not in module.text or module.path.rsplit("/", 1)[-1] == "sagemaker_support.py":
            continue
        alive = reached(program) if alive is None else alive
        asleep = dormant(module, program)
        for node in module.nodes.among(ast.Call, ast.Subscript):
            env = _variable(program, module, node)
            if env is None or not isinstance(node, (ast.Call, ast.Subscript)) or id(node) in asleep:
                continue
            function = module.scope(node).function()
            if function is None or id(function.node) in alive:
                found.append(_read(program, module, node, env, options))
    return found


def _variable(program: Program, module: Module, node: ast.AST) -> str | None:
    name: ast.expr | None = None
    if isinstance(node, ast.Call) and node.args and program.qualified(module, node.func) in ("os.environ.get", "os.getenv"):
        name = node.args[0]
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and program.qualified(module, node.value) == "os.environ":
        name = node.slice
    text = name.value if isinstance(name, ast.Constant) else None
    if isinstance(text, str) and (text in VARIABLES or text.startswith("SM_CHANNEL_")):
        return text
    return None


def _read(program: Program, module: Module, node: ast.Call | ast.Subscript, env: str, options: dict[tuple[str, Span], Option]) -> Migrated:
    root = None
    if isinstance(node, ast.Call) and len(node.args) > 1:
        root = _known_text(program, module, node.args[1])
    default = root
    parent = module.parent(node)
    if (
        isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Attribute)
        and parent.func.attr == "join"
        and parent.args[0] is node
        and len(parent.args) == 2
    ):
        rest = parent.args[1]
        text = rest.value if isinstance(rest, ast.Constant) and isinstance(rest.value, str) else module.segment(rest)
        default = text if not root else f"{root}/{text}"
    option = next((o for o in (options.get((module.path, s)) for s in _calls_around(module, node)) if o is not None), None)
    channel = env.removeprefix("SM_CHANNEL_").lower() if env.startswith("SM_CHANNEL_") else None
    role = "channel" if channel else VARIABLES[env]
    if role == "data":
        role = "log" if kind_of("text", default or "", names_around(module, node)) == "log" else "data"
    place = option.place if option is not None else module.place(node)
    return Migrated(role, place, env, default, root, channel, option)


def _known_text(program: Program, module: Module, node: ast.expr) -> str | None:
    """The text of a literal; of ``os.path.join(ROOT, "input")`` and ``ROOT / "input"`` what stands behind the folder of the code."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
        return normal(node.right.value) if isinstance(node.right.value, str) else None
    if isinstance(node, ast.Call) and (program.qualified(module, node.func) or "").endswith("path.join"):
        texts = [a.value for a in node.args[1:] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        return normal("/".join(texts)) if texts and len(texts) == len(node.args) - 1 else None
    return None


def _calls_around(module: Module, node: ast.AST) -> Iterator[Span]:
    current: ast.AST | None = node
    while current is not None and not isinstance(current, ast.stmt):
        if isinstance(current, ast.Call):
            yield Span.of(current)
        current = module.parent(current)
