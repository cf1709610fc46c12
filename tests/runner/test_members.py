"""An ensemble is one run with one model: its score stands beside those of its members."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import rnnexp as rx
from rnnexp.cli.summary import summary
from rnnexp.config.identity import config_hash
from rnnexp.models.averaging import list_members
from rnnexp.models.bundle import load
from rnnexp.runner.assembly import evaluate
from rnnexp.runner.program_key import make_program_key
from rnnexp.tracking.pyfunc import _load_pyfunc

SMALL = ("model=simple_rnn", "model.units=[4]", "trainer.epochs=4", "tracking=off", "tracking.figures=false")
AIRLINE = ("data=airline_passengers", "data.scaler=[log,standard]", *SMALL)
MEMBERS = 3


@pytest.fixture(scope="module")
def airline(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return an ensemble whose forecasts come back from logarithms."""
    return rx.run(*AIRLINE, ensemble=MEMBERS, run_dir=tmp_path_factory.mktemp("airline"), quiet=True)


def predict_alone(run: Any) -> tuple[list[float], np.ndarray]:
    """Return the RMSE of each member, and what each predicts, (members, examples, horizon, targets)."""
    model = load(run.run_dir / "model").model
    reports = [evaluate(member, run.dataset, run.experiment) for member in list_members(model)]
    return [one.metrics["test/rmse"] for one in reports], np.stack([one.predictions.predicted for one in reports])


def test_the_score_is_that_of_the_mean_in_original_units(airline: Any) -> None:
    scores, predicted = predict_alone(airline)
    np.testing.assert_allclose(airline.predictions.predicted, predicted.mean(axis=0), rtol=1e-5)
    geometric = np.exp(np.log(predicted).mean(axis=0))
    assert np.abs(airline.predictions.predicted / geometric - 1).max() > 1e-4, "logarithms were averaged"
    error = np.sqrt(np.mean((predicted.mean(axis=0) - airline.predictions.actual) ** 2))
    assert airline.metrics["test/rmse"] == pytest.approx(error, rel=1e-5)
    assert airline.metrics["test/rmse"] < np.mean(scores) * (1 - 1e-4), "scores were averaged"


def test_its_members_stand_beside_it(airline: Any) -> None:
    scores, _ = predict_alone(airline)
    assert airline.metrics["members/rmse"] == pytest.approx(np.mean(scores))
    assert airline.metrics["members/deviation/rmse"] == pytest.approx(np.std(scores, ddof=1))
    assert len(set(scores)) == MEMBERS
    table = airline.report.tables["members"]
    assert [*table["seed"]] == [0, 10_000, 20_000]
    assert [*table["rmse"]] == pytest.approx(scores)
    assert "skill/rmse" in airline.metrics
    assert "members/skill/rmse" in airline.metrics
    said = "\n".join(summary(airline))
    assert f"the answer is the mean of {MEMBERS} networks; each alone has RMSE {np.mean(scores):.5g} ±" in said
    assert f"{MEMBERS} networks, weights of epoch" in said


def test_a_saved_one_is_scored_and_predicts_as_it_was_reported(airline: Any) -> None:
    loaded = rx.load(airline)
    again = loaded.evaluate()
    assert again.metrics["test/rmse"] == pytest.approx(airline.metrics["test/rmse"], rel=1e-6)
    forecast = float(airline.forecast[0, 0, 0])
    rows = airline.dataset.pipeline.rows_needed
    known = airline.dataset.history.values[-rows:, 0]
    column = airline.dataset.spec.targets[0]
    given = pandas.DataFrame({column: known, "time": airline.dataset.history.time[-rows:]})
    for predictor in (loaded, _load_pyfunc(str(airline.run_dir / "model"))):
        assert float(predictor.predict(given)[column].iloc[0]) == pytest.approx(forecast, rel=1e-6)


@pytest.mark.end_to_end
def test_classes_are_scored_by_mean_probabilities(tmp_path: Path) -> None:
    run = rx.run("data=random", *SMALL, ensemble=2, run_dir=tmp_path, quiet=True)
    _, predicted = predict_alone(run)
    np.testing.assert_allclose(run.predictions.predicted, predicted.mean(axis=0), atol=1e-6)


def test_an_ensemble_of_one_is_the_run_that_it_was() -> None:
    known = rx.compose(*AIRLINE), rx.compose(*AIRLINE, "ensemble=1"), rx.compose(*AIRLINE, "ensemble=2")
    assert known[0] == known[1] != known[2]
    assert config_hash(known[0]) == config_hash(known[1]) != config_hash(known[2])
    assert make_program_key(known[0]) is not None
    assert make_program_key(known[2]) is None, "it is a program already"
