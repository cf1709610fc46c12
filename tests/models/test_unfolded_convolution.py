"""Convolutions are one product of all that their kernels see while steps are traced, to the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_gradients import compute_gradients

import rnnexp as rx
from rnnexp.models import unfolded_convolution
from rnnexp.models.flat_dense import use_fast_layers
from rnnexp.models.unfolded_convolution import call_unfolded, is_unfolded, unfold_convolutions

SETTINGS = [
    {},
    {"padding": "same"},
    {"padding": "same", "strides": 2},
    {"strides": 3, "use_bias": False},
    {"padding": "same", "dilation_rate": 2, "activation": "relu"},
    {"padding": "valid", "dilation_rate": 3, "activation": "tanh"},
]
ONE_AXIS = [{"padding": "causal"}, {"padding": "causal", "dilation_rate": 2}, {"padding": "causal", "strides": 2}]
PLUGIN = """
from rnnexp import register

@register("model")
def seeing(spec):
    import keras
    past = keras.Input(spec.inputs["past"].shape, name="past")
    x = keras.layers.Conv1D(4, 3, padding="causal", name="conv")(past)
    x = keras.layers.Dense(spec.output_shape[0] * spec.output_shape[1], name="output")(keras.layers.LSTM(3)(x))
    return keras.Model(past, keras.layers.Reshape(spec.output_shape, name="shape")(x))
"""


@pytest.mark.parametrize(
    ("name", "shape", "kernel", "settings"),
    [
        *(("Conv1D", (3, 11, 2), 4, settings) for settings in (*SETTINGS, *ONE_AXIS)),
        ("Conv1D", (3, 12, 2), 3, SETTINGS[2]),
        *(("Conv2D", (2, 9, 8, 3), (3, 2), settings) for settings in SETTINGS[2:5]),
        ("Conv3D", (2, 7, 6, 5, 2), 2, SETTINGS[2]),
        ("DepthwiseConv2D", (2, 9, 8, 3), (3, 3), SETTINGS[2]),
        ("SeparableConv2D", (2, 9, 8, 3), (3, 3), SETTINGS[4]),
        ("SeparableConv1D", (3, 11, 4), 3, {"padding": "same", "depth_multiplier": 2}),
        ("DepthwiseConv1D", (3, 11, 4), 3, {"depth_multiplier": 2}),
    ],
)
def test_outputs_and_gradients_are_keras_s(name: str, shape: tuple[int, ...], kernel: Any, settings: dict) -> None:
    import keras

    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    sizes = (kernel,) if name.startswith("Depthwise") else (5, kernel)
    layer = getattr(keras.layers, name)(*sizes, bias_initializer="random_normal", **settings)
    model = keras.Sequential([keras.Input(shape[1:]), layer])
    expected = compute_gradients(layer, x)
    with use_fast_layers(model):
        assert vars(layer)["call"].func is call_unfolded
        found, other = compute_gradients(layer, x), compute_gradients(layer, x, factor=1.1)
    assert "call" not in vars(layer)
    for one, same in zip(expected, found, strict=True):
        np.testing.assert_allclose(same, one, rtol=1e-4, atol=1e-5)
    assert not np.allclose(other[0], expected[0], rtol=1e-3, atol=1e-3)


def test_half_the_bits_of_a_number_stay_half() -> None:
    import keras

    layer = keras.layers.Conv1D(5, 3, dtype="mixed_bfloat16")
    model = keras.Sequential([keras.Input((9, 2)), layer])
    x = np.random.default_rng(0).normal(size=(4, 9, 2)).astype("float32")
    expected = model(x)
    with unfold_convolutions(model):
        found = model(x)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(np.float32(found), np.float32(expected), atol=0.05)


def test_what_is_too_much_to_lay_side_by_side_is_keras_s(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    layer, calls = keras.layers.Conv1D(5, 3), []
    layer.build((None, 9, 2))
    monkeypatch.setattr(keras.layers.Conv1D, "call", lambda *given: calls.append(given) or given[1])
    x = np.zeros((4, 9, 2), "float32")
    call_unfolded(layer, x)
    assert not calls
    monkeypatch.setattr(unfolded_convolution, "LARGEST", 4 * 7 * 3 * 2 - 1)
    call_unfolded(layer, x)
    assert len(calls) == 1


def test_other_convolutions_and_classes_of_a_users_own_are_left_alone() -> None:
    import keras

    class Mine(keras.layers.Conv1D):
        pass

    groups = keras.layers.Conv1D(4, 3, groups=2)
    first = keras.layers.Conv2D(4, 3, data_format="channels_first")
    given = keras.layers.Conv1D(4, 3, padding=[(1, 0)])
    others = [Mine(2, 3), groups, given, first, keras.layers.Conv1DTranspose(2, 3), keras.layers.Dense(2)]
    assert not any(map(is_unfolded, others))
    assert is_unfolded(keras.layers.Conv2D(2, 3))


@pytest.mark.parametrize("words", [["trainer.engine=compiled"], ["trainer.engine=keras"]], ids=["compiled", "keras"])
def test_a_plugin_s_convolutions_are_trained_so(
    words: list[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ours.py").write_text(PLUGIN)
    calls: list[str] = []

    def call(layer: Any, inputs: Any) -> Any:
        calls.append(layer.name)
        return call_unfolded(layer, inputs)

    monkeypatch.setattr(unfolded_convolution, "call_unfolded", call)
    tiny = ["data.points=60", "trainer.epochs=2", "tracking=off"]
    rx.run("plugins=[ours]", "model=seeing", *tiny, *words)
    assert {*calls} == {"conv"}
