"""Where the processes of a distributed training meet, and how many they are, as far as code fixes it to machines of EC2."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.habits.calls import is_conditional, is_guarded, last_name
from migrate.facts.model import Option
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive

ADDRESS = re.compile(r"(?P<before>tcp://)?(?P<host>\d{1,3}(?:\.\d{1,3}){3}|[\w.-]+\.(?:internal|compute\.amazonaws\.com))(?P<after>:\d+)?")
LOCAL = re.compile(r"127\.|0\.0\.0\.0|localhost")
MASTER = "MASTER_ADDR"
ADDRESS_OPTION = re.compile(r"^(?:master|main|head|server|dist)_?(?:process_)?(?:addr|address|ip|host|url)$|^init_method$")
STARTERS = {"torch.multiprocessing.spawn", "torch.multiprocessing.start_processes"}
JOINERS = {"torch.distributed.init_process_group"}


@dataclass(frozen=True, eq=False)
class Meeting:
    """A text that names one host of EC2's where processes meet: ``before``, ``host`` and ``after`` are its parts."""

    module: Module
    node: ast.Constant
    before: str
    host: str
    after: str


def parts_of(text: object) -> tuple[str, str, str] | None:
    """What stands before the host, the host and what stands behind it; None where a text names no host, or this one."""
    match = ADDRESS.fullmatch(text) if isinstance(text, str) else None
    if match is None or LOCAL.match(match.group("host")):
        return None
    return match.group("before") or "", match.group("host"), match.group("after") or ""


def meets_at(option: Option) -> tuple[str, str, str] | None:
    """The parts of the address that an option has by default (``--dist-url tcp://10.1.1.20:23456``)."""
    return parts_of(option.default) if option.default_known and ADDRESS_OPTION.match(option.dest.lower()) else None


def is_local_rank(option: Option) -> bool:
    """Whether it takes the number of the process on its host, as ``torch.distributed.launch`` gives it."""
    return option.dest == "local_rank" and bool(option.options) and option.action == "store" and option.nargs is None


def find_meetings(program: Program) -> Iterator[Meeting]:
    """Every such text in code that may run: ``init_method=``, and ``MASTER_ADDR`` in the environment."""
    for module in program.modules.values():
        for node in _texts(module):
            parts = parts_of(node.value)
            if parts is not None and is_alive(program, module, node) and not is_guarded(module, node):
                yield Meeting(module, node, *parts)


def _texts(module: Module) -> Iterator[ast.Constant]:
    for node in module.nodes.of(ast.Assign) if MASTER in module.text else []:
        if isinstance(node.value, ast.Constant) and any(_is_master(target) for target in node.targets) and not is_conditional(module, node):
            yield node.value
    for keyword in module.nodes.of(ast.keyword) if "init_method" in module.text else []:
        if keyword.arg == "init_method":
            value = _literal(module, keyword.value)
            if value is not None:
                yield value


def _literal(module: Module, node: ast.expr) -> ast.Constant | None:
    """The literal that an expression is, or that a name is bound to and nothing else."""
    if isinstance(node, ast.Name):
        found = module.scope(node).lookup(node.id)
        bound = found[1] if found is not None else []
        value = bound[0].value if len(bound) == 1 and bound[0].kind == "assign" and not bound[0].index else None
        return value if isinstance(value, ast.Constant) else None
    return node if isinstance(node, ast.Constant) else None


def _is_master(target: ast.expr) -> bool:
    if not isinstance(target, ast.Subscript) or last_name(target.value) != "environ":
        return False
    return isinstance(target.slice, ast.Constant) and target.slice.value == MASTER


@dataclass(frozen=True, eq=False)
class ProcessCount:
    """A number of processes that is written as a literal. ``starts``: it says how many are started; else how many wait for each other."""

    module: Module
    node: ast.Constant
    value: int
    starts: bool


def process_counts(program: Program) -> list[ProcessCount]:
    """``nprocs`` of ``torch.multiprocessing.spawn`` and ``world_size`` of ``init_process_group``, where they are literals above one."""
    found: dict[int, ProcessCount] = {}
    for module in program.modules.values():
        for call in module.calls_named("spawn", "start_processes", "init_process_group"):
            if not is_alive(program, module, call):
                continue
            name = program.qualified(module, call.func)
            wanted = "nprocs" if name in STARTERS else "world_size" if name in JOINERS else None
            given = next((k.value for k in call.keywords if k.arg == wanted), None)
            node = _literal(module, given) if given is not None else None
            if node is not None and type(node.value) is int and node.value > 1 and not is_guarded(module, node):
                one = ProcessCount(module, node, node.value, name in STARTERS)
                found[id(node)] = one if id(node) not in found or one.starts else found[id(node)]
    return list(found.values())
