"""A pinned version that pip has no wheel of for the image's Python.

What it finds
    A package that is pinned (``numpy==1.16.4``) to a version which is older, or newer, than all that PyPI has as wheels for the Python of
    the image that the job takes. Some compiled packages that training scripts use are looked at.

Why it matters on SageMaker
    pip then builds the package from its source when the job starts: that takes minutes on a machine that is paid for, and most old
    versions do not build on a new Python at all.

Fix and its safety
    None in the repo's own file. The newest image within what the repo asks of its framework is taken whose Python suits all pins; where
    there is none, a pin is left out of ``sagemaker_job/requirements.txt`` if the image has that package in a version of its own.

Source
    ``migrate/job/data/wheels.json``, from the file names of PyPI's index (``tools/extract_wheels.py``).
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import Place, Span
from migrate.job.wheels import why_no_wheel
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM502"
NAME = "pin-without-wheel"


def check(context: Context) -> Iterator[Finding]:
    wanted = context.wanted
    if wanted is None or wanted.image is None:
        return
    for each in wanted.surroundings.declared:
        if each.path != wanted.main_file and not each.path.endswith("requirements.txt") and not each.conda:
            continue  # of a file that the job does not install
        why = why_no_wheel(each.name, each.version, wanted.image.python) if each.version and "==" in each.specifier else None
        if why is None:
            continue
        if each.name in wanted.image.present:
            severity, what = "warning", "the image's own version is used"
        else:
            severity, what = "error", "it would have to be built from source"
        reason = "which newer version the script works with is its author's to say"
        place = Place(each.path, Span(each.line, 0, each.line, 0))
        yield Finding(CODE, NAME, place, severity, f"{why}; {what} ({wanted.image.name})", "none", reason, 2)


SOURCE = """\
import numpy
import torch

loss = torch.nn.Linear(1, 1)(torch.ones(1)).sum()
loss.backward()
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE, others={"requirements.txt": "torch==2.6.0\nnumpy==1.16.4\n"}),)

UNTOUCHED = (SOURCE,)
