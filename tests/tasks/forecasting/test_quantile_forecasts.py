"""Forecasts of several quantiles: scored in original units beside baselines that have quantiles, too, and drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import given
import numpy as np
import pandas
import pytest
from given import evaluate
from scipy.stats import binom
from sklearn.metrics import mean_pinball_loss

import rnnexp as rx
from rnnexp import tasks
from rnnexp.cli.summary import verdict
from rnnexp.evaluation.report import Report, Scores
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.training.plan import History

LEVELS = (0.1, 0.5, 0.8)
OFFSETS = np.array([-1.0, 0.0, 0.5], "float32")


class Network:
    """Stands in for a network: quantiles at fixed distances from a share of the last value of each target."""

    def __init__(self, dataset: SeriesDataset) -> None:
        self.plan = dataset.pipeline.plan

    def predict_on_batch(self, x: Any) -> np.ndarray:
        last = 0.9 * np.asarray(x)[:, -1:, : self.plan.targets, None] + OFFSETS
        return np.repeat(last.reshape(len(last), 1, -1), self.plan.horizon, axis=1)


def of_quantiles(dataset: SeriesDataset) -> SeriesDataset:
    return replace(dataset, spec=dataset.spec.with_quantiles(LEVELS))


def dataset(*tables: np.ndarray, **settings: Any) -> SeriesDataset:
    usual = {"target": ["a", "b"], "horizon": 2, "season": 4}
    return of_quantiles(given.dataset(*tables, sequence_length=4, **{**usual, **settings}))


def waves(rows: int = 160, size: float = 1.0, seed: int = 0) -> np.ndarray:
    noise = 0.2 * np.random.default_rng(seed).normal(size=(rows, 2))
    return size * (3 + np.sin(np.arange(rows) * np.pi / 2)[:, None] + noise)


def scored(data: SeriesDataset) -> Report:
    return evaluate(Network(data), data, 64)


SCALERS: dict[str, dict[str, Any]] = {
    "as they are": {"scaler": "none"},
    "standardized": {"scaler": "standard"},
    "logarithms": {"scaler": ["log", "standard"]},
    "from the last value": {"scaler": ["standard", "last"]},
    "windows by themselves": {"scaler": ["instance"]},
    "differences of one step": {"scaler": ["difference", "standard"], "horizon": 1},
}


@pytest.mark.parametrize("settings", SCALERS.values(), ids=SCALERS)
def test_quantiles_are_scored_in_original_units_as_scikit_learn_does(settings: dict[str, Any]) -> None:
    report = scored(dataset(waves(), **settings))
    found, actual = report.predictions.quantiles, report.predictions.actual
    assert found is not None
    assert np.diff(found, axis=-1).min() > 0
    assert found[..., 1] == pytest.approx(report.predictions.predicted, rel=1e-12)
    each = [mean_pinball_loss(actual.ravel(), found[..., i].ravel(), alpha=level) for i, level in enumerate(LEVELS)]
    assert report.metrics["test/pinball"] == pytest.approx(np.mean(each), rel=1e-9)
    assert report.tables["quantiles"]["model pinball"].tolist() == pytest.approx(each, rel=1e-9)
    inside = (found[..., 0] <= actual) & (actual <= found[..., -1])
    assert report.metrics["test/coverage_70"] == pytest.approx(inside.mean())


def test_the_seasonal_naive_baseline_is_spread_by_the_quantiles_of_what_it_was_off_by_in_training() -> None:
    data = dataset(waves())
    report, values = scored(data), data.history.values
    trained = [row for row in range(4, 4 + 160) if row + 2 < data.borders["train"][0, 1]]
    errors = np.stack([[values[row + step] - values[row + step - 4] for step in (1, 2)] for row in trained])
    expected = report.baselines["seasonal_naive"].predicted[..., None] + np.moveaxis(
        np.quantile(errors, LEVELS, axis=0), 0, -1
    )
    assert report.baselines["seasonal_naive"].quantiles == pytest.approx(expected, rel=1e-12)
    loss = report.metrics["baseline/seasonal_naive/pinball"]
    assert loss < report.metrics["baseline/persistence/pinball"]
    best = min(report.metrics[f"baseline/{name}/pinball"] for name in report.baselines)
    assert report.metrics["skill/pinball"] == pytest.approx(1 - report.metrics["test/pinball"] / best)


def test_series_of_unlike_size_have_quantiles_of_their_own_errors() -> None:
    small, large = waves(seed=1), waves(size=100.0, seed=2)
    together = scored(dataset(small, large, per_series=True)).baselines["persistence"].quantiles
    alone = scored(dataset(large, per_series=True)).baselines["persistence"].quantiles
    assert together is not None
    assert alone is not None
    assert together[-len(alone) :] == pytest.approx(alone, rel=1e-9)
    spread = together[..., -1] - together[..., 0]
    assert spread[-1].min() > 20 * spread[0].max()


def test_without_a_training_part_the_baselines_have_no_quantiles_and_none_is_called_the_best() -> None:
    data = replace(dataset(waves()), parts={"test": dataset(waves()).parts["test"]}, reference=None)
    report = scored(data)
    assert report.skipped["baseline/persistence/pinball"] == "these data have no training set"
    assert (report.best_baseline, report.beats_baseline) == (None, None)
    assert "skill/pinball" not in report.metrics


def test_the_pinball_loss_heads_the_summary_and_quantiles_stand_in_tables_and_pictures() -> None:
    data = dataset(waves())
    report, code = scored(data), tasks.of("forecasting")
    assert code.primary_metric(data) == "pinball"
    assert code.primary_metric(given.dataset(waves(), target=["a", "b"])) == "nrmse"
    lines = list(verdict(Scores("gru", "forecasting", report.metrics, report, "test", "")))
    assert any("between q10 and q80 lie" in line and "which are to be 70.0%" in line for line in lines)
    assert any(
        line.startswith("  left out: prediction intervals of 90 % (the network gives quantiles") for line in lines
    )
    rows = code.rows(data, report)
    assert [name for name in rows if str(name).startswith("q")] == ["q10", "q80"]
    assert np.diff(rows[["q10", "predicted", "q80"]], axis=1).min() > 0
    pictures = dict(tasks.figures(data, History([], 0, "val/loss", None, 0.0), report))
    named = pictures["prediction"].axes[0].get_legend_handles_labels()[1]
    assert "q10 to q80" in named


def test_quantiles_of_held_out_rows_hold_what_they_promise_within_chance(tmp_path: Path) -> None:
    """Noise whose size a column says that is known ahead."""
    generator, levels, train, test = np.random.default_rng(0), (0.1, 0.5, 0.9), 1500, 1200
    size = generator.choice([1.0, 3.0], size=train + 300 + test)
    pandas.DataFrame({"y": size * generator.normal(size=len(size)), "size": size}).to_csv(tmp_path / "y.csv")
    data = (f"data.path={tmp_path / 'y.csv'}", "data.target=y", "data.known=[size]", "data.sequence_length=2")
    split = f"data.split={{train: {train}, val: 300, test: {test}}}"
    words = (
        "loss=quantile",
        f"loss.quantiles={list(levels)}",
        "model=simple_rnn",
        "model.units=[2]",
        "model.dense=[8]",
    )
    quick = ("model.dense=[8]", "trainer.epochs=60", "trainer.batch_size=128", "optimizer.learning_rate=0.01")
    alone = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")
    result = rx.run(rx.compose("data=csv", *data, split, *words, *quick, *alone), tmp_path / "run", quiet=True)
    below = result.report.tables["quantiles"]["share_below"]
    independent = round(1 / (1 / train + 1 / test))  # quantiles of the training part are off by chance, too
    for level, share in zip(levels, below):
        assert 1e-3 < binom.cdf(round(share * independent), independent, level) < 1 - 1e-3
    assert not 1e-3 < binom.cdf(round(below[2] * independent), independent, 0.8) < 1 - 1e-3
    assert result.predictions.quantiles is not None
    wide = np.ptp(result.predictions.quantiles[:, 0, 0], axis=-1)
    large = size[-test:] == 3.0
    assert 2 < wide[large].mean() / wide[~large].mean() < 4
    assert result.metrics["skill/pinball"] > 0.02
