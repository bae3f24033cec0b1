"""A monitored session of TensorFlow 1, which saves into a folder and goes on from it."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "logs")
step = tf.train.get_or_create_global_step()
weight = tf.get_variable("weight", [3], initializer=tf.ones_initializer())
target = tf.sin(tf.cast(step, tf.float32) + tf.constant([0.0, 1.0, 2.0]))
loss = tf.reduce_sum((weight - target) ** 2)
train_op = tf.train.AdamOptimizer(0.05).minimize(loss, global_step=step)
hooks = [tf.train.StopAtStepHook(last_step=23)]
with tf.train.MonitoredTrainingSession(checkpoint_dir=folder, hooks=hooks, save_checkpoint_steps=5) as sess:
    while not sess.should_stop():
        _, value, done = sess.run([train_op, loss, step])
        print(done, value)
reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(folder))
names = sorted(reader.get_variable_to_shape_map())
np.save(os.path.join(os.environ.get("SM_MODEL_DIR", "."), "end.npy"), np.concatenate([np.ravel(reader.get_tensor(n)) for n in names]))
