"""Runs rules on sources given as text: ``sources`` maps paths to text, and ``train.py`` is the entry unless said otherwise."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence

from migrate.edits.rewrite import rewrite
from migrate.facts.arguments import find_arguments
from migrate.facts.calls import table
from migrate.facts.libraries import libraries
from migrate.facts.paths import find_paths
from migrate.facts.program import Program, load_program
from migrate.facts.secrets import secrets_in_lines
from migrate.facts.used import uses
from migrate.job.wanted import Wanted, api
from migrate.repo import dockerfile
from migrate.repo.requirements import DISTRIBUTIONS, parse_line, version_of
from migrate.repo.surroundings import Surroundings, system_of
from migrate.rules.base import Context, Rule
from migrate.rules.model import Finding

FRAMEWORKS = {"torch": "pytorch", "tensorflow": "tensorflow", "keras": "keras", "chainer": "chainer", "sklearn": "sklearn"}
SUPPORT = """
def sagemaker_argv(parser, argv=None): ...
def parse_args(parser, method="parse_args"): ...
def script_argv(parser, name): ...
def get_secret(name, *default): ...
def sagemaker_flags(flags): ...
"""


def resolver_of(sources: dict[str, str], entry: str) -> Callable[[str, str | None, int], str | None]:
    """Imports resolve from the entry's folder and from the root."""

    def resolve(origin: str, module: str | None, level: int) -> str | None:
        folder = posixpath.dirname(origin)
        for _ in range(level - 1):
            folder = posixpath.dirname(folder)
        starts = [folder] if level else [posixpath.dirname(entry), ""]
        name = (module or "").replace(".", "/")
        for start in starts:
            for candidate in (f"{name}.py", f"{name}/__init__.py") if name else ("__init__.py",):
                path = posixpath.normpath(posixpath.join(start, candidate))
                if path in sources:
                    return path
        return None

    return resolve


def program_of(sources: dict[str, str], entry: str = "train.py") -> Program:
    """The program of ``entry`` with every other source in its closure."""
    closure = (entry, *(path for path in sources if path != entry and path.endswith(".py")))
    return load_program(entry, closure, lambda path: sources[path].encode(), resolver_of(sources, entry))


def context_of(sources: dict[str, str], entry: str = "train.py", as_module: bool = False) -> Context:
    """What a rule is given for ``entry``."""
    program = program_of(sources, entry)
    arguments = find_arguments(program)
    beside = tuple(secret for path, text in sources.items() if not path.endswith(".py") for secret in secrets_in_lines(path, text))
    return Context(program, arguments, find_paths(program, arguments, table(())), as_module, beside, wanted_of(program, sources))


def wanted_of(program: Program, sources: dict[str, str]) -> Wanted:
    """What the program wants of its image: its framework by what it imports, its versions by the requirements.txt among ``sources``."""
    found = libraries(program)
    framework = next((name for module, name in FRAMEWORKS.items() if module in found), "pytorch")
    lines = sources.get("requirements.txt", "").splitlines()
    declared = tuple(each for number, line in enumerate(lines, 1) if (each := parse_line(line, "requirements.txt", number)) is not None)
    docker = sources.get("Dockerfile", "FROM scratch")
    base = dockerfile.base(docker)
    around = Surroundings(declared, system=system_of("Dockerfile", *base) if base is not None else None)
    names = {name: versions for name, (chooses, versions) in api().items() if chooses == framework}
    used = tuple((use, names[use.name]) for use in uses(program, names))
    version = version_of(declared, DISTRIBUTIONS.get(framework, ()))
    return Wanted(framework, version, around, found, tuple(line for line in lines if line), used)


def check(rule: Rule, sources: dict[str, str], entry: str = "train.py", as_module: bool = False) -> list[Finding]:
    """The findings of one rule."""
    return list(rule.check(context_of(sources, entry, as_module)))


def apply(findings: Sequence[Finding], sources: dict[str, str], unsafe: bool = True) -> dict[str, str]:
    """The sources after the edits of the findings, with the support module beside each changed file."""
    wanted = [finding for finding in findings if finding.fix == "safe" or (unsafe and finding.fix == "unsafe")]
    edits = [edit for finding in wanted for edit in finding.edits]
    result = dict(sources)
    for path in dict.fromkeys(edit.path for edit in edits):
        own = [edit for edit in edits if edit.path == path]
        result[path] = rewrite(sources[path].encode(), own).decode()
        if "sagemaker_support" in result[path]:
            result.setdefault(posixpath.join(posixpath.dirname(path), "sagemaker_support.py"), SUPPORT)
    return result
