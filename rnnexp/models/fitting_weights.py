"""Refuse a network whose weights, or whose steps, memory cannot hold, before what is too much is allocated.

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
        due = _count_due(layer, shape)
        least = BYTES * MIN_COPIES * (total + due)
        slots = _count_slots(make_optimizer()) if least <= free <= 4 * least else 0
        needed = least + BYTES * slots * (total + due)
        if needed > free:
            raise _refusal(layer.name, size + due, needed, free)
        return original(layer, shape, *arguments, **settings)

    keras.layers.Layer.add_weight = add_weight
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = original


def refuse_large_batch(model: Any, examples: int, free: int) -> None:
    """Raise ResourceError where a gradient step on a batch of so many examples must keep more than `free` bytes.

    Only what no compiler can leave out is counted, so that nothing that would fit is refused.
    """
    needed = examples * sum(_count_kept(layer) for layer in model.layers)
    if needed > free:
        raise ResourceError(
            f"trainer.batch_size: a step on {examples:,} examples keeps at least {needed / 1e9:,.1f} GB of what its "
            f"recurrent layers have computed, but {free / 1e9:,.1f} GB are free; choose a smaller trainer.batch_size, "
            "fewer model.units, shorter sequences, or a machine with more memory"
        )


def _count_kept(layer: Any) -> int:
    """Return the bytes that the backward pass needs of a layer and example: all gates, at every time step."""
    import keras

    shape: Any = getattr(getattr(layer, "input", None), "shape", None) or ()
    if len(shape) < 3 or shape[1] is None:  # how long they are is known of each batch only
        return 0
    cells = [inner.cell for inner in layer._flatten_layers() if isinstance(inner, keras.layers.RNN)]
    kernels = [cell.kernel for cell in cells if getattr(cell, "kernel", None) is not None]
    return sum(int(shape[1] * kernel.shape[-1]) * (2 if "16" in layer.compute_dtype else BYTES) for kernel in kernels)


def _count_due(cell: Any, shape: Any) -> int:
    """Return how many weights a recurrent cell asks for after its first: drawing a first of 4 GB would go on for long
    after the second was refused."""
    is_first = hasattr(cell, "recurrent_initializer") and getattr(cell, "kernel", None) is None
    return int(cell.units) * int(shape[-1]) if is_first and shape else 0


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
