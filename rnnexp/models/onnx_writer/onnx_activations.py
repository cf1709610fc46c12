"""Activations: as operators of their own, and as ONNX's recurrent operators take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnexp.models.onnx_writer.onnx_graph import Graph, UnsupportedError

# Keras's name -> operator, attributes: those that one operator computes.
PLAIN: dict[str, tuple[str, dict[str, float]]] = {
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "elu": ("Elu", {"alpha": 1.0}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "selu": ("Selu", {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}),
    "exponential": ("Exp", {}),
}
RECURRENT = ("relu", "tanh", "sigmoid", "softplus", "softsign", "elu", "leaky_relu", "hard_sigmoid")


def apply_activation(graph: Graph, x: str, activation: Any) -> str:
    """Apply an activation of Keras's to a value."""
    name = get_name(activation)
    if name == "linear":
        return x
    if name in PLAIN:
        operator, attributes = PLAIN[name]
        return graph.add(operator, x, **attributes)
    if name in COMPOSED:
        return COMPOSED[name](graph, x)
    raise UnsupportedError(f"activation `{name}` is not written as ONNX")


def describe_recurrent(activation: Any) -> tuple[str, dict[str, float]]:
    """Return an activation as the recurrent operators name it, with the numbers that it has there."""
    name = get_name(activation)
    if name == "linear":
        return "Affine", {"alpha": 1.0, "beta": 0.0}
    if name not in RECURRENT:
        raise UnsupportedError(f"activation `{name}` is none that ONNX's recurrent operators have")
    return PLAIN[name]


def get_name(activation: Any) -> str:
    return "linear" if activation is None else str(getattr(activation, "__name__", activation))


def _hold(graph: Graph, number: float) -> str:
    return graph.hold(np.array(number, np.float32))


def _compute_gelu(graph: Graph, x: str) -> str:
    raised = graph.add("Add", graph.add("Erf", graph.add("Mul", x, _hold(graph, 0.5**0.5))), _hold(graph, 1))
    return graph.add("Mul", graph.add("Mul", x, raised), _hold(graph, 0.5))


def _clip(graph: Graph, x: str, low: float, high: float) -> str:
    return graph.add("Clip", x, _hold(graph, low), _hold(graph, high))


def _compute_hard_silu(graph: Graph, x: str) -> str:
    return graph.add("Mul", x, graph.add("HardSigmoid", x, alpha=1 / 6, beta=0.5))


def _compute_mish(graph: Graph, x: str) -> str:
    return graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x)))


COMPOSED: dict[str, Callable[[Graph, str], str]] = {
    "softmax": lambda graph, x: graph.add("Softmax", x, axis=-1),
    "log_softmax": lambda graph, x: graph.add("LogSoftmax", x, axis=-1),
    "silu": lambda graph, x: graph.add("Mul", x, graph.add("Sigmoid", x)),
    "gelu": _compute_gelu,
    "relu6": lambda graph, x: _clip(graph, x, 0, 6),
    "hard_tanh": lambda graph, x: _clip(graph, x, -1, 1),
    "hard_silu": _compute_hard_silu,
    "mish": _compute_mish,
    "log_sigmoid": lambda graph, x: graph.add("Neg", graph.add("Softplus", graph.add("Neg", x))),
    "tanh_shrink": lambda graph, x: graph.add("Sub", x, graph.add("Tanh", x)),
}
