"""What a script wants of its image, from its code and the files around it, and the official image that this comes to."""

from __future__ import annotations

import ast
import functools
import importlib.resources
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

from migrate.facts.libraries import Library, libraries
from migrate.facts.used import Use, uses
from migrate.job.images import Image
from migrate.job.model import Needs
from migrate.job.requirements import Split, read_requirements, split
from migrate.repo.parsing import STAND_IN
from migrate.repo.requirements import DISTRIBUTIONS, Requirement, bounds_of
from migrate.repo.surroundings import Surroundings, look_around

if TYPE_CHECKING:
    from migrate.facts.program import Program
    from migrate.repo.entries import Entry
    from migrate.repo.tree import Tree

# What a function imports of these is for those who have it (a writer of logs, a converter): hardly a reason to install a second framework.
HEAVY = frozenset({"tensorflow", "torch", "jax", "mxnet", "chainer", "keras"})
_CHOOSES = {"keras": "tensorflow", "transformers": "pytorch", "lightning": "pytorch", "accelerate": "pytorch", "jax": "pytorch"}


@dataclass(frozen=True)
class Wanted:
    """What one entry point wants. ``requirements`` are the lines of its requirements.txt; ``versions`` the uses of names that only some
    versions of the framework have, each with these versions."""

    framework: str
    version: str | None
    surroundings: Surroundings = Surroundings()
    libraries: dict[str, Library] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    versions: tuple[tuple[Use, str], ...] = ()
    beside: tuple[tuple[Use, str], ...] = ()  # the same of TensorFlow, where that is not the framework
    old_python: bool = False  # the code is read by no Python since 3.7: ``async`` is a name in it

    @cached_property
    def told(self) -> Needs:
        """The same as plain data, as the entry point carries it."""
        around = self.surroundings
        return Needs(
            bounds=self._bounds(),
            modules=tuple(sorted(self.libraries)),
            declared=tuple(dict.fromkeys(each.plain for each in around.declared if _is_for_pip(each) and each.path == self.main_file)),
            others=tuple(dict.fromkeys([*self._insisted(), *(e.plain for e in around.declared if e.conda or e.path != self.main_file)])),
            python=around.python.value if around.python is not None else "<3.7" if self.old_python else "",
            apt=around.apt,
            extensions=around.extensions,
        )

    def _insisted(self) -> list[str]:
        """The versions that the code itself insists on, as lines for pip."""
        from migrate.job.distributions import distributions_of

        return [f"{(distributions_of(each.name) or (each.name,))[0]}=={each.version}" for each in self.libraries.values() if each.version]

    @cached_property
    def main_file(self) -> str | None:
        """The file that says most plainly what pip installs: the first one of the nearest folder that says anything."""
        return next((each.path for each in self.surroundings.declared if _is_for_pip(each)), None)

    @cached_property
    def image(self) -> Image | None:
        """The official image; None where there is none for the framework."""
        from migrate.job.infer import image_of

        return image_of(self.framework, self.version, self.told, self.requirements, [])

    @cached_property
    def split(self) -> Split:
        """What the image lacks, and what it has."""
        needs = self.told
        return split(self.requirements or needs.declared, self.image, needs.modules, (*needs.declared, *needs.others))

    def _bounds(self) -> str:
        """The bounds that are declared; where they leave room and name no version, those too that the code gives by what it uses:
        ``tensorflow>=1.4`` over code that only TensorFlow 1 runs means 1."""
        declared = bounds_of(self.surroundings.declared, DISTRIBUTIONS.get(_CHOOSES.get(self.framework, self.framework), ()))
        if self.version is not None:
            return declared
        lowest = max((versions for _, versions in self.versions if versions.startswith(">=")), key=_numbers, default="")
        below = next((versions for _, versions in self.versions if versions.startswith("<")), "")
        if not declared:
            return below  # the newest image has what is new
        known = re.search(r">=\s*([\d.]+)", declared)
        open_above = not re.search(r"<|==|~=", declared)
        if below and open_above and (known is None or _numbers(known.group(1)) < _numbers(below)):
            return f"{declared},{below}"
        return declared if known is not None and _numbers(known.group(1)) >= _numbers(lowest) else f"{declared},{lowest}".rstrip(",")


def _is_for_pip(requirement: Requirement) -> bool:
    return not requirement.conda and requirement.name not in ("python", "pip")


def _numbers(versions: str) -> tuple[int, ...]:
    return tuple(int(part) for part in versions.lstrip("<>=").split(".") if part.isdigit())


def wanted(tree: Tree, entry: Entry, program: Program) -> Wanted:
    """What ``entry`` wants of its image. Reads the files around it, each once."""
    known = cast("dict[str, tuple[str, ...]]", tree.memory.setdefault("requirements.txt", {}))
    folder = entry.path.rpartition("/")[0]
    if folder not in known:
        known[folder] = read_requirements(tree.root, entry.path)
    found = {name: each for name, each in libraries(program).items() if not _may_be_local(tree, each) and not (each.lazy and name in HEAVY)}
    chooses = _CHOOSES.get(entry.framework, entry.framework)
    table = {name: versions for name, (framework, versions) in api().items() if framework == chooses}
    versions = tuple((use, table[use.name]) for use in uses(program, table)) if table else ()
    other = {name: which for name, (framework, which) in api().items() if framework == "tensorflow" != chooses and "tensorflow" in found}
    beside = tuple((use, other[use.name]) for use in uses(program, other)) if other else ()
    around = look_around(tree, entry.path)
    return Wanted(entry.framework, entry.framework_version, around, found, known[folder], versions, beside, _is_old(program))


def _is_old(program: Program) -> bool:
    """Whether ``async`` is a name in the code: an argument of ``cuda`` in PyTorch before 0.4."""
    modules = (module for module in program.modules.values() if b"async" in module.source)
    return any(keyword.arg == STAND_IN for module in modules for keyword in module.nodes.of(ast.keyword))


def _may_be_local(tree: Tree, library: Library) -> bool:
    """Whether a file of the repository may be meant, wherever it stands: a script may find it by a path that it puts together."""
    from migrate.job.distributions import distributions_of

    if library.name not in tree.modules:
        return False
    paths = [dotted.split(".") for dotted in library.dotted]
    inner = {"/".join(parts[:end]) for parts in paths for end in range(2, len(parts) + 1)}
    ends = {f"/{path}{end}" for path in inner for end in (".py", "/__init__.py")}
    return not distributions_of(library.name) or not tree.endings.isdisjoint(ends)


@functools.cache
def api() -> dict[str, tuple[str, str]]:
    """name -> (framework, versions that have it)."""
    text = importlib.resources.files("migrate.job").joinpath("data/api.txt").read_text("utf-8")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {name: (framework, versions) for name, framework, versions in lines}
