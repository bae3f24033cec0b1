"""MXNet's Module.fit, with a schedule, momentum and shuffled data."""

import os

import mxnet as mx
import numpy as np

mx.random.seed(0)
np.random.seed(0)
x = np.random.rand(40, 3).astype("float32")
y = (x.sum(axis=1) > 1.5).astype("float32")
data = mx.io.NDArrayIter(x, y, batch_size=10, shuffle=True)
test = mx.io.NDArrayIter(x, y, batch_size=10)
net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=8)
net = mx.sym.BatchNorm(mx.sym.Activation(net, act_type="relu"))
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(net, num_hidden=2), name="softmax")
mod = mx.mod.Module(net)
folder = os.environ.get("SM_MODEL_DIR", ".")


def told(epoch, symbol, arguments, auxiliary):
    print(epoch, float(sum(abs(value).sum().asscalar() for value in arguments.values())))


schedule = mx.lr_scheduler.FactorScheduler(step=6, factor=0.7, base_lr=0.05)
mod.fit(
    data,
    eval_data=test,
    optimizer="adam",
    optimizer_params={"learning_rate": 0.05, "lr_scheduler": schedule},
    initializer=mx.init.Xavier(),
    epoch_end_callback=told,
    num_epoch=6,
)
mod.save_params(os.path.join(folder, "net.params"))
print("end", mod.score(test, "acc"), np.random.rand())
