"""A linear function of the whole window beside the recurrent layers: trained with them, or fitted before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rnnexp.data.ridge import MOST_INPUTS

if TYPE_CHECKING:
    from rnnexp.data.spec import TaskSpec

LinearPath = bool | Literal["ridge"]
FITTED = "ridge"
NAME = "skip"


def add_linear_path(y: Any, past: Any, future: Any, fitted: bool) -> Any:
    """Return the outputs (b, outputs) and a linear function of the inputs, added up.

    future: what is known of the steps to come, (b, numbers), or None; only a function that is fitted reads it
    fitted: it has an intercept and is not trained
    """
    import keras

    window = keras.layers.Flatten(name="window")(past)
    if fitted and future is not None:
        window = keras.layers.Concatenate(name="window_and_future")([window, future])
    layer = keras.layers.Dense(y.shape[-1], use_bias=fitted, trainable=not fitted, dtype="float32", name=NAME)
    return keras.layers.Add(dtype="float32", name="output_and_skip")([y, layer(window)])


def find_linear_mistakes(kind: LinearPath, spec: TaskSpec) -> list[str]:
    """Return why a linear function cannot be fitted to these data."""
    sizes = [[size or 0 for size in one.shape] for one in spec.inputs.values()]
    inputs = sum(int(np.prod(size)) for size in sizes)
    if kind != FITTED or inputs <= MOST_INPUTS:
        return []
    most = f"the most is {MOST_INPUTS:,}; use true, or a shorter window"
    return [f"model.skip_connection: {kind} given; a regression on {inputs:,} inputs takes too much memory; {most}"]
