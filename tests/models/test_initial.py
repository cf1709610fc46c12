"""First weights: Keras's distributions, drawn in NumPy, the same on every backend."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rnnexp import registry
from rnnexp.data.spec import TaskSpec
from rnnexp.models import initializers
from rnnexp.models.build import build

VARIANCE_SCALING = [f"{who}_{how}" for who in ("glorot", "he", "lecun") for how in ("uniform", "normal")]
OTHERS = ["random_normal", "random_uniform", "truncated_normal", "variance_scaling"]
SHAPE = (60, 50)


def drawn(name: Any, seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Draw with our own generator the kernel of a dense layer with this initializer."""
    import keras

    inputs = keras.Input(shape[:-1])
    layer = keras.layers.Dense(shape[-1], kernel_initializer=name, name="only")
    model = keras.Model(inputs, layer(inputs))
    assert initializers.draw_weights(model, seed) == []
    return keras.ops.convert_to_numpy(layer.kernel)


def keras_drawn(name: str) -> np.ndarray:
    import keras

    keras.utils.set_random_seed(1)
    return np.asarray(keras.initializers.get(name)(SHAPE))


@pytest.mark.parametrize("name", VARIANCE_SCALING + OTHERS)
def test_draws_have_the_spread_of_keras(name: str) -> None:
    ours, theirs = drawn(name), keras_drawn(name)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.06)
    assert abs(ours.mean()) < 4 * theirs.std() / math.sqrt(ours.size)


@pytest.mark.parametrize("name", ["glorot_uniform", "he_uniform", "lecun_uniform", "truncated_normal"])
def test_draws_have_the_bounds_of_keras(name: str) -> None:
    ours, theirs = np.abs(drawn(name)).max(), np.abs(keras_drawn(name)).max()
    assert ours == pytest.approx(theirs, rel=0.03)


def test_glorot_uniform_fills_its_published_range() -> None:
    limit = math.sqrt(6 / sum(SHAPE))
    values = drawn("glorot_uniform")
    assert 0.99 * limit < np.abs(values).max() <= limit


def test_another_distribution_would_be_noticed() -> None:
    assert drawn("he_uniform").std() != pytest.approx(keras_drawn("lecun_uniform").std(), rel=0.06)


@pytest.mark.parametrize("shape", [(4, 16), (16, 4), (8, 8)])
def test_orthogonal_weights_are_orthogonal(shape: tuple[int, int]) -> None:
    q = drawn("orthogonal", shape=shape)
    short = q @ q.T if shape[0] < shape[1] else q.T @ q
    assert np.allclose(short, np.eye(min(shape)), atol=1e-5)


def test_orthogonal_weights_favor_no_sign() -> None:
    corners = [drawn("orthogonal", seed, (3, 3))[0, 0] for seed in range(60)]
    assert 15 < sum(corner > 0 for corner in corners) < 45


def test_fixed_values_are_what_they_say() -> None:
    import keras

    assert (drawn("zeros") == 0).all()
    assert (drawn("ones") == 1).all()
    assert (drawn(keras.initializers.Constant(0.3)) == np.float32(0.3)).all()
    assert np.array_equal(drawn("identity", shape=(4, 4)), np.eye(4))


def test_weights_depend_on_seed_and_path_alone(spec: TaskSpec) -> None:
    def weights(units: list[int], seed: int) -> dict[str, np.ndarray]:
        import keras

        model = build(registry.lookup("model", "lstm")(units=units), spec, seed)
        return {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}

    first, again, other, deeper = weights([4], 0), weights([4], 0), weights([4], 1), weights([4, 5], 0)
    kernel = "lstm_1/lstm_cell/kernel"
    assert all(np.array_equal(first[path], again[path]) for path in first)
    assert not np.array_equal(first[kernel], other[kernel])
    assert np.array_equal(first[kernel], deeper[kernel])


def test_two_layers_do_not_start_alike(spec: TaskSpec) -> None:
    model = build(registry.lookup("model", "gru")(units=[4, 4]), spec, seed=0)
    first, second = (np.asarray(model.get_layer(f"gru_{i}").cell.recurrent_kernel) for i in (1, 2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(("unit_forget_bias", "expected"), [(True, [0, 0, 1, 1, 0, 0, 0, 0]), (False, [0] * 8)])
def test_the_forget_gate_starts_open(unit_forget_bias: bool, expected: list[int], spec: TaskSpec) -> None:
    settings = registry.lookup("model", "lstm")(units=2, unit_forget_bias=unit_forget_bias)
    bias = build(settings, spec, seed=0).get_layer("lstm_1").cell.bias
    assert np.array_equal(np.asarray(bias), expected)


def test_what_cannot_be_drawn_is_left_to_keras_and_named() -> None:
    import keras

    def mine(shape: Any, dtype: Any = None) -> Any:
        return keras.ops.full(shape, 7.0)

    inputs = keras.Input((3,))
    x = keras.layers.Dense(2, kernel_initializer=mine, name="own")(inputs)
    seeded = keras.initializers.RandomNormal(seed=5)
    model = keras.Model(inputs, keras.layers.Dense(2, kernel_initializer=seeded, name="seeded")(x))
    before = np.asarray(model.get_layer("seeded").kernel)
    assert initializers.draw_weights(model, seed=0) == ["own/kernel", "seeded/kernel"]
    assert (np.asarray(model.get_layer("own").kernel) == 7).all()
    assert np.array_equal(np.asarray(model.get_layer("seeded").kernel), before)


def test_a_users_unnamed_layers_start_alike_in_each_run(spec: TaskSpec) -> None:
    import keras

    @registry.register("model")
    def unnamed(spec: TaskSpec):  # noqa: ANN202
        layers = [keras.layers.Flatten(), keras.layers.Dense(2), keras.layers.Reshape((2, 1))]
        return keras.Sequential([keras.Input(spec.inputs["past"].shape), *layers])

    settings = registry.lookup("model", "unnamed")()
    first, again, other = (np.asarray(build(settings, spec, seed).weights[0]) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
def test_weights_are_drawn_once(name: str, spec: TaskSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    expected = build(registry.lookup("model", name)(units=[2, 3]), spec, seed=0)

    def refuse(initializer: Any, *_: Any, **__: Any) -> Any:
        raise AssertionError(f"{type(initializer).__name__} was asked")

    for drawer in (keras.initializers.GlorotUniform, keras.initializers.Orthogonal):
        monkeypatch.setattr(drawer, "__call__", refuse)
    with pytest.raises(AssertionError, match="was asked"):
        keras.layers.Dense(2).build((None, 3))
    found = build(registry.lookup("model", name)(units=[2, 3]), spec, seed=0)
    assert [one.path for one in found.weights] == [one.path for one in expected.weights]
    for one, other in zip(found.weights, expected.weights):
        assert np.array_equal(np.asarray(one), np.asarray(other))
        assert one.dtype == other.dtype


def test_what_one_of_our_networks_leaves_to_keras_is_drawn_by_it(
    spec: TaskSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = build(registry.lookup("model", "lstm")(units=[2]), spec, seed=0)
    monkeypatch.delitem(initializers.DRAWS, "Orthogonal")
    other = build(registry.lookup("model", "lstm")(units=[2]), spec, seed=0)
    values = [np.asarray(model.get_layer("lstm_1").cell.recurrent_kernel) for model in (usual, other)]
    assert not np.array_equal(*values)
    np.testing.assert_allclose(values[1] @ values[1].T, np.eye(2), atol=1e-5)
