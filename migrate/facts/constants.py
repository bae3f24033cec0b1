"""Settings that a script without a command line holds as constants: at module top, or as attributes of a configuration class.

Modest on purpose: a constant counts when it is a literal that is bound once, is used, and has a name that people give to settings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from migrate.facts.model import Option, Place, Span
from migrate.facts.notes import once
from migrate.facts.program import Module, Program

CONFIG_FILE = re.compile(
    r"(^|_)(configs?|configuration|settings|params|parameters|hparams|hyperparams|hyperparameters|constants|options|opts?|cfg|conf)$"
)
CONFIG_CLASS = re.compile(r"(config|configuration|cfg|params|parameters|hparams|settings|options|opts?|args)\d*$", re.IGNORECASE)
NUMBER_WORDS = frozenset(
    (
        "lr rate learning epoch epochs batch bs batchsize hidden dim dims size num n layers layer heads head dropout drop "
        "momentum decay wd seed step steps iter iters iteration iterations workers worker gamma beta beta1 beta2 alpha lambda "
        "eps epsilon tau sigma clip norm warmup patience fold folds width height channels units length len freq frequency every "
        "interval threshold thresh temperature split ratio samples examples classes class embedding embed vocab window stride "
        "depth kernel filters factor scale weight accumulation accumulate max min limit eval log gpus gpu verbose"
    ).split()
)
FLAG_WORDS = frozenset(
    (
        "use do is no with train test debug resume pretrained fp16 amp cuda gpu shuffle augment augmentation bidirectional "
        "verbose save load fine tune finetune tuning evaluate eval download normalize parallel distributed early bias residual "
        "sync log"
    ).split()
)
TEXT_WORDS = frozenset(
    (
        "path paths dir dirs directory folder file filename root data dataset model arch architecture backbone optimizer optim "
        "loss mode name checkpoint checkpoints ckpt weights log logs output out input save train test valid val validation csv "
        "pretrained resume device precision dtype activation scheduler metric run exp experiment version target bucket prefix"
    ).split()
)
PATH_LIKE = re.compile(r"^(~|\.{0,2}/|[A-Za-z]:\\|s3://)|/|\.(csv|json|txt|pt|pth|h5|hdf5|npz|npy|pkl|log|tsv|parquet|model|ckpt|bin|zip)$")


@dataclass(frozen=True)
class Constant:
    """One setting written as a constant. ``owner`` is the class it is an attribute of. ``dest`` is unique in the program."""

    name: str
    owner: str | None
    place: Place  # the statement that binds it
    value_span: Span
    value: object
    code: str  # the value as it is written
    dest: str

    @property
    def option(self) -> str:
        return "--" + self.dest.replace("_", "-")

    @property
    def type(self) -> str | None:
        """int, float or bool; None for a text."""
        kind = type(self.value).__name__
        return kind if kind in ("int", "float", "bool") else None


@once  # the path rules ask for each literal
def find_constants(program: Program) -> tuple[Constant, ...]:
    """The setting-like constants of the entry and of the configuration modules that it loads, in the order of the files and lines."""
    return tuple(_find(program))


def _find(program: Program) -> Iterator[Constant]:
    used = _used_names(program)
    loaded = _loaded(program)
    taken = {"help", "h"}
    for module in program.modules.values():
        if module.path not in loaded or module.path.endswith("sagemaker_support.py"):
            continue
        for constant in _of_module(module, module is program.main, used):
            dest = next((d for d in _dests(constant, module, program) if d not in taken), None)
            if dest is not None:
                taken.add(dest)
                yield replace(constant, dest=dest)


def option_of(constant: Constant) -> Option:
    """The option that the constant would be."""
    return Option(
        dest=constant.dest,
        options=(constant.option,),
        action="store",
        type=constant.type,
        nargs=None,
        choices=None,
        default=constant.value,
        default_known=True,
        required=False,
        help=None,
        place=constant.place,
        default_span=constant.value_span,
    )


def _dests(constant: Constant, module: Module, program: Program) -> Iterator[str]:
    """The wanted dest, then longer ones: two settings of one name must not be one hyperparameter."""
    name = constant.name.lower().strip("_")
    if module is program.main:
        yield name
    stem = module.path.rpartition("/")[2].removesuffix(".py").lower()
    if constant.owner is not None:
        yield name
        yield f"{constant.owner.lower()}_{name}"
    yield name
    yield f"{stem}_{name}"


def _of_module(module: Module, main: bool, used: set[str]) -> Iterator[Constant]:
    stem = module.path.rpartition("/")[2].removesuffix(".py").lower()
    bindings = module.names.root.bindings
    config = bool(CONFIG_FILE.search(stem)) or bool({"config", "configs"} & set(module.path.split("/")[:-1]))
    for statement in _statements(module, main):
        if isinstance(statement, ast.ClassDef) and (main or config) and _is_config_class(module, statement):
            names = module.names.scopes[id(statement)].bindings
            for inner in statement.body:
                constant = _constant(module, inner, statement.name)
                if constant is not None and len(names.get(constant.name, ())) == 1 and constant.name in used:
                    yield constant
        elif main or config:
            constant = _constant(module, statement, None)
            if constant is not None and len(bindings.get(constant.name, ())) == 1 and constant.name in used and _is_setting(constant):
                yield constant


def _statements(module: Module, main: bool) -> Iterator[ast.stmt]:
    """The statements of the module's own body; of the entry, those under ``if __name__ == "__main__"`` as well."""
    for statement in module.tree.body:
        yield statement
        if main and isinstance(statement, ast.If) and isinstance(statement.test, ast.Compare) and "__name__" in ast.unparse(statement.test):
            yield from statement.body


