"""Naive2 and OWA: small series by hand, and the published figures of the M4 competition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import given
import numpy as np
import pytest
from given import evaluate

from rnnexp import tasks
from rnnexp.data.sources.m4 import m4
from rnnexp.data.splits import Split
from rnnexp.evaluation import metrics
from rnnexp.task import primary
from rnnexp.tasks import load
from rnnexp.tasks.forecasting import baselines, naive2, scales
from rnnexp.tasks.forecasting.baselines import Task, Undefined

WEEK = np.array([1.0, 2.0, 4.0, 1.0])


def task(*series: np.ndarray, horizon: int = 4, season: int | None = 4) -> Task:
    ends = np.cumsum([len(one) for one in series])
    firsts = np.array([0, *ends[:-1]])
    return Task(np.concatenate(series)[:, None], ends - 1, firsts, horizon, season)


def test_a_season_is_found_and_repeated() -> None:
    forecast = naive2.naive2(task(np.tile(WEEK, 6), np.tile(WEEK, 6)[:-1]))
    assert np.allclose(forecast[0, :, 0], WEEK)
    assert np.allclose(forecast[1, :, 0], np.roll(WEEK, 1))


def test_an_odd_season_is_repeated_as_well() -> None:
    assert np.allclose(naive2.naive2(task(np.tile(WEEK[:3], 8), season=3))[0, :, 0], [1, 2, 4, 1])


def test_without_a_season_the_last_value_is_repeated() -> None:
    noise = np.random.default_rng(0).random(48) + 1
    for series, season in ((noise, 4), (np.tile(WEEK, 2), 4), (np.tile(WEEK, 6), None), (np.ones(24), 4)):
        assert np.array_equal(naive2.naive2(task(series, season=season))[0, :, 0], np.repeat(series[-1], 4))


def test_a_season_of_values_that_are_not_positive_is_left_out() -> None:
    with pytest.raises(Undefined, match="not all above 0"):
        naive2.naive2(task(np.tile(WEEK - 1, 6)))


def test_it_applies_to_several_series_with_a_forecast_each() -> None:
    one, two = task(WEEK), task(WEEK, WEEK)
    rolling = Task(two.values, np.array([2, 3, 6, 7]), np.array([0, 0, 4, 4]), 1)
    assert [naive2.applies(each.firsts) for each in (one, two, rolling)] == [False, True, False]


def test_owa_is_the_mean_of_two_ratios() -> None:
    scores = {"smape": 10.0, "mase": 1.5}
    assert naive2.owa(scores, {"smape": 20.0, "mase": 1.0}) == 1.0
    assert naive2.owa(scores, {"smape": 20.0, "mase": 0.0}) is None


def test_a_model_of_many_series_is_judged_by_owa() -> None:
    tables = [given.noise(30, seed=seed) + 20 for seed in (1, 2)]
    dataset = given.dataset(*tables, sequence_length=4, horizon=2, season=4, split={"train": None, "val": 0, "test": 2})

    class Repeating:
        def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
            return np.repeat(x[:, -1:], 2, axis=1)

    report = evaluate(Repeating(), dataset, 8)
    found = report.metrics
    bases = {name: found[f"baseline/{name}/owa"] for name in report.baselines}
    assert report.best_baseline == min(bases, key=bases.__getitem__)
    assert found["skill/owa"] == 1 - found["test/owa"] / min(bases.values())
    assert found["test/owa"] == pytest.approx(found["baseline/persistence/owa"], rel=1e-5)
    assert found["baseline/naive2/owa"] == 1.0
    assert tasks.of("forecasting").primary_metric(dataset) == "owa" == primary(found, "test")
    rolling = given.dataset(*tables, sequence_length=4, horizon=1, season=4)
    one_step = type("One", (), {"predict_on_batch": lambda _, x: x[:, -1:]})()
    scored = evaluate(one_step, rolling, 8).metrics
    assert "test/owa" not in scored
    assert tasks.of("forecasting").primary_metric(rolling) == "rmse" == primary(scored, "test")


PUBLISHED = {  # sMAPE and MASE of Makridakis et al., 2020; the seasonal naive forecast of weeks is the naive one
    ("Hourly", "naive2"): (18.383, 2.395),
    ("Hourly", "seasonal_naive"): (13.912, 1.193),
    ("Weekly", "naive2"): (9.161, 2.777),
    ("Weekly", "persistence"): (9.161, 2.777),
}


@pytest.mark.parametrize("group", ["Hourly", "Weekly"])
def test_the_published_figures_of_m4_are_met_to_every_digit(group: str, shared_data: Path) -> None:
    horizon, season = {"Hourly": (48, 24), "Weekly": (13, None)}[group]
    split: Any = Split(train=None, val=0, test=horizon)  # type: ignore[call-arg]
    source = m4(group=group, root=str(shared_data), horizon=horizon, season=season, split=split, stride=50)
    dataset = load(source)
    truth = dataset.restore("test", np.zeros((len(dataset.parts["test"]), horizon, 1), "float32"))
    scale, series = scales.mase_scale(dataset, truth), scales.series_of(dataset, truth)
    ours = Task(dataset.history.values, truth.origins, dataset.history.offsets[series], horizon, season)
    makers = baselines.SIMPLE | {"naive2": naive2.naive2}
    for name in (name for one, name in PUBLISHED if one == group):
        forecast = makers[name](ours)
        found = metrics.smape(truth.actual, forecast), metrics.mase(truth.actual, forecast, scale, series)
        assert tuple(round(value, 3) for value in found) == PUBLISHED[group, name]
