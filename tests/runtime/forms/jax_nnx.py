"""Objects of flax.nnx, which are changed in place."""

import os

import jax
import numpy as np
import optax
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(3, 8, rngs=rngs)
        self.norm = nnx.BatchNorm(8, rngs=rngs)
        self.dropout = nnx.Dropout(0.3, rngs=rngs)
        self.last = nnx.Linear(8, 1, rngs=rngs)

    def __call__(self, x):
        return self.last(self.dropout(nnx.relu(self.norm(self.first(x)))))


@nnx.jit
def train_step(model, optimizer, metrics, x):
    loss, grads = nnx.value_and_grad(lambda model: ((model(x)[:, 0] - x.sum(axis=1)) ** 2).mean())(model)
    metrics.update(loss=loss)
    optimizer.update(model, grads)


def main():
    np.random.seed(0)
    data = np.random.rand(20, 3).astype("float32")
    model = Net(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(0.05), wrt=nnx.Param)
    metrics = nnx.MultiMetric(loss=nnx.metrics.Average("loss"))
    best = 1e9
    for epoch in range(6):
        for place in np.random.permutation(5):
            train_step(model, optimizer, metrics, data[place * 4 : place * 4 + 4])
        if epoch % 2:
            best = min(best, float(metrics.compute()["loss"]))
            metrics.reset()
        print(epoch, best)
    leaves = jax.tree_util.tree_leaves(nnx.to_pure_dict(nnx.state((model, optimizer), (nnx.Param, nnx.BatchStat, nnx.optimizer.OptState))))
    out = os.path.join(os.environ.get("SM_MODEL_DIR", "."), "end.npy")
    np.save(out, np.concatenate([np.ravel(np.asarray(leaf)) for leaf in leaves] + [[best]]))
    print("end", model(data[:2]).tolist())


if __name__ == "__main__":
    main()
