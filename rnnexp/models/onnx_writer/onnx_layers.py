"""Layers other than recurrent ones. A handler is given the arguments of the layer's call by name, x the first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rnnexp.models.onnx_writer.onnx_activations import apply_activation
from rnnexp.models.onnx_writer.onnx_graph import Graph, Handler, UnsupportedError, Value
from rnnexp.models.onnx_writer.onnx_recurrent import OPERATORS, SCANNED, write_recurrent

LOWEST = -3e38  # a score that a softmax makes 0 of, and no other operator infinite


def get_first(call: dict[str, Any]) -> Any:
    return next(iter(call.values()))


def hold_weight(graph: Graph, weight: Any) -> str:
    return graph.hold(np.asarray(weight.numpy(), np.float32))


def _pass(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    return str(get_first(call).name)


def _write_embedding(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    x, vectors = get_first(call), hold_weight(graph, layer.embeddings)
    if call.get("reverse"):
        if not layer.tie_weights or getattr(layer, "logit_soft_cap", None):
            raise UnsupportedError("its scores are more than products with its vectors")
        return graph.add("MatMul", x.name, graph.add("Transpose", vectors, perm=[1, 0]))
    if getattr(layer, "mask_zero", False):
        raise UnsupportedError("mask_zero is true: masks are given as an input")
    return graph.add("Gather", vectors, graph.convert(x, "int64"), axis=0)


def _write_dense(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    x = graph.add("MatMul", graph.convert(get_first(call), "float32"), hold_weight(graph, layer.kernel))
    if layer.use_bias:
        x = graph.add("Add", x, hold_weight(graph, layer.bias))
    return apply_activation(graph, x, layer.activation)


def _write_reshape(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.reshape(get_first(call).name, outputs.shape)


def _write_layer_norm(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    x = get_first(call)
    if _get_axes(layer, x) != [len(x.shape) - 1] or getattr(layer, "rms_scaling", False):
        raise UnsupportedError("it normalizes other axes than the last")
    size = x.shape[-1]
    gamma = hold_weight(graph, layer.gamma) if layer.scale else graph.hold(np.ones(size, np.float32))
    beta = hold_weight(graph, layer.beta) if layer.center else graph.hold(np.zeros(size, np.float32))
    return graph.add("LayerNormalization", x.name, gamma, beta, axis=-1, epsilon=layer.epsilon)


def _get_axes(layer: Any, x: Value) -> list[int]:
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    return [axis % len(x.shape) for axis in axes]


def _write_batch_norm(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    """A scale and a shift: the means and variances are those of training."""
    x = get_first(call)
    if _get_axes(layer, x) != [len(x.shape) - 1]:
        raise UnsupportedError("it normalizes another axis than the last")
    mean, variance = (np.asarray(one.numpy(), np.float64) for one in (layer.moving_mean, layer.moving_variance))
    factor = 1 / np.sqrt(variance + layer.epsilon)
    factor = factor * (layer.gamma.numpy() if layer.scale else 1)
    shift = (layer.beta.numpy() if layer.center else 0) - mean * factor
    scaled = graph.add("Mul", x.name, graph.hold(factor.astype(np.float32)))
    return graph.add("Add", scaled, graph.hold(shift.astype(np.float32)))


def _write_conv(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    size, stride, dilation = layer.kernel_size[0], layer.strides[0], layer.dilation_rate[0]
    reach = (size - 1) * dilation
    if layer.padding == "same" and stride > 1:
        raise UnsupportedError("padding `same` with strides")
    pads = {"same": [reach // 2, reach - reach // 2], "causal": [reach, 0]}.get(layer.padding, [0, 0])
    kernel = graph.hold(np.asarray(layer.kernel.numpy(), np.float32).transpose(2, 1, 0))
    inputs = [graph.add("Transpose", get_first(call).name, perm=[0, 2, 1]), kernel]
    if layer.use_bias:
        inputs.append(hold_weight(graph, layer.bias))
    settings = {"strides": [stride], "dilations": [dilation], "group": layer.groups, "pads": pads}
    x = graph.add("Conv", *inputs, kernel_shape=[size], **settings)
    return apply_activation(graph, graph.add("Transpose", x, perm=[0, 2, 1]), layer.activation)


def _write_pooling(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    if layer.padding != "valid":
        raise UnsupportedError(f"padding is {layer.padding}, must be valid")
    operator = "MaxPool" if type(layer).__name__ == "MaxPooling1D" else "AveragePool"
    size, stride = (one if isinstance(one, int) else one[0] for one in (layer.pool_size, layer.strides))
    x = graph.add("Transpose", get_first(call).name, perm=[0, 2, 1])
    x = graph.add(operator, x, kernel_shape=[size], strides=[stride])
    return graph.add("Transpose", x, perm=[0, 2, 1])


def _write_mean(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    x, mask = get_first(call), call.get("mask")
    if not isinstance(mask, Value):
        return graph.add("ReduceMean", x.name, axes=[1], keepdims=0)
    weight = graph.unsqueeze(graph.convert(mask, "float32"), 2)
    total = graph.sum(graph.add("Mul", x.name, weight), 1)
    return graph.add("Div", total, graph.sum(weight, 1))


def _write_maximum(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.add("ReduceMax", get_first(call).name, axes=[1], keepdims=0)


def _write_activation(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    return apply_activation(graph, get_first(call).name, layer.activation)


def _write_relu(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise UnsupportedError("it is no plain ReLU")
    return graph.add("Relu", get_first(call).name)


def _write_softmax(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    if call.get("mask") is not None:
        raise UnsupportedError("it has a mask")
    return graph.add("Softmax", get_first(call).name, axis=layer.axis)


def _write_permute(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.add("Transpose", get_first(call).name, perm=[0, *layer.dims])


def _write_repeat(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.add("Tile", graph.unsqueeze(get_first(call).name, 1), graph.hold_integers(1, layer.n, 1))


def _write_together(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.add("Concat", *(one.name for one in get_first(call)), axis=layer.axis)


def _write_merge(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    first, *others = (one.name for one in get_first(call))
    kind = type(layer).__name__
    for other in others:
        first = graph.add("Mul" if kind == "Multiply" else "Add", first, other)
    if kind == "Average":
        first = graph.add("Div", first, graph.hold(np.array(1 + len(others), np.float32)))
    return first


def _write_attention(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> str:
    """Write attention of several heads: softmax(Q K / sqrt(size)) V of each (Vaswani et al., 2017, section 3.2)."""
    given = {name: value for name, value in call.items() if value is not None and value is not False}
    known = {"query", "value", "key", "attention_mask", "use_causal_mask", "training"}
    if more := sorted(set(given) - known):
        raise UnsupportedError(f"{', '.join(more)} given")
    query, value = given["query"], given["value"]
    pairs = ((query, layer._query_dense), (given.get("key", value), layer._key_dense), (value, layer._value_dense))
    q, k, v = (_split_heads(graph, x.name, dense, layer.num_heads) for x, dense in pairs)
    q = graph.add("Mul", q, graph.hold(np.array(1 / math.sqrt(layer._key_dim), np.float32)))
    scores = graph.add("MatMul", q, graph.add("Transpose", k, perm=[0, 1, 3, 2]))
    if isinstance(mask := given.get("attention_mask"), Value):
        scores = _hide(graph, graph.unsqueeze(graph.convert(mask, "bool"), 1), scores)
    if given.get("use_causal_mask"):
        shape = graph.add("Shape", scores, start=2, end=4)
        ones = graph.add("Expand", graph.hold(np.ones((1, 1), np.float32)), shape)
        scores = _hide(graph, graph.cast(graph.add("Trilu", ones, upper=0), "bool"), scores)
    answer = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), v)
    answer = graph.add("Transpose", answer, perm=[0, 2, 1, 3])
    kernel = np.asarray(layer._output_dense.kernel.numpy(), np.float32)
    flat = graph.add("Reshape", answer, graph.hold_integers(0, 0, kernel.shape[0] * kernel.shape[1]))
    answer = graph.add("MatMul", flat, graph.hold(kernel.reshape(-1, kernel.shape[-1])))
    bias = layer._output_dense.bias
    return answer if bias is None else graph.add("Add", answer, hold_weight(graph, bias))


def _hide(graph: Graph, allowed: str, scores: str) -> str:
    return graph.add("Where", allowed, scores, graph.hold(np.array(LOWEST, np.float32)))


def _split_heads(graph: Graph, x: str, dense: Any, heads: int) -> str:
    """Return what a layer makes of x (b, time, width) for each head, (b, heads, time, size)."""
    kernel = np.asarray(dense.kernel.numpy(), np.float32)
    x = graph.add("MatMul", x, graph.hold(kernel.reshape(kernel.shape[0], -1)))
    if dense.bias is not None:
        x = graph.add("Add", x, graph.hold(np.asarray(dense.bias.numpy(), np.float32).reshape(-1)))
    x = graph.add("Reshape", x, graph.hold_integers(0, 0, heads, kernel.shape[-1]))
    return graph.add("Transpose", x, perm=[0, 2, 1, 3])


DROPPED = ("Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization")

LAYERS: dict[str, Handler] = {
    **dict.fromkeys(DROPPED, _pass),
    **dict.fromkeys((*OPERATORS, *SCANNED, "Bidirectional"), write_recurrent),
    **dict.fromkeys(("Embedding", "ReversibleEmbedding"), _write_embedding),
    **dict.fromkeys(("Reshape", "Flatten"), _write_reshape),
    **dict.fromkeys(("MaxPooling1D", "AveragePooling1D"), _write_pooling),
    **dict.fromkeys(("Add", "Multiply", "Average"), _write_merge),
    "Dense": _write_dense,
    "LayerNormalization": _write_layer_norm,
    "BatchNormalization": _write_batch_norm,
    "Conv1D": _write_conv,
    "GlobalAveragePooling1D": _write_mean,
    "GlobalMaxPooling1D": _write_maximum,
    "Activation": _write_activation,
    "ReLU": _write_relu,
    "Softmax": _write_softmax,
    "Permute": _write_permute,
    "RepeatVector": _write_repeat,
    "Concatenate": _write_together,
    "MultiHeadAttention": _write_attention,
}
# What a network that goes on from step to step may hold beside recurrent layers: each step by itself.
STEPWISE = (*DROPPED, *OPERATORS, "Embedding", "Dense", "LayerNormalization", "BatchNormalization", "Activation")
STEPWISE += ("ReLU", "Softmax")
