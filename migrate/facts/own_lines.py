"""The lines that frameworks print by themselves while they train, as metric definitions: the script says only which values are in them.

Keras's progress (``- loss: 0.5``), the dictionaries of transformers (``{'loss': '0.5'}``), Lightning's bars (``loss=0.500``), the table of
Chainer's PrintReport, the evaluations of XGBoost (``[0]\\ttrain-rmse:0.5``) and LightGBM (``[1]\\tvalid_0's l2: 0.5``). Tests run each.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migrate.facts.model import Place
from migrate.facts.program import Module, Program, last_name
from migrate.facts.training.makers import Makers, imports_library, live_calls

NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
_ANY = r"[-+0-9.eE]+|nan|inf"  # a column that is not asked for
_SPLITS = {"val": "validation", "valid": "validation", "eval": "validation", "validation": "validation", "test": "test", "train": "train"}
_SPLITS |= {"training": "train", "main": "train", "dtrain": "train", "dtest": "test", "dval": "validation"}


@dataclass(frozen=True)
class OwnLine:
    """A value that a framework prints: a name for it, the expression that takes it, a line as the framework writes it."""

    name: str
    regex: str
    place: Place
    sample: str


def own_lines(program: Program) -> Iterator[OwnLine]:
    """What the frameworks print of the trainings that the program may start, in the order of the calls."""
    readers = [reader for library, reader in _READERS if imports_library(program, library)]
    if not readers:
        return
    makers = Makers(program)
    for module, call in live_calls(program):
        for reader in dict.fromkeys(readers):
            yield from reader(program, makers, module, call)


def _function(call: ast.Call) -> ast.expr:
    """What trains: ``model.fit`` of ``model.fit(...)`` and of ``keras_fit(model.fit)(...)``."""
    inner = call.func
    return inner.args[0] if isinstance(inner, ast.Call) and len(inner.args) == 1 else inner


def _given(call: ast.Call, *names: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg in names), None)


def _list(module: Module, node: ast.expr | None) -> list[ast.expr]:
    """The elements of a list that is written out, or of the one that a name holds and nothing adds to."""
    if isinstance(node, ast.Name):
        found = module.scope(node).lookup(node.id)
        [only] = found[1] if found is not None and len(found[1]) == 1 else [None]
        changed = any(
            isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id == node.id
            for call in module.calls()
        )
        node = only.value if only is not None and only.kind == "assign" and not only.index and not changed else None
    return list(node.elts) if isinstance(node, (ast.List, ast.Tuple)) else []


def _texts(elements: list[ast.expr]) -> list[str]:
    return [each.value for each in elements if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def _silent(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value in (0, False)


def _named(words: str, fallback: str = "train") -> str:
    """``val_loss`` and ``validation/main/loss`` are validation_loss, ``loss`` is train_loss."""
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", words.lower()) if part]
    split = next((_SPLITS[part] for part in parts if part in _SPLITS), fallback)
    return "_".join([split, *(part for part in parts if part not in _SPLITS)])


def _keras(program: Program, makers: Makers, module: Module, call: ast.Call) -> Iterator[OwnLine]:
    trains = _function(call)
    if not isinstance(trains, ast.Attribute) or trains.attr not in ("fit", "fit_generator") or _silent(_given(call, "verbose")):
        return
    if not any(".keras." in f".{made.name}" for made in makers.of(module, trains.value)):
        return
    names = ["loss", *_compiled(program)]
    if _given(call, "validation_data", "validation_split") is not None:
        names += [f"val_{name}" for name in names]
    for name in names:
        yield OwnLine(_named(name), rf" - {re.escape(name)}: {NUMBER}", module.place(call), f"8/8 - 1s - {name}: 0.4321")


def _compiled(program: Program) -> list[str]:
    """The metrics that models are compiled with, where they are named by a text: Keras prints them under it."""
    found = []
    for module, call in live_calls(program):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "compile":
            found += [name for name in _texts(_list(module, _given(call, "metrics"))) if name.isidentifier()]
    return list(dict.fromkeys(found))


def _transformers(program: Program, makers: Makers, module: Module, call: ast.Call) -> Iterator[OwnLine]:
    trains = _function(call)
    if not isinstance(trains, ast.Attribute) or trains.attr != "train":
        return
    made = [
        one for one in makers.of(module, trains.value) if one.name.startswith(("transformers.", "trl.")) and one.name.endswith("Trainer")
    ]
    if not made:
        return
    evaluated = any(isinstance(one.call, ast.Call) and _given(one.call, "eval_dataset") is not None for one in made)
    for key in ("loss", "eval_loss") if evaluated else ("loss",):
        yield OwnLine(_named(key), rf"'{key}': '?{NUMBER}", module.place(call), f"{{'{key}': '0.4321', 'epoch': '1'}}")


def _lightning(program: Program, makers: Makers, module: Module, call: ast.Call) -> Iterator[OwnLine]:
    """What a module logs for the progress bar: tqdm's (``loss=0.5``), or rich's where that is installed (``loss: 0.500``)."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "log" or not call.args:
        return
    name, bar = call.args[0], _given(call, "prog_bar")
    if isinstance(name, ast.Constant) and isinstance(name.value, str) and isinstance(bar, ast.Constant) and bar.value is True:
        label = re.escape(name.value)
        yield OwnLine(
            _named(name.value), rf"\b{label}(?:_epoch)?(?:=|: +){NUMBER}", module.place(call), f"Epoch 0: 8/8 [00:01, {name.value}=0.432]"
        )


