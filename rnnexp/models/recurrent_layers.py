"""Recurrent layers that Keras lacks, as Keras layers: minGRU, minLSTM and sLSTM.

The products with the inputs of all steps are one; step by step goes what needs the state alone. A scan over the steps
computes that with masks, directions and states as Keras's own layers have them, on every backend. An associative scan,
of which minGRU and minLSTM are capable, took 0.9 to 1.4 times as much processor time on JAX (forwards and backwards,
five shapes from 1 to 256 sequences and 10 to 256 steps), 0.4 to 3 times on TensorFlow, where XLA refuses it, and 0.8 to
4 times on PyTorch.

To load a `.keras` file with one of them, import this module first; the package does so only where such a layer is
built, because it imports Keras.
"""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops
from keras.src import backend

PACKAGE = "rnnexp"


def keep_positive(x: Any) -> Any:
    """Return g(x) = x + 0.5 for x >= 0, else sigmoid(x): always positive (Feng et al., 2024, appendix B)."""
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))


class GatedCell(keras.layers.Layer):
    """What one step does; `gates` are the parts of its products, `states` how many tensors it hands on, h first.

    It computes in the type of its weights, float32 with mixed precision, too: of what a state gains at a step, eight
    digits of a binary fraction would lose most where little is forgotten.
    """

    called: ClassVar[str]
    gates: ClassVar[int]
    states: ClassVar[int] = 1
    defaults: ClassVar[dict[str, Any]] = {
        "activation": None,
        "kernel_initializer": "glorot_uniform",
        "bias_initializer": "zeros",
        "kernel_regularizer": None,
        "recurrent_dropout": 0.0,
    }

    def __init__(self, units: int, **settings: Any) -> None:
        own = {name: settings.pop(name, default) for name, default in self.defaults.items()}
        super().__init__(**settings)
        self.units, self.output_size = units, units
        self.state_size = [units] * self.states
        self.kernel: Any = None
        self.recurrent_kernel: Any = None
        for name, value in own.items():
            setattr(self, name, _get_object(name, value))
        self.seed_generator = keras.random.SeedGenerator() if self.recurrent_dropout else None

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(
            (shape[-1], self.gates * self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            name="kernel",
        )
        self.bias = self.add_weight((self.gates * self.units,), initializer=self._make_bias, name="bias")

    def prepare(self, sequences: Any, training: bool) -> Any:
        """Return what the steps read (b, time, ...), from the inputs of all of them."""
        raise NotImplementedError

    def step(self, inputs: Any, states: Any, kept: Any) -> tuple[Any, list[Any]]:
        """Return the output of one step and the states after it; `kept` is what `draw_kept` gave, once for all."""
        decay, gain = inputs
        h = decay * states[0] + gain
        return h, [h]

    def draw_kept(self, h: Any, training: bool) -> Any:
        """Draw which part of the state is kept at all steps, scaled; None for all of it."""
        return None

    def get_config(self) -> dict[str, Any]:
        own = {name: _describe(name, getattr(self, name)) for name in self.defaults}
        return {**super().get_config(), "units": self.units, **own}

    def project(self, sequences: Any) -> Any:
        """Multiply the inputs of all steps with the weights of all gates: one product."""
        return ops.cast(ops.matmul(sequences, self.kernel) + self.bias, self.compute_dtype)

    def _make_bias(self, shape: Any, dtype: Any = None) -> Any:
        bias = self.bias_initializer(shape, dtype)
        if not getattr(self, "unit_forget_bias", False):
            return bias
        ones = ops.ones((self.units,), dtype)
        return ops.concatenate([bias[: self.units], ones, bias[2 * self.units :]])

    def _values(self, x: Any, training: bool) -> Any:
        """Return the new values that the gates let in, some dropped in training.

        A dropped state would be forgotten, and a scaled one grow at each step: so what comes in is dropped, at each
        step anew (Semeniuta et al., Recurrent dropout without memory loss, 2016).
        """
        values = (self.activation or keep_positive)(x)
        if training and self.recurrent_dropout > 0:
            return keras.random.dropout(values, self.recurrent_dropout, seed=self.seed_generator)
        return values


class GatedRNN(keras.layers.RNN):
    """A layer of such cells: the arguments are those of its cell and of `keras.layers.RNN`."""

    cell_class: ClassVar[type[GatedCell]]

    def __init__(self, units: int, **settings: Any) -> None:
        own = {name: settings.pop(name) for name in self.cell_class.defaults if name in settings}
        policy = keras.dtype_policies.get(settings.get("dtype"))
        cell = self.cell_class(units, name=self.cell_class.called, dtype=policy.variable_dtype, **own)
        super().__init__(cell, **settings)
        self.input_spec = keras.InputSpec(ndim=3)

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        kept = self.cell.draw_kept(initial_state[0], training)
        return backend.rnn(
            lambda inputs, states: self.cell.step(inputs, states, kept),
            self.cell.prepare(sequences, training),
            initial_state,
            go_backwards=self.go_backwards,
            mask=mask,
            unroll=self.unroll,
            input_length=sequences.shape[1],
            zero_output_for_mask=self.zero_output_for_mask,
            return_all_outputs=self.return_sequences,
        )

    @property
    def units(self) -> int:
        """Return the size of the state."""
        return int(self.cell.units)

    def get_config(self) -> dict[str, Any]:
        config, own = super().get_config(), self.cell.get_config()
        del config["cell"]
        return {**config, **{name: own[name] for name in ("units", *self.cell_class.defaults)}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> GatedRNN:
        return cls(**config)


class MinGRUCell(GatedCell):
    """z = sigmoid(W_z x + b_z), h = (1 - z) h_before + z g(W_h x + b_h); the weights of z come first."""

    called: ClassVar[str] = "min_gru_cell"
    gates: ClassVar[int] = 2

    def prepare(self, sequences: Any, training: bool) -> Any:
        gate, values = ops.split(self.project(sequences), 2, axis=-1)
        return ops.sigmoid(-gate), ops.sigmoid(gate) * self._values(values, training)


class MinLSTMCell(GatedCell):
    """i = sigmoid(W_i x + b_i), f = sigmoid(W_f x + b_f), h = (f h_before + i g(W_h x + b_h)) / (f + i), in that order.

    f / (f + i) is computed as sigmoid(softplus(-a_i) - softplus(-a_f)), of the gates before their sigmoid: no gates
    are so small that it would be 0 / 0.
    """

    called: ClassVar[str] = "min_lstm_cell"
    gates: ClassVar[int] = 3
    defaults: ClassVar[dict[str, Any]] = {**GatedCell.defaults, "unit_forget_bias": True}

    def prepare(self, sequences: Any, training: bool) -> Any:
        enter, forget, values = ops.split(self.project(sequences), 3, axis=-1)
        lead = ops.softplus(-enter) - ops.softplus(-forget)
        return ops.sigmoid(lead), ops.sigmoid(-lead) * self._values(values, training)


class SLSTMCell(GatedCell):
    """i = exp(a_i), f = sigmoid(a_f), z = tanh(a_z), o = sigmoid(a_o) of a = W x + R h_before + b, in that order;
    c = f c_before + i z, n = f n_before + i, h = o c / n.

    c and n are kept divided by exp(m), where m = max(log f + m_before, a_i) is what keeps them finite; h does not
    depend on it, so that no gradient need go through it. Nothing has been read where n is 0: m = a_i there, as if it
    had been minus infinity before. From then on n is at least 1. R is one full matrix: one head.
    """

    called: ClassVar[str] = "slstm_cell"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 4
    defaults: ClassVar[dict[str, Any]] = {
        **GatedCell.defaults,
        "activation": "tanh",
        "recurrent_initializer": "orthogonal",
        "recurrent_regularizer": None,
        "unit_forget_bias": True,
        "exponential_forget": False,
    }

    def build(self, shape: Any) -> None:
        super().build(shape)
        self.recurrent_kernel = self.add_weight(
            (self.units, self.gates * self.units),
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            name="recurrent_kernel",
        )

    def prepare(self, sequences: Any, training: bool) -> Any:
        return self.project(sequences)

    def draw_kept(self, h: Any, training: bool) -> Any:
        if training and self.recurrent_dropout > 0:
            return keras.random.dropout(ops.ones_like(h), self.recurrent_dropout, seed=self.seed_generator)
        return None

    def step(self, inputs: Any, states: Any, kept: Any) -> tuple[Any, list[Any]]:
        h, c, n, m = states
        h = ops.cast(h if kept is None else h * kept, self.recurrent_kernel.dtype)
        products = inputs + ops.cast(ops.matmul(h, self.recurrent_kernel), self.compute_dtype)
        enter, forget, values, show = ops.split(products, 4, axis=-1)
        forget = forget if self.exponential_forget else ops.log_sigmoid(forget)
        empty = ops.equal(n, 0)
        after = ops.stop_gradient(ops.where(empty, enter, ops.maximum(forget + m, enter)))
        gain, decay = ops.exp(enter - after), ops.exp(ops.where(empty, 0.0, forget + m - after))
        c, n = decay * c + gain * self.activation(values), decay * n + gain
        h = ops.sigmoid(show) * c / n
        return h, [h, c, n, after]


@keras.saving.register_keras_serializable(PACKAGE)
class MinGRU(GatedRNN):
    """Feng et al., Were RNNs all we needed?, 2024 (arXiv 2410.01201), section 3.1 and appendix B.2.

    activation: of the new values, by its name in Keras; None for the paper's g of appendix B
    """

    cell_class: ClassVar[type[GatedCell]] = MinGRUCell


@keras.saving.register_keras_serializable(PACKAGE)
class MinLSTM(GatedRNN):
    """Feng et al., Were RNNs all we needed?, 2024 (arXiv 2410.01201), section 3.2 and appendix B.2.

    activation: of the new values, by its name in Keras; None for the paper's g of appendix B
    """

    cell_class: ClassVar[type[GatedCell]] = MinLSTMCell


@keras.saving.register_keras_serializable(PACKAGE)
class SLSTM(GatedRNN):
    """Beck et al., xLSTM: extended long short-term memory, 2024 (arXiv 2405.04517), section 2.2, eq. 8 to 17.

    Its states are h, c, n and m: the output, the cell, the normalizer and the stabilizer, zeros at first.
    """

    cell_class: ClassVar[type[GatedCell]] = SLSTMCell


def _get_object(name: str, value: Any) -> Any:
    if name == "activation":
        return None if value is None else keras.activations.get(value)
    kind = name.rpartition("_")[2]
    modules = {"initializer": keras.initializers, "regularizer": keras.regularizers}
    return modules[kind].get(value) if kind in modules else value


def _describe(name: str, value: Any) -> Any:
    if name == "activation":
        return None if value is None else keras.activations.serialize(value)
    return keras.saving.serialize_keras_object(value)
