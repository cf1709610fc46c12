"""The linear function beside the recurrent layers, fitted before they are trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import runner
from rnnexp.data.ridge import flatten_inputs
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import bundle
from rnnexp.models.build import build, find_given_weights
from rnnexp.models.inference import predict

FITTED = (
    *("data=sine", "data.sequence_length=6", "data.horizon=2", "model=gru"),
    *("model.units=[3]", "model.skip_connection=ridge", "trainer.epochs=2", "tracking=off"),
)
QUANTILES = ("loss=quantile", "loss.quantiles=[0.1,0.5,0.9]")


def compose(*words: str) -> Any:
    return rx.compose(*FITTED, *words)


def first_network(experiment: Any, dataset: Any) -> Any:
    return build(experiment.model, dataset.spec, 0, find_given_weights(experiment.model, dataset))


def forecast(model: Any, dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return what a network forecasts of the test part, (n, horizon, quantiles), and what the regression does."""
    part = dataset.parts["test"]
    x, y, _ = dataset.batch(part.arrays, part.indices)
    kernel, intercept = dataset.ridge
    return predict(model, x).reshape(*y.shape[:2], -1), (flatten_inputs(x) @ kernel + intercept)[..., None]


@pytest.mark.parametrize(
    "words", [(), QUANTILES, ("data=airline_passengers", "data.calendar=[month]")], ids=["plain", "quantiles", "dates"]
)
def test_an_untrained_network_forecasts_what_the_regression_does(words: tuple[str, ...]) -> None:
    experiment = compose(*words)
    dataset = runner.load_data(experiment)
    found, expected = forecast(first_network(experiment, dataset), dataset)
    assert found.shape[-1] == max(1, len(dataset.spec.quantiles))
    assert np.allclose(found, expected, atol=1e-4)
    trained = compose(*words, "model.skip_connection=true")
    assert not np.allclose(forecast(first_network(trained, dataset), dataset)[0], expected, atol=1e-2)


@pytest.mark.end_to_end
def test_training_changes_the_network_and_leaves_the_regression(tmp_path: Path) -> None:
    rx.run(compose(), run_dir=tmp_path, quiet=True)
    model, (kernel, intercept) = bundle.load(tmp_path / "model").model, runner.load_data(compose()).ridge
    assert np.array_equal(model.get_layer("skip").kernel, kernel)
    assert np.array_equal(model.get_layer("skip").bias, intercept)
    assert np.asarray(model.get_layer("output").kernel).any()


def test_each_part_of_an_average_adds_to_the_same_regression() -> None:
    experiment = compose("ensemble=2")
    dataset = runner.load_data(experiment)
    model = runner.build_model(experiment, dataset, runner.configure_runtime(experiment, None))
    found, expected = forecast(model, dataset)
    assert np.allclose(found, expected, atol=1e-4)


def test_too_many_inputs_are_refused_with_their_number() -> None:
    wide = TaskSpec("forecasting", {"past": InputSpec((1001, 3))}, (2, 1))
    with pytest.raises(ConfigError, match="model.skip_connection: ridge given; a regression on 3,003 inputs takes too"):
        build(compose().model, wide, seed=0)
    assert build(replace(compose().model, skip_connection=True), wide, seed=0).get_layer("skip")


def test_classes_have_no_linear_path() -> None:
    classes = TaskSpec("classification", {"past": InputSpec((6, 3))}, (4,), "logits")
    with pytest.raises(ConfigError, match="model.skip_connection: ridge given; it is added to a linear output"):
        build(compose().model, classes, seed=0)


def test_a_layer_of_another_name_does_not_lose_what_the_data_give() -> None:
    experiment = compose("model.skip_connection=true")
    given = {"elsewhere/kernel": np.zeros((2, 2))}
    with pytest.raises(ConfigError, match="model: it has no weights elsewhere/kernel, which the data give"):
        build(experiment.model, runner.load_data(experiment).spec, 0, given)
