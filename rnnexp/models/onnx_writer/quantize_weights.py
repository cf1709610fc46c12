"""The weights of an ONNX graph in fewer bits.

ONNX Runtime has an LSTM that multiplies integers, but leaves GRU, RNN and loops as they are. What is not LSTM is stored
in 8 bits and read as float32, by operators that ONNX Runtime computes once, when it loads the file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

SMALLEST = 128  # numbers; of fewer the nodes that read them would take what is saved
LARGEST = 127  # of 8 bits with a sign


def quantize_weights(model: Any, kind: str) -> Any:
    """Return a model whose weights are stored as `dynamic` or `float16` says, where that saves room.

    dynamic: 8 bits with one scale for each place on all axes but the longest; vectors, such as biases, stay
    """
    from onnx import checker, helper, numpy_helper

    if kind == "dynamic" and any(node.op_type == "LSTM" for node in model.graph.node):
        model = _quantize_lstm(model)
    graph, kept, nodes = model.graph, [], []
    for constant in graph.initializer:
        array = numpy_helper.to_array(constant)
        parts = {"dynamic": _scale, "float16": _halve}[kind](array) if _is_weight(array) else None
        if parts is None:
            kept.append(constant)
            continue
        stored, scale = parts
        kept.append(numpy_helper.from_array(stored, f"{constant.name}_stored"))
        read = constant.name if scale is None else f"{constant.name}_read"
        nodes.append(helper.make_node("Cast", [f"{constant.name}_stored"], [read], to=constant.data_type))
        if scale is not None:
            kept.append(numpy_helper.from_array(scale, f"{constant.name}_scale"))
            nodes.append(helper.make_node("Mul", [read, f"{constant.name}_scale"], [constant.name]))
    nodes += graph.node
    for field, values in ((graph.initializer, kept), (graph.node, nodes)):
        del field[:]
        field.extend(values)
    checker.check_model(model)
    return model


def list_weights(model: Any) -> Iterator[tuple[str, int]]:
    """Yield type and size of each array of numbers with a fraction, of whatever type it is stored in."""
    from onnx import helper

    for one in model.graph.initializer:
        dtype = str(helper.tensor_dtype_to_np_dtype(one.data_type))
        if dtype in ("float32", "float16", "int8") and not one.name.endswith(("_scale", "_zero_point")):
            yield dtype, int(np.prod(one.dims))


def _quantize_lstm(model: Any) -> Any:
    """Let the LSTM layers of a model compute with ONNX Runtime's integers."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    log = logging.getLogger()  # of the library, which gives advice of no use here
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with TemporaryDirectory() as folder:
            written = Path(folder) / "model.onnx"
            quantize_dynamic(model, written, op_types_to_quantize=["LSTM"], weight_type=QuantType.QInt8)
            return onnx.load(written)
    finally:
        log.setLevel(before)


def _is_weight(array: np.ndarray) -> bool:
    return array.dtype == np.float32 and array.size >= SMALLEST and bool(np.isfinite(array).all())


def _scale(array: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return whole numbers, and by what they are multiplied; None for vectors, of each direction one."""
    longest = int(np.argmax(array.shape))
    if array.size <= 2 * array.shape[longest]:
        return None
    scale = np.abs(array).max(axis=longest, keepdims=True) / LARGEST
    scale[scale == 0] = 1
    return np.round(array / scale).astype(np.int8), scale.astype(np.float32)


def _halve(array: np.ndarray) -> tuple[np.ndarray, None] | None:
    """Return half precision; None for numbers that it does not reach."""
    if np.abs(array).max() > np.finfo(np.float16).max:
        return None
    return array.astype(np.float16), None
