"""Initial weights drawn in NumPy from (seed, path of the weight), so that every backend starts alike.

The distributions are those of Keras 3 (`keras/src/initializers`): variance scaling after Glorot and Bengio
(2010), He et al. (2015) and LeCun et al. (1998), orthogonal after Saxe et al. (2014).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]
Draw = Callable[[Any, Shape, np.random.Generator], np.ndarray]
Given = Mapping[str, np.ndarray]  # weights by path
NOTHING: Given = MappingProxyType({})

# The standard deviation of a normal distribution cut at two standard deviations.
TRUNCATED_STDDEV = 0.87962566103423978
SPECIAL = {"recurrent_kernel": "recurrent_initializer"}


def draw_weights(model: keras.Model, seed: int, given: Given = NOTHING, bound: float | None = None) -> list[str]:
    """Set every weight whose initializer is known; return the paths of those left as Keras drew them.

    What is `given`, by path, is not drawn. With `bound` all trained weights are drawn
    uniformly from -bound to bound, biases too (Zaremba et al., Recurrent neural network regularization, 2014).

    Left alone are weights without a `<name>_initializer` attribute on their layer (a user's own layer),
    unknown initializers, and initializers that carry a seed (or axes) of their own.
    """
    kept, left = [], set(given)
    for layer, variable in _list_weights(model):
        if variable.path in given:
            variable.assign(given[variable.path])
            left.discard(variable.path)
            continue
        initializer = getattr(layer, SPECIAL.get(variable.name, f"{variable.name}_initializer"), None)
        draw_values = _find_draw(initializer)
        if draw_values is None:
            kept.append(variable.path)
            continue
        source, shape = make_generator(seed, variable.path), tuple(variable.shape)
        if bound is not None and variable.trainable:
            variable.assign(source.uniform(-bound, bound, shape).astype(np.float32))
            continue
        values = draw_values(initializer, shape, source)
        if variable.name == "bias" and getattr(layer, "unit_forget_bias", False):
            values[layer.units : 2 * layer.units] = 1.0  # Jozefowicz et al. (2015): remember at first
        variable.assign(values.astype(np.float32))
    if left:
        raise ConfigError(f"model: it has no weights {', '.join(sorted(left))}, which the data give; name a layer so")
    return kept


@contextmanager
def skip_draws() -> Iterator[None]:
    """Within the block let weights begin with zeros, for whoever sets them all afterwards.

    To draw them as well, Keras compiles a program on JAX for each kind of draw, and each shape.
    """
    import keras

    original = keras.layers.Layer.add_weight

    def add_weight(layer: Any, shape: Any = None, initializer: Any = None, *arguments: Any, **settings: Any) -> Any:
        return original(layer, shape, _make_zeros, *arguments, **settings)

    keras.layers.Layer.add_weight = add_weight
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = original


def _make_zeros(shape: Shape, dtype: Any) -> np.ndarray:
    return np.zeros(shape, dtype)


def make_generator(seed: int, path: str) -> np.random.Generator:
    """Return the source of random numbers that belongs to one weight of one seed."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, crc32(path.encode())])))


def _list_weights(model: keras.Model) -> Iterator[tuple[Any, Any]]:
    """Yield (layer, variable) for each weight, cells and wrapped layers included, once each."""
    seen: set[int] = set()
    for layer in model._flatten_layers(include_self=True, recursive=True):
        for variable in [*layer._trainable_variables, *layer._non_trainable_variables]:
            if id(variable) not in seen:
                seen.add(id(variable))
                yield layer, variable


def _find_draw(initializer: Any) -> Draw | None:
    if initializer is None or getattr(initializer, "_init_seed", None) is not None:
        return None
    if getattr(initializer, "input_axes", None) is not None:  # fans counted in a way of their own
        return None
    # A subclass from outside Keras may draw anything it likes.
    if not type(initializer).__module__.startswith("keras."):
        return None
    families = (base.__name__ for base in type(initializer).__mro__)
    return next((DRAWS[name] for name in families if name in DRAWS), None)


def _zeros(_: Any, shape: Shape, __: np.random.Generator) -> np.ndarray:
    return np.zeros(shape)


def _ones(_: Any, shape: Shape, __: np.random.Generator) -> np.ndarray:
    return np.ones(shape)


def _constant(initializer: Any, shape: Shape, _: np.random.Generator) -> np.ndarray:
    return np.full(shape, initializer.value, dtype=np.float64)


def _identity(initializer: Any, shape: Shape, _: np.random.Generator) -> np.ndarray:
    rows, columns = shape
    return initializer.gain * np.eye(rows, columns)


def _random_normal(initializer: Any, shape: Shape, source: np.random.Generator) -> np.ndarray:
    return source.normal(initializer.mean, initializer.stddev, shape)


def _random_uniform(initializer: Any, shape: Shape, source: np.random.Generator) -> np.ndarray:
    return source.uniform(initializer.minval, initializer.maxval, shape)


def _truncated_normal(initializer: Any, shape: Shape, source: np.random.Generator) -> np.ndarray:
    return initializer.mean + initializer.stddev * _draw_truncated(shape, source)


def _draw_truncated(shape: Shape, source: np.random.Generator) -> np.ndarray:
    """Draw from the standard normal distribution cut at two deviations, by drawing outliers again."""
    values = source.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = source.standard_normal(int(outside.sum()))
        outside = np.abs(values) > 2
    return values


def _variance_scaling(initializer: Any, shape: Shape, source: np.random.Generator) -> np.ndarray:
    fan_in, fan_out = _count_fans(shape)
    count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[initializer.mode]
    variance = initializer.scale / max(1.0, count)
    if initializer.distribution == "uniform":
        limit = math.sqrt(3 * variance)
        return source.uniform(-limit, limit, shape)
    if initializer.distribution == "untruncated_normal":
        return source.normal(0, math.sqrt(variance), shape)
    return math.sqrt(variance) / TRUNCATED_STDDEV * _draw_truncated(shape, source)


def _count_fans(shape: Shape) -> tuple[float, float]:
    """Count the inputs and outputs of a weight as Keras does: leading axes are a receptive field."""
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _orthogonal(initializer: Any, shape: Shape, source: np.random.Generator) -> np.ndarray:
    rows, columns = math.prod(shape[:-1]), shape[-1]
    tall = source.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))  # makes the draw uniform over orthogonal matrices
    return initializer.gain * (q.T if rows < columns else q).reshape(shape)


DRAWS: dict[str, Draw] = {
    "Zeros": _zeros,
    "Ones": _ones,
    "Constant": _constant,
    "Identity": _identity,
    "RandomNormal": _random_normal,
    "RandomUniform": _random_uniform,
    "TruncatedNormal": _truncated_normal,
    "VarianceScaling": _variance_scaling,
    "Orthogonal": _orthogonal,
}
