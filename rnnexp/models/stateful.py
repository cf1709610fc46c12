"""States that go from one batch to the next: inputs and outputs of a network, kept by whoever trains or writes with it.

The network itself remembers nothing: the same weights read texts in 20 lanes while they are trained, and in one when
they are scored or write.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    import numpy as np

OUTPUT = "output"
NEXT = "_next"  # at the end of the name of a state after a step, where names are given once


def make_state_inputs(sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return an input (b, size) for each state."""
    import keras

    return {name: keras.Input((size,), name=name) for name, size in sizes.items()}


def get_state_sizes(model: keras.Model) -> dict[str, int]:
    """Return the sizes of the states that a network takes and gives, by their names."""
    outputs = getattr(model, "output", None)
    if not isinstance(outputs, dict):
        return {}
    return {name: int(tensor.shape[-1]) for name, tensor in outputs.items() if name != OUTPUT}


def output_shape(model: keras.Model) -> Any:
    """Return the shape of what a network predicts, beside which it may give states."""
    outputs = getattr(model, "output", None)  # a Sequential that was never called has none
    return tuple(outputs[OUTPUT].shape) if isinstance(outputs, dict) and OUTPUT in outputs else model.output_shape


def make_zero_states(model: keras.Model, lanes: int) -> dict[str, np.ndarray]:
    """Return the states of lanes that have read nothing yet."""
    import numpy as np

    return {name: np.zeros((lanes, size), np.float32) for name, size in get_state_sizes(model).items()}


def make_stateful(model: keras.Model, lanes: int) -> keras.Model:
    """Return a model of tokens (lanes, time) alone, which goes on in each batch where the last one ended.

    It shares the weights of `model`; `carried_states` are its variables (lanes, size), zeros first. The gradient ends
    where a batch begins: truncated backpropagation through time (Williams and Peng, 1990).
    """
    return _class()(model, lanes)


@cache
def _class() -> type:
    import keras

    class Stateful(keras.Model):
        def __init__(self, inner: keras.Model, lanes: int) -> None:
            super().__init__(name=inner.name)
            self.inner = inner
            self.carried_states = [
                self.add_weight(shape=(lanes, size), initializer="zeros", trainable=False, name=name)
                for name, size in get_state_sizes(inner).items()
            ]

        def call(self, past: Any, training: bool | None = None) -> Any:
            # Copies: PyTorch writes into the variable below, and needs the old value for the gradient.
            states = {variable.name: keras.ops.copy(variable.value) for variable in self.carried_states}
            outputs = self.inner({"past": past, **states}, training=training)
            for variable in self.carried_states:
                variable.assign(outputs[variable.name])
            return outputs[OUTPUT]

    return Stateful
