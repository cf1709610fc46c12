"""What the architectures of recurrent layers build: shapes, names, parameter counts, refusals."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from rnnexp import registry
from rnnexp.data.sources.synthetic import sine
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import layers, recurrent
from rnnexp.models.build import build

CELLS = ("simple_rnn", "lstm", "gru", "min_gru", "min_lstm", "slstm")
SHAPES = list(product(CELLS, ([4], [4, 3]), (False, True)))


def settings(cell: str, **values: Any) -> Any:
    return registry.lookup("model", cell)(**values)


def recurrent_count(cell: str, inputs: int, units: int) -> int:
    """Count the weights of one direction of one layer; Keras's GRU has two biases per gate."""
    gates, states, biases = {
        "simple_rnn": (1, 1, 1),
        "lstm": (4, 1, 1),
        "gru": (3, 1, 2),
        "min_gru": (2, 0, 1),
        "min_lstm": (3, 0, 1),
        "slstm": (4, 1, 1),
    }[cell]
    return gates * (inputs * units + states * units * units + biases * units)


@pytest.mark.parametrize(("cell", "units", "bidirectional"), SHAPES)
def test_outputs_have_the_shape_that_the_data_ask_for(
    cell: str, units: list[int], bidirectional: bool, spec: TaskSpec
) -> None:
    model = build(settings(cell, units=units, bidirectional=bidirectional), spec, seed=0)
    assert model(np.zeros((5, 6, 3), "float32")).shape == (5, 2, 1)


@pytest.mark.parametrize(("cell", "units", "bidirectional"), SHAPES)
def test_parameters_are_as_many_as_the_formula_says(
    cell: str, units: list[int], bidirectional: bool, spec: TaskSpec
) -> None:
    model = build(settings(cell, units=units, bidirectional=bidirectional), spec, seed=0)
    directions, inputs, expected = 1 + bidirectional, 3, 0
    for size in units:
        expected += directions * recurrent_count(cell, inputs, size)
        inputs = directions * size
    assert model.count_params() == expected + inputs * 2 + 2


@pytest.mark.parametrize("cell", CELLS)
def test_every_layer_has_a_name_of_its_own(cell: str, spec: TaskSpec) -> None:
    full = settings(cell, units=[4, 3], dropout=0.1, layer_norm=True, dense=[5])
    names = [layer.name for layer in build(full, spec, seed=0).layers]
    repeated = [layer.name for layer in build(full, spec, seed=0).layers]
    stack = [f"{kind}_{i}" for i in (1, 2) for kind in (cell, "layer_norm", "dropout")]
    assert names == ["past", *stack, "dense_1", "output", "output_shape"]
    assert names == repeated


def test_the_model_is_called_as_the_architecture(spec: TaskSpec) -> None:
    assert build(settings("gru"), spec, seed=0).name == "gru"


def test_one_size_may_be_given_without_brackets(spec: TaskSpec) -> None:
    bare, listed = (build(settings("lstm", units=units), spec, seed=0) for units in (5, [5]))
    assert bare.count_params() == listed.count_params()


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_gets_an_output_per_step(cell: str) -> None:
    per_step = TaskSpec("forecasting", {"past": InputSpec((None, 3))}, (2, 1), per_step=True)
    model = build(settings(cell, units=[4, 4]), per_step, seed=0)
    assert model(np.zeros((1, 9, 3), "float32")).shape == (1, 9, 2, 1)


@pytest.mark.parametrize("cell", CELLS)
def test_an_output_per_step_does_not_see_later_steps(cell: str) -> None:
    per_step = TaskSpec("forecasting", {"past": InputSpec((6, 3))}, (1, 1), per_step=True)
    model = build(settings(cell, units=[4, 4]), per_step, seed=0)
    x = np.random.default_rng(0).normal(size=(1, 6, 3)).astype("float32")
    changed = x.copy()
    changed[:, 4:] += 1
    before, after = np.asarray(model(x)), np.asarray(model(changed))
    assert np.array_equal(before[:, :4], after[:, :4])
    assert not np.array_equal(before[:, 4:], after[:, 4:])


