"""Convolutions as matrix products are Keras's own, and the architectures around them are those of their papers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnexp.data.sources.synthetic import sine
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import layers
from rnnexp.models.architectures.cnn_lstm import cnn_lstm
from rnnexp.models.architectures.lstm_fcn import lstm_fcn
from rnnexp.models.build import build
from rnnexp.models.recurrent_checks import check_spec

X = np.random.default_rng(0).normal(size=(3, 7, 2)).astype("float32")
CLASSES = ("a", "b", "c")


def spec(steps: int | None = 20, channels: int = 2) -> TaskSpec:
    inputs = {"past": InputSpec((steps, channels))} | ({} if steps else {"mask": InputSpec((None,), "bool")})
    return TaskSpec("classification", inputs, (3,), "logits", classes=CLASSES)


@pytest.mark.parametrize("kernel_size", [1, 3, 4, 9])
def test_a_block_is_the_convolution_of_keras_with_the_same_gradients(kernel_size: int) -> None:
    import jax
    import keras
    from jax import numpy as jnp

    past = keras.Input((None, 2))
    ours = keras.Model(past, layers.convolve(past, None, "it", 5, kernel_size, normalize=False))
    theirs = keras.layers.Conv1D(5, kernel_size, padding="same", activation="relu")
    theirs.build((None, None, 2))
    kernel = np.random.default_rng(1).normal(size=(kernel_size, 2, 5)).astype("float32")
    bias = np.linspace(-1, 1, 5, dtype="float32")

    def of_ours(kernel: Any, bias: Any) -> Any:
        outputs = ours.stateless_call([kernel.reshape(-1, 5), bias], [], X)[0]
        return (outputs**2).sum(), outputs

    def of_theirs(kernel: Any, bias: Any) -> Any:
        outputs = theirs.stateless_call([kernel, bias], [], X)[0]
        return (outputs**2).sum(), outputs

    (_, outputs), gradients = jax.value_and_grad(of_ours, (0, 1), has_aux=True)(jnp.array(kernel), jnp.array(bias))
    (_, wanted), others = jax.value_and_grad(of_theirs, (0, 1), has_aux=True)(jnp.array(kernel), jnp.array(bias))
    np.testing.assert_allclose(outputs, wanted, rtol=1e-4, atol=1e-5)
    for one, other in zip(gradients, others):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    if kernel_size > 1:
        turned = of_theirs(jnp.array(kernel[::-1]), jnp.array(bias))[1]
        assert not np.allclose(outputs, turned, atol=1e-2)


def test_its_weights_start_as_those_of_keras_do() -> None:
    import keras

    past = keras.Input((None, 2))
    dense = keras.Model(past, layers.convolve(past, None, "it", 5, 3)).get_layer("it_conv")
    assert dense.kernel.shape == (6, 5)
    assert type(dense.kernel_initializer).__name__ == "HeUniform"  # whose fan is what a convolution counts, 3 * 2


@pytest.mark.parametrize("size", [1, 2, 3, 10])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_shrinking_keeps_the_maximum_of_each_group(size: int, masked: bool) -> None:
    lengths = [7, 4, 1] if masked else [7, 7, 7]
    mask = np.arange(7) < np.array(lengths)[:, None]
    kept, flags = layers.downsample(X, mask if masked else None, "it", size)
    for x, length, row in zip(X, lengths, np.asarray(kept)):
        groups = [x[i : min(i + size, length)].max(axis=0) for i in range(0, length, size)]
        np.testing.assert_array_equal(row[: len(groups)], groups)
    if masked:
        assert np.asarray(flags).sum(axis=1).tolist() == [-(-length // size) for length in lengths]
    assert kept.shape[1] == -(-7 // size)
    assert (flags is None) == (not masked)


def sizes(model: Any, *prefixes: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of the kernel of each layer whose name begins with one of the prefixes."""
    chosen = [weight for weight in model.weights if weight.path.split("/")[0].startswith(prefixes)]
    return {weight.path.split("/")[0]: tuple(weight.shape) for weight in chosen if weight.path.endswith("/kernel")}


def test_lstm_fcn_has_the_branches_of_the_paper() -> None:
    model = build(lstm_fcn(), spec(), seed=0)
    assert sizes(model, "fcn_", "lstm_fcn_", "output") == {
        "lstm_fcn_1": (20, 32),  # the paper's dimension shuffle: the 20 values of a channel are one step
        "fcn_1_conv": (8 * 2, 128),
        "fcn_2_conv": (5 * 128, 256),
        "fcn_3_conv": (3 * 256, 128),
        "output": (8 + 128, 3),
    }
    order = [layer.name for layer in model.layers if layer.name.startswith("fcn_1")]
    assert order == ["fcn_1_conv", "fcn_1_norm", "fcn_1_relu"]
    assert model.get_layer("dropout_1").rate == 0.8
    assert model.get_layer("fcn_mean").output.shape == (None, 128)


