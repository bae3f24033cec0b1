"""What a rule is given, and the registry. A rule is one file of this folder that holds ``CODE``, ``EXAMPLES``, ``UNTOUCHED`` and
``check``.

The module's docstring is the rule's documentation, under the headings: What it finds / Why it matters on SageMaker / Fix and its
safety / Source.
Its name (``boolean-flag``) is the module's name with dashes, and says the fault.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrate.facts.model import Arguments, Place
from migrate.rules.model import Finding

if TYPE_CHECKING:
    from migrate.facts.program import Program
    from migrate.facts.redirects import Paths
    from migrate.facts.secrets import Secret
    from migrate.job.wanted import Wanted


@dataclass(frozen=True)
class Example:
    """A before and after: ``before`` and ``after`` are ``train.py``; ``others`` are further files of the repo, by path."""

    before: str
    after: str
    others: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """All that a rule may look at for one entry point."""

    program: Program
    arguments: Arguments
    paths: Paths
    as_module: bool = False  # started as `python -m package.module`
    beside: tuple[Secret, ...] = ()  # the secrets in files that are no Python
    wanted: Wanted | None = None  # of the image; None where nothing is known of what stands around the script


@dataclass(frozen=True)
class Rule:
    """A loaded rule."""

    code: str
    name: str
    documentation: str
    check: Callable[[Context], Iterable[Finding]]
    examples: tuple[Example, ...]
    untouched: tuple[str, ...]  # look-alikes: whole train.py sources that must stay as they are and give no finding of this rule
    objections: Callable[[Context], Iterable[Place]] | None = None  # where, as this entry point has it, no other one may change code


def all_rules() -> list[Rule]:
    """Every rule of this folder, in the order of the codes."""
    import migrate.rules as package

    rules = []
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"migrate.rules.{info.name}")
        code = getattr(module, "CODE", None)
        if code is not None:
            name = info.name.replace("_", "-")
            examples, untouched = tuple(module.EXAMPLES), tuple(module.UNTOUCHED)
            objections = getattr(module, "objections", None)
            rules.append(Rule(code, name, module.__doc__ or "", module.check, examples, untouched, objections))
    return sorted(rules, key=lambda rule: rule.code)
