"""Loops of scikit-learn's partial_fit and warm_start that are killed for real, and end as those that were not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.interruption import Machine

SCRIPT = """
import os
import pickle

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sagemaker_support import keeper



class Own(SGDClassifier):
    pass


data = np.random.RandomState(0)
x = data.rand(120, 4)
y = (x.sum(axis=1) > 2) * 1
rng = np.random.RandomState(1)
model = MODEL
best, scores = 0, []
best = keeper.restore(model, rng, scores, best=best)
for epoch in keeper.epochs(range(6)):
    order = rng.permutation(120)
    for start in range(0, 120, 40):
        part = order[start : start + 40]
        model.partial_fit(x[part], y[part]CLASSES)
    scores.append(float(model.score(x, y)))
    best = max(best, scores[-1])
print(best, scores, sorted(vars(model)))


def told(value):
    # pickles of equal models differ: in which equal parts are one object
    if hasattr(value, "tolist"):
        return [str(value.dtype), value.tolist()]
    if isinstance(value, np.random.RandomState):
        return told(value.get_state())
    if isinstance(value, dict):
        return [[key, told(one)] for key, one in sorted(value.items(), key=str)]
    if isinstance(value, (list, tuple)):
        return [told(one) for one in value]
    return [type(value).__name__, told(vars(value))] if hasattr(value, "__dict__") else repr(value)


pickle.dumps(model)
with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w") as file:
    file.write(str(told({key: one for key, one in vars(model).items() if key != "_loss_function_"})))
"""
MODELS = [
    "SGDClassifier(random_state=3)",
    "MLPClassifier((8,), random_state=3)",
    "GaussianNB()",
    "MiniBatchKMeans(3, random_state=3, n_init=1)",
    "SGDClassifier(average=True)",
    "Own(alpha=0.01)",
]


@pytest.mark.parametrize("model", MODELS)
def test_it_ends_as_one_that_was_not_stopped(model: str, tmp_path: Path) -> None:
    source = SCRIPT.replace("MODEL", model, 1).replace("CLASSES", "" if "KMeans" in model else ", classes=[0, 1]")
    source = source.replace("import os\n", "import os\nimport numpy\nnumpy.random.seed(5)\n", 1)
    whole = Machine.make(tmp_path / "whole", "boost", source, ["keeper"])
    wanted = whole.run(active=False).stdout.splitlines()[-1]
    stopped = Machine.make(tmp_path / "stopped", "boost", source, ["keeper"])
    assert stopped.interrupted(kills=(1, 3)).stdout.splitlines()[-1] == wanted
    assert stopped.outputs() == whole.outputs()
