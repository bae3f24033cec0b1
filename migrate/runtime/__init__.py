"""What travels with a migrated script: the parts that ``sagemaker_support.py`` is composed of."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from migrate.generate.mark import mark

SUPPORT_NAME = "sagemaker_support.py"
SETTINGS = ("sagemaker_support.py",)
OUTPUTS = ("outputs.py", "carrying.py")
MANAGED = ("outputs.py", "managed.py")
KEEPER = ("outputs.py", "keeper_states.py", "keeper.py")
_SPREAD = ("fully_shard", "FullyShardedDataParallel", "parallelize_module")
# Parts that the keeper gets where the repo speaks of these.
MORE = {
    "keeper_chainer.py": ("chainer",),
    "keeper_keras.py": ("keras", "tensorflow"),
    "keeper_gluon.py": ("mxnet",),
    "keeper_jax.py": ("jax",),
    "keeper_tf.py": ("Session", "InteractiveSession", "managed_session", "get_session"),
    "keeper_ranks.py": ("distributed", "Distributed", *_SPREAD),
    "keeper_sharded.py": _SPREAD,
    "keeper_workers.py": ("persistent_workers",),
}
_NEEDS = {  # every other name is of the settings
    "checkpoint_folder": OUTPUTS,
    "carry_outputs": OUTPUTS,
    "put_back_outputs": OUTPUTS,
    "keep_savers": (*OUTPUTS, "savers.py"),
    "keeper": KEEPER,
    "same_on_restart": ("outputs.py", "first_start.py"),
    "keras_fit": (*MANAGED, "keras.py"),
    "lightning_fit": (*MANAGED, "lightning.py"),
    "module_fit": (*MANAGED, "mxnet_module.py"),
    "resume_cli": (*MANAGED, "lightning.py"),
    "transformers_train": (*MANAGED, "transformers.py"),
    "resume_trainer": (*KEEPER, "keeper_chainer.py", "chainer_trainer.py"),
    "resumable": (*KEEPER, "boosting.py"),
    "get_secret": ("read_secrets.py",),
    "sagemaker_flags": (*SETTINGS, "read_flags.py"),
}
# What tells that a part lies there already.
_SIGNS = {name: parts for name, parts in _NEEDS.items() if name != "checkpoint_folder"}
_SIGNS.update(
    sagemaker_argv=SETTINGS,
    _get_serialized=("keeper_chainer.py",),
    _put_variables=("keeper_keras.py",),
    _get_block=("keeper_gluon.py",),
    _get_jax=("keeper_jax.py",),
    _get_session=("keeper_tf.py",),
    _Together=("keeper_ranks.py",),
    _Sharded=("keeper_ranks.py", "keeper_sharded.py"),
    _Living=("keeper_workers.py",),
)
_ORDER = list(dict.fromkeys(file for parts in (SETTINGS, KEEPER, MORE, *_NEEDS.values()) for file in parts))
_FOLDER = Path(__file__).parent


def support_source(names: Iterable[str] = (), present: bytes | None = None, words: Iterable[str] | None = None) -> bytes:
    """The support file as it is written beside a script, with the mark of a generated file.

    ``names`` are what scripts import from it; ``present`` is the support file that lies there already, whose parts stay. With neither,
    the settings alone. ``words`` are those of ``MORE`` that stand in the repo's code; None: all of them.
    """
    files = {file for name in names for file in _NEEDS.get(name, SETTINGS)} | _parts(present) or {*SETTINGS}
    if "keeper.py" in files:
        files |= {part for part, own in MORE.items() if words is None or set(own) & set(words)}
    return mark(compose([(_FOLDER / file).read_text(encoding="utf-8") for file in sorted(files, key=_ORDER.index)]).encode())


def _parts(present: bytes | None) -> set[str]:
    """The parts of a support file; none if it cannot be read."""
    try:
        body = ast.parse(present or b"").body
    except (SyntaxError, ValueError):
        return set()
    names = {target.id for node in body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)}
    names |= {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return {part for name, parts in _SIGNS.items() if name in names for part in parts}


def compose(sources: list[str]) -> str:
    """One module of several: the first paragraphs of all in one docstring, the imports merged, what they import of each other dropped."""
    docstrings, bodies, froms = [], [], dict[str, set[str]]()
    plain = set[str]()
    for source in sources:
        tree = ast.parse(source)
        lines = source.splitlines()
        end = 0
        for node in tree.body:
            if isinstance(node, ast.Import):
                plain |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("migrate."):
                froms.setdefault(node.module or "", set()).update(alias.name for alias in node.names)
            elif not isinstance(node, ast.ImportFrom) and not (isinstance(node, ast.Expr) and end == 0):
                break
            end = node.end_lineno or 0
        docstrings.append(ast.get_docstring(tree) or "")
        bodies.append("\n".join(lines[end:]).strip("\n"))
    imports = [f"import {name}" for name in sorted(plain)]
    imports += [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(froms.items())]
    docstring = "\n\n".join(docstrings)
    closing = "\n" if "\n" in docstring else ""
    return f'"""{docstring}{closing}"""\n\n' + "\n".join(imports) + "\n\n" + "\n\n\n".join(bodies) + "\n"


__all__ = ["KEEPER", "MORE", "OUTPUTS", "SETTINGS", "SUPPORT_NAME", "compose", "support_source"]
