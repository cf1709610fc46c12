"""Targets of a regression are standardized by the training examples alone, and come back in their own units."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given import evaluate

from rnnexp import compose, tasks
from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.data.target_scaling import TargetScaling
from rnnexp.errors import ConfigError, RnnexpError
from rnnexp.tasks import check_leakage
from rnnexp.training.monitor import is_scaled, list_metrics

X = np.random.default_rng(0).normal(size=(60, 4, 1)).astype(np.float32)
SUMS = X.sum(axis=1)
HOURS = 625 + 236 * SUMS


class Sums:
    """Answers with what was learned: standardized sums."""

    def __init__(self, scaling: TargetScaling) -> None:
        self.scaling = scaling

    def predict_on_batch(self, x: Any) -> np.ndarray:
        return self.scaling.scale(625 + 236 * np.asarray(x).sum(axis=1))


def load(y: np.ndarray, *words: str) -> Any:
    np.savez("sums.npz", x=X, y=y)
    return tasks.load(compose("data=npz", "data.path=sums.npz", "data.task=regression", *words).data)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_network_learns_standardized_numbers_whatever_their_unit() -> None:
    near, far = load(SUMS, "data.target_scaler=standard"), load(HOURS, "data.target_scaler=standard")
    train = far.parts["train"]
    learned = train.arrays["y"][train.indices]
    assert [learned.mean(), learned.std()] == pytest.approx([0, 1], abs=1e-5)
    np.testing.assert_allclose(far.parts["train"].arrays["y"], near.parts["train"].arrays["y"], atol=1e-4)
    raw = load(HOURS)
    assert raw.parts["train"].arrays["y"] is raw.unscaled
    for part in ("train", "val", "test"):
        np.testing.assert_array_equal(far.truth(part), raw.truth(part))


def test_scores_predictions_and_baselines_are_in_the_units_of_the_data() -> None:
    dataset = load(HOURS, "data.target_scaler=standard")
    report = evaluate(Sums(dataset.pipeline.targets), dataset, 8)
    np.testing.assert_allclose(report.predictions.predicted[:, 0], dataset.truth("test"), rtol=1e-5)
    np.testing.assert_array_equal(report.predictions.actual[:, 0], dataset.truth("test"))
    assert report.metrics["test/rmse"] < 1e-3
    assert report.metrics["baseline/mean/rmse"] == pytest.approx(dataset.truth("test").std(), rel=0.1)
    unscaled = evaluate(Sums(dataset.pipeline.targets), load(HOURS), 8)
    assert unscaled.metrics["test/rmse"] > 500


def test_each_target_and_each_quantile_of_it_is_scaled_by_its_own_numbers() -> None:
    two = np.concatenate([HOURS, SUMS], axis=1)
    dataset = load(two, "data.target_scaler=standard")
    scaling = dataset.pipeline.targets
    np.testing.assert_allclose(scaling.restore(scaling.scale(two)), two, rtol=1e-4, atol=1e-4)
    dataset = replace(dataset, spec=dataset.spec.with_quantiles((0.1, 0.5, 0.9)))
    beside = scaling.scale(two)[..., None] + np.array([-1, 0, 1])
    part = dataset.parts["test"].indices
    found = dataset.restore("test", beside.reshape(60, 6)[part])
    np.testing.assert_allclose(found.predicted[:, 0], two[part], rtol=1e-4, atol=1e-4)
    width = found.quantiles[..., 2] - found.quantiles[..., 1]
    np.testing.assert_allclose(width[:, 0], np.tile(scaling.deviation, (len(part), 1)), rtol=1e-4)
    assert dataset.pipeline.mismatch(dataset.spec) == ""


def test_a_constant_target_is_divided_by_1() -> None:
    assert load(np.full((60, 1), 7.0), "data.target_scaler=standard").pipeline.targets == TargetScaling((7.0,), (1.0,))


def test_the_scaler_has_seen_the_training_examples_alone() -> None:
    dataset = load(HOURS, "data.target_scaler=standard")
    assert check_leakage(dataset) == []
    seen = TargetScaling((float(HOURS.mean()),), (float(HOURS.std()),))
    leaked = replace(dataset, pipeline=replace(dataset.pipeline, targets=seen))
    assert check_leakage(leaked) == ["the scaler of the targets was not fitted on the training examples alone"]


def test_what_was_fitted_is_kept_and_refused_when_it_is_damaged() -> None:
    dataset = load(HOURS, "data.target_scaler=standard")
    saved = json.loads(json.dumps(dataset.scaling))
    assert SequencePipeline.from_json(saved) == dataset.pipeline
    for damage in ({"mean": [1.0], "deviation": [0.0]}, {"mean": [], "deviation": []}, {"mean": ["x"]}):
        with pytest.raises(RnnexpError, match="damaged"):
            SequencePipeline.from_json({**saved, "targets": damage})
    two = {**saved, "targets": {"mean": [1.0, 2.0], "deviation": [1.0, 1.0]}}
    assert "gives other numbers" in SequencePipeline.from_json(two).mismatch(dataset.spec)


def test_a_model_of_before_has_no_scaling_and_reads_as_it_was_written() -> None:
    dataset = load(HOURS)
    assert "targets" not in dataset.scaling
    assert SequencePipeline.from_json(json.loads(json.dumps(dataset.scaling))).targets is None


def test_labels_are_not_scaled() -> None:
    with pytest.raises(ConfigError, match=r"data.target_scaler: given, but these data have no numbers to predict"):
        compose("data=npz", "data.path=sums.npz", "data.task=classification", "data.target_scaler=standard")


def test_metrics_of_an_epoch_say_that_they_are_of_scaled_targets() -> None:
    assert not is_scaled({"target_scaler": "none"})
    scaled = {"data": {"target_scaler": "standard"}, "model": {}, "trainer": {}}
    assert "val/mae_scaled" in list_metrics(["mae"], True, scaled)


def test_data_that_are_not_scaled_are_known_by_the_same_digest_as_before() -> None:
    plain, scaled = load(HOURS), load(HOURS, "data.target_scaler=standard")
    written = load(HOURS, "data.target_scaler=none")
    assert plain.summary.digest == written.summary.digest != scaled.summary.digest