def _chainer(program: Program, makers: Makers, module: Module, call: ast.Call) -> Iterator[OwnLine]:
    """The columns of the table: a row of numbers of which one is asked for."""
    if last_name(call.func) != "PrintReport":
        return
    name = program.qualified(module, call.func) or ""
    entries = _list(module, call.args[0]) if call.args else []
    columns = _texts(entries)
    if not name.endswith(".PrintReport") or not columns or len(columns) != len(entries) or columns[0] not in ("epoch", "iteration"):
        return
    for index, column in enumerate(columns):
        if "/" in column:
            before, after = index - 1, len(columns) - index - 1
            rest = [rf"(?:\s+(?:{_ANY})){{{count}}}" if count else "" for count in (before, after)]
            regex = rf"^[^0-9]*[0-9]+{rest[0]}\s+{NUMBER}{rest[1]}\s*$"
            yield OwnLine(_named(column), regex, module.place(call), "  ".join(["1", *["0.4321"] * (len(columns) - 1)]))


def _xgboost(program: Program, makers: Makers, module: Module, call: ast.Call) -> Iterator[OwnLine]:
    trains = _function(call)
    if last_name(trains) != "train" or program.qualified(module, trains) != "xgboost.train" or _silent(_given(call, "verbose_eval")):
        return
    pairs = _list(module, _given(call, "evals"))
    for name in [text for pair in pairs if isinstance(pair, ast.Tuple) for text in _texts(pair.elts)]:
        regex = rf"^\[[0-9]+\].*?\b{re.escape(name)}-[^:\s]+:{NUMBER}"
        yield OwnLine(f"{_named(name, name)}_metric", regex, module.place(call), f"[0]\t{name}-rmse:0.43210")


def _lightgbm(program: Program, makers: Makers, module: Module, call: ast.Call) -> Iterator[OwnLine]:
    trains = _function(call)
    sets = _list(module, _given(call, "valid_sets"))
    if last_name(trains) != "train" or program.qualified(module, trains) != "lightgbm.train" or not sets:
        return
    told = ("lightgbm.log_evaluation", "lightgbm.early_stopping")
    if _given(call, "verbose_eval") is None and not any((program.qualified(m, c.func) or "") in told for m, c in live_calls(program)):
        return
    for name in _texts(_list(module, _given(call, "valid_names"))) or [f"valid_{number}" for number in range(len(sets))]:
        label = re.sub(r"_\d+$", "", name)
        regex = rf"^\[[0-9]+\].*?\b{re.escape(name)}'s [^:\t]+: {NUMBER}"
        yield OwnLine(f"{_named(label, label)}_metric", regex, module.place(call), f"[1]\t{name}'s l2: 0.4321")


_Reader = Callable[[Program, Makers, Module, ast.Call], Iterator[OwnLine]]
_READERS: tuple[tuple[str, _Reader], ...] = (
    ("keras", _keras),
    ("tf_keras", _keras),
    ("tensorflow", _keras),
    ("transformers", _transformers),
    ("trl", _transformers),
    ("lightning", _lightning),
    ("pytorch_lightning", _lightning),
    ("chainer", _chainer),
    ("xgboost", _xgboost),
    ("lightgbm", _lightgbm),
)
