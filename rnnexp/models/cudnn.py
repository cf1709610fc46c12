"""Which recurrent layers the GPU's own kernel (cuDNN) computes, as `keras/src/backend/*/rnn.py` decides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

# Keras 3.15: JAX has a cuDNN path for LSTM alone; no backend has one for SimpleRNN.
CUDNN_BACKENDS = {"LSTM": ("jax", "tensorflow", "torch"), "GRU": ("tensorflow", "torch")}
MASKED = ("tensorflow",)  # the others compute a masked sequence step by step
FLOAT32 = ("jax",)  # whose kernel knows no other number format, and fails with it


def report_kernels(model: keras.Model, backend: str, device: str) -> list[str]:
    """Return a line per recurrent layer: whether cuDNN can compute it, if not why and which backend would."""
    return [_describe(name, layer, _is_masked(call), backend, device) for name, layer, call in _find_recurrent(model)]


def settle_kernels(model: keras.Model) -> keras.Model:
    """Keep those layers of a model from cuDNN with which Keras calls it and fails; return the model."""
    import keras

    if keras.backend.backend() in FLOAT32:
        for _, layer, call in _find_recurrent(model):
            if layer.compute_dtype != "float32" and hasattr(layer, "use_cudnn"):
                _set_cudnn([(layer, call)], False)
    return model


@contextmanager
def avoid_cudnn(model: keras.Model) -> Iterator[None]:
    """Trace a program within this that is vectorized: JAX has no rule for several of cuDNN's kernels at once."""
    found = [(layer, call) for _, layer, call in _find_recurrent(model) if hasattr(layer, "use_cudnn")]
    before = [layer.use_cudnn for layer, _ in found]
    _set_cudnn(found, False)
    try:
        yield
    finally:
        for pair, value in zip(found, before):
            _set_cudnn([pair], value)


def _set_cudnn(found: list[tuple[Any, Any]], value: bool | str) -> None:
    """Set whether layers may use cuDNN, both of a bidirectional pair."""
    for layer, call in found:
        for one in (layer, getattr(call, "backward_layer", layer)):
            one.use_cudnn = value


def _find_recurrent(model: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, layer, what is called) of recurrent layers, those of nested models too; of a pair its first."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Bidirectional):
            yield layer.name, layer.forward_layer, layer
        elif isinstance(layer, keras.layers.RNN):
            yield layer.name, layer, layer
        elif isinstance(layer, keras.Model):
            yield from _find_recurrent(layer)


def _is_masked(layer: Any) -> bool:
    """Return whether a layer of a functional model is given a mask, or a sequence that carries one."""
    nodes = layer._inbound_nodes
    carried = [getattr(node.input_tensors[0], "_keras_mask", None) for node in nodes]
    return any(mask is not None for mask in [*carried, *(node.arguments.kwargs.get("mask") for node in nodes)])


def _describe(name: str, layer: Any, masked: bool, backend: str, device: str) -> str:
    kind = type(layer).__name__
    fast = CUDNN_BACKENDS.get(kind, ())
    obstacles = _find_obstacles(layer) if fast else [f"cuDNN as Keras uses it has no {kind}"]
    if obstacles:
        return f"{name}: no fast kernel on any backend: {'; '.join(obstacles)}"
    able = {other: _find_limits(other, kind, layer.compute_dtype, masked) for other in fast}
    others = _join([other for other, limits in able.items() if not limits])
    if device != "gpu":
        return f"{name}: no fast kernel on the CPU; with a GPU {others} would use cuDNN"
    if limits := able.get(backend, [f"has none for {kind}"]):
        return f"{name}: no fast kernel: {backend} {' and '.join(limits)}; {others} would use cuDNN"
    return f"{name}: fast kernel (cuDNN)"


def _find_limits(backend: str, kind: str, number_format: str, masked: bool) -> list[str]:
    """Return why a backend leaves cuDNN for a layer that others give it."""
    limits = []
    if masked and backend not in MASKED:
        limits.append("has none for masked sequences")
    if number_format != "float32" and backend in FLOAT32:
        limits.append(f"has none for {number_format}")
    return limits


def _find_obstacles(layer: Any) -> list[str]:
    required = {"activation": "tanh", "recurrent_activation": "sigmoid"}
    actual = {key: getattr(getattr(layer, key), "__name__", "another") for key in required}
    problems = [f"{key} is {actual[key]}, must be {required[key]}" for key in required if actual[key] != required[key]]
    if layer.recurrent_dropout:
        problems.append(f"recurrent_dropout is {layer.recurrent_dropout:g}, must be 0")
    if layer.unroll:
        problems.append("unroll is true")
    if not layer.use_bias:
        problems.append("use_bias is false")
    if not getattr(layer, "reset_after", True):
        problems.append("reset_after is false")
    if layer.use_cudnn is False and layer.compute_dtype == "float32":  # with others that is `settle_kernels`
        problems.append("use_cudnn is false")
    return problems


def _join(backends: list[str]) -> str:
    *first, last = backends
    return f"{', '.join(first)} or {last}" if first else last
