"""Dense layers over time are computed as one product while steps are traced, to the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from layer_gradients import compute_gradients

from rnnexp.models.flat_dense import is_flat, use_fast_layers

SHAPES = [(4, 5), (4, 3, 5), (4, 3, 2, 5)]


@pytest.mark.parametrize("shape", SHAPES, ids=["examples", "steps", "pairs-of-steps"])
@pytest.mark.parametrize("activation", [None, "tanh"])
def test_outputs_and_gradients_are_keras_s(shape: tuple[int, ...], activation: str | None) -> None:
    import keras

    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = keras.layers.Dense(6, activation=activation)
    model = keras.Sequential([keras.Input(shape[1:]), layer])
    expected = compute_gradients(layer, x)
    with use_fast_layers(model):
        assert "call" in vars(layer)
        found, other = compute_gradients(layer, x), compute_gradients(layer, x, factor=1.01)
    for one, same, moved in zip(expected[:2], found[:2], other[:2]):
        np.testing.assert_allclose(same, one, rtol=1e-5, atol=1e-5)
        assert activation is None or not np.allclose(moved, one, rtol=1e-4, atol=1e-4)
    for one, same in zip(expected, found, strict=True):
        np.testing.assert_allclose(same, one, rtol=1e-5, atol=1e-5)


def test_layers_are_keras_s_own_again_afterwards_even_after_an_error_and_one_in_the_other() -> None:
    import keras

    layer = keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((3, 1)), layer])

    def fail_inside() -> None:
        with use_fast_layers(model):
            with use_fast_layers(model):
                assert "call" in vars(layer)
            assert "call" in vars(layer)
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail_inside()
    assert "call" not in vars(layer)


def test_activations_over_all_steps_and_classes_of_a_users_own_are_left_alone() -> None:
    import keras

    class Mine(keras.layers.Dense):
        pass

    layers = [Mine(2), keras.layers.Dense(2, activation="softmax"), keras.layers.Dense(2, activation=lambda x: x)]
    assert not any(map(is_flat, layers))
    assert is_flat(keras.layers.Dense(2, activation="relu"))
