"""Operations of `keras.ops` that stand between layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnexp.models.onnx_writer.onnx_activations import apply_activation
from rnnexp.models.onnx_writer.onnx_graph import Graph, Handler, UnsupportedError, Value

ARITHMETIC = {
    "Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "Divide": "Div", "TrueDivide": "Div", "Maximum": "Max",
    "Minimum": "Min", "Power": "Pow", "Mod": "Mod",
}  # fmt: skip
COMPARISONS = {
    "Greater": "Greater", "GreaterEqual": "GreaterOrEqual", "Less": "Less", "LessEqual": "LessOrEqual",
    "Equal": "Equal",
}  # fmt: skip
SINGLE = {"Exp": "Exp", "Log": "Log", "Tanh": "Tanh", "Sigmoid": "Sigmoid", "Negative": "Neg", "Sqrt": "Sqrt"}
LOGICAL = {"LogicalAnd": "And", "LogicalOr": "Or"}


def _write_arithmetic(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    left, right = (graph.convert(call[name], outputs.dtype) for name in ("x1", "x2"))
    return graph.add(ARITHMETIC[type(op).__name__], left, right)


def _write_comparison(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    dtype = next(call[name].dtype for name in ("x1", "x2") if isinstance(call[name], Value))
    return graph.add(COMPARISONS[type(op).__name__], *(graph.convert(call[name], dtype) for name in ("x1", "x2")))


def _write_logical(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.add(LOGICAL[type(op).__name__], *(graph.convert(call[name], "bool") for name in ("x1", "x2")))


def _write_single(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.add(SINGLE[type(op).__name__], call["x"].name)


def _pass(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    return str(next(iter(call.values())).name)


def _list_axes(axis: Any, x: Value) -> list[int]:
    axes = range(len(x.shape)) if axis is None else axis if isinstance(axis, tuple | list) else [axis]
    return [one % len(x.shape) for one in axes]


def _write_reduction(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    x, kind = call["x"], type(op).__name__
    axes, keep = _list_axes(op.axis, x), int(op.keepdims)
    if kind == "Sum":
        return graph.add("ReduceSum", x.name, graph.hold_integers(*axes), keepdims=keep)
    if kind == "Any":
        flags = graph.add("ReduceMax", graph.convert(x, "int32"), axes=axes, keepdims=keep)
        return graph.cast(flags, "bool")
    operator = {"Max": "ReduceMax", "Mean": "ReduceMean", "Logsumexp": "ReduceLogSumExp"}[kind]
    if kind != "Logsumexp":
        return graph.add(operator, x.name, axes=axes, keepdims=keep)
    # ONNX Runtime adds up the exponentials as they are: of large numbers that is infinite.
    largest = graph.add("ReduceMax", x.name, axes=axes, keepdims=1)
    total = graph.add("ReduceSum", graph.add("Exp", graph.add("Sub", x.name, largest)), graph.hold_integers(*axes))
    whole = graph.add("Add", graph.add("Log", total), largest)
    return whole if keep else graph.add("Squeeze", whole, graph.hold_integers(*axes))


def _write_where(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    chosen = [graph.convert(call[name], outputs.dtype) for name in ("x1", "x2")]
    return graph.add("Where", graph.convert(call["condition"], "bool"), *chosen)


def _write_expand(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    axes = op.axis if isinstance(op.axis, tuple | list) else [op.axis]
    return graph.add("Unsqueeze", call["x"].name, graph.hold_integers(*axes))


def _write_squeeze(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    if op.axis is None:
        raise UnsupportedError("it squeezes all axes")
    return graph.add("Squeeze", call["x"].name, graph.hold_integers(*_list_axes(op.axis, call["x"])))


def _write_cast(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.convert(call["x"], outputs.dtype)


def _write_pad(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    if op.mode != "constant":
        raise UnsupportedError(f"it pads by `{op.mode}`")
    x, widths = call["x"], np.asarray(op.pad_width)
    instead = graph.convert(call.get("constant_values") or 0, x.dtype)
    return graph.add("Pad", x.name, graph.hold_integers(*widths.T.reshape(-1).tolist()), instead)


def _write_concat(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.add("Concat", *(graph.convert(one, outputs.dtype) for one in call["xs"]), axis=op.axis)


def _write_stack(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    axis = op.axis % len(outputs.shape)
    parts = [graph.unsqueeze(graph.convert(one, outputs.dtype), axis) for one in next(iter(call.values()))]
    return graph.add("Concat", *parts, axis=axis)


def _write_item(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    """Write an index of whole numbers and slices."""
    x, key = call["x"], call["key"]
    keys = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        keys[place : place + 1] = [slice(None)] * (len(x.shape) - len(keys) + 1)
    if not all(isinstance(one, int | slice) for one in keys):
        raise UnsupportedError("it takes other items than numbers and slices")
    name, cut, whole = x.name, [], 2**62
    for axis, one in enumerate(keys):
        if isinstance(one, int):
            cut.append((axis, one, one + 1 or whole, 1))
        elif one != slice(None):
            cut.append((axis, one.start or 0, whole if one.stop is None else one.stop, one.step or 1))
    if cut:
        axes, starts, ends, steps = zip(*cut)
        name = graph.add("Slice", name, *(graph.hold_integers(*part) for part in (starts, ends, axes, steps)))
    numbers = [axis for axis, one in enumerate(keys) if isinstance(one, int)]
    return graph.add("Squeeze", name, graph.hold_integers(*numbers)) if numbers else name


def _write_transpose(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    x = call["x"]
    return graph.add("Transpose", x.name, perm=list(op.axes or reversed(range(len(x.shape)))))


def _write_matmul(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.add("MatMul", *(graph.convert(call[name], outputs.dtype) for name in ("x1", "x2")))


def _write_filled(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    number = graph.hold(np.array(type(op).__name__ == "OnesLike", outputs.dtype))
    return graph.add("Expand", number, graph.add("Shape", call["x"].name))


def _write_cumsum(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    (axis,) = _list_axes(op.axis, call["x"])
    return graph.add("CumSum", graph.convert(call["x"], outputs.dtype), graph.hold(np.array(axis, np.int64)))


def _write_reshape(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.reshape(call["x"].name, outputs.shape)


def _write_sort(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    size = call["x"].shape[op.axis]
    if size is None:
        raise UnsupportedError("it sorts an axis whose size varies")
    return graph.add_many("TopK", [call["x"].name, graph.hold_integers(size)], 2, axis=op.axis, largest=0)[0]


def _write_log_softmax(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    return graph.add("LogSoftmax", call["x"].name, axis=op.axis)


def _write_clip(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    x = call["x"]
    return graph.add("Clip", x.name, *(graph.convert(limit, x.dtype) for limit in (op.x_min, op.x_max)))


def _write_softplus(graph: Graph, op: Any, call: dict[str, Any], outputs: Any) -> str:
    return apply_activation(graph, call["x"].name, type(op).__name__.lower())


OPERATIONS: dict[str, Handler] = {
    **dict.fromkeys(ARITHMETIC, _write_arithmetic),
    **dict.fromkeys(COMPARISONS, _write_comparison),
    **dict.fromkeys(LOGICAL, _write_logical),
    **dict.fromkeys(SINGLE, _write_single),
    **dict.fromkeys(("Sum", "Max", "Mean", "Any", "Logsumexp"), _write_reduction),
    **dict.fromkeys(("OnesLike", "ZerosLike"), _write_filled),
    **dict.fromkeys(("Softplus", "Relu", "Silu"), _write_softplus),
    "StopGradient": _pass,
    "Where": _write_where,
    "ExpandDims": _write_expand,
    "Squeeze": _write_squeeze,
    "Cast": _write_cast,
    "Pad": _write_pad,
    "Concatenate": _write_concat,
    "Stack": _write_stack,
    "GetItem": _write_item,
    "Transpose": _write_transpose,
    "Matmul": _write_matmul,
    "Cumsum": _write_cumsum,
    "Reshape": _write_reshape,
    "Sort": _write_sort,
    "LogSoftmax": _write_log_softmax,
    "Clip": _write_clip,
}
