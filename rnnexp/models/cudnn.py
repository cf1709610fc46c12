"""Which recurrent layers the GPU's own kernel (cuDNN) computes, as `keras/src/backend/*/rnn.py` decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

# Keras 3.15: JAX has a cuDNN path for LSTM alone; no backend has one for SimpleRNN.
CUDNN_BACKENDS = {"LSTM": ("jax", "tensorflow", "torch"), "GRU": ("tensorflow", "torch")}


def report_kernels(model: keras.Model, backend: str, device: str) -> list[str]:
    """Return a line per recurrent layer: whether cuDNN can compute it, if not why and which backend would."""
    return [_describe(name, layer, backend, device) for name, layer in _find_recurrent(model)]


def _find_recurrent(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, layer) of recurrent layers, those of nested models too; of a bidirectional pair one."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Bidirectional):
            yield layer.name, layer.forward_layer
        elif isinstance(layer, keras.layers.RNN):
            yield layer.name, layer
        elif isinstance(layer, keras.Model):
            yield from _find_recurrent(layer)


def _describe(name: str, layer: Any, backend: str, device: str) -> str:
    kind = type(layer).__name__
    fast = CUDNN_BACKENDS.get(kind, ())
    obstacles = _find_obstacles(layer) if fast else [f"cuDNN as Keras uses it has no {kind}"]
    if obstacles:
        return f"{name}: no fast kernel on any backend: {'; '.join(obstacles)}"
    if device != "gpu":
        return f"{name}: no fast kernel on the CPU; with a GPU {_join(fast)} would use cuDNN"
    if backend not in fast:
        return f"{name}: no fast kernel: {backend} has none for {kind}; {_join(fast)} would use cuDNN"
    return f"{name}: fast kernel (cuDNN)"


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
    if layer.use_cudnn is False:
        problems.append("use_cudnn is false")
    return problems


def _join(backends: tuple[str, ...]) -> str:
    *first, last = backends
    return f"{', '.join(first)} or {last}" if first else last
