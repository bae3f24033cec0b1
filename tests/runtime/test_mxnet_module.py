"""Modules of MXNet that cannot be gone on with train as they would alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.interruption import Machine

SCRIPT = """
import os
import mxnet as mx
import numpy as np
from sagemaker_support import module_fit

def net(name, last):
    data = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name=name)
    return mx.sym.LinearRegressionOutput(data, mx.sym.Variable("y_label"), name="y") if last else data

class Shorter(mx.mod.Module):
    def fit(self, train_data, num_epoch):
        return super().fit(train_data, num_epoch=num_epoch)

mx.random.seed(1)
data = mx.io.NDArrayIter(np.ones((8, 3), "float32"), np.ones((8, 2), "float32"), batch_size=4, label_name="y_label")
MADE
module_fit(mod.fit)(data, num_epoch=2)
print("end", sorted(mod.get_params()[0]))
"""
MADE = {
    "sequential": "mod = mx.mod.SequentialModule()\nmod.add(mx.mod.Module(net('a', False), label_names=None))\n"
    "mod.add(mx.mod.Module(net('b', True), label_names=['y_label']), take_labels=True, auto_wiring=True)",
    "a fit of its own": "mod = Shorter(net('b', True), label_names=['y_label'])",
}


@pytest.mark.parametrize("made", MADE)
def test_it_trains_without_checkpoints_and_says_so(made: str, tmp_path: Path) -> None:
    done = Machine.make(tmp_path, "chainer", SCRIPT.replace("MADE", MADE[made]), ["module_fit"]).run()
    assert "\nend ['" in done.stdout and "NO CHECKPOINT IS MADE" in done.stdout
