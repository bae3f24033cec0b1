"""Options that count what an instance has: data loader workers, GPUs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from migrate.facts.model import Option
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive

FEW_WORKERS = 4  # the smallest instances with a GPU have as many CPUs
LOADER_WORKERS = ("num_workers", "n_workers")
WORKERS = re.compile(
    r"^(?:(?:num|n|nb|data|loader|dataloader|load|num_data|number_of)_?)?(?:workers?|threads|num_cpus|nthreads|njobs)$|^loaderjob$"
)
GPUS = re.compile(r"^(?:num|n|nb|number_of)_?(?:gpus?|devices)$|^(?:gpus|ngpus?(?:_per_node)?|gpu_count|nproc_per_node|num_gpus_per_node)$")


def variable_of(option: Option) -> str | None:
    """The variable that tells how many of it the instance has, where the option is a count."""
    if not _is_count(option):
        return None
    name = option.dest.lower()
    if option.default == 1:
        return None  # an instance has one; and one GPU means no spreading over several, whatever there are
    return "SM_NUM_CPUS" if WORKERS.match(name) else "SM_NUM_GPUS" if GPUS.match(name) else None


def _is_count(option: Option) -> bool:
    number = isinstance(option.default, int) and not isinstance(option.default, bool) and option.default > 0
    return number and option.default_known and option.type == "int" and option.nargs is None and bool(option.options)


@dataclass(frozen=True, eq=False)
class WorkerCount:
    """A number of workers that a data loader is given as a literal."""

    module: Module
    node: ast.Constant
    value: int


def worker_counts(program: Program) -> Iterator[WorkerCount]:
    """The literals above ``FEW_WORKERS`` that data loaders of the program get as their number of workers."""
    for module in program.modules.values():
        for node in _literals(module):
            if is_alive(program, module, node):
                yield WorkerCount(module, node, cast(int, node.value))


def _literals(module: Module) -> list[ast.Constant]:
    found: list[ast.Constant] | None = module.notes.get("worker counts")
    if found is None:
        keywords = (k for k in module.nodes.of(ast.keyword) if k.arg in LOADER_WORKERS) if "Loader" in module.text else iter(())
        found = module.notes["worker counts"] = [
            k.value
            for k in keywords
            if isinstance(k.value, ast.Constant) and type(k.value.value) is int and k.value.value > FEW_WORKERS and _is_loaders(module, k)
        ]
    return found


def _is_loaders(module: Module, keyword: ast.keyword) -> bool:
    call = module.parent(keyword)
    called = call.func if isinstance(call, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name.endswith("Loader")
