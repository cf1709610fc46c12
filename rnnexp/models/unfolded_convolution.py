"""Convolutions as one product of all that their kernels see, for training on JAX on the CPU.

XLA hands a convolution to a fast kernel, but not inside a loop of a program, where it computes it by a naive one: the
gradient of (16, 150, 128) to 256 channels, kernel 5, takes 1.01 s instead of 0.011 s. Our trainings are such loops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from typing import Any

LARGEST = 2**26  # numbers of what the kernels see, of a batch, up to which they are laid side by side


@contextmanager
def unfold_convolutions(model: Any) -> Iterator[None]:
    """Let the convolutions of a model be products while its steps are traced, to the same numbers but for rounding."""
    with replace_calls(model, is_unfolded, call_unfolded):
        yield


@contextmanager
def replace_calls(model: Any, covers: Callable[[Any], bool], call: Callable[..., Any]) -> Iterator[None]:
    """Let `call`, with the layer before its inputs, stand for that of each layer that it covers, on JAX on the CPU."""
    import jax
    import keras

    with ExitStack() as stack:
        if keras.backend.backend() == "jax" and jax.default_backend() == "cpu":
            for layer in model._flatten_layers(include_self=False, recursive=True):
                if covers(layer) and "call" not in vars(layer):
                    vars(layer)["call"] = partial(call, layer)
                    stack.callback(vars(layer).pop, "call")
        yield


def is_unfolded(layer: Any) -> bool:
    """Return whether a layer is a convolution as Keras computes it, all channels, or each alone, into new ones."""
    whole, apart = _list_known()
    is_known = type(layer) in apart or (type(layer) in whole and layer.groups == 1)
    return is_known and layer.data_format == "channels_last" and isinstance(layer.padding, str)


def _list_known() -> tuple[Sequence[type], Sequence[type]]:
    """Return the layers that add up all channels, and those in which each channel has kernels of its own."""
    from keras import layers

    apart = layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.SeparableConv1D, layers.SeparableConv2D
    return (layers.Conv1D, layers.Conv2D, layers.Conv3D), apart


def call_unfolded(layer: Any, inputs: Any) -> Any:
    """Do what `layer.call` does to inputs (batch, one to three axes, channels)."""
    from keras import ops

    first = getattr(layer, "depthwise_kernel", None)
    kernel = ops.convert_to_tensor(layer.kernel if first is None else first)
    x = ops.cast(ops.convert_to_tensor(inputs), kernel.dtype)
    widths = [_find_padding(layer, axis, size) for axis, size in enumerate(x.shape[1:-1])]
    seen = [*_list_seen(layer, ops.pad(x, [(0, 0), *widths, (0, 0)]))]
    if not seen or seen[0].size * len(seen) > LARGEST:
        return type(layer).call(layer, inputs)
    if type(layer) in _list_known()[0]:
        y = ops.matmul(ops.concatenate(seen, axis=-1), ops.reshape(kernel, (-1, layer.filters)))
    else:
        y = _multiply_apart(seen, kernel)
    if first is not None:
        y = ops.matmul(y, ops.reshape(ops.convert_to_tensor(layer.pointwise_kernel), (y.shape[-1], -1)))
    if layer.use_bias:
        y = ops.add(y, layer.bias)
    return y if layer.activation is None else layer.activation(y)


def _multiply_apart(seen: Sequence[Any], kernel: Any) -> Any:
    """Add up what each number of a kernel (..., channels, multiplier) sees, channel by channel."""
    from keras import ops

    rows = ops.reshape(kernel, (len(seen), *kernel.shape[-2:]))
    y = sum(ops.expand_dims(one, -1) * rows[at] for at, one in enumerate(seen))
    return ops.reshape(y, (*y.shape[:-2], -1))


def _find_padding(layer: Any, axis: int, size: int) -> tuple[int, int]:
    """Return how many zeros lie before and after an axis; of an odd number the one more lies after, as in XLA."""
    stride, reach = layer.strides[axis], (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis]
    if layer.padding == "causal":
        return reach, 0
    if layer.padding == "valid":
        return 0, 0
    missing = max((-(-size // stride) - 1) * stride + reach + 1 - size, 0)
    return missing // 2, missing - missing // 2


def _list_seen(layer: Any, x: Any) -> Iterator[Any]:
    """Yield what each number of a kernel is multiplied by at all its places; nothing if the kernel has no place."""
    axes = [*zip(x.shape[1:-1], layer.kernel_size, layer.strides, layer.dilation_rate)]
    places = [(size - (kernel - 1) * dilation - 1) // stride + 1 for size, kernel, stride, dilation in axes]
    if min(places) < 1:
        return
    for offset in product(*(range(kernel) for _, kernel, _, _ in axes)):
        firsts = [at * dilation for at, (_, _, _, dilation) in zip(offset, axes)]
        steps = zip(firsts, places, layer.strides)
        yield x[(slice(None), *(slice(first, first + (n - 1) * stride + 1, stride) for first, n, stride in steps))]
