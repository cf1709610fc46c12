"""minGRU, minLSTM and sLSTM as layers of Keras: equations, gradients, masks, directions, states, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KINDS = ("MinGRU", "MinLSTM", "SLSTM")
UNITS, FEATURES, STEPS = 4, 3, 7
STATES = {"MinGRU": 1, "MinLSTM": 1, "SLSTM": 4}


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def positive(x: Any) -> Any:
    """The paper's g."""
    return np.where(x >= 0, x + 0.5, sigmoid(x))


def min_gru(x: Any, states: list[Any], w: list[Any], g: Any = positive) -> list[Any]:
    kernel, bias = w
    k, v = np.split(x @ kernel + bias, 2, axis=-1)
    z = sigmoid(k)
    return [(1 - z) * states[0] + z * g(v)]


def min_lstm(x: Any, states: list[Any], w: list[Any], g: Any = positive) -> list[Any]:
    kernel, bias = w
    k_i, k_f, v = np.split(x @ kernel + bias, 3, axis=-1)
    i, f = sigmoid(k_i), sigmoid(k_f)
    return [f / (f + i) * states[0] + i / (f + i) * g(v)]


def slstm(x: Any, states: list[Any], w: list[Any], forget: Any = sigmoid) -> list[Any]:
    """The published equations without a stabilizer: m is what the layer's c and n are divided by."""
    kernel, bias, recurrent = w
    h, c, n, m = states
    a_i, a_f, a_z, a_o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    i, f, scale = np.exp(a_i), forget(a_f), np.exp(m)
    c, n = f * c * scale + i * np.tanh(a_z), f * n * scale + i
    return [sigmoid(a_o) * c / n, c, n, np.zeros_like(m)]


STEP: dict[str, Callable[..., list[Any]]] = {"MinGRU": min_gru, "MinLSTM": min_lstm, "SLSTM": slstm}


def make(kind: str, dtype: str = "float32", **settings: Any) -> Any:
    """Make a layer all of whose weights are away from where they start."""
    from rnnexp.models import recurrent_layers

    layer = getattr(recurrent_layers, kind)(UNITS, dtype=dtype, **{"return_sequences": True, **settings})
    layer.build((None, STEPS, FEATURES))
    generator = np.random.default_rng(5)
    layer.set_weights([generator.normal(0, 0.8, weight.shape) for weight in layer.weights])
    return layer


def weights(layer: Any) -> list[np.ndarray]:
    return [np.asarray(weight, "float64") for weight in layer.get_weights()]


def inputs(seed: int = 0, examples: int = 2, steps: int = STEPS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(examples, steps, FEATURES)).astype("float32")


def first_states(kind: str, examples: int = 2) -> list[np.ndarray]:
    generator = np.random.default_rng(9)
    return [generator.uniform(0.5, 2, (examples, UNITS)).astype("float32") for _ in range(STATES[kind])]


def unrolled(kind: str, x: np.ndarray, w: list[Any], states: list[Any] | None = None, **variant: Any) -> np.ndarray:
    """Return the outputs (b, time, units) of the equations."""
    found, outputs = states or [np.zeros((len(x), UNITS))] * STATES[kind], []
    for t in range(x.shape[1]):
        found = STEP[kind](x[:, t].astype("float64"), found, w, **variant)
        outputs.append(found[0])
    return np.stack(outputs, axis=1)


@pytest.mark.parametrize("begun", [False, True], ids=["empty", "begun"])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_those_of_the_equations(kind: str, begun: bool) -> None:
    layer, x = make(kind), inputs()
    states = first_states(kind) if begun else None
    expected = unrolled(kind, x, weights(layer), states)
    np.testing.assert_allclose(np.asarray(layer(x, initial_state=states)), expected, atol=1e-5)
    other = weights(layer)
    other[0][0, 0] += 1e-2
    assert np.abs(unrolled(kind, x, other, states) - expected).max() > 1e-4


@pytest.mark.parametrize("kind", ["MinGRU", "MinLSTM"])
def test_the_activation_of_new_values_may_be_one_of_kerass(kind: str) -> None:
    layer, x = make(kind, activation="tanh"), inputs()
    found = np.asarray(layer(x))
    np.testing.assert_allclose(found, unrolled(kind, x, weights(layer), g=np.tanh), atol=1e-5)
    assert np.abs(found - unrolled(kind, x, weights(layer))).max() > 1e-2


