"""Dense layers over time as one product of all steps, for training on JAX on the CPU.

Of inputs (batch, time, size) the gradient of the kernel is a product over two axes, for which XLA lays the gradients of
all outputs out anew, transposed: of 400 words and a vocabulary of 10,000 that is 16 MB in each step of a training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rnnexp.models.recurrent_gradients import replace_inner_loops
from rnnexp.models.unfolded_convolution import replace_calls, unfold_convolutions


@contextmanager
def use_fast_layers(model: Any) -> Iterator[None]:
    """Let what is slower than it need be, as Keras does it, be computed by ours while a model's steps are traced:
    dense layers here, recurrent ones by `recurrent_gradients`, convolutions by `unfolded_convolution`. The numbers are
    the same but for rounding.
    """
    with replace_inner_loops(model), replace_calls(model, is_flat, call_flat), unfold_convolutions(model):
        yield


def is_flat(layer: Any) -> bool:
    """Return whether each step of a layer is computed by itself, by its kernel and an activation of single numbers."""
    import keras

    known = keras.activations
    return type(layer) is keras.layers.Dense and layer.activation in (known.linear, known.tanh, known.relu)


def call_flat(layer: Any, inputs: Any, training: bool | None = None) -> Any:
    """Do what `layer.call` does to inputs (..., size)."""
    from jax import numpy as jnp

    outputs = type(layer).call(layer, jnp.reshape(inputs, (-1, inputs.shape[-1])), training=training)
    return jnp.reshape(outputs, (*inputs.shape[:-1], outputs.shape[-1]))
