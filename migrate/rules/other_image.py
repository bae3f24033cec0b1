"""The image has another framework version, Python, CUDA or Ubuntu than the repo asks for.

What it finds
    What requirements, conda's lists, lock files, Dockerfiles, ``.python-version`` and setup files say of the framework's version, of
    Python, of CUDA and of Ubuntu, where the official image that the job takes has another one.

Why it matters on SageMaker
    Official images lag behind frameworks, and old versions had an image for one Python and one CUDA. What was trained on Ubuntu 18 and
    CUDA 10 starts on another system: compiled extensions have to be built anew, and numbers may differ in their last digits.

Fix and its safety
    None: an image of the same version may not exist. Another one can be named as ``image`` in ``sagemaker_job/job.toml``.

Source
    The SageMaker Python SDK's image tables; the Dockerfiles of https://github.com/aws/deep-learning-containers and of the containers of
    scikit-learn, XGBoost and Chainer.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import Place, Span
from migrate.job.images import Image
from migrate.job.infer import allows, allows_python
from migrate.job.wanted import Wanted
from migrate.repo.requirements import DISTRIBUTIONS, asked
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM503"
NAME = "other-image"
REASON = "no official image has both; another can be named as image in sagemaker_job/job.toml"
LENIENT = "most scripts do not mind; what is compiled has to be built in the image"


def check(context: Context) -> Iterator[Finding]:
    wanted = context.wanted
    if wanted is None or wanted.image is None:
        return
    image, around = wanted.image, wanted.surroundings
    yield from _framework(wanted, image)
    if around.python is not None and not allows_python(around.python.value, image.python):
        message = f"Python {around.python.value} is asked for, and the image has {image.python} ({image.name})"
        yield _finding(around.python.path, around.python.line, "warning", message, REASON)
    known = image.contents
    if known is None:
        return
    for told, has, what in ((around.cuda, known.cuda, "CUDA"), (around.system, known.system, "system")):
        if told is not None and has is not None and told.value != has:
            message = f"{what} {told.value} is what the repo was made for, and the image has {has} ({image.name})"
            yield _finding(told.path, told.line, "note", message, LENIENT)


def _framework(wanted: Wanted, image: Image) -> Iterator[Finding]:
    told = asked(wanted.surroundings.declared, DISTRIBUTIONS.get(wanted.framework, ()))
    if told is None or wanted.framework in ("transformers", "jax", "keras", "lightgbm"):
        return
    if not allows(told.specifier.partition("+")[0], image.version) and not _same_minor(told.version, image.version):
        message = f"{told.name} {told.specifier} is asked for, and the nearest official image has {image.version} ({image.name})"
        yield _finding(told.path, told.line, "warning", message, REASON)


def _same_minor(asked_for: str | None, has: str) -> bool:
    """Whether two versions differ by a patch at most: 1.7.0 and 1.7.1."""
    parts = (asked_for or "").replace("-", ".").split(".")[:2]
    return len(parts) == 2 and parts == has.replace("-", ".").split(".")[:2]


def _finding(path: str, line: int, severity: str, message: str, reason: str) -> Finding:
    return Finding(CODE, NAME, Place(path, Span(line, 0, line, 0)), severity, message, "none", reason, 2)


SOURCE = """\
import torch

loss = torch.nn.Linear(1, 1)(torch.ones(1)).sum()
loss.backward()
"""

EXAMPLES = (
    Example(before=SOURCE, after=SOURCE, others={"requirements.txt": "torch==0.3.1\n"}),
    Example(before=SOURCE, after=SOURCE, others={"Dockerfile": "FROM nvidia/cuda:10.0-cudnn7-devel-ubuntu18.04\n"}),
)

UNTOUCHED = (SOURCE,)
