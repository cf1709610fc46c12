"""Why a network lost: a line for each cause that is sure, with the override to try, and none where nothing is."""

from __future__ import annotations

from types import SimpleNamespace

import given
import numpy as np
import pytest
from test_evaluate import LAST, Answer

from rnnexp import tasks
from rnnexp.data.dataset import Predictions
from rnnexp.data.sources.airline_passengers import airline_passengers
from rnnexp.evaluation.diagnosis import DIAGNOSIS, explain_defeat
from rnnexp.evaluation.report import Report
from rnnexp.tasks import load
from rnnexp.training.plan import History

EPOCHS = np.arange(50)
PLAIN = SimpleNamespace(dropout=0.0)
LOST = Report({"test/rmse": 2.0, "skill/rmse": -1.0}, Predictions(*np.zeros((2, 1, 1, 1))), beats_baseline=False)
FLAT = 0.1 + 0 * EPOCHS


def history(train: np.ndarray, val: np.ndarray | None = None, stopped: str | None = None) -> History:
    rows = [{"train/loss": float(loss)} for loss in train]
    rows = rows if val is None else [{**row, "val/loss": float(loss)} for row, loss in zip(rows, val)]
    return History(rows, len(rows), "val/loss", stopped, 1.0)


def why(trained: History, report: Report = LOST, causes=(), steps: int = 10, model=PLAIN) -> str | None:
    return explain_defeat(report, "test", trained, steps, (causes, model)).tags.get(DIAGNOSIS)


def causes_of(model: Answer, dataset) -> list[str]:
    report = given.evaluate(model, dataset, 32)
    return [cause.code for cause in tasks.of("forecasting").find_causes(dataset, report)]


FALLING = np.exp(-EPOCHS / 20)
NOISY = 0.1 + 0.01 * np.random.default_rng(0).random(50)


@pytest.mark.parametrize("curves", [(FALLING,), (FALLING, FALLING + 0.01), (FALLING[::8][:2],), (FALLING[:1],)])
def test_a_loss_that_still_falls_at_the_last_epoch_is_of_too_little_training(curves) -> None:
    assert why(history(*curves)) == "under_trained"


@pytest.mark.parametrize("epochs", [1, 2, 3, 9])
def test_a_training_of_few_steps_is_too_little_even_where_its_loss_has_hardly_fallen(epochs: int) -> None:
    slow = 1 - EPOCHS[:epochs] / 1000
    assert why(history(slow)) == "under_trained"
    assert explain_defeat(LOST, "test", history(slow), 10, ((), PLAIN)).why.endswith("; try trainer.epochs=50")
    assert why(history(slow), steps=100) is None
    assert why(history(2 - slow)) is None or epochs == 1


@pytest.mark.parametrize("curves", [(FLAT,), (NOISY,), (0.1 + np.exp(-EPOCHS),), (FALLING, FLAT)])
def test_a_loss_that_has_settled_is_not(curves) -> None:
    assert why(history(*curves)) is None


def test_a_training_that_was_stopped_is_not() -> None:
    assert why(history(FALLING, stopped="early_stopping")) is None


def test_what_is_learned_by_heart_is_told_with_an_override() -> None:
    trained = history(0.01 + np.exp(-EPOCHS / 5), 0.5 + np.abs(EPOCHS - 8) / 20)
    assert why(trained) == "overfit"
    assert explain_defeat(LOST, "test", trained, 10, ((), PLAIN)).why.endswith("; try model.dropout=0.3")
    assert why(trained, model=SimpleNamespace(dropout=0.5)) is None


def test_a_validation_loss_that_is_higher_but_does_not_rise_is_not_taken_for_it() -> None:
    assert why(history(FLAT, 5 * FLAT)) is None


def test_a_network_that_wins_or_ties_gets_no_line() -> None:
    for skill, beats in ((0.2, True), (0.0, False)):
        report = Report({"test/rmse": 1.0, "skill/rmse": skill}, LOST.predictions, beats_baseline=beats)
        assert why(history(FALLING), report) is None


def test_a_window_shorter_than_the_season_is_told() -> None:
    assert causes_of(LAST, load(airline_passengers(sequence_length=3, scaler=["log", "difference"]))) == [
        "short_window"
    ]
    seasons = np.tile(np.sin(np.arange(8) * np.pi / 4), 20)[:, None] + 0.01 * given.noise(160)
    assert causes_of(LAST, given.dataset(seasons, sequence_length=3, season=8)) == ["short_window"]


def test_a_window_that_holds_the_season_or_a_season_that_tells_nothing_is_not() -> None:
    seasons = np.tile(np.sin(np.arange(8) * np.pi / 4), 20)[:, None]
    assert causes_of(LAST, given.dataset(seasons, sequence_length=8, season=8)) == []
    walk = np.cumsum(given.noise(160), axis=0)
    assert causes_of(LAST, given.dataset(walk, sequence_length=3, season=8)) == []


def step(scaler: list[str]):
    values = given.noise(120)
    values[90:] += 10
    return given.dataset(values, sequence_length=3, scaler=scaler, split={"train": 80, "val": 8, "test": 32})


def test_a_level_that_training_has_not_seen_is_told_where_forecasts_do_not_follow() -> None:
    stays = Answer(lambda x: np.zeros((len(x), 1, 1), np.float32))
    assert causes_of(stays, step(["standard"])) == ["level_shift"]
    assert causes_of(LAST, step(["standard"])) == []
    assert causes_of(stays, step(["standard", "last"])) == []
    even = given.dataset(given.noise(120), sequence_length=3)
    assert causes_of(stays, even) == []
