"""A name of a library that the image's version of it does not have any more.

What it finds
    NumPy's aliases of Python's own types (``np.float``, ``np.int``, ``np.bool``), functions of SciPy, scikit-learn, PyTorch, Keras and
    Python that were removed (``scipy.misc.imread``, ``sklearn.externals.joblib``, ``keras.utils.np_utils``, ``time.clock``), where the
    image that the job takes has a version without them. What the repo pins counts before what the image holds.

Why it matters on SageMaker
    The EC2 machine was set up once and kept its old packages. The image of today brings newer ones, and the job ends at the import, or
    hours later at the first use.

Fix and its safety
    Safe for NumPy's aliases: ``np.float`` is Python's ``float`` in every version that had it. For others there is none: the replacement
    that is named takes other arguments, or is not there in old versions, which EC2 may have.

Source
    ``migrate/job/data/removed.txt``, with the release notes of each library; versions of the image from its public Dockerfile.
"""

from __future__ import annotations

import ast
import functools
import importlib.resources
from collections.abc import Iterator

from migrate.edits.model import Replace
from migrate.facts.used import Use, uses
from migrate.job.held import has_version, held
from migrate.job.wanted import Wanted
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM511"
NAME = "removed-name"
MOST_LINES = 10


def check(context: Context) -> Iterator[Finding]:
    wanted = context.wanted
    if wanted is None or wanted.image is None:
        return
    every = {row[:2] for row in table().values()}
    without = {(package, versions) for package, versions in every if has_version(wanted, package, versions)}
    gone = {name: row for name, row in table().items() if row[:2] in without}
    rest: dict[tuple[str, str], list[Use]] = {}
    for use in uses(context.program, gone):
        package, _, instead = gone[use.name]
        code = _code(use, instead)
        if code is None:
            rest.setdefault((use.module.path, use.name), []).append(use)
            continue
        message = f"{use.name} is gone: the job may have {package} {_most(wanted, package)}"
        place = use.module.place(use.node)
        yield Finding(CODE, NAME, place, "error", message, "safe", None, 1, (Replace(use.module.path, place.span, code),))
    for (_, name), places in rest.items():
        package, _, instead = gone[name]
        message = f"{name.removesuffix('.*')} is gone: the job may have {package} {_most(wanted, package)}{_lines(places)}"
        reason = f"{instead.lstrip('=.')} does this today, but not with the same arguments, or not in the version that EC2 may have"
        yield Finding(CODE, NAME, places[0].module.place(places[0].node), "error", message, "none", reason, 2)


def _most(wanted: Wanted, package: str) -> str:
    """The version that the job has of a package, as far as it is known."""
    number = held(wanted, package) or ""
    return f"up to {number.removesuffix('.dev0')}" if number.endswith(".dev0") else number


def _lines(places: list[Use]) -> str:
    lines = sorted({use.node.lineno for use in places})
    more = ", ..." if len(lines) > MOST_LINES else ""
    return f" (lines {', '.join(map(str, lines[:MOST_LINES]))}{more})" if len(lines) > 1 else ""


def _code(use: Use, instead: str) -> str | None:
    """The expression that is the same object in every version; None where there is none, or its name means something else there."""
    if not instead.startswith("=") or not isinstance(use.node, ast.Attribute):
        return None
    if instead.startswith("=."):
        return f"{use.module.segment(use.node.value)}{instead[1:]}"
    return instead[1:] if use.module.scope(use.node).lookup(instead[1:]) is None else None


@functools.cache
def table() -> dict[str, tuple[str, str, str]]:
    """name -> (package, versions without it, what does the same)."""
    text = importlib.resources.files("migrate.job").joinpath("data/removed.txt").read_text("utf-8")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {name: (package, versions, instead) for name, package, versions, instead in lines}


EXAMPLES = (
    Example(
        before="""\
import numpy as np
import torch

weights = np.zeros(3, dtype=np.float)
mask = np.array([True], dtype = np.bool)
best = -np.Inf
loss = torch.nn.Linear(1, 1)(torch.ones(1)).sum()
loss.backward()
""",
        after="""\
import numpy as np
import torch

weights = np.zeros(3, dtype=float)
mask = np.array([True], dtype = np.bool)
best = -np.inf
loss = torch.nn.Linear(1, 1)(torch.ones(1)).sum()
loss.backward()
""",
    ),
    Example(
        before="""\
import torch
import scipy.misc
from sklearn.externals import joblib

image = scipy.misc.imread("a.png")
joblib.dump(image, "a.pkl")
""",
        after="""\
import torch
import scipy.misc
from sklearn.externals import joblib

image = scipy.misc.imread("a.png")
joblib.dump(image, "a.pkl")
""",
    ),
)

UNTOUCHED = (
    """\
import numpy as np
import torch

weights = np.zeros(3, dtype=np.float32)
both = np.float64(1), np.inf, np.bool_
""",
    """\
import torch

class np:
    float = 3

print(np.float)
""",
    """\
import torch
import numpy

def never():
    return numpy.float
""",
)
