"""MXNet's ``Module.fit`` that starts from the beginning after an interruption.

What it finds
    ``fit`` of an MXNet ``Module`` (or ``BucketingModule``, ``SequentialModule``).

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; of the first machine's disk nothing is left but the
    checkpoint folder.

Fix and its safety
    Safe. ``mod.fit(...)`` becomes ``module_fit(mod.fit)(...)``. Where no checkpoints are made (on EC2, unless ``SM_CHECKPOINT_DIR`` is
    set) ``module_fit`` hands back ``mod.fit`` itself. Else parameters, the optimizer with its counts and schedule, the random state and
    the order of the data are saved between epochs; a start later on is given them, and ``begin_epoch``. A fit that was over is not run
    again. What the script's own callbacks save stays as it is and travels along.
    A resumed run ends with the same bits as one that was not interrupted (seen with MXNet 1.9.1), but for what MXNet draws at random
    itself (dropout), and data iterators that are written in C++: those begin their sequence again.
    Not done, with the reason: a ``SequentialModule``, whose parts have an optimizer each, and ``FeedForward``.

Source
    MXNet 1.9.1, ``mxnet/module/base_module.py`` (``fit``) and ``mxnet/callback.py`` (``module_checkpoint``).
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.edits.model import Replace
from migrate.facts.model import Span
from migrate.facts.training.makers import imports_library
from migrate.facts.training.managed import Managed, trained
from migrate.rules.base import Context, Example
from migrate.rules.hooks import segment, support_name
from migrate.rules.model import Finding

CODE = "SM323"
NAME = "unresumed-module"
MODULES = {"Module", "BucketingModule"}
OTHERS = {
    "SequentialModule": "each part of a SequentialModule has an optimizer of its own, whose states it does not hand out",
    "FeedForward": "FeedForward hands out no states of its optimizer: train with a Module, whose fit takes the same arguments",
}


def check(context: Context) -> Iterator[Finding]:
    if not imports_library(context.program, "mxnet"):
        return
    for fit in trained(context.program, frozenset({"fit"})):
        made = {one.name.rsplit(".", 1)[-1] for one in fit.made if one.name.startswith("mxnet.")}
        place, message = fit.module.place(fit.call), "this training starts from the beginning after an interruption"
        for name in sorted(made & OTHERS.keys()):
            yield Finding(CODE, NAME, place, "warning", message, "none", OTHERS[name], effort=3)
        if made & MODULES or (not fit.made and _is_mxnets(context, fit)):
            name, imports = support_name(context, fit.module, "module_fit", Span.of(fit.call))
            edit = Replace(fit.module.path, Span.of(fit.target), f"{name}({segment(fit.module, fit.target)})")
            told = f"{message}; the checkpoint folder lets it go on"
            yield Finding(CODE, NAME, place, "warning", told, "safe", None, 1, (*imports, edit))


def _is_mxnets(context: Context, fit: Managed) -> bool:
    """What made the object is not known: by an argument that only MXNet's ``fit`` takes."""
    return fit.given("num_epoch") is not None and not context.program.callees(fit.module, fit.call)


_FIT = """\
import mxnet as mx

mod = mx.mod.Module(symbol())
mod.fit(data(), num_epoch=5, epoch_end_callback=mx.callback.do_checkpoint('net'))
"""

EXAMPLES = (
    Example(
        before=_FIT,
        after=_FIT.replace("import mxnet as mx\n", "import mxnet as mx\nfrom sagemaker_support import module_fit\n").replace(
            "mod.fit(", "module_fit(mod.fit)("
        ),
    ),
    Example(
        before=_FIT.replace("mx.mod.Module(symbol())", "mx.mod.SequentialModule()"),
        after=_FIT.replace("mx.mod.Module(symbol())", "mx.mod.SequentialModule()"),
    ),
    Example(
        before="""\
import mxnet as mx


def run(model, data):
    model.fit(data, num_epoch=5)


run(*parts())
""",
        after="""\
import mxnet as mx
from sagemaker_support import module_fit


def run(model, data):
    module_fit(model.fit)(data, num_epoch=5)


run(*parts())
""",
    ),
)

UNTOUCHED = (
    """\
import mxnet as mx
from sklearn.linear_model import Ridge

Ridge().fit(mx.nd.ones((2, 2)).asnumpy(), [1, 2])
""",
    """\
import mxnet as mx
from sagemaker_support import module_fit

mod = mx.mod.Module(symbol())
module_fit(mod.fit)(data(), num_epoch=5)
""",
)