def test_lstm_fcn_is_the_paper_step_by_step() -> None:
    """Compute the convolutional branch in NumPy."""
    import keras

    model = build(lstm_fcn(filters=[3], kernel_sizes=[3]), spec(), seed=0)
    branch = keras.Model(model.input, model.get_layer("fcn_mean").output)
    x = np.random.default_rng(2).normal(size=(2, 20, 2)).astype("float32")
    kernel, bias = model.get_layer("fcn_1_conv").get_weights()
    wide = np.pad(x, [(0, 0), (1, 1), (0, 0)])
    convolved = np.stack([wide[:, i : i + 3].reshape(2, -1) @ kernel + bias for i in range(20)], axis=1)
    normalized = convolved / np.sqrt(1 + model.get_layer("fcn_1_norm").epsilon)  # fresh: mean 0, variance 1
    np.testing.assert_allclose(branch(x), np.maximum(normalized, 0).mean(axis=1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("shuffle", "steps", "kernel"),
    [(None, 20, (20, 32)), (True, 20, (20, 32)), (False, 20, (2, 32)), (None, None, (2, 32)), (False, None, (2, 32))],
)
def test_the_lstm_reads_channels_as_steps_where_all_are_of_one_length(
    shuffle: bool | None, steps: int | None, kernel: tuple[int, int]
) -> None:
    model = build(lstm_fcn(dimension_shuffle=shuffle, filters=[2], kernel_sizes=[2]), spec(steps), seed=0)
    assert sizes(model, "lstm_fcn_1") == {"lstm_fcn_1": kernel}


def test_channels_as_steps_need_one_length() -> None:
    message = r"model\.dimension_shuffle: true given, but the sequences are of different length; use null or false"
    with pytest.raises(ConfigError, match=message):
        build(lstm_fcn(dimension_shuffle=True), spec(None), seed=0)


def test_a_kernel_size_for_each_convolution() -> None:
    problem = "kernel_sizes: 3 given for 2 filters; give one each"
    assert lstm_fcn(filters=[4, 4]).check() == [problem]
    assert lstm_fcn(filters=[4, 4], kernel_sizes=[3, 3]).check() == []


def test_cnn_lstm_convolves_shrinks_and_reads_in_order() -> None:
    settings = cnn_lstm(filters=[4, 6], kernel_size=3, pool_size=2, units=[5])
    model = build(settings, spec(), seed=0)
    assert sizes(model, "cnn_", "output") == {
        "cnn_1_conv": (3 * 2, 4),
        "cnn_2_conv": (3 * 4, 6),
        "cnn_lstm_1": (6, 20),
        "output": (5, 3),
    }
    assert model.get_layer("cnn_lstm_1").input.shape == (None, 5, 6)
    plain = build(cnn_lstm(batch_norm=False, pool_size=1, units=[5], filters=[4]), spec(), seed=0)
    assert not [layer.name for layer in plain.layers if "norm" in layer.name or "pool" in layer.name]


STEPWISE = "gru, lstm, min_gru, min_lstm, simple_rnn, slstm can"


@pytest.mark.parametrize("model", [cnn_lstm(), lstm_fcn()], ids=lambda model: model.name)
def test_one_output_per_step_is_not_what_they_give(model: Any) -> None:
    steps = TaskSpec("forecasting", {"past": InputSpec((None, 3))}, (2, 1), per_step=True)
    message = rf"model: {model.name} gives one output per sequence.*one per time step; {STEPWISE}"
    with pytest.raises(ConfigError, match=message):
        build(model, steps, seed=0)

    assert STEPWISE in check_spec(model, sine(layout="sequence").outline())[0]
    assert check_spec(model, sine().outline()) == []


@pytest.mark.parametrize(
    "model", [cnn_lstm(filters=[3]), lstm_fcn(filters=[3], kernel_sizes=[3])], ids=lambda m: m.name
)
def test_they_forecast_windows_too(model: Any) -> None:
    inputs = {"past": InputSpec((6, 3)), "future": InputSpec((2, 4))}
    built = build(model, TaskSpec("forecasting", inputs, (2, 1)), seed=0)
    assert built.output_shape == (None, 2, 1)
