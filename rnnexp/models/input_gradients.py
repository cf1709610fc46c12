"""Gradients of what a network says by what it has read, step by step, on each backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.models import stateful
from rnnexp.models.recurrent_gradients import replace_inner_loops
from rnnexp.models.word_path import TABLES

if TYPE_CHECKING:
    import keras

PAST = "past"
Gradient = Callable[[np.ndarray], np.ndarray]
Product = Callable[..., Any]


def make_input_gradient(model: keras.Model, x: Mapping[str, Any]) -> Gradient | None:
    """Return what maps a direction, shaped as the outputs for a batch of inputs by their names, to the gradient of the
    outputs' product with it, (b, time, width): by the numbers of each step, or by the vectors that tokens are given.

    It takes the weights that the network has whenever it is called. Carried states begin with zeros. None for tokens
    of a network that has not exactly one embedding; a function of words beside it does not depend on the vectors.
    """
    import keras

    given = {**x, **stateful.make_zero_states(model, len(x[PAST]))}
    embedding, width = None, np.shape(given[PAST])[2:]
    if np.issubdtype(given[PAST].dtype, np.integer):
        layers = model._flatten_layers(include_self=False, recursive=True)
        found = [layer for layer in layers if isinstance(layer, keras.layers.Embedding) and layer.name not in TABLES]
        if len(found) != 1:
            return None
        embedding, width = found[0], (found[0].output_dim,)

    def multiply(network: Callable[[Any], Any], x: dict[str, Any], moved: Any, direction: Any) -> Any:
        """Return the product of a direction with the outputs for steps that are moved by so much."""
        x = {name: keras.ops.convert_to_tensor(values) for name, values in x.items()}
        if embedding is None:
            x[PAST] = x[PAST] + moved
        with _move_vectors(embedding, moved):
            outputs = network(x if len(x) > 1 else x[PAST])
        outputs = outputs[stateful.OUTPUT] if isinstance(outputs, dict) else outputs
        return keras.ops.sum(keras.ops.cast(outputs, "float32") * direction)

    still = np.zeros((*given[PAST].shape[:2], *width), np.float32)
    by_backend = {"jax": _make_jax_gradient, "tensorflow": _make_tensorflow_gradient, "torch": _make_torch_gradient}
    return by_backend[keras.backend.backend()](model, multiply, given, still)


@contextmanager
def _move_vectors(embedding: Any, moved: Any) -> Iterator[None]:
    """Let the vectors that an embedding gives to tokens be moved; read backwards, as scores, it stays as it is."""
    import keras

    if embedding is None:
        yield
        return
    look_up = embedding.call

    def call(inputs: Any, *arguments: Any, **settings: Any) -> Any:
        found = look_up(inputs, *arguments, **settings)
        scored = settings.get("reverse") or any(arguments)
        return found if scored else found + keras.ops.cast(moved, found.dtype)

    vars(embedding)["call"] = call
    try:
        yield
    finally:
        del vars(embedding)["call"]


def _make_jax_gradient(model: Any, multiply: Product, x: dict[str, Any], still: np.ndarray) -> Gradient:
    import jax

    def product(moved: Any, direction: Any, x: Any, trainable: Any, others: Any) -> Any:
        def network(x: Any) -> Any:
            return model.stateless_call(trainable, others, x, training=False)[0]

        return multiply(network, x, moved, direction)

    program = jax.jit(replace_inner_loops(model)(jax.grad(product)))

    def gradient(direction: np.ndarray) -> np.ndarray:
        groups = model.trainable_variables, model.non_trainable_variables
        weights = [[variable.value for variable in group] for group in groups]
        return np.asarray(program(still, direction, x, *weights))

    return gradient


def _make_tensorflow_gradient(model: Any, multiply: Product, x: dict[str, Any], still: np.ndarray) -> Gradient:
    import tensorflow as tf

    def differentiate(moved: Any, direction: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(moved)
            product = multiply(lambda x: model(x, training=False), x, moved, direction)
        return tape.gradient(product, moved)

    program = tf.function(differentiate, autograph=False)
    return lambda direction: np.asarray(program(tf.constant(still), tf.constant(direction)))


def _make_torch_gradient(model: Any, multiply: Product, x: dict[str, Any], still: np.ndarray) -> Gradient:
    import keras
    import torch

    def gradient(direction: np.ndarray) -> np.ndarray:
        model.eval()
        moved = keras.ops.convert_to_tensor(still).clone().requires_grad_()
        with torch.backends.cudnn.flags(enabled=False):  # whose recurrent layers have a gradient in training only
            product = multiply(lambda x: model(x, training=False), x, moved, keras.ops.convert_to_tensor(direction))
            (found,) = torch.autograd.grad(product, moved)
        return np.asarray(keras.ops.convert_to_numpy(found))

    return gradient
