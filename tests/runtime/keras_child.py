"""Two Keras fits in a row, which die where KILL says: ``python train.py OUT KIND``. Run beside a support file."""

import os
import signal
import sys

import numpy as np

if os.environ.get("WHICH") == "tf_keras":
    import tf_keras as keras
else:
    import keras
import tensorflow as tf
from sagemaker_support import keras_fit

OUT, KIND = sys.argv[1:]
begun = 0

keras.utils.set_random_seed(7)
numbers = np.random.RandomState(0)
x = numbers.rand(48, 6).astype("float32")
y = numbers.randint(0, 3, 48)


class Sequence(keras.utils.PyDataset if hasattr(keras.utils, "PyDataset") else keras.utils.Sequence):
    def __init__(self):
        if hasattr(keras.utils, "PyDataset"):
            super().__init__()
        self.order = np.arange(48)
        self.on_epoch_end()

    def __len__(self):
        return 6

    def __getitem__(self, index):
        rows = self.order[index * 8 : index * 8 + 8]
        return x[rows] + np.random.normal(0, 0.1, (8, 6)).astype("float32"), y[rows]

    def on_epoch_end(self):
        np.random.shuffle(self.order)


class Watch(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses = []

    def on_epoch_begin(self, epoch, logs=None):
        global begun
        begun += 1
        if str(begun) == os.environ.get("KILL"):
            os.kill(os.getpid(), signal.SIGKILL)

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(float(logs["loss"]))


def data():
    if KIND == "dataset":
        return (tf.data.Dataset.from_tensor_slices((x, y)).shuffle(48).batch(8),), {}
    if KIND == "repeated":
        return (tf.data.Dataset.from_tensor_slices((x, y)).shuffle(48).repeat().batch(8),), {"steps_per_epoch": 5}
    if KIND == "sequence":
        return (Sequence(),), {}
    return (x, y), {"batch_size": 8}


for number in range(2):
    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.BatchNormalization()]
    layers += [keras.layers.Dropout(0.0 if os.environ.get("WHICH") else 0.3), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential(layers if KIND == "unbuilt" else [keras.layers.Input((6,)), *layers])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = Watch()
    own = [
        keras.callbacks.CSVLogger(f"{OUT}/log{number}.csv"),
        keras.callbacks.ModelCheckpoint(f"{OUT}/best{number}.weights.h5", save_best_only=True, save_weights_only=True),
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.1),
        keras.callbacks.EarlyStopping("loss", patience=1 if KIND == "early" else 9, min_delta=0.05, restore_best_weights=True),
        watch,
    ]
    given, more = data()
    history = keras_fit(model.fit)(*given, epochs=4, verbose=0, validation_data=(x, y), callbacks=own, **more)
    np.savez(f"{OUT}/weights{number}.npz", *model.get_weights())
    with open(f"{OUT}/told{number}.txt", "w") as file:
        file.write(repr((history.epoch, watch.losses, {name: [float(v) for v in found] for name, found in history.history.items()})))
