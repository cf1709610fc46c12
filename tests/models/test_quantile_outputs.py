"""A network of several quantiles: its loss is the known one, and no quantile crosses another, by construction."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from rnnexp import registry
from rnnexp.config.compose import compose
from rnnexp.data.quantiles import split_quantiles
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.build import build_network

LEVELS = (0.1, 0.25, 0.5, 0.9)
PAST = {"past": InputSpec((6, 2))}
SPECS = {
    "one target": TaskSpec("forecasting", PAST, (1, 1)),
    "several steps and targets": TaskSpec("forecasting", PAST, (3, 2)),
    "whole sequences": TaskSpec("forecasting", {"past": InputSpec((None, 2))}, (3, 2), per_step=True),
    "numbers of sequences": TaskSpec("regression", PAST, (2,)),
    "known ahead": TaskSpec("forecasting", {**PAST, "future": InputSpec((3, 1))}, (3, 2)),
}
STEPWISE = ("simple_rnn", "lstm", "gru", "min_gru", "min_lstm", "slstm")
MODELS = (*STEPWISE, "cnn_lstm", "lstm_fcn", "encoder_decoder")


def outputs(name: str, spec: TaskSpec) -> np.ndarray:
    """Return what a network with large weights says of random inputs."""
    model = build_network(registry.lookup("model", name)(), spec, 0)
    generator = np.random.default_rng(0)
    for variable in model.variables:
        drawn = generator.normal(size=variable.shape)
        variable.assign(np.abs(drawn) if "variance" in variable.path else drawn)
    shapes = {key: (8, *(size or 6 for size in one.shape)) for key, one in spec.inputs.items()}
    x = {key: generator.normal(size=shape).astype("float32") for key, shape in shapes.items()}
    return np.asarray(model.predict_on_batch(x if len(x) > 1 else x["past"]))


def builds(name: str, spec: TaskSpec) -> bool:
    fitting = not spec.per_step or name in STEPWISE
    return fitting and (name != "encoder_decoder" or len(spec.output_shape) > 1)


CASES = [(name, kind) for name in MODELS for kind, spec in SPECS.items() if builds(name, spec)]


@pytest.mark.end_to_end
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_no_quantile_crosses_another_whatever_the_weights(name: str, kind: str) -> None:
    spec = SPECS[kind].with_quantiles(LEVELS)
    rising = np.diff(split_quantiles(outputs(name, spec), LEVELS), axis=-1)
    assert rising.min() >= 0
    assert rising.max() > 0


def test_outputs_that_are_no_quantiles_cross() -> None:
    spec = SPECS["several steps and targets"]
    plain = TaskSpec(**{**vars(spec), "output_shape": (3, 2 * len(LEVELS))})
    assert np.diff(split_quantiles(outputs("gru", plain), LEVELS), axis=-1).min() < 0


def test_the_loss_of_several_quantiles_is_the_mean_of_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(3)
    true, predicted = generator.normal(size=(5, 3, 2)), generator.normal(size=(5, 3, 8))
    loss = registry.lookup("loss", "quantile")(quantiles=list(LEVELS)).build()
    each = np.moveaxis(split_quantiles(predicted, LEVELS), -1, 0)
    expected = [mean_pinball_loss(true.ravel(), one.ravel(), alpha=level) for level, one in zip(LEVELS, each)]
    found = float(loss(true.astype("float32"), predicted.astype("float32")))
    assert found == pytest.approx(np.mean(expected), rel=1e-5)
    assert found != pytest.approx(np.mean(expected[:3]), rel=1e-2)


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "a lone one": (("loss.quantiles=[0.5]",), "loss.quantiles: [0.5] given; give two or more shares between 0 and 1"),
    "no median": (("loss.quantiles=[0.1,0.9]",), "0.5 must be among them: the median is the forecast"),
    "no numbers": (("loss.quantiles=[low,0.5]",), "loss.quantiles.0: 'low' given; must be a valid number"),
    "one and several": (
        ("loss.quantiles=[0.1,0.5]", "loss.quantile=0.9"),
        "loss.quantile: 0.9 given beside loss.quantiles; leave one of them out",
    ),
    "steps fed back": (
        ("loss.quantiles=[0.1,0.5]", "data.strategy=recursive", "data.horizon=3"),
        "data.strategy: recursive feeds forecasts back, and loss.quantiles are of each step by itself; use direct",
    ),
    "steps that are added up": (
        ("loss.quantiles=[0.1,0.5]", "data.scaler=[standard,seasonal_difference]", "data.horizon=3"),
        "data.scaler: `seasonal_difference` adds up the steps of data.horizon=3, and loss.quantiles",
    ),
    "a metric of one number": (
        ("loss.quantiles=[0.1,0.5]", "metrics=[mae]"),
        "metrics: Keras cannot compute `mae` of several quantiles while training; the report at the end has mse, ",
    ),
    "classes": (
        ("data=text_lines", "data.path=none.txt", "loss.quantiles=[0.1,0.5]"),
        "loss.quantiles: given, but this task asks for no numbers that there are quantiles of; leave it out",
    ),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED)
def test_what_goes_with_no_quantiles_is_refused_before_any_data_are_read(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        compose("data=sine", "loss=quantile", *words)


@pytest.mark.parametrize(
    "words", [("data.scaler=difference", "data.horizon=1"), ("data.scaler=[standard,last]", "data.horizon=3")]
)
def test_differences_of_one_step_and_windows_from_their_last_value_have_quantiles(words: tuple[str, ...]) -> None:
    made: Any = compose("data=sine", "loss=quantile", "loss.quantiles=[0.1,0.5]", *words)
    assert made.loss.quantiles == [0.1, 0.5]
