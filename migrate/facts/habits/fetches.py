"""What a script gets from the internet: data sets and weights that a library fetches, and files by their address."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.habits.calls import HabitCall, habit_calls, is_guarded
from migrate.facts.habits.commands import find_commands
from migrate.facts.model import Arguments
from migrate.facts.program import Module, Program
from migrate.facts.reach import is_alive

HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")  # a name of a model hub: no path
URL = re.compile(r"(https?|ftp)://")
KERAS_DATA = re.compile(
    r"(?:tensorflow\.)?keras\.datasets\.\w+\.load_data|tensorflow\.examples\.tutorials\.mnist\.input_data\.read_data_sets"
)
KERAS_MODELS = re.compile(r"(?:tensorflow\.)?keras\.applications\.(?:\w+\.)?[A-Z]\w*")
TORCHVISION_MODELS = re.compile(
    r"torchvision\.models\.(?:\w+\.)*[a-z]\w*|timm\.create_model|timm\.models\.create_model|pretrainedmodels\.\w+"
)
FROM_HUB = re.compile(r"(?:transformers|diffusers|sentence_transformers|peft|timm|segmentation_models_pytorch)\b.*\.from_pretrained")
LOADERS = {"csv", "json", "text", "parquet", "arrow", "pandas", "imagefolder", "audiofolder", "webdataset", "sql", "xml"}
NAMES = {"from_pretrained", "load_data", "read_data_sets", "create_model"}


@dataclass(frozen=True, eq=False)
class Fetch:
    """One call that reaches the internet. ``what`` is told to people: ``MNIST``, ``the weights of resnet18``."""

    module: Module
    call: ast.Call
    what: str


def find_fetches(program: Program, arguments: Arguments) -> list[Fetch]:
    """Every call of the program that fetches something, as far as that is sure."""
    runs = (run for run in habit_calls(program, "fetch") if not run.guarded and not _is_local(run))
    found = [Fetch(run.module, run.call, run.name) for run in runs]
    for command in find_commands(program, arguments):
        if command.name in ("wget", "curl", "git", "kaggle") and not command.run.guarded:
            if command.name == "kaggle" or any(URL.match(word) for word in command.words) and not _is_own(command.words):
                found.append(Fetch(command.run.module, command.run.call, command.name))
    for module in program.modules.values():
        for call in _candidates(module):
            what = _what(program, module, call)
            if what is not None and is_alive(program, module, call) and not is_guarded(module, call):
                found.append(Fetch(module, call, what))
    return found


def _is_local(run: HabitCall) -> bool:
    """Whether ``load_dataset`` reads files that are there, or nobody knows which: ``load_dataset("json", data_files=path)``."""
    if not run.name.endswith(".load_dataset"):
        return False
    given = run.call.args[0] if run.call.args else _keyword(run.call, "path")
    text = _constant(given)
    return not isinstance(text, str) or text in LOADERS or not HUB.fullmatch(text)


def _is_own(words: tuple[str, ...]) -> bool:
    """Whether a machine asks itself, or EC2 about itself."""
    return any(host in word for word in words for host in ("://localhost", "://127.0.0.1", "://169.254.169.254"))


def _candidates(module: Module) -> Iterator[ast.Call]:
    """Calls that say ``download=True`` or ``pretrained=True``, or are named as those that fetch."""
    found: list[ast.Call] | None = module.notes.get("fetches")
    if found is None:
        words = ("download", "pretrained", "weights", "keras", "read_data_sets")
        calls = module.calls() if any(word in module.text for word in words) else []
        found = module.notes["fetches"] = [call for call in calls if _may_fetch(call)]
    yield from found


def _may_fetch(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    return name in NAMES or name[:1].isupper() or any(k.arg in ("download", "pretrained", "weights") for k in call.keywords)


def _what(program: Program, module: Module, call: ast.Call) -> str | None:
    name = program.qualified(module, call.func)
    if name is None or ".py:" in name:
        return None
    last = name.rpartition(".")[2]
    if name.startswith(("torchvision.datasets.", "torchaudio.datasets.", "torchtext.datasets.")):
        return last if _is_true(_keyword(call, "download")) else None
    if FROM_HUB.match(name):
        given = call.args[0] if call.args else _keyword(call, "pretrained_model_name_or_path")
        text = given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else ""
        return repr(text) if HUB.fullmatch(text) and not _is_true(_keyword(call, "local_files_only")) else None
    if KERAS_DATA.fullmatch(name):
        return f"keras.datasets.{name.split('.')[-2]}" if last == "load_data" else "MNIST"
    if KERAS_MODELS.fullmatch(name):
        weights = _keyword(call, "weights")
        return f"the weights of {last}" if weights is None or _constant(weights) == "imagenet" else None
    if TORCHVISION_MODELS.fullmatch(name):
        return f"the weights of {_model(call, last)}" if _is_pretrained(call) else None
    return None


def _is_pretrained(call: ast.Call) -> bool:
    weights = _keyword(call, "weights")
    named = isinstance(weights, ast.Attribute) or isinstance(_constant(weights), str)
    return _is_true(_keyword(call, "pretrained")) or named


def _model(call: ast.Call, last: str) -> str:
    given = _constant(call.args[0]) if call.args else None
    return given if last == "create_model" and isinstance(given, str) else last


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def _constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _is_true(node: ast.expr | None) -> bool:
    return _constant(node) is True
