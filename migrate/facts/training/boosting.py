"""Where a program boosts trees: the calls of XGBoost and LightGBM that train, by themselves or through an estimator's ``fit``."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from migrate.facts.program import Module, Program
from migrate.facts.training.makers import Makers, handed_on, imports_library, live_calls

RESUMES = "resumable"
LIBRARIES = ("xgboost", "lightgbm")
ELSEWHERE = ("dask", "spark", "ray")  # parts of the libraries that train on other machines


@dataclass(frozen=True, eq=False)
class Boosting:
    """A call that boosts. ``refused``: why it cannot be gone on with."""

    module: Module
    call: ast.Call
    library: str
    refused: str | None = None


def boostings(program: Program) -> list[Boosting]:
    """Every training with XGBoost or LightGBM that does not go on after an interruption."""
    if not any(imports_library(program, library) for library in LIBRARIES):
        return []
    makers = Makers(program)
    found = []
    for module, call in live_calls(program, *program.written("train", "cv", "fit")):
        name = _name(program, makers, module, call)
        if name is not None:
            found.append(Boosting(module, call, name.partition(".")[0], _refusal(program, module, call, name)))
    return found


def _name(program: Program, makers: Makers, module: Module, call: ast.Call) -> str | None:
    """The library's name of what trains: ``xgboost.train``, ``lightgbm.LGBMClassifier.fit``; None for any other call."""
    if isinstance(call.func, ast.Call):  # resumable(xgb.train)(...): the inner call is none of these
        return None
    name = program.qualified(module, call.func) or ""
    first, _, last = name.partition(".")
    if first in LIBRARIES and last.rsplit(".", 1)[-1] in ("train", "cv"):
        return name
    if isinstance(call.func, ast.Attribute) and call.func.attr == "fit":
        made = [one.name for one in makers.of(module, call.func.value) if one.name.partition(".")[0] in LIBRARIES]
        if made and all(one.rsplit(".", 1)[-1].startswith(("XGB", "LGBM")) for one in made):
            return f"{made[0]}.fit"
    return None


def _refusal(program: Program, module: Module, call: ast.Call, name: str) -> str | None:
    if set(name.lower().split(".")) & set(ELSEWHERE) or "dask" in name.lower():
        return "it trains on other machines, whose state does not come here"
    if name.endswith(".cv"):
        return "the models of a cross validation are made in one call, which hands none of them out while it runs"
    if handed_on(program, module, call):
        return "a library calls the function that trains, as often as it decides: its runs cannot be told apart after an interruption"
    return None
