"""Convolutions over time that never see beyond the end of a sequence, however far it is padded."""

from __future__ import annotations

from typing import Any

from rnnexp.models.pooling import NEVER, replace_masked


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
