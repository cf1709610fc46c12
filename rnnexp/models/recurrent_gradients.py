"""LSTM and GRU with a backward pass written by hand, for training on JAX on the CPU.

JAX derives the gradient of a scan step by step; here the loops hold what depends on the step before, and little else.
Products for the gradients of weights are one for all steps, and so are the derivatives of the gates, by which the
backward loop multiplies. Products with inputs are so while states are small: those of large ones would leave the cache
before they are read. An LSTM whose states and inputs are large stays Keras's own, which multiplies all of them step by
step, many products side by side.  sigmoid(a) is 0.5 tanh(0.5 a) + 0.5, so that one `tanh` does all
gates: XLA's is faster than its sigmoid.  Measured by `tests.benchmarks.backward`.  Under `jax.vmap` it is right but no
faster: XLA has to transpose what it takes out of the loops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

Tree = Any
SMALL = 1024  # numbers in a state, of a batch, up to which two steps a turn are faster
LARGE = 4096  # from which on inputs are multiplied step by step
TOO_LARGE = (
    16384  # from which on, in states and inputs, Keras's own LSTM is faster: its many products keep all cores busy
)


@contextmanager
def replace_inner_loops(model: Any) -> Iterator[None]:
    """Let the LSTM and GRU layers of a model be computed here while its steps are traced; others stay Keras's own."""
    import jax
    import keras

    on_cpu = keras.backend.backend() == "jax" and jax.default_backend() == "cpu"
    layers = model._flatten_layers(include_self=False, recursive=True) if on_cpu else ()
    covered = [layer for layer in layers if is_covered(layer)]
    before = [vars(layer).get("inner_loop") for layer in covered]
    try:
        for layer in covered:
            vars(layer)["inner_loop"] = partial(run_inner_loop, layer)
        yield
    finally:
        for layer, loop in zip(covered, before):
            if loop is None:
                del vars(layer)["inner_loop"]
            else:
                vars(layer)["inner_loop"] = loop


def is_covered(layer: Any) -> bool:
    """Return whether a layer is an LSTM or a GRU as its author has meant it, with nothing that is not computed here."""
    import keras

    cells = {keras.layers.LSTM: keras.layers.LSTMCell, keras.layers.GRU: keras.layers.GRUCell}
    return type(layer) in cells and (
        type(layer.cell) is cells[type(layer)]
        and layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and getattr(layer, "reset_after", True)
        and layer.use_cudnn == "auto"
        and not (layer.unroll or layer.dropout or layer.recurrent_dropout)
    )