def _is_config_class(module: Module, node: ast.ClassDef) -> bool:
    """A class that is named for settings and descends from nothing but others such."""
    if not CONFIG_CLASS.search(node.name) or node.keywords:
        return False
    names = [b.id if isinstance(b, ast.Name) else "" for b in node.bases]
    return all(name == "object" or CONFIG_CLASS.search(name) for name in names)


def _constant(module: Module, statement: ast.stmt, owner: str | None) -> Constant | None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    else:
        return None
    if not isinstance(target, ast.Name) or target.id.startswith("__"):
        return None
    known, literal = _literal(value)
    if not known:
        return None
    span = Span.of(value)
    line = module.source.splitlines()[span.line - 1]
    if span.line != span.end_line:
        return None
    code = line[span.column : span.end_column].decode("ascii") if line.isascii() else ast.unparse(value)
    return Constant(target.id, owner, module.place(statement), span, literal, code, target.id.lower())


def _literal(node: ast.expr) -> tuple[bool, object]:
    """Whether ``node`` is a literal setting (``3``, ``-1.``, ``"a"``, ``True``, ``int(1e5)``), and its value."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float, str)), node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        known, value = _literal(node.operand)
        return known and isinstance(value, (int, float)) and not isinstance(value, bool), -value if isinstance(
            value, (int, float)
        ) else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("int", "float") and len(node.args) == 1:
        known, value = _literal(node.args[0])
        if known and isinstance(value, (int, float)) and not node.keywords:
            return True, int(value) if node.func.id == "int" else float(value)
    return False, None


def _is_setting(constant: Constant) -> bool:
    words = set(re.split(r"_|(?<=[a-z])(?=[A-Z])|(?<=[a-zA-Z])(?=\d)", constant.name))
    words = {word.lower() for word in words if word} | {constant.name.lower()}
    value = constant.value
    upper = constant.name.isupper()
    if isinstance(value, bool):
        return upper or bool(words & FLAG_WORDS)
    if isinstance(value, (int, float)):
        return upper or bool(words & NUMBER_WORDS)
    if not isinstance(value, str) or len(value) > 200 or "\n" in value or "%(" in value:
        return False
    return bool(words & TEXT_WORDS) and (bool(PATH_LIKE.search(value)) or (0 < len(value) <= 40 and value.count(" ") <= 1))


def _used_names(program: Program) -> set[str]:
    """Every name that some module of the program reads, as a name, an attribute or an import."""
    return set().union(*(_used_in(module) for module in program.modules.values()))


def _used_in(module: Module) -> set[str]:
    used: set[str] | None = module.notes.get("used names")
    if used is None:
        nodes = module.nodes
        used = {node.id for node in nodes.of(ast.Name) if isinstance(node.ctx, ast.Load)}
        used.update(node.attr for node in nodes.of(ast.Attribute) if isinstance(node.ctx, ast.Load))
        used.update(alias.name for node in nodes.of(ast.ImportFrom) for alias in node.names)
        module.notes["used names"] = used
    return used


def _loaded(program: Program) -> set[str]:
    """The modules that the entry loads: itself, and what it and they import."""
    seen = {program.entry}
    todo = [program.main]
    while todo:
        module = todo.pop()
        for name, level in module.imported():
            path = program.resolver(module.path, name, level)
            if path is not None and path not in seen and path in program.modules:
                seen.add(path)
                todo.append(program.modules[path])
    return seen
