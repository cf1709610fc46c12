"""Refuse a network whose weights memory cannot hold, before the first of them that is too much is allocated.

Keras offers no count of weights without the weights. So `Layer.add_weight`, through which every layer of Keras and of
users asks for them, counts while a network is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rnnexp.errors import ResourceError

BYTES = 4  # of a weight: those that are trained are float32, with mixed precision too
MIN_COPIES = 2  # the weights and their gradients


@contextmanager
def refuse_beyond(free: int, make_optimizer: Callable[[], Any]) -> Iterator[None]:
    """Raise ResourceError for a network of more than `free` bytes, that of gradients and optimizer included.

    What the optimizer remembers of each weight is counted only where that may decide.
    """
    import keras

    original, total = keras.layers.Layer.add_weight, 0

    def add_weight(layer: Any, shape: Any = None, *arguments: Any, **settings: Any) -> Any:
        nonlocal total
        size = math.prod(int(length) for length in shape or ())
        total += size
        least = BYTES * MIN_COPIES * total
        needed = least if least > free or 4 * least < free else least + BYTES * _count_slots(make_optimizer()) * total
        if needed > free:
            raise _refusal(layer.name, size, needed, free)
        return original(layer, shape, *arguments, **settings)

    keras.layers.Layer.add_weight = add_weight
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = original


def _count_slots(optimizer: Any) -> int:
    """Return how many numbers an optimizer that has not been built remembers of each weight: two for Adam."""
    import keras

    optimizer.build([keras.Variable(keras.ops.zeros((2, 3)))])
    return sum(tuple(variable.shape) == (2, 3) for variable in optimizer.variables)


def _refusal(layer: str, size: int, needed: int, free: int) -> ResourceError:
    return ResourceError(
        f"model: a network with the {size:,} weights that layer `{layer}` asks for takes at least {needed / 1e9:,.1f} "
        f"GB of memory to be trained, but {free / 1e9:,.1f} GB are free; choose a smaller model.units or vocabulary, "
        "or a machine with more memory"
    )
