"""From an output per step to one per sequence; what lies after the end of a sequence never counts."""

from __future__ import annotations

from typing import Any, Literal

Pooling = Literal["last", "mean", "max", "attention"]
NEVER = -6e4  # lower than any activation, yet finite even in float16: infinity would make gradients NaN


def pool(x: Any, mask: Any, kind: Pooling) -> Any:
    """Pool outputs (b, time, units) over time; `mask` (b, time) is None where all sequences are of one length.

    attention: a weighted mean, softmax(v . tanh(W h + b)) over the steps, as in Yang et al., Hierarchical attention
    networks for document classification, 2016, eq. 5 to 7, with as many hidden units as `x` has.
    """
    import keras

    if kind == "mean":
        return keras.layers.GlobalAveragePooling1D(name="mean_over_time")(x, mask=mask)
    if kind == "max":
        return keras.layers.GlobalMaxPooling1D(name="max_over_time")(replace_masked(x, mask, NEVER))
    hidden = keras.layers.Dense(x.shape[-1], activation="tanh", name="attention_hidden")(x)
    scores = keras.layers.Dense(1, use_bias=False, name="attention_score")(hidden)
    scores = replace_masked(scores, mask, NEVER)
    # Keras's own softmax warns of sequences that have one step only.
    weights = keras.ops.exp(scores - keras.ops.logsumexp(scores, axis=1, keepdims=True))
    return keras.ops.sum(weights * x, axis=1)


def replace_masked(x: Any, mask: Any, instead: float = 0.0) -> Any:
    """Put a number in the place of what lies after the end of a sequence."""
    import keras

    if mask is None:
        return x
    return keras.ops.where(keras.ops.expand_dims(mask, -1), x, keras.ops.cast(instead, x.dtype))
