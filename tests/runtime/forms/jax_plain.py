"""Plain parameters in a dictionary, the state of optax, and a step that is made by jit."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import optax

rng = np.random.RandomState(0)
data = rng.rand(20, 3).astype("float32")
key = jax.random.PRNGKey(0)
key, own = jax.random.split(key)
params = {"layers": [{"w": jax.random.normal(own, (3, 4)), "b": jnp.zeros(4)}, {"w": jnp.ones((4, 1)), "b": jnp.zeros(1)}]}
optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(optax.cosine_decay_schedule(0.1, 40)))
opt_state = optimizer.init(params)


def loss_fn(params, x, key):
    x = x + 0.01 * jax.random.normal(key, x.shape)
    for layer in params["layers"]:
        x = jnp.tanh(x @ layer["w"] + layer["b"])
    return jnp.mean((x - 0.5) ** 2)


def update(params, opt_state, x, key):
    loss, grads = jax.value_and_grad(loss_fn)(params, x, key)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, loss


step = jax.jit(update)
losses = []
for epoch in range(6):
    for place in rng.permutation(5):
        key, own = jax.random.split(key)
        params, opt_state, loss = step(params, opt_state, data[place * 4 : place * 4 + 4], own)
    losses.append(float(loss))
    print(epoch, losses[-1])
leaves = jax.tree_util.tree_leaves((params, opt_state))
out = os.path.join(os.environ.get("SM_MODEL_DIR", "."), "end.npy")
np.save(out, np.concatenate([np.ravel(np.asarray(leaf)) for leaf in leaves] + [losses]))
print("end", np.asarray(key).tolist())
