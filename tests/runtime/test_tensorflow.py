"""Loops of TensorFlow 1 sessions that are killed for real, and end as those that were not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.interruption import Machine

SCRIPT = """
import os

import numpy as np
import tensorflow.compat.v1 as tf
from sagemaker_support import keeper

tf.disable_v2_behavior()
RESOURCE
np.random.seed(0)
xs = np.random.rand(40, 3).astype("float32")
ys = xs.sum(axis=1, keepdims=True)
x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 1])
start = tf.random_normal([3, 1], seed=1)
w, twin = tf.Variable(start, name="w"), tf.Variable(start, name="twin")
steps = tf.Variable(0, name="global_step", trainable=False)
never = tf.Variable(0.0, name="never")
loss = tf.reduce_mean((tf.matmul(x, w + twin) - y) ** 2)
total, count = tf.metrics.mean(loss)
train_op = tf.train.AdamOptimizer(0.05).minimize(loss, global_step=steps)
saver = tf.train.Saver([w, twin, steps])
best = 1e9
with tf.Session() as sess:
    sess.run([v.initializer for v in tf.global_variables() if v is not never])
    sess.run(tf.local_variables_initializer())
    tf.get_default_graph().finalize()
    best = keeper.restore(sess, best=best)
    LOOP
        for i in np.random.permutation(4):
            feed = {x: xs[i * 10 : i * 10 + 10], y: ys[i * 10 : i * 10 + 10]}
            _, seen, _ = sess.run([train_op, loss, count], feed)
        best = min(best, float(seen))
    END
    values = [v.tolist() for v in sess.run([w, twin, steps, total])]
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w") as file:
        file.write(str(values))
for again in keeper.epochs(range(2)):
    pass
print(best, values)
"""
LOOPS = {
    "for": ("for epoch in keeper.epochs(range(6)):", ""),
    "while": ("while keeper.turn() and sess.run(steps) < 24:", ""),
    "broken": ("for epoch in keeper.epochs(range(60)):\n        if epoch == 6:\n            break", ""),
}


@pytest.mark.parametrize(
    ("loop", "resource"),
    [("for", ""), ("while", ""), ("while", "tf.enable_resource_variables()"), ("broken", "tf.enable_resource_variables()")],
)
def test_a_session_ends_as_one_that_was_not_stopped(loop: str, resource: str, tmp_path: Path) -> None:
    source = SCRIPT.replace("LOOP", LOOPS[loop][0]).replace("END", LOOPS[loop][1]).replace("RESOURCE", resource)
    whole = Machine.make(tmp_path / "whole", "tf", source, ["keeper"])
    wanted = whole.run(active=False).stdout.splitlines()[-1]
    stopped = Machine.make(tmp_path / "stopped", "tf", source, ["keeper"])
    assert stopped.interrupted(kills=(1, 3)).stdout.splitlines()[-1] == wanted
    assert stopped.outputs() == whole.outputs()
