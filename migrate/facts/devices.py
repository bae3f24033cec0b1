"""Which GPUs a script names by their number: devices, lists of them, and what it makes visible."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.habits.calls import is_guarded, last_name
from migrate.facts.model import Arguments, Option
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive

DEVICE = re.compile(r"(?P<before>cuda:|/?(?:device:)?[gG][pP][uU]:)(?P<number>\d+)")
LIST = re.compile(r"\d+(?: *, *\d+)*")
VISIBLE = "CUDA_VISIBLE_DEVICES"
BY_NUMBER = {"cuda", "set_device", "to_gpu", "get_device", "get_device_from_id"}  # methods and functions that take a number
PARALLEL = {"DataParallel", "DistributedDataParallel", "MirroredStrategy", "data_parallel"}
INDEX_OPTION = re.compile(r"^(?:gpu|cuda|device)_?(?:id|idx|index|num|no|device)$|^cuda_device$|^gpuid$")


@dataclass(frozen=True, eq=False)
class Named:
    """GPUs that an expression names. ``kind``: device (``"cuda:3"``), number (``.cuda(3)``), list (``device_ids=[2, 3]``),
    visible (``CUDA_VISIBLE_DEVICES``)."""

    module: Module
    node: ast.expr
    kind: str
    numbers: tuple[int, ...]

    @property
    def first_ones(self) -> bool:
        """Whether they are the first of the machine, in order."""
        return self.numbers == tuple(range(len(self.numbers)))


def find_named(program: Program) -> list[Named]:
    """Every GPU that code which may run names by its number."""
    found = [named for module in program.modules.values() for named in (*_of_module(module), *_handed_on(program, module))]
    return [named for named in found if is_alive(program, named.module, named.node) and not is_guarded(named.module, named.node)]


def uses_first_gpu(program: Program) -> bool:
    """Whether some code takes the GPU that comes first, with no number."""
    for module in program.modules.values():
        calls = (call for call in module.calls_named("cuda") if isinstance(call.func, ast.Attribute))
        bare = any(not call.args and is_alive(program, module, call) for call in calls)
        texts = (node for node in module.nodes.of(ast.Constant) if node.value in ("cuda", "cuda:0", "gpu", "/gpu:0"))
        if bare or any(is_alive(program, module, node) and not _is_type(module, node) for node in texts):
            return True
    return False


def _is_type(module: Module, node: ast.Constant) -> bool:
    """Whether a text is compared, or means the type of a device: ``device.type == "cuda"``."""
    return isinstance(module.parent(node), (ast.Compare, ast.Expr))


def index_of(option: Option) -> int | None:
    """The number of the GPU that an option names by default, above the first: ``--gpu_id 3``, ``--device cuda:1``."""
    if not option.default_known or option.nargs is not None or option.choices:
        return None
    if isinstance(option.default, str) and option.type in (None, "str", "torch.device"):
        match = DEVICE.fullmatch(option.default)
        return int(match.group("number")) or None if match is not None else None
    number = isinstance(option.default, int) and not isinstance(option.default, bool) and option.type == "int"
    if number and isinstance(option.default, int) and option.default > 0 and INDEX_OPTION.match(option.dest.lower()):
        return option.default
    return None


def index_options(arguments: Arguments) -> list[tuple[Option, int]]:
    """The options that name a GPU above the first one by default."""
    return [(option, index) for option in arguments.options if (index := index_of(option)) is not None]


def _of_module(module: Module) -> list[Named]:
    found: list[Named] | None = module.notes.get("named GPUs")
    if found is None:
        speaks = any(word in module.text for word in ("cuda", "CUDA", "gpu", "GPU", "device_ids"))
        found = module.notes["named GPUs"] = [*_texts(module), *_numbers(module), *_visible(module)] if speaks else []
    return found


def _texts(module: Module) -> Iterator[Named]:
    for node in module.nodes.of(ast.Constant):
        match = DEVICE.fullmatch(node.value) if isinstance(node.value, str) else None
        parent = module.parent(node)
        default = isinstance(parent, ast.keyword) and parent.arg == "default"  # of an option
        if match is not None and not default and not isinstance(parent, (ast.Compare, ast.Expr, ast.JoinedStr, ast.Dict)):
            yield Named(module, node, "device", (int(match.group("number")),))


def _numbers(module: Module) -> Iterator[Named]:
    for call in module.calls():
        name = last_name(call.func)
        if name in BY_NUMBER and call.args and (number := _number(call.args[0])) is not None:
            yield Named(module, call.args[0], "number", (number,))
        if name in PARALLEL:
            yield from _devices(module, _given(call))


def _given(call: ast.Call) -> ast.expr | None:
    """The devices that a call of ``DataParallel`` is given."""
    return next((k.value for k in call.keywords if k.arg == "device_ids"), call.args[1] if len(call.args) > 1 else None)


def _devices(module: Module, given: ast.expr | None) -> Iterator[Named]:
    display = _display(module, given) if isinstance(given, ast.Name) else given
    numbers = [_number(e) for e in display.elts] if isinstance(display, (ast.List, ast.Tuple)) else []
    if display is not None and numbers and None not in numbers:
        yield Named(module, display, "list", tuple(n for n in numbers if n is not None))


def _handed_on(program: Program, module: Module) -> Iterator[Named]:
    """Lists of devices that a function hands on to ``DataParallel``, where it is called once."""
    for call in module.calls() if "DataParallel" in module.text else []:
        given = _given(call) if last_name(call.func) in PARALLEL else None
        found = module.scope(given).lookup(given.id) if isinstance(given, ast.Name) else None
        if found is None or not isinstance(given, ast.Name) or [b.kind for b in found[1]] != ["param"]:
            continue
        function, sites = program.function_of(found[0].node), program.calls_of.get(id(found[0].node), [])
        if function is not None and len(sites) == 1:
            yield from _devices(sites[0].module, program.argument(function, sites[0].call, given.id))


def _display(module: Module, name: ast.Name) -> ast.expr | None:
    """The list that a name is bound to, and nothing else."""
    found = module.scope(name).lookup(name.id)
    bound = found[1] if found is not None else []
    return bound[0].value if len(bound) == 1 and bound[0].kind == "assign" and not bound[0].index else None


def _visible(module: Module) -> Iterator[Named]:
    for node in module.nodes.of(ast.Assign):
        if any(_is_visible(target) for target in node.targets):
            yield from _listed(module, node.value)
    for call in module.calls_named("setdefault", "putenv"):
        if len(call.args) == 2 and _text(call.args[0]) == VISIBLE:
            yield from _listed(module, call.args[1])


def _listed(module: Module, node: ast.expr) -> Iterator[Named]:
    text = _text(node)
    if text is not None and LIST.fullmatch(text):
        yield Named(module, node, "visible", tuple(int(number) for number in text.split(",")))


def _is_visible(target: ast.expr) -> bool:
    environ = isinstance(target, ast.Subscript) and last_name(target.value) == "environ"
    return environ and isinstance(target, ast.Subscript) and _text(target.slice) == VISIBLE


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _number(node: ast.expr) -> int | None:
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else None
