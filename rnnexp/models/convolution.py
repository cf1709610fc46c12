"""Convolutions over time that never see beyond the end of a sequence, however far it is padded."""

from __future__ import annotations

from typing import Any

from rnnexp.models.pooling import NEVER, shown


def block(x: Any, mask: Any, name: str, filters: int, kernel_size: int, *, normalise: bool = True) -> Any:
    """Convolve (b, time, channels) with stride 1, zeros before and after; normalise batches; apply ReLU.

    Weights as in He et al., Delving deep into rectifiers, 2015. The normalisation counts real steps alone.
    """
    import keras

    x = keras.layers.Conv1D(filters, kernel_size, padding="same", kernel_initializer="he_uniform", name=f"{name}_conv")(
        shown(x, mask)
    )
    if normalise:
        x = keras.layers.BatchNormalization(name=f"{name}_norm")(x, mask=mask)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def shrunk(x: Any, mask: Any, name: str, size: int) -> tuple[Any, Any]:
    """Keep the maximum of each `size` steps, counted from the first; the last group may be smaller."""
    import keras

    if size == 1:
        return x, mask
    fill = [[0, 0], [0, size - 1], [0, 0]]
    pool = keras.layers.MaxPooling1D(size, name=f"{name}_pool")
    x = pool(keras.ops.pad(shown(x, mask, NEVER), fill, constant_values=NEVER))
    if mask is None:
        return x, None
    flags = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)
    kept = keras.layers.MaxPooling1D(size, name=f"{name}_mask_pool")(keras.ops.pad(flags, fill))
    mask = keras.ops.cast(keras.ops.squeeze(kept, -1), "bool")
    return shown(x, mask), mask
