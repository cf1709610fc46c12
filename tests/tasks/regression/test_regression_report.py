"""Numbers that are predicted for whole sequences: scored beside the mean of the training part, and drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from given import evaluate

from rnnexp import tasks
from rnnexp.data.source import SequenceSource
from rnnexp.data.sources.synthetic import adding
from rnnexp.errors import DivergedError
from rnnexp.registry import settings
from rnnexp.tasks import check_leakage, figures, load
from rnnexp.training.plan import History


@settings
class Sums(SequenceSource):
    """Two numbers for each sequence, its sum and a hundred times its first step."""

    name: str = "sums"

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        x = np.random.default_rng(0).normal(size=(50, 4, 1))
        return x, np.stack([x.sum(axis=(1, 2)), 100 * x[:, 0, 0]], axis=1)


class Network:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        return self.answer(np.asarray(x))


MARKED = Network(lambda x: (x[..., 0] * x[..., 1]).sum(axis=1, keepdims=True))


def test_the_right_sums_are_exact_and_beat_the_mean() -> None:
    dataset = load(adding(examples=40, sequence_length=6))
    report = evaluate(MARKED, dataset, 8)
    assert report.metrics["test/rmse"] == pytest.approx(0, abs=1e-6)
    assert report.metrics["skill/rmse"] == pytest.approx(1, abs=1e-5)
    assert (report.best_baseline, report.beats_baseline) == ("summary", True)
    assert set(report.baselines) == {"mean", "summary"}
    assert check_leakage(dataset) == []


def test_errors_are_those_counted_by_hand() -> None:
    dataset = load(adding(examples=40, sequence_length=6))
    off = evaluate(Network(lambda x: MARKED.answer(x) + np.float32(0.25)), dataset, 8).metrics
    assert [off[f"test/{name}"] for name in ("mse", "rmse", "mae")] == pytest.approx([0.0625, 0.25, 0.25], rel=1e-5)


def test_several_targets_are_headed_by_errors_in_their_own_deviations() -> None:
    several, one = load(Sums(task="regression")), load(adding(examples=40, sequence_length=6))
    code = tasks.of(several.spec.task)
    assert (code.primary_metric(several), code.primary_metric(one)) == ("nrmse", "rmse")
    train = several.parts["train"]
    deviation = np.asarray(train.arrays["y"])[train.indices].std(axis=0)
    assert deviation[1] > 40 * deviation[0]

    def off(x: np.ndarray) -> np.ndarray:
        exact = np.stack([x.sum(axis=(1, 2)), 100 * x[:, 0, 0]], axis=1)
        return (exact + 0.5 * deviation).astype(np.float32)

    assert evaluate(Network(off), several, 8).metrics["test/nrmse"] == pytest.approx(0.5, rel=0.02)


def test_targets_far_from_one_are_told_where_the_network_is_worse_than_their_mean() -> None:
    dataset = load(Sums(task="regression"))
    nothing = Network(lambda x: np.full((len(x), 2), 300, np.float32))
    assert any("targets are not scaled" in note for note in evaluate(nothing, dataset, 8).notes)
    exact = Network(lambda x: np.stack([x.sum(axis=(1, 2)), 100 * x[:, 0, 0]], axis=1).astype(np.float32))
    assert not any("not scaled" in note for note in evaluate(exact, dataset, 8).notes)
    near = evaluate(
        Network(lambda x: MARKED.answer(x) + np.float32(9)), load(adding(examples=40, sequence_length=6)), 8
    )
    assert not any("not scaled" in note for note in near.notes)


def test_an_answer_that_is_no_number_has_diverged() -> None:
    dataset = load(adding(examples=40, sequence_length=6))
    with pytest.raises(DivergedError, match="predictions are not finite; lower optimizer.learning_rate"):
        evaluate(Network(lambda x: np.full((len(x), 1), np.nan, np.float32)), dataset, 8)


def test_predictions_are_drawn_against_what_they_should_be() -> None:
    dataset = load(adding(examples=40, sequence_length=6))
    drawn = dict(figures(dataset, History([], 0, "val/loss", None, 0.0), evaluate(MARKED, dataset, 8)))
    assert list(drawn) == ["prediction", "residuals"]
    _, examples = drawn["prediction"].axes[0].lines
    np.testing.assert_allclose(examples.get_xdata(), examples.get_ydata(), atol=1e-6)
    assert len(examples.get_xdata()) == len(dataset.parts["test"].indices)


def test_several_quantiles_of_a_number_are_scored_beside_those_of_the_training_part() -> None:
    levels = (0.1, 0.5, 0.9)
    data = load(Sums(task="regression"))
    data = replace(data, spec=data.spec.with_quantiles(levels))

    def answer(x: np.ndarray) -> np.ndarray:
        sums = np.stack([x.sum(axis=(1, 2)), 100 * x[:, 0, 0]], axis=-1)
        return (sums[..., None] + np.array([-1.0, 0.0, 1.0])).reshape(-1, 6)

    report, train = evaluate(Network(answer), data, 8), data.parts["train"]
    assert report.predictions.quantiles is not None
    assert report.predictions.quantiles[:, 0, :, 2] == pytest.approx(report.predictions.predicted[:, 0] + 1, rel=1e-5)
    assert report.metrics["test/pinball"] == pytest.approx((0.1 + 0.0 + 0.1) / 3, rel=1e-4)
    expected = np.quantile(train.arrays["y"][train.indices], levels, axis=0).T
    base = report.baselines["mean"].quantiles
    assert base is not None
    assert base[3, 0] == pytest.approx(expected, rel=1e-6)
    assert report.best_baseline == "summary"
    best = report.metrics["baseline/summary/pinball"]
    assert best < 0.1 * report.metrics["baseline/mean/pinball"]
    assert report.metrics["skill/pinball"] == pytest.approx(1 - report.metrics["test/pinball"] / best)
    spread = report.baselines["summary"].quantiles
    assert spread is not None
    assert (np.diff(spread, axis=-1) > 0).all()
    assert tasks.of("regression").primary_metric(data) == "pinball"
    assert dict(figures(data, History([], 0, "val/loss", None, 0.0), report))["prediction"].axes
