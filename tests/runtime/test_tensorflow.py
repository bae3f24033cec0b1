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


FED = """
import os

import numpy as np
import tensorflow.compat.v1 as tf
from sagemaker_support import keeper

tf.disable_v2_behavior()
x = tf.placeholder(tf.float32, [None, 3])
w = tf.Variable(tf.ones([3, 1]))
loss = tf.reduce_mean(tf.matmul(x, w) ** 2)
op = tf.train.AdamOptimizer(0.05).minimize(loss)
scores = []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    feed, fetched = keeper.restore(sess, scores, feed=None, fetched=None)
    for epoch in keeper.epochs(range(6)):
        feed = {x: np.ones((2, 3)) * epoch}
        fetched = [loss, op]
        scores.append(float(sess.run(fetched, feed)[0]))
    for again in keeper.epochs(range(2)):
        pass
    print(sess.run(fetched, feed)[0], scores)
"""


def test_a_feed_whose_keys_are_placeholders_is_carried(tmp_path: Path) -> None:
    whole = Machine.make(tmp_path / "whole", "tf", FED, ["keeper"])
    wanted = whole.run(active=False).stdout.splitlines()[-1]
    stopped = Machine.make(tmp_path / "stopped", "tf", FED, ["keeper"])
    done = stopped.interrupted(kills=(1, 3))
    assert done.stdout.splitlines()[-1] == wanted
    assert "could not save" not in done.stdout


AGAIN = """
import os
import tensorflow.compat.v1 as tf
from sagemaker_support import keep_savers

tf.disable_v2_behavior()
steps = tf.Variable(0, name="steps")
more = steps.assign_add(1)
logs = os.environ["SM_MODEL_DIR"]
for turn in range(3):
    keep_savers()
    with tf.Session() as sess:
        saver = tf.train.Saver()
        found = tf.train.latest_checkpoint(logs)
        saver.restore(sess, found) if found else sess.run(tf.global_variables_initializer())
        sess.run(more)
        saver.save(sess, os.path.join(logs, "model"))
    with open(os.path.join(logs, "log.txt"), "a") as file:
        file.write("evaluated %d\\n" % turn)
"""


def test_what_was_written_behind_the_last_save_stays_when_training_begins_again(tmp_path: Path) -> None:
    machine = Machine.make(tmp_path, "tf", AGAIN, ["keep_savers"])
    machine.run()
    assert machine.outputs()["model/log.txt"].decode().split("\n")[:3] == ["evaluated 0", "evaluated 1", "evaluated 2"]


EAGER = """
import os
import random

import numpy as np
import tensorflow as tf
from sagemaker_support import keeper

tf.keras.utils.set_random_seed(3)
xs = np.random.rand(40, 3).astype("float32")
ys = xs.sum(axis=1, keepdims=True)


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.one = tf.keras.layers.Dense(8, activation="relu")
        self.drop = tf.keras.layers.Dropout(0.2)
        self.two = tf.keras.layers.Dense(1)

    def call(self, x, training=False):
        return self.two(self.drop(self.one(x), training=training))


class Plain(tf.Module):
    def __init__(self):
        super().__init__()
        self.w, self.b = tf.Variable(tf.ones([3, 1])), tf.Variable(0.0)

    def __call__(self, x, training=False):
        return tf.matmul(x, self.w) + self.b


model, optimizer, seen, factor = MODEL, OPTIMIZER, tf.keras.metrics.Mean(), tf.Variable(1.0)
total = 0.0


DECORATOR
def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((factor * model(x, training=True) - y) ** 2)
    variables = list(model.trainable_variables) + [factor]
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    seen(loss)
    return loss


total = keeper.restore(model, optimizer, seen, factor, total=total)
for epoch in keeper.epochs(range(5)):
    for i in np.random.permutation(4):
        total += step(xs[i * 10 : i * 10 + 10], ys[i * 10 : i * 10 + 10]) * random.random()
values = [v.numpy().tolist() for v in [*model.trainable_variables, factor]]
with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w") as file:
    file.write(str(values))
print(float(total), float(seen.result()), values)
"""


SEQUENTIAL = "tf.keras.Sequential([tf.keras.layers.Dense(4), tf.keras.layers.BatchNormalization()])"


@pytest.mark.parametrize(
    ("model", "optimizer", "decorator"),
    [
        ("Net()", "tf.keras.optimizers.Adam(0.05)", "@tf.function"),
        ("Net()", "tf.keras.optimizers.SGD(0.05, 0.9)", ""),
        (SEQUENTIAL, "tf.keras.optimizers.Ftrl()", "@tf.function"),
        ("Plain()", "tf.compat.v1.train.MomentumOptimizer(0.05, 0.9)", ""),
    ],
)
def test_an_eager_loop_ends_as_one_that_was_not_stopped(model: str, optimizer: str, decorator: str, tmp_path: Path) -> None:
    source = EAGER.replace("MODEL,", f"{model},").replace("OPTIMIZER", optimizer).replace("DECORATOR", decorator)
    whole = Machine.make(tmp_path / "whole", "tf", source, ["keeper"])
    wanted = whole.run(active=False).stdout.splitlines()[-1]
    stopped = Machine.make(tmp_path / "stopped", "tf", source, ["keeper"])
    assert stopped.interrupted(kills=(1, 2)).stdout.splitlines()[-1] == wanted
    assert stopped.outputs() == whole.outputs()
