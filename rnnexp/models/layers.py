"""Layers over time that never see beyond the end of a sequence, however far it is padded, and those beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import keras

Pooling = Literal["last", "mean", "max", "attention"]
LinearPath = bool | Literal["ridge", "nb_svm"]
Attention = Literal["additive", "dot"]
OUTPUT: Final = "output"  # the name of the output layer of our networks
LINEAR: Final = "skip"  # the layer of a linear function beside the recurrent ones
FITTED: Final = "ridge"
OF_WORDS: Final = "nb_svm"
INPUT_WEIGHTS: Final = "input_weights"  # the layer that weighs the inputs of an example, (b, inputs)
NEVER = -6e4  # lower than any activation, yet finite even in float16: infinity would make gradients NaN


def pool(x: Any, mask: Any, kind: Pooling, prefix: str = "") -> Any:
    """Pool outputs (b, time, units) over time; `mask` (b, time) is None where all sequences are of one length.

    attention: a weighted mean, softmax(v . tanh(W h + b)) over the steps, as in Yang et al., Hierarchical attention
    networks for document classification, 2016, eq. 5 to 7, with as many hidden units as `x` has
    prefix: of the names of its layers
    """
    import keras

    if kind == "mean":
        return keras.layers.GlobalAveragePooling1D(name=f"{prefix}mean_over_time")(x, mask=mask)
    if kind == "max":
        return keras.layers.GlobalMaxPooling1D(name=f"{prefix}max_over_time")(replace_masked(x, mask, NEVER))
    hidden = keras.layers.Dense(x.shape[-1], activation="tanh", name=f"{prefix}attention_hidden")(x)
    scores = keras.layers.Dense(1, use_bias=False, name=f"{prefix}attention_score")(hidden)
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


def convolve(x: Any, mask: Any, name: str, filters: int, kernel_size: int, *, normalize: bool = True) -> Any:
    """Convolve (b, time, channels) with stride 1, zeros before and after; normalize batches; apply ReLU.

    Weights as in He et al., Delving deep into rectifiers, 2015. The normalization counts real steps alone.
    """
    import keras

    x = unfold(replace_masked(x, mask), kernel_size)
    x = keras.layers.Dense(filters, kernel_initializer="he_uniform", name=f"{name}_conv")(x)
    if normalize:
        x = keras.layers.BatchNormalization(name=f"{name}_norm")(x, mask=mask)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def unfold(x: Any, kernel_size: int) -> Any:
    """Lay the steps that a convolution sees side by side: (b, time, kernel_size * channels), zeros beyond the ends.

    A dense layer of it is the convolution. XLA computes Conv1D inside a loop of its CPU programs by a naive one: 1.01 s
    against 0.011 s for the gradient of (16, 150, 128) to 256 channels, kernel 5.
    """
    import keras

    before, after = (kernel_size - 1) // 2, kernel_size // 2
    wide = keras.ops.pad(x, [[0, 0], [before, after], [0, 0]])
    ends = [(i, i - kernel_size + 1 or None) for i in range(kernel_size)]
    return keras.ops.concatenate([wide[:, first:last] for first, last in ends], axis=-1)


def downsample(x: Any, mask: Any, name: str, size: int) -> tuple[Any, Any]:
    """Keep the maximum of each `size` steps, counted from the first; the last group may be smaller."""
    import keras

    if size == 1:
        return x, mask
    fill = [[0, 0], [0, size - 1], [0, 0]]
    pool = keras.layers.MaxPooling1D(size, name=f"{name}_pool")
    x = pool(keras.ops.pad(replace_masked(x, mask, NEVER), fill, constant_values=NEVER))
    if mask is None:
        return x, None
    flags = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)
    kept = keras.layers.MaxPooling1D(size, name=f"{name}_mask_pool")(keras.ops.pad(flags, fill))
    mask = keras.ops.cast(keras.ops.squeeze(kept, -1), "bool")
    return replace_masked(x, mask), mask


def make_attention_layers(kind: Attention, units: int) -> list[keras.layers.Layer]:
    """Make the layers that `attend` uses."""
    import keras

    layers = [keras.layers.Dense(units, use_bias=False, name="attention_keys")]
    if kind == "additive":
        layers.append(keras.layers.Dense(units, name="attention_queries"))
        layers.append(keras.layers.Dense(1, use_bias=False, name="attention_score"))
    return layers


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
    weights = keras.layers.Activation("linear", name=INPUT_WEIGHTS)(ops.squeeze(weights, -1))
    return ops.sum(ops.expand_dims(weights, -1) * stacked, axis=1)


def find_weights(model: keras.Model) -> keras.Model | None:
    """Return the network that gives the weights of the inputs, (b, inputs); None for one that has none."""
    import keras

    found = [layer for layer in model.layers if layer.name == INPUT_WEIGHTS]
    return keras.Model(model.input, found[0].output) if found else None


def cut_patches(past: Any, size: int | None) -> Any:
    """Lay `size` steps side by side as one: (batch, steps, features) to (batch, steps / size, size * features)."""
    import keras

    if size is None:
        return past
    _, steps, features = past.shape
    return keras.layers.Reshape((steps // size, size * features), name="patches")(past)


def add_linear_path(y: Any, past: Any, future: Any, fitted: bool) -> Any:
    """Return the outputs (b, outputs) and a linear function of the inputs, added up.

    future: what is known of the steps to come, (b, numbers), or None; only a function that is fitted reads it
    fitted: it has an intercept and is not trained
    """
    import keras

    window = keras.layers.Flatten(name="window")(past)
    if fitted and future is not None:
        window = keras.layers.Concatenate(name="window_and_future")([window, future])
    layer = keras.layers.Dense(y.shape[-1], use_bias=fitted, trainable=not fitted, dtype="float32", name=LINEAR)
    return keras.layers.Add(dtype="float32", name="output_and_skip")([y, layer(window)])