def test_known_future_values_reach_the_output(spec: TaskSpec) -> None:
    inputs = {**spec.inputs, "future": InputSpec((2, 4))}
    model = build(settings("lstm", units=4), TaskSpec("forecasting", inputs, (2, 1)), seed=0)
    past = np.zeros((5, 6, 3), "float32")
    quiet, loud = (np.asarray(model({"past": past, "future": np.full((5, 2, 4), v, "float32")})) for v in (0, 1))
    assert quiet.shape == (5, 2, 1)
    assert not np.allclose(quiet, loud)


def test_classes_get_logits() -> None:
    classes = TaskSpec("classification", {"past": InputSpec((6, 3))}, (4,), "logits", classes=tuple("abcd"))
    outputs = np.asarray(build(settings("gru", units=5), classes, seed=0)(np.ones((7, 6, 3), "float32")))
    assert outputs.shape == (7, 4)
    assert outputs.min() < 0
    assert not np.allclose(outputs.sum(axis=-1), 1, atol=1e-2)


def test_classes_refuse_another_output_activation() -> None:
    classes = TaskSpec("classification", {"past": InputSpec((6, 3))}, (4,), "logits")
    with pytest.raises(ConfigError, match=r"model.output_activation: `relu` given; classes need logits: use null"):
        build(settings("gru", output_activation="relu"), classes, seed=0)


def test_reading_backwards_is_refused_where_each_step_is_predicted() -> None:
    per_step = TaskSpec("forecasting", {"past": InputSpec((6, 3))}, (1, 1), per_step=True)
    with pytest.raises(ConfigError, match=r"model.bidirectional: .* sees the future"):
        build(settings("lstm", bidirectional=True), per_step, seed=0)


@pytest.mark.parametrize(("layout", "problems"), [("sequence", 1), ("windows", 0)])
def test_the_same_is_found_before_any_data_is_read(layout: str, problems: int) -> None:
    data = sine(layout=layout)
    assert len(recurrent.check_spec(settings("lstm", bidirectional=True), data.outline())) == problems


@pytest.mark.parametrize("wrong", [0, -1, True, "64", 2.5, [], [4, 0], [4, "3"]])
def test_sizes_must_be_positive_whole_numbers(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="units"):
        settings("lstm", units=wrong)


@pytest.mark.parametrize("wrong", [{"dropout": 1.0}, {"l2": -0.1}, {"activation": "tahn"}, {"dropout": "0.1"}])
def test_values_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        settings("gru", **wrong)


def test_gates_are_not_offered_where_there_are_none() -> None:
    with pytest.raises(ValidationError, match="recurrent_activation"):
        settings("simple_rnn", recurrent_activation="sigmoid")


def test_every_offered_name_is_one_of_keras() -> None:
    import keras

    assert all(keras.activations.get(name) for name in get_args(recurrent.Activation))
    assert all(keras.initializers.get(name) for name in get_args(recurrent.Initializer))


def test_penalties_are_added_to_the_loss(spec: TaskSpec) -> None:
    model = build(settings("lstm", units=3, l2=0.5), spec, seed=0)
    kernel, state, _ = model.get_layer("lstm_1").get_weights()
    assert float(sum(model.losses)) == pytest.approx(0.5 * ((kernel**2).sum() + (state**2).sum()), rel=1e-5)
    assert build(settings("lstm", units=3), spec, seed=0).losses == []


def test_dropout_follows_the_seed(spec: TaskSpec) -> None:
    def outputs(seed: int) -> np.ndarray:
        model = build(settings("gru", units=8, dropout=0.5, kernel_initializer="ones"), spec, seed)
        return np.asarray(model(np.ones((4, 6, 3), "float32"), training=True))

    assert np.array_equal(outputs(1), outputs(1))
    assert not np.array_equal(outputs(1), outputs(2))


@pytest.mark.parametrize("cell", CELLS)
def test_a_model_can_learn_one_batch_by_heart(cell: str, spec: TaskSpec) -> None:
    import keras

    source = np.random.default_rng(0)
    x = source.normal(size=(8, 6, 3)).astype("float32")
    y = source.normal(size=(8, 2, 1)).astype("float32")
    model = build(settings(cell, units=16), spec, seed=0)
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    history = model.fit(x, y, batch_size=8, epochs=250, verbose=0).history["loss"]
    assert history[-1] < 0.02 * history[0]


