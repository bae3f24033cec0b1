"""``yaml.load`` without a loader, which PyYAML 6 refuses.

What it finds
    ``yaml.load(text)`` with one argument, where the job has PyYAML 6 or newer.

Why it matters on SageMaker
    Since PyYAML 6 the loader has to be given: the call ends with a TypeError, at the start of the script.

Fix and its safety
    Unsafe: ``Loader=yaml.SafeLoader`` reads the same from every settings file, in all versions of PyYAML, but refuses tags that make
    Python objects (``!!python/tuple``), which the old default took.

Source
    https://github.com/yaml/pyyaml/wiki/PyYAML-yaml.load(input)-Deprecation
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.model import AddArgument
from migrate.facts.reach import is_alive
from migrate.job.held import has_version
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM514"
NAME = "unsafe-yaml-load"
FUNCTIONS = frozenset({"yaml.load", "yaml.load_all"})


def check(context: Context) -> Iterator[Finding]:
    wanted, program = context.wanted, context.program
    if wanted is None or not has_version(wanted, "pyyaml", ">=6"):
        return
    for module in program.modules.values():
        if b"yaml" not in module.source:
            continue
        for call in program.calls_of_library(module, FUNCTIONS):
            if len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Starred):
                continue
            if program.qualified(module, call.func) in FUNCTIONS and is_alive(program, module, call):
                place = module.place(call)
                base = module.segment(call.func.value) if isinstance(call.func, ast.Attribute) else None
                message = "yaml.load needs a loader since PyYAML 6"
                edits = (AddArgument(module.path, place.span, f"Loader={base}.SafeLoader"),) if base else ()
                reason = None if base else "yaml.safe_load reads the same from a settings file"
                yield Finding(CODE, NAME, place, "error", message, "unsafe" if base else "none", reason, 1, edits)


EXAMPLES = (
    Example(
        before="""\
import torch
import yaml

with open("settings.yaml") as file:
    settings = yaml.load(file)
torch.ones(1).sum().backward()
""",
        after="""\
import torch
import yaml

with open("settings.yaml") as file:
    settings = yaml.load(file, Loader=yaml.SafeLoader)
torch.ones(1).sum().backward()
""",
    ),
    Example(
        before="import torch\nfrom yaml import load\n\nsettings = load(open('settings.yaml'))\n",
        after="import torch\nfrom yaml import load\n\nsettings = load(open('settings.yaml'))\n",
    ),
)

UNTOUCHED = (
    """\
import json
import torch
import yaml

settings = yaml.safe_load(open("settings.yaml"))
other = yaml.load(open("settings.yaml"), Loader=yaml.FullLoader)
third = yaml.load(open("settings.yaml"), yaml.Loader)
fourth = json.load(open("settings.json"))
""",
)