def test_the_forget_gate_may_be_exponential_too() -> None:
    layer, x = make("SLSTM", exponential_forget=True), inputs()
    found = np.asarray(layer(x))
    np.testing.assert_allclose(found, unrolled("SLSTM", x, weights(layer), forget=np.exp), atol=1e-5)
    assert np.abs(found - unrolled("SLSTM", x, weights(layer))).max() > 1e-2


@pytest.mark.parametrize("exponential", [False, True])
@pytest.mark.parametrize("scale", [1.0, 300.0, -300.0, 3e4])
def test_gates_that_no_float_can_hold_are_computed_all_the_same(scale: float, exponential: bool) -> None:
    """exp(300) is not one; what the output is made of are ratios."""
    layer, x = make("SLSTM", return_state=True, exponential_forget=exponential), inputs(steps=40)
    kernel, bias, recurrent = weights(layer)
    layer.set_weights([kernel, bias + np.repeat([scale, 0.0, 0.0, 0.0], UNITS), recurrent])
    outputs, *states = (np.asarray(value) for value in layer(x))
    assert np.isfinite(outputs).all()
    assert np.abs(outputs).max() <= 1
    assert np.isfinite(states).all()
    assert (states[2] >= 1).all()


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind: str, masked: bool) -> None:
    import jax
    from jax.flatten_util import ravel_pytree
    from keras import ops

    with jax.enable_x64(True):
        # Not tanh: on JAX Keras's rounds to float32.
        layer, x = make(kind, "float64", return_state=True, activation="softsign"), inputs().astype("float64")
        mask = np.array([[1, 1, 0, 1, 1, 1, 0], [0, 1, 1, 1, 0, 0, 1]], bool) if masked else None
        states = [state.astype("float64") for state in first_states(kind)]
        pattern = np.random.default_rng(2).normal(size=(2, STEPS, UNITS))

        @jax.jit
        def loss(values: list[Any], x: Any, states: list[Any]) -> Any:
            others = [variable.value for variable in layer.non_trainable_variables]
            (outputs, h, *_), _ = layer.stateless_call(values, others, x, initial_state=states, mask=mask)
            return ops.sum(outputs * pattern) + ops.sum(ops.square(h))

        point = ([ops.copy(weight.value) for weight in layer.trainable_variables], x, states)
        flat, rebuild = ravel_pytree(point)
        found = jax.jit(jax.grad(lambda flat: loss(*rebuild(flat))))(flat)
        for i in np.random.default_rng(3).choice(len(flat), 25, replace=False):
            rise = loss(*rebuild(flat.at[i].add(1e-6))) - loss(*rebuild(flat.at[i].add(-1e-6)))
            assert float(found[i]) == pytest.approx(float(rise) / 2e-6, rel=1e-5, abs=1e-7)
        assert np.abs(np.asarray(found)).max() > 0.1


