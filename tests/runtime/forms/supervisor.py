"""A session of TensorFlow 1 that a Supervisor manages."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
step = tf.train.get_or_create_global_step()
weight = tf.get_variable("weight", [3], initializer=tf.ones_initializer())
target = tf.sin(tf.cast(step, tf.float32) + tf.constant([0.0, 1.0, 2.0]))
loss = tf.reduce_sum((weight - target) ** 2)
train_op = tf.train.AdamOptimizer(0.05).minimize(loss, global_step=step)
sv = tf.train.Supervisor(logdir="logs", save_model_secs=600, summary_op=None)
best = 1e9
with sv.managed_session() as sess:
    for turn in range(9):
        _, value = sess.run([train_op, loss])
        best = min(best, value)
        print(turn, value)
    end = sess.run([weight, step])
np.save(os.path.join(os.environ.get("SM_MODEL_DIR", "."), "end.npy"), np.concatenate([np.ravel(part) for part in [*end, best]]))