def test_a_users_model_of_another_shape_is_refused(spec: TaskSpec) -> None:
    import keras

    @registry.register("model")
    def flat(spec: TaskSpec, units: int = 3):  # noqa: ANN202
        inputs = keras.Input(spec.inputs["past"].shape)
        return keras.Model(inputs, keras.layers.Dense(units)(keras.layers.Flatten()(inputs)))

    with pytest.raises(ConfigError, match=r"`flat` gives outputs of shape \(None, 3\); the data need \(None, 2, 1\)"):
        build(settings("flat"), spec, seed=0)


def test_a_users_model_without_weights_is_connected_to_the_data(spec: TaskSpec) -> None:
    import keras

    @registry.register("model")
    def unbuilt(spec: TaskSpec, end: int = 2):  # noqa: ANN202
        layers = keras.layers
        return keras.Sequential([layers.Flatten(), layers.Dense(end), layers.Reshape((end, 1))])

    assert build(settings("unbuilt"), spec, seed=0).count_params() == (6 * spec.inputs["past"].shape[-1] + 1) * 2
    with pytest.raises(ConfigError, match=r"`unbuilt` gives outputs of shape \(None, 3, 1\); the data need"):
        build(settings("unbuilt", end=3), spec, seed=0)


@pytest.mark.parametrize("cell", CELLS)
def test_patches_are_read_as_one_step_each(cell: str, spec: TaskSpec) -> None:
    model = build(settings(cell, units=[4], patch_size=2), spec, seed=0)
    assert model.get_layer("patches").output.shape == (None, 3, 2 * 3)
    assert model.count_params() == recurrent_count(cell, 2 * 3, 4) + 4 * 2 + 2


def test_a_patch_holds_neighboring_steps() -> None:
    window = np.arange(24.0, dtype="float32").reshape(1, 12, 2)
    import keras

    inputs = keras.Input((12, 2))
    cut = keras.Model(inputs, layers.cut_patches(inputs, 4))(window)
    assert np.array_equal(cut, window.reshape(1, 3, 8))
    assert layers.cut_patches(window, None) is window


def test_the_skip_is_a_linear_function_of_the_window(spec: TaskSpec) -> None:
    plain, skipping = (build(settings("gru", units=[4], skip_connection=skip), spec, seed=0) for skip in (False, True))
    assert skipping.count_params() == plain.count_params() + 6 * 3 * 2
    skipping.get_layer("output").set_weights([np.zeros((4, 2)), np.zeros(2)])
    weights = skipping.get_layer("skip").get_weights()[0]
    window = np.random.default_rng(0).normal(size=(5, 6, 3)).astype("float32")
    assert np.allclose(np.asarray(skipping(window)).reshape(5, 2), window.reshape(5, -1) @ weights, atol=1e-5)


def test_a_window_that_cannot_be_cut_is_refused(spec: TaskSpec) -> None:
    with pytest.raises(ConfigError, match=r"model.patch_size: 4 given; the 6 steps of data.sequence_length are no"):
        build(settings("gru", patch_size=4), spec, seed=0)


def test_whole_sequences_have_no_patches_and_no_skip() -> None:
    per_step = TaskSpec("forecasting", {"past": InputSpec((None, 3))}, (2, 1), per_step=True)
    with pytest.raises(ConfigError, match="model.patch_size: needs windows of one length") as caught:
        build(settings("gru", patch_size=2, skip_connection=True), per_step, seed=0)
    assert "model.skip_connection: needs windows of one length" in str(caught.value)


def test_a_skip_needs_a_linear_output(spec: TaskSpec) -> None:
    classes = TaskSpec("classification", {"past": InputSpec((6, 3))}, (4,), "logits")
    for given, activation in ((classes, None), (spec, "relu")):
        with pytest.raises(ConfigError, match="model.skip_connection: true given; it is added to a linear output"):
            build(settings("gru", skip_connection=True, output_activation=activation), given, seed=0)
    assert build(settings("gru", skip_connection=True, output_activation="linear"), spec, seed=0).get_layer("skip")
