"""Noise, dropped steps and dropped bands are there in training and at no other time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.architectures.cnn_lstm import cnn_lstm
from rnnexp.models.architectures.gru import gru
from rnnexp.models.augmentation import drop_bands

ONES = np.ones((64, 9, 7), np.float32)


def augmented(**settings: Any) -> Any:
    """Return what the layers read of ones, in training and else."""
    import keras

    keras.utils.set_random_seed(0)
    past = keras.Input((None, 7))
    model = keras.Model(past, gru(**settings).augment(past))
    return np.asarray(model(ONES, training=True)), np.asarray(model(ONES, training=False))


@pytest.mark.parametrize("settings", [{"input_noise": 0.3}, {"step_dropout": 0.4}, {"band_dropout": 0.4}])
def test_inputs_are_changed_in_training_alone(settings: dict[str, float]) -> None:
    trained, served = augmented(**settings)
    assert np.array_equal(served, ONES)
    assert not np.array_equal(trained, ONES)


def test_noise_has_its_deviation() -> None:
    trained, _ = augmented(input_noise=0.3)
    assert (trained - ONES).std() == pytest.approx(0.3, abs=0.01)


def test_whole_steps_are_dropped() -> None:
    gone = augmented(step_dropout=0.4)[0] == 0
    assert np.array_equal(gone.any(axis=2), gone.all(axis=2))
    assert gone.all(axis=2).mean() == pytest.approx(0.4, abs=0.05)
    assert not gone.all(axis=1).any()


def test_bands_of_neighboring_channels_are_dropped_at_all_steps() -> None:
    gone = augmented(band_dropout=0.4, band_width=3)[0] == 0
    assert np.array_equal(gone.any(axis=1), gone.all(axis=1))
    bands = gone.all(axis=1)
    assert np.array_equal(bands[:, 0], bands[:, 2])
    assert np.array_equal(bands[:, 3], bands[:, 5])
    assert not np.array_equal(bands[:, 2], bands[:, 3])
    assert bands.mean() == pytest.approx(0.4, abs=0.1)


def test_what_is_left_keeps_its_place_and_the_mean() -> None:
    import keras

    past = keras.Input((9, 7))
    model = keras.Model(past, drop_bands(past, 0.5, 2))
    values = np.arange(64 * 9 * 7, dtype=np.float32).reshape(64, 9, 7)
    trained = np.asarray(model(values, training=True))
    assert np.array_equal(trained[trained != 0], 2 * values[trained != 0])
    assert model.output_shape == (None, 9, 7)


def test_every_part_of_a_network_reads_the_changed_inputs_and_plain_keras_layers_make_them() -> None:
    spec = TaskSpec("classification", {"past": InputSpec((9, 7))}, (2,), "logits", classes=("a", "b"))
    model = cnn_lstm(units=3, filters=[2], input_noise=0.1, step_dropout=0.1, band_dropout=0.1).build(spec)
    names = [layer.name for layer in model.layers]
    assert names.index("input_noise") < names.index("step_dropout") < names.index("band_dropout")
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    plain = [layer.name for layer in cnn_lstm(units=3, filters=[2]).build(spec).layers]
    assert not {"input_noise", "step_dropout", "band_dropout"} & set(plain)


def test_tokens_have_no_noise() -> None:
    spec = TaskSpec(
        "classification", {"past": InputSpec((9,), "int32", vocabulary=5)}, (2,), "logits", classes=("a", "b")
    )
    with pytest.raises(ConfigError, match="model.input_noise: is for numbers; for tokens there are model.word_dropout"):
        gru(input_noise=0.1).build(spec)


def test_the_same_seed_has_the_same_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("data=adding", "data.examples=40", "data.sequence_length=8", "model=gru", "model.units=[3]")
    words = (*words, "tracking=off", "tracking.figures=false", "trainer.epochs=2")
    own = ("model.input_noise=0.1", "model.step_dropout=0.2", "model.band_dropout=0.2", "model.band_width=1")
    one, other = (rx.run(rx.compose(*words, *own), quiet=True) for _ in range(2))
    assert one.metrics["test/rmse"] == other.metrics["test/rmse"]
    plain = rx.run(rx.compose(*words), quiet=True)
    assert plain.metrics["test/rmse"] != one.metrics["test/rmse"]
