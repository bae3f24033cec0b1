"""A Keras ``fit`` that starts from its first epoch after an interruption.

What it finds
    ``fit`` and ``fit_generator`` of Keras models, keras and tf.keras, several in sequence too.

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; a job also ends at its runtime limit. Of the first
    machine's disk nothing is left but the checkpoint folder, which SageMaker carries over.

Fix and its safety
    Safe. ``model.fit(...)`` becomes ``keras_fit(model.fit)(...)``. Where no checkpoints are made (on EC2, unless ``SM_CHECKPOINT_DIR``
    is set) ``keras_fit`` hands back ``model.fit`` itself. Else the call gets one callback more, which saves at the ends of epochs:
    variables of model and optimizer, random state, the history, and what the script's own callbacks have counted (early stopping,
    learning rate, best value). A start later on calls ``fit`` with ``initial_epoch`` behind the last saved one. A fit that was over is
    not run again: the model gets what it had at its end, so several fits in sequence go on in the one that was interrupted. A
    ``BackupAndRestore`` of the script's own is left out while the fit is kept, for it does the same with less.
    With Keras 3 a resumed run ends with the same bits as one that was not interrupted, from arrays, a ``tf.data.Dataset`` or a
    ``PyDataset``. Two things differ: a Python generator starts from its beginning, and is another one where it draws from a random
    generator ahead of the training; with Keras 2 (TensorFlow before 2.16) the order of shuffled arrays and the dropout masks start
    anew, since TensorFlow keeps their state inside its operations. An epoch that was begun is done again from its start.
    Not done, with the reason: one model that a loop fits again and again (each call would keep a checkpoint of its own), training
    batch by batch (``train_on_batch``), and training that is spread over several machines.

Source
    CONTRACT: what survives a spot interruption. Keras: ``fit`` (``initial_epoch``), ``callbacks.BackupAndRestore``, which keeps neither
    the state of callbacks nor the history, and removes its files at the end of a fit.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.model import Replace
from migrate.facts.model import Span
from migrate.facts.training.managed import Managed, called, imports_of, repeated, trained
from migrate.rules.base import Context, Example
from migrate.rules.hooks import segment, support_name
from migrate.rules.model import Finding

CODE = "SM310"
NAME = "unresumed-keras-fit"
HOMES = (
    "keras.",
    "tf_keras.",
    "tensorflow.keras.",
    "tensorflow.python.keras.",
    "tensorflow.compat.",
    "tensorflow_hub.",
    "segmentation_models.",
)
KEYWORDS = {
    "epochs", "nb_epoch", "initial_epoch", "callbacks", "validation_data", "validation_split", "steps_per_epoch", "validation_steps",
    "batch_size", "nb_val_samples", "samples_per_epoch",
}  # fmt: skip
SPREAD = ("horovod.", ".MultiWorkerMirroredStrategy", ".ParameterServerStrategy", ".TPUStrategy")


def check(context: Context) -> Iterator[Finding]:
    program = context.program
    if not any(name.split(".")[0] in ("keras", "tf_keras", "tensorflow") for name in imports_of(program)):
        return
    spread = called(program, *SPREAD)
    for fit in trained(program, frozenset({"fit", "fit_generator", "train_on_batch"})):
        if not _is_keras(context, fit):
            continue
        loop = repeated(program, fit)
        message = f"this {fit.target.attr} starts from the beginning after an interruption"
        reason = None
        if fit.target.attr == "train_on_batch":
            reason = "the script trains batch by batch, by a loop of its own"
        elif spread is not None:
            reason = f"the training is spread over several processes ({spread[0].path}:{spread[1].lineno})"
        elif loop is not None:
            reason = f"the loop of line {loop.line} fits one model again and again: each call would keep a checkpoint of its own"
        place = fit.module.place(fit.call)
        if reason is not None:
            yield Finding(CODE, NAME, place, "warning", message, "none", reason, effort=3)
            continue
        name, imports = support_name(context, fit.module, "keras_fit", Span.of(fit.call))
        edit = Replace(fit.module.path, Span.of(fit.target), f"{name}({segment(fit.module, fit.target)})")
        yield Finding(CODE, NAME, place, "warning", f"{message}; the checkpoint folder lets it go on", "safe", None, 1, (*imports, edit))


def _is_keras(context: Context, fit: Managed) -> bool:
    """By what made the model; where that is not known, by arguments that only Keras takes."""
    if isinstance(fit.target.value, ast.Call) and isinstance(fit.target.value.func, ast.Name) and fit.target.value.func.id == "super":
        return False
    if any(made.name.startswith(HOMES) for made in fit.made):
        return not any(made.name.startswith(("keras.preprocessing", "tensorflow.keras.preprocessing")) for made in fit.made)
    if fit.made or context.program.callees(fit.module, fit.call):
        return False
    return fit.target.attr in ("fit_generator", "train_on_batch") or any(k.arg in KEYWORDS for k in fit.call.keywords)


EXAMPLES = (
    Example(
        before="""\
import numpy as np
from tensorflow import keras

model = keras.Sequential([keras.layers.Dense(1)])
model.compile("adam", "mse")
history = model.fit(np.ones((8, 2)), np.ones(8), epochs=10,
                    callbacks=[keras.callbacks.EarlyStopping("loss")])
print(history.history)
""",
        after="""\
import numpy as np
from tensorflow import keras
from sagemaker_support import keras_fit

model = keras.Sequential([keras.layers.Dense(1)])
model.compile("adam", "mse")
history = keras_fit(model.fit)(np.ones((8, 2)), np.ones(8), epochs=10,
                    callbacks=[keras.callbacks.EarlyStopping("loss")])
print(history.history)
""",
    ),
    Example(
        before="""\
from keras.models import load_model
from batches import train_batches

load_model("vgg.h5").fit_generator(train_batches(), steps_per_epoch=10, nb_epoch=3)
""",
        after="""\
from keras.models import load_model
from batches import train_batches
from sagemaker_support import keras_fit

keras_fit(load_model("vgg.h5").fit_generator)(train_batches(), steps_per_epoch=10, nb_epoch=3)
""",
        others={"batches.py": "def train_batches():\n    yield 1\n"},
    ),
)

UNTOUCHED = (
    """\
import keras
from sklearn.preprocessing import StandardScaler

scaler = StandardScaler().fit([[1.0], [2.0]])
""",
    """\
import keras


class Loop:
    def fit(self, epochs):
        print(epochs)


Loop().fit(epochs=3)
""",
    """\
from keras.preprocessing.text import Tokenizer

tokenizer = Tokenizer(num_words=10)
tokenizer.fit_on_texts(["a b"])
""",
    """\
import numpy as np
import keras
from sagemaker_support import keras_fit

model = keras.Sequential([keras.layers.Dense(1)])
model.compile("adam", "mse")
keras_fit(model.fit)(np.ones((8, 2)), np.ones(8), epochs=10)
""",
)
