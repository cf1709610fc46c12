"""Recurrent layers: Keras's by ONNX's operators LSTM, GRU and RNN, those of ours by its loop, Scan.

A mask says how long each sequence is. After its end ONNX gives zeros where Keras repeats the last output: nothing that
follows may read these steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnexp.models.onnx_writer.onnx_activations import apply_activation, describe_recurrent, get_name
from rnnexp.models.onnx_writer.onnx_graph import Graph, UnsupportedError, Value
from rnnexp.models.stateful import NEXT

# Keras's class -> operator, and the order of its gates in that of ONNX: i, o, f, c of i, f, c, o.
OPERATORS = {"LSTM": ("LSTM", (0, 3, 1, 2)), "GRU": ("GRU", (0, 1, 2)), "SimpleRNN": ("RNN", (0,))}
SCANNED = ("MinGRU", "MinLSTM", "SLSTM")
STATES = {"LSTM": "hc", "GRU": "h", "SimpleRNN": "h"}


def write_recurrent(graph: Graph, layer: Any, call: dict[str, Any], outputs: Any) -> Any:
    """Write a recurrent layer, or one in both directions; return its output, and its last states if it gives them."""
    both = type(layer).__name__ == "Bidirectional"
    layers = [layer.forward_layer, layer.backward_layer] if both else [layer]
    first = layers[0]
    if both and layer.merge_mode != "concat":
        raise UnsupportedError(f"merge_mode is {layer.merge_mode}, must be concat")
    if not both and first.go_backwards:
        raise UnsupportedError("go_backwards is true")
    if first.stateful:
        raise UnsupportedError("stateful is true: a graph keeps nothing between calls")
    x = next(iter(call.values()))
    mask, starts = call.get("mask"), [one.name for one in call.get("initial_state") or []]
    if both and starts:
        raise UnsupportedError("it reads in both directions from states that are given")
    lengths = mask.name if isinstance(mask, Value) and not graph.stateful else ""
    kind = type(first).__name__
    if graph.stateful:
        starts = _make_starts(graph, layer, kind, both)
    if kind in SCANNED:
        sequence, states = _scan(graph, layers, x, lengths, starts)
    else:
        sequence, states = _compute(graph, layers, x, graph.count_steps(lengths) if lengths else "", starts)
    if graph.stateful:
        _give_states(graph, layer, kind, [ends[0] for ends in states])
    given = sequence if first.return_sequences else _join(graph, states[0])
    if not first.return_state:
        return given
    return [given, *(state[way] for way in range(len(layers)) for state in states)]


def _join(graph: Graph, names: list[str]) -> str:
    return names[0] if len(names) == 1 else graph.add("Concat", *names, axis=-1)


def _make_starts(graph: Graph, layer: Any, kind: str, both: bool) -> list[str]:
    if both or kind not in STATES:
        raise UnsupportedError(
            "it cannot continue from step to step" + (": it reads in both directions" if both else "")
        )
    names = [f"{layer.name}_{state}" for state in STATES[kind]]
    graph.inputs += [graph.declare(name, "float32", ["batch", layer.units]) for name in names]
    return names


def _give_states(graph: Graph, layer: Any, kind: str, ends: list[str]) -> None:
    for state, end in zip(STATES[kind], ends):
        name = f"{layer.name}_{state}{NEXT}"
        graph.nodes.append(_make_identity(end, name))
        graph.outputs.append(graph.declare(name, "float32", ["batch", layer.units]))


def _make_identity(source: str, name: str) -> Any:
    from onnx import helper

    return helper.make_node("Identity", [source], [name])


def _compute(graph: Graph, layers: list[Any], x: Value, lengths: str, starts: list[str]) -> Any:
    """Return the outputs of all steps, and for each state the last one of each direction."""
    kind, units = type(layers[0]).__name__, layers[0].units
    operator, order = OPERATORS[kind]
    weights = [graph.hold(part) for part in _stack_weights(layers, order)]
    attributes = {"hidden_size": units, "direction": "bidirectional" if len(layers) > 1 else "forward"}
    attributes |= _name_activations(layers, kind)
    if kind == "GRU":
        attributes["linear_before_reset"] = int(layers[0].reset_after)
    initial = [graph.unsqueeze(start, 0) for start in starts]
    steps = graph.add("Transpose", x.name, perm=[1, 0, 2])
    inputs = [steps, *weights, lengths, *initial]
    while not inputs[-1]:
        inputs.pop()
    count = 3 if kind == "LSTM" else 2
    outputs, *ends = graph.add_many(operator, inputs, count, **attributes)
    whole = graph.add("Transpose", outputs, perm=[2, 0, 1, 3])  # (time, ways, b, units) to (b, time, ways, units)
    sequence = graph.add("Reshape", whole, graph.hold_integers(0, 0, len(layers) * units))
    return sequence, [_split_ways(graph, end, len(layers)) for end in ends]


def _split_ways(graph: Graph, state: str, ways: int) -> list[str]:
    """Return the states (b, units) of each direction, of which (ways, b, units) holds all."""
    parts = graph.add_many("Split", [state], ways, axis=0) if ways > 1 else [state]
    return [graph.squeeze(part, 0) for part in parts]


def _stack_weights(layers: list[Any], order: tuple[int, ...]) -> list[np.ndarray]:
    """Return W, R and B as ONNX has them, of each direction one; the biases of inputs and state lie side by side."""
    found = []
    for layer in layers:
        cell, gates = layer.cell, len(order)
        kernel, recurrent = np.asarray(cell.kernel.numpy()), np.asarray(cell.recurrent_kernel.numpy())
        bias = np.zeros(gates * layer.units, kernel.dtype) if cell.bias is None else np.asarray(cell.bias.numpy())
        own, of_state = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
        arrange = [_reorder(part, order) for part in (kernel, recurrent, own[None], of_state[None])]
        found.append((arrange[0].T, arrange[1].T, np.concatenate([arrange[2][0], arrange[3][0]])))
    return [np.stack(parts).astype(np.float32) for parts in zip(*found)]


def _reorder(weights: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    parts = np.split(weights, len(order), axis=-1)
    return np.concatenate([parts[place] for place in order], axis=-1)


def _name_activations(layers: list[Any], kind: str) -> dict[str, Any]:
    """Return the attributes that name the activations, none for ONNX's own."""
    cell = layers[0].cell
    own = describe_recurrent(cell.activation)
    gates = [] if kind == "SimpleRNN" else [describe_recurrent(cell.recurrent_activation)]
    if own[0] == "Tanh" and [name for name, _ in gates] in ([], ["Sigmoid"]):
        return {}
    each = [*gates, own, *([own] if kind == "LSTM" else [])] * len(layers)
    # Numbers are taken in turn by those activations alone that have any.
    numbers = {
        f"activation_{key}": [own[key] for _, own in each if key in own]
        for key in ("alpha", "beta")
        if any(key in own for _, own in each)
    }
    return {"activations": [name for name, _ in each], **numbers}


