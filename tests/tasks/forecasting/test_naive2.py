"""Naive2 and OWA: small series by hand, and the published figures of the M4 competition."""

from __future__ import annotations

from pathlib import Path

import given
import numpy as np
import pytest
from given import evaluate

from rnnexp import tasks
from rnnexp.data.sources.m4 import m4
from rnnexp.evaluation import metrics
from rnnexp.task import primary
from rnnexp.tasks import load
from rnnexp.tasks.forecasting import baselines, naive2, scales
from rnnexp.tasks.forecasting.baselines import Task

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


def as_in_r(values: list[float], season: int, horizon: int) -> list[float]:
    """Return Naive2 as R computes it: `decompose` of an even season by its filter, sums written out, and `na.rm`."""
    half, rows = season // 2, len(values)
    ratios: list[list[float]] = [[] for _ in range(season)]
    for row in range(half, rows - half):
        ends = (values[row - half] + values[row + half]) / 2
        trend = (ends + sum(values[row - half + 1 : row + half])) / season
        ratios[row % season] += [values[row] / trend] if trend else []
    means = [sum(own) / len(own) for own in ratios]
    figures = [mean / (sum(means) / season) for mean in means]
    seasonal = [figures[row % season] for row in range(rows)]
    ahead = (seasonal[-season:] * horizon)[:horizon]
    return [values[-1] / seasonal[-1] * factor for factor in ahead]


FLAWS = {
    "a zero": (10, 0.0),
    "a zero at the end": (-1, 0.0),
    "a negative value": (7, -2.0),
    "an outlier": (12, 6.0),
    "nothing": (0, 1.0),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_values_that_are_not_positive_are_taken_as_the_organizers_take_them(flaw: str) -> None:
    place, value = FLAWS[flaw]
    flawed = np.tile(WEEK, 12)
    flawed[place] = value
    assert naive2.seasonal(flawed, 4)
    both = task(np.tile(WEEK, 12), flawed, horizon=6)
    found = naive2.naive2(both)[:, :, 0]
    assert found[1] == pytest.approx(as_in_r(flawed.tolist(), 4, 6), rel=1e-12)
    assert np.array_equal(found[0], naive2.naive2(task(np.tile(WEEK, 12), horizon=6))[0, :, 0])
    assert naive2.find_doubtful(both).tolist() == [False, bool(value <= 0)]


@pytest.mark.parametrize(
    "values",
    [np.tile([1.0, -1.0, 0.0, 0.0], 6), np.tile([3.0, 1.0, 2.0, 0.0], 6), np.tile([0.0, 0.0, 5.0, 0.0], 6)],
    ids=["no trend", "no last value", "one value a season"],
)
def test_a_season_that_divides_by_0_repeats_the_last_value(values: np.ndarray) -> None:
    assert naive2.seasonal(values, 4)
    assert np.array_equal(naive2.naive2(task(values))[0, :, 0], np.repeat(values[-1], 4))


@pytest.mark.parametrize("flaw", ["zero", "negative", "constant", "all zero"])
def test_one_flawed_series_takes_owa_from_none(flaw: str) -> None:
    tables = [np.tile(WEEK, 8)[:, None] + 0.1 * given.noise(32, seed=seed) for seed in (1, 2, 3)]
    if flaw in ("zero", "negative"):
        tables[0][5] = -1.0 if flaw == "negative" else 0.0
    else:
        tables[0][:] = 7.0 if flaw == "constant" else 0.0
    split = {"train": None, "val": 0, "test": 4}
    dataset = given.dataset(*tables, sequence_length=4, horizon=4, season=4, split=split)
    model = type("Repeating", (), {"predict_on_batch": lambda _, x: np.repeat(x[:, -1:], 4, axis=1)})()
    report = evaluate(model, dataset, 8)
    assert {"naive2", "linear", "seasonal_naive"} <= set(report.baselines)
    assert {"test/owa", "baseline/naive2/owa", "skill/owa"} <= set(report.metrics)
    said = "naive2 divides by a moving average" if flaw in ("zero", "negative") else "MASE leaves out"
    assert any(said in note and "1 of 3 series" in note and "`s0`" in note for note in report.notes)


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
    dataset = load(m4(group=group, root=str(shared_data), stride=50))
    horizon, season = dataset.spec.output_shape[0], dataset.season
    truth = dataset.restore("test", np.zeros((len(dataset.parts["test"]), horizon, 1), "float32"))
    scale, series = scales.mase_scale(dataset, truth), scales.series_of(dataset, truth)
    ours = Task(dataset.history.values, truth.origins, dataset.history.offsets[series], horizon, season)
    makers = baselines.SIMPLE | {"naive2": naive2.naive2}
    for name in (name for one, name in PUBLISHED if one == group):
        forecast = makers[name](ours)
        found = metrics.smape(truth.actual, forecast), metrics.mase(truth.actual, forecast, scale, series)
        assert tuple(round(value, 3) for value in found) == PUBLISHED[group, name]
