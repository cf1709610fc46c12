"""An encoder-decoder forecasts several steps; texts are in tests/tasks/sequence_to_sequence/."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.build import build
from rnnexp.registry import lookup

PAST, FUTURE = InputSpec((6, 2)), InputSpec((3, 4))
CELLS = ["gru", "lstm", "min_gru", "min_lstm", "slstm"]
INPUTS = {
    "past": np.random.default_rng(0).normal(size=(5, 6, 2)).astype(np.float32),
    "future": np.random.default_rng(1).normal(size=(5, 3, 4)).astype(np.float32),
}


def network(future: bool = False, **settings: Any) -> Any:
    spec = TaskSpec("forecasting", {"past": PAST} | ({"future": FUTURE} if future else {}), (3, 2))
    return build(lookup("model", "encoder_decoder")(**{"units": [4], **settings}), spec, seed=0)


@pytest.mark.parametrize("attention", [None, "additive", "dot"])
@pytest.mark.parametrize("cell", CELLS)
def test_each_step_of_the_horizon_gets_its_own_forecast(cell: str, attention: str | None) -> None:
    found = np.asarray(network(cell=cell, attention=attention, units=[4, 3]).predict_on_batch(INPUTS["past"]))
    assert found.shape == (5, 3, 2)
    assert np.ptp(found, axis=1).min() > 1e-6
    assert np.ptp(found, axis=0).min() > 1e-6


def test_what_is_known_ahead_changes_the_steps_from_then_on() -> None:
    model = network(future=True)
    before = np.asarray(model.predict_on_batch(INPUTS))
    other = {**INPUTS, "future": INPUTS["future"].copy()}
    other["future"][:, 1] += 1
    after = np.asarray(model.predict_on_batch(other))
    np.testing.assert_allclose(after[:, 0], before[:, 0], atol=1e-6)
    assert np.abs(after[:, 1:] - before[:, 1:]).min() > 1e-6


def test_an_output_for_each_step_that_is_read_is_not_what_it_gives() -> None:
    with pytest.raises(
        ConfigError, match="encoder_decoder gives one output per sequence, but the data want one per time"
    ):
        rx.compose("data=sine", "data.layout=sequence", "model=encoder_decoder")


def test_a_run_forecasts_twelve_months() -> None:
    light = ("tracking=off", "tracking.figures=false", "tracking.log_model=false", "trainer.epochs=2")
    given = ("data=airline_passengers", "data.sequence_length=24", "data.horizon=12", "data.calendar=[month]")
    result = rx.run(
        rx.compose(*given, "model=encoder_decoder", "model.units=[4]", "model.attention=dot", *light), quiet=True
    )
    assert result.predictions.predicted.shape[1:] == (12, 1)
    assert result.forecast.shape == (1, 12, 1)


@pytest.mark.end_to_end
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("more", [{}, {"bidirectional": True}, {"attention": "additive"}, {"attention": "dot"}])
def test_the_decoder_may_be_of_another_size(cell: str, more: dict[str, Any]) -> None:
    sizes: tuple[dict[str, Any], ...] = ({}, {"decoder_units": [4, 6]}, {"decoder_units": [5, 3]})
    built = [network(cell=cell, units=[5, 3], **own, **more) for own in sizes]
    shapes = [[tuple(weight.shape) for weight in model.weights] for model in built]
    assert shapes[0] == shapes[2] != shapes[1]
    unlike = {layer.name: layer for layer in built[1].layers}
    assert (unlike["decoder_1"].units, unlike["decoder_2"].units, unlike["output"].kernel.shape[0]) == (4, 6, 6)
    assert unlike["bridge_1_h"].units == 4
    assert ("bridge_1_c" in unlike) == (cell == "lstm")
    assert built[1](INPUTS["past"]).shape == (5, 3, 2)


@pytest.mark.parametrize("cell", CELLS)
def test_the_decoder_starts_from_all_states_of_the_encoder(cell: str) -> None:
    import keras

    model = network(cell=cell)
    layers = {layer.name: layer for layer in model.layers}
    read = keras.Model(model.input, layers["encoder_1"].output).predict_on_batch(INPUTS["past"])
    _, *states = [np.asarray(value) for value in read]
    steps = np.repeat(states[0][:, None], 3, axis=1)
    expected = layers["output"](layers["decoder_1"](steps, initial_state=states)[0])
    found = model.predict_on_batch(INPUTS["past"])
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-5, atol=1e-6)
    anew = layers["output"](layers["decoder_1"](steps)[0])
    assert np.abs(found - np.asarray(anew)).max() > 1e-4


def test_a_bridge_to_an_slstm_hands_on_what_it_has_read_and_starts_its_memory_anew() -> None:
    model = network(cell="slstm", decoder_units=3)
    layers = {layer.name: layer for layer in model.layers}
    assert "bridge_1_h" in layers
    assert not any(f"bridge_1_{state}" in layers for state in "cnm")
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.normal(size=weight.shape))
    found = model.predict_on_batch(INPUTS["past"])
    assert np.isfinite(found).all()
    assert np.abs(found - found[:1]).max() > 1e-2


def test_a_decoder_of_another_depth_is_refused() -> None:
    settings = lookup("model", "encoder_decoder")
    assert settings(units=[4], decoder_units=3).check() == []
    assert settings(units=[4], decoder_units=[3, 3]).check() == [
        "decoder_units: 2 layers given, but units has 1; each starts from one of these"
    ]