MASKS = {
    "right": [1, 1, 1, 1, 0, 0, 0],
    "left": [0, 0, 1, 1, 1, 1, 1],
    "holes": [1, 0, 1, 1, 0, 0, 1],
    "all": [0, 0, 0, 0, 0, 0, 0],
}


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("pattern", MASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_masked_step_changes_nothing(kind: str, pattern: str, backwards: bool) -> None:
    layer = make(kind, return_state=True, return_sequences=False, go_backwards=backwards)
    x, states, mask = inputs(), first_states(kind), np.array([MASKS[pattern]] * 2, bool)
    junk = np.where(mask[..., None], x, 5 * x[:, ::-1])
    found = layer(junk, initial_state=states, mask=mask)
    alone = layer(x[:, mask[0]], initial_state=states) if mask.any() else [states[0], *states]
    for one, other in zip(found, alone, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5, atol=1e-6)
    unmasked = layer(junk, initial_state=states)
    assert np.abs(np.asarray(unmasked[0]) - np.asarray(alone[0])).max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_backwards_is_forwards_over_the_reversed_sequence(kind: str) -> None:
    forwards, backwards = make(kind), make(kind, go_backwards=True)
    x = inputs()
    np.testing.assert_allclose(np.asarray(backwards(x)), np.asarray(forwards(x[:, ::-1])), atol=1e-6)
    assert np.abs(np.asarray(backwards(x)) - np.asarray(forwards(x))).max() > 1e-2


@pytest.mark.parametrize("kind", KINDS)
def test_states_handed_over_are_those_of_the_unbroken_run(kind: str) -> None:
    layer, x = make(kind, return_state=True), inputs()
    whole, *after = layer(x)
    _, *between = layer(x[:, :3])
    rest, *last = layer(x[:, 3:], initial_state=between)
    assert len(after) == STATES[kind]
    np.testing.assert_allclose(np.asarray(rest), np.asarray(whole)[:, 3:], atol=1e-6)
    for one, other in zip(last, after, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=1e-6)
    assert np.abs(np.asarray(layer(x[:, 3:])[0]) - np.asarray(rest)).max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_stateful_layer_goes_on_where_it_ended(kind: str) -> None:
    from rnnexp.models import recurrent_layers

    layer, x = make(kind), inputs()
    carrying = getattr(recurrent_layers, kind)(UNITS, return_sequences=True, stateful=True)
    carrying.build((2, STEPS, FEATURES))
    carrying.set_weights([*layer.get_weights(), *carrying.get_weights()[len(layer.weights) :]])
    pieces = [np.asarray(carrying(x[:, :3])), np.asarray(carrying(x[:, 3:]))]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), np.asarray(layer(x)), atol=1e-6)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("kind", KINDS)
def test_both_directions_are_two_layers(kind: str, masked: bool) -> None:
    import keras

    both, x = keras.layers.Bidirectional(make(kind)), inputs()
    mask = np.array([MASKS["right"], MASKS["holes"]], bool) if masked else None
    found = np.asarray(both(x, mask=mask))
    zeros = {"zero_output_for_mask": True}
    one, other = make(kind, **zeros), make(kind, go_backwards=True, **zeros)
    one.set_weights(both.forward_layer.get_weights())
    other.set_weights(both.backward_layer.get_weights())
    expected = [np.asarray(one(x, mask=mask)), np.asarray(other(x, mask=mask))[:, ::-1]]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=-1), atol=1e-6)
    assert np.abs(expected[0] - expected[1]).max() > 1e-2


@pytest.mark.parametrize("kind", KINDS)
def test_dropped_between_steps_is_in_training_only_and_at_the_share_asked_for(kind: str) -> None:
    x = inputs(examples=64)
    layer, plain = make(kind, recurrent_dropout=0.5), make(kind)
    np.testing.assert_array_equal(np.asarray(layer(x)), np.asarray(plain(x)))
    once, again = np.asarray(layer(x, training=True)), np.asarray(layer(x, training=True))
    assert np.abs(once - again).max() > 1e-2
    assert np.isfinite(once).all()
    if kind != "SLSTM":  # of the new values, at the first step all there is
        assert (once[:, 0] == 0).mean() == pytest.approx(0.5, abs=0.15)
        kept = once[:, 0] != 0
        np.testing.assert_allclose(once[:, 0][kept], 2 * np.asarray(plain(x))[:, 0][kept], rtol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision_rounds_outputs_and_not_what_is_carried_from_step_to_step(kind: str, policy: str) -> None:
    half, full = make(kind, policy), make(kind)
    x = np.repeat(inputs(steps=1), 400, axis=1)
    found, exact = half(x), np.asarray(full(x))
    assert str(found.dtype).endswith(policy[6:])
    np.testing.assert_allclose(np.asarray(found, "float32"), exact, rtol=0.03, atol=0.03)
    assert half.cell.kernel.dtype == "float32"


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_layer_comes_back_with_its_settings(kind: str, tmp_path: Path) -> None:
    import keras

    settings = {"recurrent_dropout": 0.25, "go_backwards": True, "kernel_initializer": "he_normal"}
    layer = make(kind, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.1), **settings)
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    both = keras.layers.Bidirectional(type(layer)(2))
    model = keras.Sequential([keras.Input((None, FEATURES)), layer, both])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(inputs())), np.asarray(model(inputs())))
    assert loaded.layers[0].cell.recurrent_dropout == 0.25
    assert len(loaded.losses) == 1


