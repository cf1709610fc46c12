"""The walk through a functional network of Keras's: each layer and operation in the order of its inputs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from rnnexp.errors import ConfigError
from rnnexp.models import stateful
from rnnexp.models.onnx_writer.onnx_graph import Graph, UnsupportedError, Value
from rnnexp.models.onnx_writer.onnx_layers import LAYERS, STEPWISE
from rnnexp.models.onnx_writer.onnx_operations import OPERATIONS

BATCH, TIME = "batch", "time"
Known = dict[int, Value]


def convert_network(model: Any, told: Mapping[str, str], *, step_by_step: bool = False) -> Any:
    """Return a network as a checked ONNX model, whose inputs have Keras's names and whose first output is `output`.

    step_by_step: the network goes on where the last call ended: the state of each recurrent layer is an input and,
    with `_next` at its name, an output; sequences may then be of any length
    Raises ConfigError with every layer that has no counterpart, by name.
    """
    graph, problems = Graph(stateful=step_by_step), list[str]()
    network = _get_functional(model)
    known = {id(tensor): _declare(graph, tensor) for tensor in network.inputs}
    if step_by_step and (problems := _list_whole(network)):
        raise ConfigError(*problems)
    _walk(graph, network, known, problems)
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    given = network.output if isinstance(network.output, dict) else {stateful.OUTPUT: network.outputs[0]}
    outputs = []
    for name, tensor in given.items():
        value = known[id(tensor)]
        final = name if name not in {one.name for one in graph.inputs} else f"{name}{stateful.NEXT}"
        graph.nodes.append(_name_output(value.name, final))
        outputs.append(graph.declare(final, value.dtype, _name_axes(value.shape)))
    graph.outputs[:0] = outputs
    return graph.make_model(model.name, dict(told))


def _get_functional(model: Any) -> Any:
    """Return the graph of a network; ConfigError for one that has none."""
    inner = getattr(model, "_functional", None) or model
    if not hasattr(inner, "_nodes_by_depth") or type(model).__name__ not in ("Functional", "Sequential", "Model"):
        raise ConfigError(f"`{model.name}` is no network of layers that can be walked, but a {type(model).__name__}")
    return inner


def _walk(graph: Graph, network: Any, known: Known, problems: list[str]) -> None:
    for depth in sorted(network._nodes_by_depth, reverse=True):
        for node in network._nodes_by_depth[depth]:
            if node.operation is not None and not node.is_input:
                try:
                    _write(graph, node, known, problems)
                except UnsupportedError as error:
                    problems.append(f"layer `{node.operation.name}` ({type(node.operation).__name__}): {error}")
                    for tensor in node.outputs:  # what follows is looked at, too
                        known[id(tensor)] = Value(tensor.name, tuple(tensor.shape), str(tensor.dtype))


def _write(graph: Graph, node: Any, known: Known, problems: list[str]) -> None:
    import keras

    operation, outputs = node.operation, node.outputs
    args, kwargs = keras.tree.map_structure(
        lambda one: known[id(one)] if isinstance(one, keras.KerasTensor) else one,
        (node.arguments.args, node.arguments.kwargs),
    )
    if hasattr(operation, "_nodes_by_depth") or hasattr(operation, "_functional"):
        inner = _get_functional(operation)
        within = {id(tensor): value for tensor, value in zip(inner.inputs, keras.tree.flatten(args[0]))}
        _walk(graph, inner, within, problems)
        found: Any = [within[id(tensor)].name for tensor in inner.outputs]
    else:
        found = _call_handler(graph, operation, args, kwargs, outputs)
    names = [found] if isinstance(found, str) else found
    for tensor, name in zip(outputs, names, strict=True):
        known[id(tensor)] = Value(name, tuple(tensor.shape), str(tensor.dtype))


def _call_handler(graph: Graph, operation: Any, args: Any, kwargs: Any, outputs: Any) -> Any:
    import keras

    kind, layer = type(operation).__name__, isinstance(operation, keras.Layer)
    ours = type(operation).__module__.startswith(("keras.", "rnnexp."))
    handler = (LAYERS if layer else OPERATIONS).get(kind) if ours else None
    if handler is None:
        raise UnsupportedError("has no counterpart in ONNX that this version writes")
    if layer and operation.compute_dtype != "float32":
        raise UnsupportedError(f"computes in {operation.compute_dtype}; train it with trainer.precision=float32")
    call = inspect.signature(operation.call).bind(*args, **kwargs).arguments
    return handler(graph, operation, dict(call), outputs[0])


def _declare(graph: Graph, tensor: Any) -> Value:
    """Make an input of the graph; one that reads step by step needs no mask, and takes any number of steps."""
    shape = tuple(tensor.shape)
    if graph.stateful:
        shape = (None, None, *shape[2:])
    if not (graph.stateful and tensor.dtype == "bool"):
        graph.inputs.append(graph.declare(tensor.name, str(tensor.dtype), _name_axes(shape)))
    return Value(tensor.name, shape, str(tensor.dtype))


def _name_axes(shape: tuple[int | None, ...]) -> list[int | str]:
    """Return the sizes of axes; those that vary have names, the first that of the batch, the second that of time."""
    names = [BATCH, TIME, *(f"axis_{axis}" for axis in range(2, len(shape)))]
    return [name if size is None else size for name, size in zip(names, shape)]


def _name_output(source: str, name: str) -> Any:
    from onnx import helper

    return helper.make_node("Identity", [source], [name])


def _list_whole(network: Any) -> list[str]:
    """Return which layers need a whole sequence, beside what brings the answer into its shape."""
    found = []
    if more := [one.name for one in network.inputs if one.name not in ("past", "mask")]:
        found.append(f"it has the inputs {', '.join(more)} beside the one whose steps are read")
    for layer in network.layers:
        kind = type(layer).__name__
        if kind not in (*STEPWISE, "InputLayer") and not (kind == "Reshape" and layer.name == "output_shape"):
            found.append(f"layer `{layer.name}` ({kind}): needs the whole sequence, not one step at a time")
    return found
