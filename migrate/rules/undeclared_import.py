"""A library that is imported, that no file of the repo declares, and that the image does not have.

What it finds
    An import of a library, in code that runs, which the requirements do not name and the official image is not known to hold. An import
    in a ``try`` that catches its failing is none, nor is one of a module of the repo or of Python's own.

Why it matters on SageMaker
    On the EC2 machine somebody has installed it by hand. The container of the job starts without it, and the script ends at its first
    lines.

Fix and its safety
    None in the script. Where the package of the module is known, ``sagemaker_job/requirements.txt`` asks for it, in the newest version;
    where it is not, its name has to be written there. A package is never guessed by the module's name: on PyPI it may be somebody else's.

Source
    The package of a module: ``migrate/job/data/distributions.txt``. What an image holds: its public Dockerfile, by
    ``tools/extract_contents.py``; it names what is installed, not all that this brings along.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.job.distributions import distributions_of
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM501"
NAME = "undeclared-import"


def check(context: Context) -> Iterator[Finding]:
    wanted = context.wanted
    if wanted is None or wanted.image is None:
        return
    for name, library in wanted.libraries.items():
        packages = distributions_of(name)
        if name in wanted.split.unknown:
            message = (
                f"{name} is imported, no file declares it, and the image is not known to have it: nothing says which package brings it"
            )
            reason = "a package of that name may be somebody else's: write the right one into the repo's requirements.txt"
            yield Finding(CODE, NAME, library.place, "warning", message, "none", reason, 2)
        elif packages and packages[0] in wanted.split.added:
            message = f"{name} is imported, no file declares it, and the image does not have it: the job installs {packages[0]}"
            reason = "the version on the EC2 machine is not known here: write it into the repo's requirements.txt"
            yield Finding(CODE, NAME, library.place, "note", message, "none", reason, 1)


SOURCE = """\
import einops
import torch
import train_helpers_of_ours

loss = torch.nn.Linear(1, 1)(torch.ones(1)).sum()
loss.backward()
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (
    """\
import json
import numpy
import torch
import torchvision
import yaml

try:
    import apex
except ImportError:
    apex = None

def never():
    import nobody_calls_this
""",
)