def run_inner_loop(layer: Any, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
    """Do what `layer.inner_loop` does: return (last output, outputs, states)."""
    from jax import numpy as jnp

    mask = mask[0] if isinstance(mask, (list, tuple)) else mask
    states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
    cell = layer.cell
    weights = [None if w is None else jnp.asarray(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias)]
    is_mixed = len({array.dtype for array in (sequences, *weights, *states) if array is not None}) > 1
    if is_mixed or (len(states) == 2 and min(states[0].size, sequences[:, 0].size) >= TOO_LARGE):
        return type(layer).inner_loop(layer, sequences, initial_state, mask, training=training)
    x, keep = jnp.swapaxes(sequences, 0, 1), None
    if mask is not None:
        keep = jnp.swapaxes(mask.astype(bool).reshape(*mask.shape[:2], -1).any(-1, keepdims=True), 0, 1)
    if layer.go_backwards:
        x, keep = jnp.flip(x, 0), None if keep is None else jnp.flip(keep, 0)
    wide = jnp.promote_types(
        x.dtype, jnp.float32
    )  # of the gates and states; products are of what the layer computes in
    loop = _make_loop(len(states), layer.return_sequences)
    outputs, last = loop(x, weights, [state.astype(wide) for state in states], keep)
    outputs = last[0][None] if outputs is None else outputs
    if keep is not None and layer.zero_output_for_mask:
        outputs = jnp.where(keep[-len(outputs) :], outputs, 0)
    return outputs[-1], jnp.swapaxes(outputs, 0, 1), last


def _make_loop(states: int, return_sequences: bool) -> Callable[..., Any]:
    """Return a function of (x, weights, states, keep), time first, to (outputs or None, last states).

    keep: (time, batch, 1), whether a step counts; None for all
    """
    import jax

    forward, backward = {1: (_forward_gru, _backward_gru), 2: (_forward_lstm, _backward_lstm)}[states]

    def forward_wanted(*given: Tree) -> Tree:
        (outputs, last), saved = forward(*given)
        return (outputs if return_sequences else None, last), saved

    loop = jax.custom_vjp(lambda *given: forward_wanted(*given)[0])
    loop.defvjp(forward_wanted, backward)
    return loop


def _forward_lstm(x: Any, weights: Tree, states: Tree, keep: Any) -> tuple[Tree, Tree]:
    from jax import numpy as jnp

    kernel, recurrent, bias = weights
    half = _half(x.dtype, [0.5, 0.5, 1, 0.5], len(recurrent))
    scaled, bias = recurrent * half, None if bias is None else bias * half
    inputs, project = _divide_projection(x, kernel * half, bias, states[0])

    def step(state: Tree, given: Tree) -> tuple[Tree, Tree]:
        (before, cell), (one, kept) = state, given
        gates = jnp.tanh(project(one) + _dot(before, scaled))
        i, f, g, o = _open(gates)
        after = f * cell + i * g
        state = _where(kept, (o * jnp.tanh(after), after), (before, cell))
        return state, (*state, gates)

    last, (outputs, cells, gates) = _scan(step, tuple(states), (inputs, keep))
    return (outputs, [*last]), (x, weights, states, keep, outputs, cells, gates)


def _backward_lstm(saved: Tree, gradients: Tree) -> Tree:
    """Of the cell's gradient dc and the output's dh: a gate's is one of them times what is known before the loop."""
    from jax import numpy as jnp

    x, weights, states, keep, outputs, cells, gates = saved
    d_outputs, d_last = gradients
    i, f, g, o = _open(gates)
    shown = jnp.tanh(cells)
    slopes = [g * i * (1 - i), _shift(states[1], cells) * f * (1 - f), i * (1 - g * g), shown * o * (1 - o)]
    slope, to_cell, f = _where(keep, (jnp.concatenate(slopes, -1), o * (1 - shown * shown), f), (0.0, 0.0, 1.0))
    transposed = weights[1].T

    def step(state: Tree, given: Tree) -> tuple[Tree, Any]:
        (dh, dc), (slope, to_cell, f, d_output, kept) = state, given
        dh = dh if d_output is None else dh + d_output
        dc = dc + dh * to_cell
        d_gates = jnp.concatenate([dc, dc, dc, dh], -1) * slope
        earlier = _dot(d_gates, transposed)
        return (earlier if kept is None else earlier + jnp.where(kept, 0, dh), dc * f), d_gates

    sequences = (slope, to_cell, f, d_outputs, keep)
    d_states, d_gates = _scan(step, tuple(d_last), sequences, reverse=True)
    d_x, d_kernel, d_bias = _unproject(x, weights, d_gates)
    d_recurrent = _outer(_shift(states[0], outputs), d_gates, weights[1])
    return d_x, [d_kernel, d_recurrent, d_bias], [*d_states], None


def _forward_gru(x: Any, weights: Tree, states: Tree, keep: Any) -> tuple[Tree, Tree]:
    from jax import numpy as jnp

    kernel, recurrent, bias = weights
    units, half = len(recurrent), _half(x.dtype, [0.5, 0.5, 1], len(recurrent))
    added, shift = None, 0.0
    if bias is not None:  # of the state's, that of the candidate alone is not simply added to the inputs'
        added, shift = (bias[0] + bias[1].at[2 * units :].set(0)) * half, bias[1, 2 * units :].astype(states[0].dtype)
    scaled, (inputs, project) = recurrent * half, _divide_projection(x, kernel * half, added, states[0])

    def step(state: Tree, given: Tree) -> tuple[Tree, Tree]:
        (before,), (one, kept) = state, given
        projected, inner = project(one), _dot(before, scaled)
        gates = jnp.tanh(projected[:, : 2 * units] + inner[:, : 2 * units])
        z, r = jnp.split(0.5 * gates + 0.5, 2, -1)
        recalled = inner[:, 2 * units :] + shift
        candidate = jnp.tanh(projected[:, 2 * units :] + r * recalled)
        state = _where(kept, (candidate + z * (before - candidate),), (before,))
        return state, (*state, gates, candidate, recalled)

    last, (outputs, *known) = _scan(step, tuple(states), (inputs, keep))
    return (outputs, [*last]), (x, weights, states, keep, outputs, known)


def _backward_gru(saved: Tree, gradients: Tree) -> Tree:
    """Of the output's gradient dh: everything is that times what is known before the loop."""
    from jax import numpy as jnp

    x, weights, states, keep, outputs, (gates, candidate, recalled) = saved
    d_outputs, d_last = gradients
    z, r = jnp.split(0.5 * gates + 0.5, 2, -1)
    before, transposed = _shift(states[0], outputs), weights[1].T
    to_candidate = (1 - z) * (1 - candidate * candidate)
    slopes = [(before - candidate) * z * (1 - z), to_candidate * recalled * r * (1 - r), to_candidate * r]
    slope, to_candidate, z = _where(keep, (jnp.concatenate(slopes, -1), to_candidate, z), (0.0, 0.0, 1.0))

    def step(state: Tree, given: Tree) -> tuple[Tree, Tree]:
        (dh,), (slope, z, d_output) = state, given
        dh = dh if d_output is None else dh + d_output
        d_inner = jnp.concatenate([dh, dh, dh], -1) * slope
        return (_dot(d_inner, transposed) + dh * z,), (d_inner, dh)

    d_states, (d_inner, dh) = _scan(step, tuple(d_last), (slope, z, d_outputs), reverse=True)
    # Of the inputs' gradients those of the candidate alone are not the state's: two products, the larger one with
    # zeros, are faster than to lay all of them side by side anew.
    bias, units, d_candidate = weights[2], len(weights[1]), dh * to_candidate
    gates, last = weights[0].at[:, 2 * units :].set(0), weights[0][:, 2 * units :]
    d_x, d_kernel, d_bias = _unproject(x, (gates, None, bias), d_inner)
    x_last, k_last, b_last = _unproject(x, (last, None, bias), d_candidate)
    d_kernel = jnp.concatenate([d_kernel[:, : 2 * units], k_last], -1)
    if bias is not None:
        d_bias = jnp.stack([jnp.concatenate([d_bias[: 2 * units], b_last]), d_bias])
    return d_x + x_last, [d_kernel, _outer(before, d_inner, weights[1]), d_bias], [*d_states], None


def _scan(step: Callable[..., Any], state: Tree, sequences: Tree, reverse: bool = False) -> Any:
    import jax

    return jax.lax.scan(step, state, sequences, reverse=reverse, unroll=2 if state[0].size <= SMALL else 1)


def _half(dtype: Any, factors: list[float], units: int) -> Any:
    """Return what the arguments of the gates are multiplied by, exactly, for `tanh` to do for `sigmoid`."""
    from jax import numpy as jnp

    return jnp.repeat(jnp.array(factors, dtype), units)


def _open(gates: Any) -> tuple[Any, Any, Any, Any]:
    """Return i, f, g and o from the `tanh` of all."""
    from jax import numpy as jnp

    i, f, g, o = jnp.split(gates, 4, -1)
    return 0.5 * i + 0.5, 0.5 * f + 0.5, g, 0.5 * o + 0.5


def _where(keep: Any, new: tuple[Any, ...], old: tuple[Any, ...]) -> tuple[Any, ...]:
    from jax import numpy as jnp

    return new if keep is None else tuple(jnp.where(keep, a, b) for a, b in zip(new, old))


def _shift(first: Any, values: Any) -> Any:
    from jax import numpy as jnp

    return jnp.concatenate([first[None], values[:-1]])


def _dot(a: Any, matrix: Any) -> Any:
    from jax import numpy as jnp

    return jnp.dot(a.astype(matrix.dtype), matrix, preferred_element_type=a.dtype)


def _divide_projection(x: Any, kernel: Any, bias: Any, like: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return what a loop is given of x (time, batch, inputs), and what makes of it what is added to the gates."""
    if like.size < LARGE:
        return _project(x, kernel, bias, like), lambda projected: projected
    return x, lambda one: _project(one[None], kernel, bias, like)[0]


def _project(x: Any, kernel: Any, bias: Any, like: Any) -> Any:
    """Return what all steps (time, batch, inputs) add to the gates, as one product."""
    from jax import numpy as jnp

    flat = jnp.dot(x.reshape(-1, x.shape[-1]), kernel, preferred_element_type=like.dtype)
    flat = flat if bias is None else flat + bias.astype(like.dtype)
    return flat.reshape(*x.shape[:2], -1)


def _unproject(x: Any, weights: Tree, d_gates: Any) -> tuple[Any, Any, Any]:
    """Return the gradients of inputs, kernel and bias."""
    kernel, _, bias = weights
    d_x = _dot(d_gates.reshape(-1, d_gates.shape[-1]), kernel.T).astype(x.dtype).reshape(x.shape)
    return d_x, _outer(x, d_gates, kernel), None if bias is None else d_gates.sum((0, 1)).astype(bias.dtype)


def _outer(a: Any, d_gates: Any, matrix: Any) -> Any:
    """Return the gradient of a matrix by which `a` is multiplied in all steps, as one product."""
    import jax

    left, right = (array.reshape(-1, array.shape[-1]).astype(matrix.dtype) for array in (a, d_gates))
    return jax.lax.dot_general(left, right, (((0,), (0,)), ((), ()))).astype(matrix.dtype)
