"""How a script comes to train with several processes: it starts them itself, or waits for others that a launcher has started."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from migrate.facts.model import Place
from migrate.facts.notes import once
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive

# By the end of a call's qualified name. What each expects is documented by its library.
_KINDS = {
    "torch.multiprocessing.spawn": "spawn",  # starts the processes itself
    "torch.multiprocessing.start_processes": "spawn",
    "torch.distributed.init_process_group": "torchrun",  # waits for all processes of a launcher
    "deepspeed.init_distributed": "torchrun",
    "deepspeed.initialize": "torchrun",
    "apex.parallel.DistributedDataParallel": "torchrun",
    "horovod.torch.init": "mpi",
    "horovod.tensorflow.init": "mpi",
    "horovod.tensorflow.keras.init": "mpi",
    "horovod.keras.init": "mpi",
    "horovod.mxnet.init": "mpi",
    "chainermn.create_communicator": "mpi",
}


@dataclass(frozen=True)
class Processes:
    """A call that makes the script one of several processes. ``kind`` is spawn, torchrun or mpi.

    ``always``: no condition stands around it, so the script cannot do without.
    """

    kind: str
    call: str  # the qualified name
    place: Place
    always: bool


@once
def find_processes(program: Program) -> Processes | None:
    """The call that tells how the program's processes come to be: one that starts them before one that waits for them."""
    names = {name.rpartition(".")[2] for name in _KINDS}
    found: list[Processes] = []
    for module in program.modules.values():
        for call in module.calls_named(*names):
            if not is_alive(program, module, call):
                continue
            qualified = program.qualified(module, call.func) or ""
            if qualified in _KINDS:
                found.append(Processes(_KINDS[qualified], qualified, module.place(call), _is_certain(program, module, call)))
    return min(found, key=lambda each: (each.kind != "spawn", not each.always), default=None)


def _is_certain(program: Program, module: Module, node: ast.AST, depth: int = 4) -> bool:
    """Whether ``node`` runs whenever the script does: no condition, loop or handler around it, nor around the calls that lead there."""
    child, current = node, module.parent(node)
    while current is not None and not isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        conditional = isinstance(current, (ast.If, ast.IfExp)) and child is not current.test and not _is_main(current)
        if conditional or isinstance(current, (ast.ExceptHandler, ast.BoolOp)):
            return False
        child, current = current, module.parent(current)
    if current is None:
        return True
    sites = program.calls_of.get(id(current), [])
    return bool(sites) and depth > 0 and all(_is_certain(program, site.module, site.call, depth - 1) for site in sites)


def _is_main(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(node.test))
