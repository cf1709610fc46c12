"""A metric of a user's own that gives no number costs its score, not what was trained, and that is said."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from rnnexp import register
from rnnexp.cli.summary import verdict
from rnnexp.data.dataset import Predictions
from rnnexp.evaluation.report import Report, Scores, Scoring

ACTUAL, PREDICTED = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.5, 5.0])
RETURNED = {
    "nothing": (lambda a, p: None, "it returned None, not one finite number"),
    "no number": (lambda a, p: float("nan"), "it returned nan, not one finite number"),
    "an infinite one": (lambda a, p: float("-inf"), "it returned -inf, not one"),
    "one of each example": (lambda a, p: abs(a - p), r"it returned array\(.*\), not one"),
    "a list": (lambda a, p: [1.0], r"it returned \[1.0\], not one"),
    "a text": (lambda a, p: "good", "ValueError: could not convert string to float: 'good'"),
    "an error": (lambda a, p: {}["x"], "KeyError: 'x'"),
}


def scored(compute: Any, *names: str) -> Report:
    @register("metric")
    def own_score(actual: Any, predicted: Any, unused: int = 1) -> Any:
        return compute(actual, predicted)

    scoring = Scoring(32, names)
    metrics = {f"test/{name}": value for name, value in scoring.extra(ACTUAL, PREDICTED).items()}
    return scoring.complete(Report(metrics, Predictions(PREDICTED, ACTUAL)), "forecasting")


@pytest.mark.parametrize(("compute", "reason"), RETURNED.values(), ids=RETURNED)
def test_what_is_no_number_is_left_out_with_its_reason(compute: Any, reason: str) -> None:
    report = scored(compute, "own_score", "mae")
    assert report.metrics == {}
    assert [*report.skipped] == ["own_score"]
    assert re.match(reason, report.skipped["own_score"])


def test_a_number_of_any_kind_is_a_score() -> None:
    for value in (0.5, 1, np.float32(0.5), np.array(0.5), True):
        report = scored(lambda a, p, value=value: value, "own_score")
        assert report.metrics == {"test/own_score": float(value)}
        assert report.skipped == {}


def test_a_report_that_computes_none_says_so() -> None:
    scoring = Scoring(32, ["mae"])
    assert scoring.complete(Report({}, Predictions(PREDICTED, ACTUAL)), "language_modeling").skipped == {}

    @register("metric")
    def own_score(actual: Any, predicted: Any) -> float:
        return 1.0

    asked = Scoring(32, ["own_score"]).complete(Report({}, Predictions(PREDICTED, ACTUAL)), "language_modeling")
    assert asked.skipped == {"own_score": "the report of language_modeling computes none of your own"}


def test_the_summary_has_a_metric_of_ones_own() -> None:
    report = scored(lambda actual, predicted: 0.25, "own_score")
    metrics = {**report.metrics, "test/rmse": 1.0, "skill/rmse": 0.5}
    told = "\n".join(verdict(Scores("gru", "forecasting", metrics, report, "test", "")))
    assert "also own_score 0.25" in told
    assert "mae_scaled" not in told
