"""A package that needs a library of the system which the image is not known to have.

What it finds
    An import whose package needs something from the system that pip does not bring: OpenCV needs libGL and glib, librosa and soundfile
    need libsndfile, pydub needs ffmpeg, pygraphviz a compiler. Where the image has it, by its public Dockerfile, there is no finding.

Why it matters on SageMaker
    What pip installs at the start of the job is not enough: the import ends with ``libGL.so.1: cannot open shared object file``.

Fix and its safety
    None in the script. ``sagemaker_job/Dockerfile`` adds the packages to the image; ``sagemaker_job/build_and_push.sh`` builds it.

Source
    ``migrate/job/data/system_packages.txt``, with the installation pages of the packages; what an image has:
    ``tools/extract_contents.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.job.distributions import distributions_of, system_packages
from migrate.job.recipe import lacking_of_system, recipe_of
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM504"
NAME = "missing-system-library"
REASON = "the Dockerfile in sagemaker_job adds it; sagemaker_job/build_and_push.sh builds and pushes that image"


def check(context: Context) -> Iterator[Finding]:
    wanted = context.wanted
    if wanted is None or wanted.image is None or wanted.image.contents is None:
        return
    if recipe_of(wanted.image, (), ()).plain is not None:
        return  # an image of one's own is built anyway
    for name, library in wanted.libraries.items():
        packages = distributions_of(name)
        lacking = lacking_of_system(wanted.image, (), [name]) if packages else []
        if lacking:
            amazon = (wanted.image.contents.system or "").startswith("amzn")
            there, nowhere = system_packages(lacking, amazon)
            message = f"{name} needs {', '.join((*there, *nowhere))} of the system, and the image does not have it ({wanted.image.name})"
            yield Finding(CODE, NAME, library.place, "warning", message, "none", REASON, 1)


SOURCE = """\
import librosa
import torch

loss = torch.nn.Linear(1, 1)(torch.ones(1)).sum()
loss.backward()
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE, others={"requirements.txt": "librosa\n"}),)

UNTOUCHED = (
    """\
import torch

try:
    import librosa
except ImportError:
    librosa = None
""",
    """\
import cv2
import torch
import yaml
""",
)
