"""SimpleRNN, LSTM and GRU in NumPy, with backpropagation through time, written from the papers' equations.

Each forward returns (last state (b, units), tape); each backward takes dL/d(last state) and the tape and
returns gradients under Keras's weight names. x is (b, time, features).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Weights = dict[str, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def simple_rnn(x: np.ndarray, w: Weights) -> tuple[np.ndarray, Any]:
    """h_t = tanh(x_t W + h_{t-1} U + b) (Elman, 1990)."""
    h = np.zeros((len(x), w["recurrent_kernel"].shape[0]))
    tape = []
    for t in range(x.shape[1]):
        before, h = h, np.tanh(x[:, t] @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"])
        tape.append((x[:, t], before, h))
    return h, tape


def simple_rnn_backward(dh: np.ndarray, tape: Any, w: Weights) -> Weights:
    grads = {key: np.zeros_like(value) for key, value in w.items()}
    for x, before, h in reversed(tape):
        da = dh * (1 - h**2)
        grads["kernel"] += x.T @ da
        grads["recurrent_kernel"] += before.T @ da
        grads["bias"] += da.sum(axis=0)
        dh = da @ w["recurrent_kernel"].T
    return grads


def lstm(x: np.ndarray, w: Weights, order: str = "ifco") -> tuple[np.ndarray, Any]:
    """c_t = f c_{t-1} + i g, h_t = o tanh(c_t) (Gers et al., 2000); Keras stores the gates as i, f, c, o."""
    h = c = np.zeros((len(x), w["recurrent_kernel"].shape[0]))
    tape = []
    for t in range(x.shape[1]):
        parts = np.split(x[:, t] @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4, axis=1)
        a = dict(zip(order, parts))
        i, f, g, o = sigmoid(a["i"]), sigmoid(a["f"]), np.tanh(a["c"]), sigmoid(a["o"])
        h_before, c_before = h, c
        c = f * c + i * g
        h = o * np.tanh(c)
        tape.append((x[:, t], h_before, c_before, c, (i, f, g, o)))
    return h, tape


def lstm_backward(dh: np.ndarray, tape: Any, w: Weights) -> Weights:
    grads = {key: np.zeros_like(value) for key, value in w.items()}
    dc = np.zeros_like(dh)
    for x, h_before, c_before, c, (i, f, g, o) in reversed(tape):
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        da_i, da_f = dc * g * i * (1 - i), dc * c_before * f * (1 - f)
        da_g, da_o = dc * i * (1 - g**2), dh * np.tanh(c) * o * (1 - o)
        da = np.concatenate([da_i, da_f, da_g, da_o], axis=1)
        grads["kernel"] += x.T @ da
        grads["recurrent_kernel"] += h_before.T @ da
        grads["bias"] += da.sum(axis=0)
        dh, dc = da @ w["recurrent_kernel"].T, dc * f
    return grads


def gru(x: np.ndarray, w: Weights, order: str = "zrh") -> tuple[np.ndarray, Any]:
    """h_t = z h_{t-1} + (1 - z) h~ (Cho et al., 2014), the reset gate after the product, as in cuDNN.

    Keras stores the gates as z, r, h and two biases: of the input and of the state.
    """
    h = np.zeros((len(x), w["recurrent_kernel"].shape[0]))
    tape = []
    for t in range(x.shape[1]):
        from_x = dict(zip(order, np.split(x[:, t] @ w["kernel"] + w["bias"][0], 3, axis=1)))
        from_h = dict(zip(order, np.split(h @ w["recurrent_kernel"] + w["bias"][1], 3, axis=1)))
        z, r = sigmoid(from_x["z"] + from_h["z"]), sigmoid(from_x["r"] + from_h["r"])
        candidate = np.tanh(from_x["h"] + r * from_h["h"])
        tape.append((x[:, t], h, (z, r, candidate), from_h["h"]))
        h = z * h + (1 - z) * candidate
    return h, tape


def gru_backward(dh: np.ndarray, tape: Any, w: Weights) -> Weights:
    grads = {key: np.zeros_like(value) for key, value in w.items()}
    for x, h_before, (z, r, candidate), state_part in reversed(tape):
        da_h = dh * (1 - z) * (1 - candidate**2)
        da_z = dh * (h_before - candidate) * z * (1 - z)
        da_r = da_h * state_part * r * (1 - r)
        from_x = np.concatenate([da_z, da_r, da_h], axis=1)
        from_h = np.concatenate([da_z, da_r, da_h * r], axis=1)
        grads["kernel"] += x.T @ from_x
        grads["recurrent_kernel"] += h_before.T @ from_h
        grads["bias"] += np.stack([from_x.sum(axis=0), from_h.sum(axis=0)])
        dh = dh * z + from_h @ w["recurrent_kernel"].T
    return grads


FORWARD: dict[str, Any] = {"simple_rnn": simple_rnn, "lstm": lstm, "gru": gru}
BACKWARD: dict[str, Any] = {"simple_rnn": simple_rnn_backward, "lstm": lstm_backward, "gru": gru_backward}
