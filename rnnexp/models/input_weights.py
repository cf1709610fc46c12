"""Attention over the inputs of a network: how much each of them counts, for each example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rnnexp.models.layers import NEVER, replace_masked

if TYPE_CHECKING:
    import keras

WEIGHTS: Final = "input_weights"  # the layer that gives them, (b, inputs)


def weigh_inputs(encoded: Mapping[str, Any], there: Mapping[str, Any], units: int) -> Any:
    """Add up what is understood of each input, (b, size), as tanh(W h + b) of so many units, by learned weights.

    there: (b, 1) whether an example has it: what is not there weighs nothing
    """
    import keras
    from keras import layers, ops

    hidden = [layers.Dense(units, activation="tanh", name=f"{name}_hidden")(x) for name, x in encoded.items()]
    stacked = ops.stack(hidden, axis=1)
    scores = layers.Dense(1, use_bias=False, name="input_score")(stacked)
    scores = replace_masked(scores, ops.concatenate([*there.values()], axis=1) > 0, NEVER)
    weights = ops.exp(scores - ops.logsumexp(scores, axis=1, keepdims=True))
    weights = keras.layers.Activation("linear", name=WEIGHTS)(ops.squeeze(weights, -1))
    return ops.sum(ops.expand_dims(weights, -1) * stacked, axis=1)


def find_weights(model: keras.Model) -> keras.Model | None:
    """Return the network that gives the weights of the inputs, (b, inputs); None for one that has none."""
    import keras

    found = [layer for layer in model.layers if layer.name == WEIGHTS]
    return keras.Model(model.input, found[0].output) if found else None
