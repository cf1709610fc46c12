"""An ONNX graph while it is written: nodes, constants, and names that are given once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from rnnexp.errors import RnnexpError

OPSET, IR_VERSION = 17, 8


class UnsupportedError(RnnexpError):
    """Why a layer has no counterpart; the walk says which layer it is."""


@dataclass(frozen=True)
class Value:
    """A tensor of the graph, with the shape and type that Keras knows it by; None is a size that varies."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass
class Graph:
    """Nodes in the order in which they compute. Names are shared with the bodies of loops within it.

    stateful: recurrent layers take the state to start from as an input each, and give the last one
    """

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    stateful: bool = False
    _numbers: Any = field(default_factory=count)
    _lengths: dict[str, str] = field(default_factory=dict)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output; return the name of this."""
        return self.add_many(operator, inputs, 1, **attributes)[0]

    def add_many(self, operator: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """Add a node of several outputs; return their names."""
        from onnx import helper

        names = [f"{operator.lower()}_{next(self._numbers)}" for _ in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def hold(self, array: Any) -> str:
        """Add a constant; return its name."""
        from onnx import numpy_helper

        name = f"constant_{next(self._numbers)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def hold_integers(self, *numbers: int) -> str:
        """Add a shape, or a list of axes."""
        return self.hold(np.array(numbers, np.int64))

    def convert(self, given: Any, dtype: str) -> str:
        """Return the name of a value in this type, or of a number or an array as a constant."""
        if not isinstance(given, Value):
            return self.hold(np.asarray(given, dtype))
        return given.name if given.dtype == dtype else self.cast(given.name, dtype)

    def cast(self, name: str, dtype: str) -> str:
        return self.add("Cast", name, to=get_type(dtype))

    def reshape(self, name: str, shape: Sequence[int | None]) -> str:
        """Lay values out anew; the first axis is the batch, and stays, and one other may be of a size that varies."""
        if sum(size is None for size in shape[1:]) > 1:
            raise UnsupportedError("two axes beside the batch have no fixed size")
        return self.add("Reshape", name, self.hold_integers(0, *(-1 if size is None else size for size in shape[1:])))

    def unsqueeze(self, name: str, axis: int) -> str:
        return self.add("Unsqueeze", name, self.hold_integers(axis))

    def squeeze(self, name: str, axis: int) -> str:
        return self.add("Squeeze", name, self.hold_integers(axis))

    def count_steps(self, mask: str) -> str:
        """Return how many steps of each sequence are real, (b,), for a mask (b, time) that is false after its end."""
        if mask not in self._lengths:
            self._lengths[mask] = self.sum(self.cast(mask, "int32"), 1)
        return self._lengths[mask]

    def sum(self, name: str, axis: int, keepdims: bool = False) -> str:
        return self.add("ReduceSum", name, self.hold_integers(axis), keepdims=int(keepdims))

    def make_zeros(self, like: str, size: int) -> str:
        """Return zeros (b, size) for as many examples as the first axis of `like` has."""
        shape = self.add("Concat", self.add("Shape", like, start=0, end=1), self.hold_integers(size), axis=0)
        return self.add("Expand", self.hold(np.zeros((1, 1), np.float32)), shape)

    def make_body(self) -> Graph:
        """Return the body of a loop, which may read all that this graph has."""
        return Graph(constants=self.constants, _numbers=self._numbers)

    def declare(self, name: str, dtype: str, shape: Sequence[int | str | None]) -> Any:
        """Describe an input or an output."""
        from onnx import helper

        return helper.make_tensor_value_info(name, get_type(dtype), list(shape))

    def make_model(self, name: str, told: dict[str, str]) -> Any:
        """Return the whole as a checked model; `told` goes along as metadata."""
        from onnx import checker, helper

        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="rnnexp")
        helper.set_model_props(model, told)
        checker.check_model(model, full_check=True)
        return model


Handler = Callable[[Graph, Any, dict[str, Any], Any], Any]


def get_type(dtype: str) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