def _scan(graph: Graph, layers: list[Any], x: Value, mask: str, starts: list[str]) -> Any:
    """Step through the cells that ONNX lacks."""
    ways = [_scan_one(graph, layer, x.name, mask, starts, way) for way, layer in enumerate(layers)]
    sequences = [sequence for sequence, _ in ways]
    return _join(graph, sequences), [list(ends) for ends in zip(*(ends for _, ends in ways))]


def _scan_one(graph: Graph, layer: Any, x: str, mask: str, starts: list[str], way: int) -> tuple[str, list[str]]:
    """Return the outputs of all steps in their order, and the states after the last one that was read."""
    from onnx import helper

    cell, units = layer.cell, layer.units
    products = graph.add("Add", graph.add("MatMul", x, graph.hold(cell.kernel.numpy())), graph.hold(cell.bias.numpy()))
    parts = PREPARED[type(layer).__name__](graph, cell, products)
    if mask:
        parts = [*parts, graph.unsqueeze(mask, 2)]
    initial = starts or [graph.make_zeros(x, units) for _ in range(cell.states)]
    body = graph.make_body()
    before = [f"{start}_before_{way}_{place}" for place, start in enumerate(initial)]
    read = [f"{part}_step_{way}" for part in parts]
    after = STEPS[type(layer).__name__](body, cell, before, read)
    if mask:
        after = [body.add("Where", read[-1], new, old) for new, old in zip(after, before)]
    output = body.add("Identity", after[0])
    after = [body.add("Identity", one) for one in after]
    kinds = ["float32"] * (len(parts) - bool(mask)) + ["bool"] * bool(mask)
    inputs = [body.declare(name, "float32", [None, units]) for name in before]
    inputs += [body.declare(name, kind, [None, None]) for name, kind in zip(read, kinds)]
    outputs = [body.declare(name, "float32", [None, units]) for name in [*after, output]]
    step = helper.make_graph(body.nodes, "step", inputs, outputs)
    *ends, sequence = graph.add_many(
        "Scan",
        [*initial, *parts],
        len(initial) + 1,
        body=step,
        num_scan_inputs=len(parts),
        scan_input_axes=[1] * len(parts),
        scan_output_axes=[1],
        scan_input_directions=[way] * len(parts),
        scan_output_directions=[way],
    )
    return sequence, ends


