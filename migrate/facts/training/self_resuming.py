"""Training of TensorFlow that goes on by itself from a folder that it saves into: Estimators, monitored sessions, slim's loop.

What it needs for that: a folder that the script names, and an end that counts steps from the very first start.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from migrate.facts.program import Module, Program
from migrate.facts.training.graphs import tensorflow_steps
from migrate.facts.training.loops import Act, chains
from migrate.facts.training.makers import Makers, is_support, live_calls

CARRIES = "keep_savers"
SESSION = "MonitoredTrainingSession"
FOLDERS = {"model_dir", "logdir", "checkpoint_dir"}
PLACES = {"Estimator": 1, "RunConfig": 0, SESSION: 2, "train": 1}  # of the folder among the arguments of these calls
ANEW = "after an interruption it would train {0} more, however many are done: {1}"


@dataclass(frozen=True, eq=False)
class SelfResuming:
    """A call that trains, or that makes the session which does. ``refused``: what is missing for going on."""

    module: Module
    call: ast.Call
    refused: str | None = None
    carried: bool = False  # an earlier apply lets its folder travel


def self_resuming(program: Program) -> list[SelfResuming]:
    """Every training of this kind in code that may run."""
    makers = Makers(program)
    found = []
    for module, call in live_calls(program):
        name = program.qualified(module, call.func) or program.aliased(module, call.func) or ""
        if name.endswith("estimator.train_and_evaluate"):
            refused = _no_folder(program, makers, module, call.args[0] if call.args else None) or _endless(program)
        elif _is_estimator(makers, module, call):
            assert isinstance(call.func, ast.Attribute)
            refused = _no_folder(program, makers, module, call.func.value) or _added(call)
        elif name.startswith("tensorflow.") and name.endswith("." + SESSION):
            refused = _session(program, call)
        elif name.endswith("slim.learning.train"):
            refused = None if _names_folder(call) else "it has no logdir to go on from"
        else:
            continue
        scope = module.scope(call).function()
        carried = any(is_support(module, c, CARRIES) and module.scope(c).function() is scope for c in module.calls())
        found.append(SelfResuming(module, call, refused, carried))
    return found


def _is_estimator(makers: Makers, module: Module, call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in ("train", "fit"):
        return False
    names = [made.name for made in makers.of(module, call.func.value) if made.name.startswith("tensorflow.")]
    return any(".estimator." in name or ".learn." in name or name.endswith("Estimator") for name in names)


def _names_folder(call: ast.Call) -> bool:
    """Whether a call names the folder that is saved into; a None that is written there is none."""
    last = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    place = PLACES.get(last)
    given = [k.value for k in call.keywords if k.arg in FOLDERS] + (
        [call.args[place]] if place is not None and place < len(call.args) else []
    )
    return any(not (isinstance(value, ast.Constant) and value.value is None) for value in given) or any(
        k.arg is None for k in call.keywords
    )


def _no_folder(program: Program, makers: Makers, module: Module, estimator: ast.expr | None) -> str | None:
    """An Estimator without a folder takes a temporary one, another one each time."""
    made = [one.call for one in makers.of(module, estimator)] if estimator is not None else []
    configs = [c for m in program.modules.values() for c in m.calls_named("RunConfig")]
    return (
        None
        if not made or any(map(_names_folder, [*made, *configs]))
        else "the Estimator has no model_dir: give it one that it can go on from"
    )


def _endless(program: Program) -> str | None:
    specs = [call for module in program.modules.values() for call in module.calls_named("TrainSpec")]
    bounded = all(len(c.args) > 1 or any(k.arg in ("max_steps", None) for k in c.keywords) for c in specs)
    return None if bounded else ANEW.format("as many epochs as its input has", "give TrainSpec max_steps, which count from the first start")


def _added(call: ast.Call) -> str | None:
    """``steps`` of ``train`` are added to what is done; ``max_steps`` count from the first start."""
    bounded = len(call.args) > 3 or any(k.arg in ("max_steps", None) for k in call.keywords)
    return (
        None if bounded else ANEW.format("as many steps as here", "give it max_steps, which count from the first start, in place of steps")
    )


def _session(program: Program, call: ast.Call) -> str | None:
    if not _names_folder(call):
        return "the session has no checkpoint_dir: give it one that it can go on from"
    for hook in (c for module in program.modules.values() for c in module.calls_named("StopAtStepHook")):
        if hook.args or any(k.arg == "num_steps" for k in hook.keywords):
            return ANEW.format("num_steps", "give StopAtStepHook last_step, which counts from the first start")
    loops = [chain[-1] for act in tensorflow_steps(program).values() for chain in chains(program, Act(*act)) if chain]
    for loop in loops:
        if not isinstance(loop.node, ast.While) or "should_stop" not in ast.unparse(loop.node.test):
            return ANEW.format("all turns of its loop", "let it run while not should_stop(), with a StopAtStepHook(last_step=...)")
    return None


__all__ = ["CARRIES", "SelfResuming", "self_resuming"]
