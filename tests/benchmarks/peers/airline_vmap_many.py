"""Many airline runs as one JAX program by hand, for its memory. Needs KERAS_BACKEND=jax. args: CSV MEMBERS EPOCHS"""

import sys

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pandas as pd

members, epochs = int(sys.argv[2]), int(sys.argv[3])
series = pd.read_csv(sys.argv[1], usecols=[1]).dropna().to_numpy("float32").copy()
series /= series.max() - series.min()
x, y = jnp.asarray(np.stack([series[i : i + 2] for i in range(len(series) - 2)])), jnp.asarray(series[2:])
cut = int(len(x) * 0.7)
layers = [keras.layers.LSTM(4, return_sequences=True), keras.layers.LSTM(4), keras.layers.Dense(1)]
model = keras.Sequential([keras.Input((2, 1)), *layers])
optimizer = keras.optimizers.Adam(1e-2)
optimizer.build(model.trainable_variables)
fixed = [variable.value for variable in model.non_trainable_variables]


def initial(seed):
    keras.utils.set_random_seed(seed)
    weights = keras.models.clone_model(model).trainable_variables
    return [variable.value for variable in weights], [variable.value for variable in optimizer.variables]


def loss(weights):
    return jnp.mean((model.stateless_call(weights, fixed, x[:cut], training=True)[0] - y[:cut]) ** 2)


def step(state, _):
    weights, slots = state
    value, gradients = jax.value_and_grad(loss)(weights)
    return optimizer.stateless_apply(slots, gradients, weights), value


stacked = jax.tree.map(lambda *values: jnp.stack(values), *[initial(seed) for seed in range(members)])
train = jax.jit(jax.vmap(lambda state: jax.lax.scan(step, state, None, length=epochs)))
(weights, _), _ = train(stacked)
test = jax.vmap(lambda values: jnp.mean((model.stateless_call(values, fixed, x[cut:])[0] - y[cut:]) ** 2))(weights)
print(f"members={members} best test_mse={float(test.min()):.5f}")