def _split(graph: Graph, x: str, count: int) -> list[str]:
    return graph.add_many("Split", [x], count, axis=-1)


def _activate_values(graph: Graph, x: str, cell: Any) -> str:
    if cell.activation is not None:
        return apply_activation(graph, x, cell.activation)
    raised = graph.add("Add", x, graph.hold(np.array(0.5, np.float32)))
    positive = graph.add("GreaterOrEqual", x, graph.hold(np.array(0, np.float32)))
    return graph.add("Where", positive, raised, graph.add("Sigmoid", x))


def _prepare_min_gru(graph: Graph, cell: Any, products: str) -> list[str]:
    gate, values = _split(graph, products, 2)
    gain = graph.add("Mul", graph.add("Sigmoid", gate), _activate_values(graph, values, cell))
    return [graph.add("Sigmoid", graph.add("Neg", gate)), gain]


def _prepare_min_lstm(graph: Graph, cell: Any, products: str) -> list[str]:
    enter, forget, values = _split(graph, products, 3)
    enter, forget = (graph.add("Softplus", graph.add("Neg", gate)) for gate in (enter, forget))
    lead = graph.add("Sub", enter, forget)
    gain = graph.add("Mul", graph.add("Sigmoid", graph.add("Neg", lead)), _activate_values(graph, values, cell))
    return [graph.add("Sigmoid", lead), gain]


def _step_linear(body: Graph, cell: Any, states: list[str], read: list[str]) -> list[str]:
    return [body.add("Add", body.add("Mul", read[0], states[0]), read[1])]


def _step_slstm(body: Graph, cell: Any, states: list[str], read: list[str]) -> list[str]:
    h, c, n, m = states
    products = body.add("Add", read[0], body.add("MatMul", h, body.hold(cell.recurrent_kernel.numpy())))
    enter, forget, values, show = _split(body, products, 4)
    if not cell.exponential_forget:
        forget = apply_activation(body, forget, "log_sigmoid")
    zero = body.hold(np.array(0, np.float32))
    empty, carried = body.add("Equal", n, zero), body.add("Add", forget, m)
    after = body.add("Where", empty, enter, body.add("Max", carried, enter))
    gain = body.add("Exp", body.add("Sub", enter, after))
    decay = body.add("Exp", body.add("Where", empty, zero, body.add("Sub", carried, after)))
    entered = body.add("Mul", gain, apply_activation(body, values, get_name(cell.activation)))
    c = body.add("Add", body.add("Mul", decay, c), entered)
    n = body.add("Add", body.add("Mul", decay, n), gain)
    return [body.add("Mul", body.add("Sigmoid", show), body.add("Div", c, n)), c, n, after]


PREPARED: dict[str, Any] = {
    "MinGRU": _prepare_min_gru,
    "MinLSTM": _prepare_min_lstm,
    "SLSTM": lambda graph, cell, products: [products],
}
STEPS: dict[str, Any] = {"MinGRU": _step_linear, "MinLSTM": _step_linear, "SLSTM": _step_slstm}
