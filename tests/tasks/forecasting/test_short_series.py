"""A short series among others: left out it counts nowhere, kept it takes no baseline from the others, and is named."""

from __future__ import annotations

from typing import Any

import given
import numpy as np
import pytest
from given import evaluate

from rnnexp.data.series import Series
from rnnexp.evaluation.report import Report
from rnnexp.tasks import load


class Last:
    """A stand-in for a network that repeats the last value."""

    def predict_on_batch(self, x: Any) -> np.ndarray:
        return np.asarray(x)[:, -1:, :1]


def seasonal(rows: int, level: float = 100, season: int = 12, seed: int = 0) -> np.ndarray:
    row = np.arange(rows)
    noise = np.random.default_rng(seed).normal(size=rows)
    return (level + 20 * np.sin(2 * np.pi * row / season) + noise)[:, None]


def dated(*tables: np.ndarray, starts: tuple[str, ...] = (), **fields: Any) -> Any:
    """Make a dataset of monthly series, which begin in 2000 unless `starts` say otherwise."""
    months = [
        (np.datetime64(start, "M") + np.arange(len(one))).astype("datetime64[ns]")
        for one, start in zip(tables, starts or ["2000-01"] * len(tables))
    ]
    offsets, ids = np.cumsum([0, *map(len, tables)]), tuple("ABCDEF"[: len(tables)])
    series = Series(np.concatenate(tables), ("y",), offsets, ids, time=np.concatenate(months), frequency="MS")
    return load(given.Given(given=series, **{"sequence_length": 3, **fields}))


def score(dataset: Any) -> Report:
    return evaluate(Last(), dataset, 64)


A, B = seasonal(80), seasonal(70, 300, seed=1)


@pytest.mark.parametrize("scaler", ["standard", ["log", "standard"], "last", "none"])
def test_scores_and_baselines_are_as_if_what_is_left_out_had_never_been_there(scaler: Any) -> None:
    never = dated(A, B, scaler=scaler)
    left_out = dated(A, B, np.full((3, 1), 1e6), scaler=scaler, on_short="skip")
    one, other = score(never), score(left_out)
    assert (one.metrics, one.skipped, one.notes) == (other.metrics, other.skipped, other.notes)
    assert "baseline/seasonal_naive/rmse" in other.metrics
    kept = score(dated(A, B, np.linspace(1, 1e6, 20)[:, None], scaler=scaler))
    assert kept.metrics["baseline/linear/rmse"] != one.metrics["baseline/linear/rmse"]


@pytest.mark.parametrize("rows", [6, 9, 14])
def test_a_short_series_that_is_kept_does_not_take_the_season_from_the_others(rows: int) -> None:
    alone, beside = score(dated(A, B)), score(dated(A, B, 50 + seasonal(rows)))
    assert {name for name in alone.baselines} == {name for name in beside.baselines}
    for name in ("seasonal_naive", "seasonal_growth"):
        of_others = alone.baselines[name].predicted
        assert np.array_equal(beside.baselines[name].predicted[: len(of_others)], of_others)
    persistence = beside.baselines["persistence"].predicted
    assert np.array_equal(
        beside.baselines["seasonal_growth"].predicted[len(of_others) :], persistence[len(of_others) :]
    )
    (note,) = [note for note in beside.notes if "baseline seasonal_growth" in note]
    assert note == (
        "the baseline seasonal_growth repeats the last value in 1 of 3 series, `C`, because it lacks a season before "
        "each forecast"
    )
    lags = [note for note in beside.notes if "the linear baseline sees 3 lags instead of a season and one, 13" in note]
    assert [note for note in lags if "in 1 of 3 series, `C`: " in note]
    assert alone.notes == []


def test_the_linear_baseline_of_the_others_sees_the_season() -> None:
    without = score(dated(A, B, season=None, sequence_length=3))
    beside = score(dated(A, B, seasonal(9)))
    others = slice(0, len(without.predictions.actual))
    errors = [
        float(np.abs(report.baselines["linear"].predicted - report.predictions.actual)[others].mean())
        for report in (without, beside)
    ]
    assert errors[1] == pytest.approx(errors[0], rel=0.2)
    plain = given.dataset(A, B, sequence_length=3)  # no dates, no season
    worse = score(plain)
    assert float(np.abs(worse.baselines["linear"].predicted - worse.predictions.actual).mean()) > 1.5 * errors[1]


def test_a_series_without_training_rows_takes_no_baseline_from_the_others() -> None:
    split = {"train": "2003-12", "val": "2004-12", "test": None}
    report = score(dated(A, B, seasonal(20), starts=("2000-01", "2000-01", "2004-06"), split=split))
    assert "linear" in report.baselines
    assert (
        "the baseline linear repeats the last value in 1 of 3 series, `C`, because it lacks training rows"
        in report.notes
    )


def test_the_series_is_named_whose_values_rule_out_growth() -> None:
    report = score(dated(A, B - 400, B))
    assert report.skipped["baseline/seasonal_growth"] == "values are not all above 0 in series `B`"
    assert "in series" not in score(dated(A - 400)).skipped["baseline/seasonal_growth"]


def test_naive2_names_the_series_whose_values_make_it_doubtful() -> None:
    split = {"train": None, "val": 0, "test": 1}
    report = score(dated(A, B - 400, split=split))
    (note,) = [note for note in report.notes if "naive2" in note]
    assert "divides by a moving average in 1 of 2 series, `B`, as the organizers' code does" in note
    assert "test/owa" in report.metrics
    assert not any("naive2" in note for note in score(dated(A, B, split=split)).notes)


def test_dates_that_have_a_season_are_not_said_to_have_none() -> None:
    report = score(dated(seasonal(25), seasonal(25)))
    assert report.skipped["baseline/seasonal_naive"] == (
        "no series has training rows for two seasons of 12; give data.season"
    )
    undated = score(given.dataset(given.noise(len(A)), sequence_length=3))
    assert undated.skipped["baseline/seasonal_naive"] == "no season is given or can be inferred"
