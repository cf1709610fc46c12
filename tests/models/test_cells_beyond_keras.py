"""min_gru, min_lstm and slstm do all that an LSTM does here: every task, sweeps in one program, saved models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.errors import ConfigError
from rnnexp.models import bundle
from rnnexp.registry import lookup
from tests.kills.combinations import DATA, write_data
from tests.runner.test_vectorized_runs import losses, together

NEW = ("min_gru", "min_lstm", "slstm")
LAYERS = {"min_gru": "MinGRU", "min_lstm": "MinLSTM", "slstm": "SLSTM"}
LIGHT = ("tracking=off", "tracking.figures=false", "trainer.epochs=1")
# One of each cell and of each task always, all of them in the long run.
OFTEN = {("min_gru", "sequence_to_sequence"), ("min_lstm", "tagging"), ("slstm", "language_modeling")}
ALL = [
    pytest.param(cell, task, marks=() if (cell, task) in OFTEN else pytest.mark.end_to_end)
    for cell in NEW
    for task in DATA
]


def words(cell: str, task: str) -> tuple[str, ...]:
    model = (f"model={cell}",) if task != "sequence_to_sequence" else ("model=encoder_decoder", f"model.cell={cell}")
    return (*DATA[task], *model, *LIGHT)


@pytest.mark.end_to_end
@pytest.mark.parametrize(("cell", "task"), ALL)
def test_every_task_is_trained_scored_and_read_back(cell: str, task: str, tmp_path: Path) -> None:
    write_data(tmp_path)
    result = rx.run(rx.compose(*words(cell, task)), quiet=True)
    assert np.isfinite(result.history.epochs[-1]["train/loss"])
    assert any(name.startswith("test/") for name in result.metrics)
    (saved,) = result.run_dir.rglob("weights.npz")
    loaded = bundle.load(saved.parent)
    assert {weight.path for weight in loaded.model.weights} == set(np.load(saved).files)


@pytest.mark.parametrize(
    "settings",
    [
        ("model=min_gru", "model.dropout=0.3", "model.recurrent_dropout=0.2", "model.bidirectional=true"),
        pytest.param(("model=min_lstm", "model.l2=0.001", "model.units=[4, 3]"), marks=pytest.mark.end_to_end),
        pytest.param(("model=slstm", "model.recurrent_dropout=0.2"), marks=pytest.mark.end_to_end),
    ],
    ids=lambda settings: settings[0],
)
@pytest.mark.end_to_end
def test_a_vectorized_group_trains_each_as_it_would_have_been_alone(settings: tuple[str, ...], tmp_path: Path) -> None:
    sine = ("data.points=60", "data.seed=0", "model.units=[4]", *LIGHT, "trainer.epochs=3", "trainer.batch_size=full")
    rates = ("model.recurrent_dropout=0.1",) if "model.recurrent_dropout=0.2" in settings else ()
    experiments = [rx.compose(*sine, *settings, "seed=0"), rx.compose(*sine, *settings, *rates, "seed=1")]
    ended = together(experiments, tmp_path)
    for number, experiment in enumerate(experiments):
        np.testing.assert_allclose(losses(ended[number]), losses(rx.run(experiment, quiet=True)), rtol=1e-5)
    assert not np.allclose(losses(ended[0]), losses(ended[1]), rtol=1e-3)


@pytest.mark.parametrize("cell", ["min_gru", "min_lstm"])
def test_an_initializer_of_weights_that_are_not_there_is_refused(cell: str) -> None:
    with pytest.raises(ConfigError, match=f"recurrent_initializer: zeros given; {cell} has no weights of its state"):
        rx.compose(f"model={cell}", "model.recurrent_initializer=zeros")
    assert rx.compose("model=slstm", "model.recurrent_initializer=zeros").model.recurrent_initializer == "zeros"


@pytest.mark.parametrize(
    "cell", [pytest.param(cell, marks=() if cell == "min_gru" else pytest.mark.end_to_end) for cell in NEW]
)
def test_the_keras_file_is_read_by_a_program_that_knows_the_layers(
    cell: str, tmp_path: Path, spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from rnnexp.models.build import build
    from rnnexp.models.exporters import keras as keras_file

    settings = lookup("model", cell)(units=[3, 2], bidirectional=True)
    model = build(settings, spec, seed=0)
    keras_file.keras().write(tmp_path / "model.keras", bundle.Bundle(model, spec, {}, settings))
    x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    expected = np.asarray(model(x))
    np.testing.assert_allclose(keras_file.keras().load(tmp_path / "model.keras")(x), expected, atol=1e-6)
    monkeypatch.delitem(keras.saving.get_custom_objects(), f"rnnexp>{LAYERS[cell]}")
    with pytest.raises(TypeError, match=f"Could not locate class '{LAYERS[cell]}'"):
        keras.saving.load_model(tmp_path / "model.keras")
