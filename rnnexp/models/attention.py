"""Attention of a decoder over what an encoder has read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from rnnexp.models.pooling import NEVER

if TYPE_CHECKING:
    import keras

Attention = Literal["additive", "dot"]


def make_attention_layers(kind: Attention, units: int) -> list[keras.layers.Layer]:
    """Make the layers that `attend` uses."""
    import keras

    made = [keras.layers.Dense(units, use_bias=False, name="attention_keys")]
    if kind == "additive":
        made.append(keras.layers.Dense(units, name="attention_queries"))
        made.append(keras.layers.Dense(1, use_bias=False, name="attention_score"))
    return made


def attend(layers: Mapping[str, Any], query: Any, memory: Any, mask: Any) -> tuple[Any, Any]:
    """Return contexts (b, steps, size) and weights (b, steps, time) of queries over a memory (b, time, size).

    additive: v . tanh(W q + U m), Bahdanau, Cho and Bengio, Neural machine translation by jointly learning to align and
    translate, 2015, appendix A.1.2;  dot: q . W m, "general" of Luong, Pham and Manning, Effective approaches to
    attention-based neural machine translation, 2015, eq. 8
    """
    from keras import ops

    keys = layers["attention_keys"](memory)
    if "attention_score" in layers:
        both = ops.tanh(ops.expand_dims(layers["attention_queries"](query), 2) + ops.expand_dims(keys, 1))
        scores = ops.squeeze(layers["attention_score"](both), -1)
    else:
        scores = ops.matmul(query, ops.transpose(keys, (0, 2, 1)))
    if mask is not None:
        scores = ops.where(ops.expand_dims(mask, 1), scores, ops.cast(NEVER, scores.dtype))
    # Keras's own softmax warns of sequences that have one step only.
    weights = ops.exp(scores - ops.logsumexp(scores, axis=-1, keepdims=True))
    return ops.matmul(weights, memory), weights
