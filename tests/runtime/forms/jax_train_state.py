"""A TrainState of Flax, whose step is compiled; a random key that the turns split; a best state that is None at the start, a history."""

import collections
import os

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from flax.training import train_state


class Net(nn.Module):
    width: int = 8

    @nn.compact
    def __call__(self, x, train):
        x = nn.relu(nn.Dense(self.width)(x))
        x = nn.Dropout(0.3, deterministic=not train)(x)
        return nn.Dense(1)(x)


@jax.jit
def train_step(state, batch, key):
    def loss_fn(params):
        out = state.apply_fn({"params": params}, batch, True, rngs={"dropout": key})
        return jnp.mean((out[:, 0] - batch.sum(axis=1)) ** 2)

    loss, grads = jax.value_and_grad(loss_fn)(state.params)
    return state.apply_gradients(grads=grads), loss


def train_epoch(state, data, key):
    losses = []
    for start in np.random.permutation(5):
        key, own = jax.random.split(key)
        state, loss = train_step(state, data[start * 4 : start * 4 + 4], own)
        losses.append(float(loss))
    return state, key, sum(losses)


def main():
    np.random.seed(0)
    data = np.random.rand(20, 3).astype("float32")
    key = jax.random.key(1)
    net = Net()
    params = net.init(key, data, False)["params"]
    state = train_state.TrainState.create(apply_fn=net.apply, params=params, tx=optax.adam(0.05))
    best, best_state, history = 1e9, None, collections.defaultdict(list)
    for epoch in range(6):
        state, key, loss = train_epoch(state, data, key)
        history["loss"].append(loss)
        if loss < best:
            best, best_state = loss, state
        print(epoch, loss)
    leaves = jax.tree_util.tree_leaves((state.params, state.opt_state, best_state.params, history["loss"]))
    out = os.path.join(os.environ.get("SM_MODEL_DIR", "."), "end.npy")
    np.save(out, np.concatenate([np.ravel(np.asarray(leaf)) for leaf in leaves] + [[best]]))
    print("end", int(state.step))


main()
