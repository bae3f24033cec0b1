"""MXNet's ``Module.fit`` that starts from the beginning after an interruption.

What it finds
    ``fit`` of an MXNet ``Module`` (or ``BucketingModule``, ``SequentialModule``).

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; of the first machine's disk nothing is left but the
    checkpoint folder.

Fix and its safety
    None yet. By hand: save with ``mx.callback.module_checkpoint(mod, prefix, save_optimizer_states=True)`` as ``epoch_end_callback``,
    with a prefix in the checkpoint folder; at the start look there for the newest epoch, load it with ``Module.load(prefix, epoch,
    load_optimizer_states=True)``, and pass ``arg_params``, ``aux_params`` and ``begin_epoch=epoch`` to ``fit``.

Source
    MXNet 1.9.1, ``mxnet/module/base_module.py`` (``fit``) and ``mxnet/callback.py`` (``module_checkpoint``).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.facts.training.makers import Makers, imports_library, live_calls
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM323"
NAME = "unresumed-module"
MODULES = ("Module", "BucketingModule", "SequentialModule")
REASON = "not built yet: fit goes on only from an epoch and parameters that the script loads itself; `migrate rules SM323` tells how"


def check(context: Context) -> Iterator[Finding]:
    if not imports_library(context.program, "mxnet"):
        return
    makers = Makers(context.program)
    for module, call in live_calls(context.program):
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "fit":
            continue
        made = [one.name for one in makers.of(module, call.func.value)]
        if any(name.startswith("mxnet.") and name.rsplit(".", 1)[-1] in MODULES for name in made):
            message = "this training starts from the beginning after an interruption"
            yield Finding(CODE, NAME, module.place(call), "warning", message, "none", REASON, effort=3)


_FIT = """\
import mxnet as mx

mod = mx.mod.Module(symbol())
mod.fit(data(), num_epoch=5, epoch_end_callback=mx.callback.do_checkpoint('net'))
"""

EXAMPLES = (Example(before=_FIT, after=_FIT),)

UNTOUCHED = (
    """\
import mxnet as mx
from sklearn.linear_model import Ridge

Ridge().fit(mx.nd.ones((2, 2)).asnumpy(), [1, 2])
""",
)
