"""What travels with a migrated script: the parts that ``sagemaker_support.py`` is composed of."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from migrate.generate.mark import mark

SUPPORT_NAME = "sagemaker_support.py"
SETTINGS = ("sagemaker_support.py",)
OUTPUTS = ("outputs.py",)
MANAGED = (*OUTPUTS, "managed.py")
KEEPER = (*OUTPUTS, "keeper_states.py", "keeper_folder.py", "keeper_loops.py", "keeper.py")
_NEEDS = {  # every other name is of the settings
    "checkpoint_folder": OUTPUTS,
    "carry_outputs": OUTPUTS,
    "put_back_outputs": OUTPUTS,
    "keeper": KEEPER,
    "keras_fit": (*MANAGED, "keras.py"),
    "lightning_fit": (*MANAGED, "lightning.py"),
    "transformers_train": (*MANAGED, "transformers.py"),
    "resume_trainer": (*KEEPER, "chainer_trainer.py"),
}
_FOLDER = Path(__file__).parent


def support_source(names: Iterable[str] = (), present: bytes | None = None) -> bytes:
    """The support file as it is written beside a script, with the mark of a generated file.

    ``names`` are what scripts import from it; ``present`` is the support file that lies there already, whose parts stay.
    With neither, the settings alone.
    """
    wanted = set(names) | _defined(present)
    settings = SETTINGS if wanted - set(_NEEDS) or not wanted else ()
    files = [*settings, *(file for name, parts in _NEEDS.items() if name in wanted for file in parts)]
    return mark(compose([(_FOLDER / file).read_text(encoding="utf-8") for file in dict.fromkeys(files)]).encode())


def _defined(present: bytes | None) -> set[str]:
    """What a support file defines that scripts import; nothing if it cannot be read."""
    try:
        body = ast.parse(present or b"").body
    except (SyntaxError, ValueError):
        return set()
    names = {target.id for node in body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)}
    names |= {node.name for node in body if isinstance(node, ast.FunctionDef)}
    return names & {"sagemaker_argv", *_NEEDS}


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


__all__ = ["KEEPER", "OUTPUTS", "SETTINGS", "SUPPORT_NAME", "compose", "support_source"]
