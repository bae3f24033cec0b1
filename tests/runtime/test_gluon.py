"""A Gluon loop that is killed for real, and ends as one that was not."""

from __future__ import annotations

from pathlib import Path

from tests.runtime.interruption import Machine

SCRIPT = """
import os

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn
from sagemaker_support import keeper

mx.random.seed(0)
np.random.seed(0)
x = nd.array(np.random.rand(40, 3))
y = x.sum(axis=1)
net = nn.Sequential()
net.add(nn.Dense(8, activation="relu"), nn.BatchNorm(), nn.Dense(1))
net.initialize(mx.init.Xavier())
trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.05})
loss_fn = gluon.loss.L2Loss()
data = gluon.data.DataLoader(gluon.data.ArrayDataset(x, y), batch_size=10, shuffle=True)
best = 1e9
best = keeper.restore(net, trainer, best=best)
for epoch in keeper.epochs(range(6)):
    total = 0
    for xs, ys in data:
        with autograd.record():
            loss = loss_fn(net(xs), ys)
        loss.backward()
        trainer.step(10)
        total += loss.mean().asscalar()
    if epoch % 2:
        trainer.set_learning_rate(trainer.learning_rate * 0.5)
    best = min(best, total)
found = {name: p.data().asnumpy().tolist() for name, p in net._collect_params_with_prefix().items()}
with open(os.path.join(os.environ["SM_MODEL_DIR"], "net.txt"), "w") as file:
    file.write(str(sorted(found.items())))
print(best, trainer.learning_rate)
"""


def test_it_ends_as_one_that_was_not_stopped(tmp_path: Path) -> None:
    whole = Machine.make(tmp_path / "whole", "chainer", SCRIPT, ["keeper"])
    wanted = whole.run(active=False).stdout.splitlines()[-1]
    stopped = Machine.make(tmp_path / "stopped", "chainer", SCRIPT, ["keeper"])
    assert stopped.interrupted(kills=(1, 3)).stdout.splitlines()[-1] == wanted
    assert stopped.outputs() == whole.outputs()