@pytest.mark.parametrize("kind", ["MinLSTM", "SLSTM"])
def test_the_forget_gate_starts_open(kind: str) -> None:
    from rnnexp.models import recurrent_layers

    for opened in (True, False):
        layer = getattr(recurrent_layers, kind)(2, unit_forget_bias=opened)
        layer.build((None, STEPS, FEATURES))
        assert layer.get_weights()[1][:6].tolist() == [0, 0, opened, opened, 0, 0]


def test_gates_that_are_all_shut_divide_nothing_by_nothing() -> None:
    layer = make("MinLSTM")
    layer.set_weights([np.zeros_like(layer.get_weights()[0]), np.array([-200.0] * 8 + [1] * 4)])
    outputs = np.asarray(layer(inputs()))
    np.testing.assert_allclose(outputs[:, 0], 0.75)
    np.testing.assert_allclose(outputs[:, -1], 1.5 * (1 - 0.5**STEPS), rtol=1e-6)


SCRIPT = """
import os, sys
os.environ["KERAS_BACKEND"] = sys.argv[1]
import keras, numpy as np
from rnnexp.models import recurrent_layers
given = np.load(sys.argv[2])
found = {}
for case in sorted({key.split("|")[0] for key in given.files}):
    kind, backwards, masked = case.split("-")
    layer = getattr(recurrent_layers, kind)(4, return_sequences=True, return_state=True, go_backwards=backwards == "1")
    layer.build((None, 7, 3))
    part = {key.split("|")[1]: given[key] for key in given.files if key.startswith(case + "|")}
    layer.set_weights([part[f"w{i}"] for i in range(len(layer.weights))])
    states = [part[f"s{i}"] for i in range(len(layer.state_size))]
    mask = part["mask"] if masked == "1" else None
    outputs = layer(keras.ops.convert_to_tensor(part["x"]), initial_state=states, mask=mask)
    found |= {f"{case}|{i}": keras.ops.convert_to_numpy(value) for i, value in enumerate(outputs)}
    model = keras.Sequential([keras.Input((None, 3)), type(layer)(4, recurrent_dropout=0.5)])
    model.compile("sgd", "mse")
    model.fit(part["x"], part["s0"], verbose=0)
    assert np.isfinite(model.predict(part["x"], verbose=0)).all()
np.savez(sys.argv[3], **found)
"""


@pytest.mark.end_to_end
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_other_backends_compute_the_same(backend: str, in_new_process: Any, tmp_path: Path) -> None:
    given, expected = {}, {}
    mask = np.array([MASKS["holes"], MASKS["right"]], bool)
    for kind in KINDS:
        for backwards in (0, 1):
            for masked in (0, 1):
                case, states = f"{kind}-{backwards}-{masked}", first_states(kind)
                layer = make(kind, return_state=True, go_backwards=bool(backwards))
                given |= {f"{case}|w{i}": value for i, value in enumerate(layer.get_weights())}
                given |= {f"{case}|s{i}": value for i, value in enumerate(states)}
                given |= {f"{case}|x": inputs(), f"{case}|mask": mask}
                outputs = layer(inputs(), initial_state=states, mask=mask if masked else None)
                expected |= {f"{case}|{i}": np.asarray(value) for i, value in enumerate(outputs)}
    np.savez(tmp_path / "given.npz", **given)
    done = in_new_process(SCRIPT, backend, str(tmp_path / "given.npz"), str(tmp_path / "found.npz"))
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(tmp_path / "found.npz")
    assert set(found.files) == set(expected)
    for key, values in expected.items():
        # What Keras puts out at masked steps before the first real one differs between backends.
        real = mask if "-1|0" in key else np.ones_like(mask)
        real = real[:, ::-1] if "-1-1|0" in key else real
        chosen = real if values.ndim == 3 else slice(None)
        np.testing.assert_allclose(found[key][chosen], values[chosen], atol=1e-5, err_msg=key)
