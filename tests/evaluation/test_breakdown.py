"""What one number hides: scores of each series, target and class, the worst mistakes, and intervals that are narrow."""

from __future__ import annotations

import given
import numpy as np
import pandas
import pytest
from test_evaluate import LAST, Answer, Signs

from rnnexp import tasks
from rnnexp.cli.summary import headline, verdict
from rnnexp.data.dataset import Predictions
from rnnexp.evaluation import breakdown
from rnnexp.evaluation.report import Report, Scores
from rnnexp.tasks import load
from rnnexp.tasks.forecasting.bands import _narrow, count_independent


def scores_of(dataset, report: Report, unit: str = "kWh", source=None) -> Scores:
    return Scores("net", dataset.spec.task, report.metrics, report, dataset.scored, unit, source)


def said(dataset, report: Report, **more) -> str:
    scores = scores_of(dataset, report, **more)
    return "\n".join([headline(scores, "the test set"), *verdict(scores)])


def two_shops(targets: int = 1):
    return given.dataset(
        given.noise(60, targets), 100 * given.noise(60, targets, 1), sequence_length=4, target=list("ab"[:targets])
    )


@pytest.mark.parametrize("targets", [1, 2])
def test_each_series_and_target_has_its_own_score_and_its_own_best_baseline(targets: int) -> None:
    dataset = two_shops(targets)
    report = given.evaluate(LAST if targets == 1 else Answer(lambda x: x[:, -1:]), dataset, 16)
    table, model = report.tables["scores"], report.predictions
    series = dataset.history.series_of(model.origins)
    assert list(zip(table["series"], table["target"])) == [(s, t) for s in ("s0", "s1") for t in "ab"[:targets]]
    for place, row in table.iterrows():
        own, target = series == place // targets, place % targets
        error = (model.predicted - model.actual)[own][..., target]
        assert (row["rmse"], row["mae"]) == pytest.approx((np.sqrt(np.mean(error**2)), np.mean(np.abs(error))))
        best = report.baselines[row["best_baseline"]]
        beside = np.sqrt(np.mean((best.predicted - best.actual)[own][..., target] ** 2))
        assert (row["baseline_rmse"], row["skill"]) == pytest.approx((beside, 1 - row["rmse"] / beside))
        assert row["examples"] == own.sum()
    assert table["rmse"].max() > 20 * table["rmse"].min()


def test_one_series_with_one_target_needs_no_such_table() -> None:
    report = given.evaluate(LAST, given.dataset(given.noise(60), sequence_length=4), 16)
    assert "scores" not in report.tables
    assert len(report.tables["worst"])


def test_a_score_over_several_series_says_so_and_names_each() -> None:
    dataset = two_shops()
    text = said(dataset, given.evaluate(LAST, dataset, 16))
    assert "RMSE in kWh on the test set" in text
    assert "2 series together" in text
    assert "RMSE by series:" in text
    assert all(f"\n    {name} " in text for name in ("s0", "s1"))


def test_errors_of_targets_with_units_of_their_own_are_no_number_with_a_unit() -> None:
    dataset = given.dataset(given.noise(90, 2) * [1, 300], sequence_length=4, target=["a", "b"])
    text = said(dataset, given.evaluate(Answer(lambda x: x[:, -1:]), dataset, 16))
    assert "kWh" not in text
    assert text.startswith("NRMSE (RMSE over the deviation of the training set")
    assert "RMSE by target:" in text


def test_columns_that_are_series_have_no_unit_in_common() -> None:
    fields = {"sequence_length": 4, "target": ["a", "b"], "columns_as_series": True}
    dataset = given.dataset(given.noise(90, 2) * [1, 300], **fields)
    text = said(dataset, given.evaluate(LAST, dataset, 16), source=given.Given(given=None, **fields))
    assert "kWh" not in text
    assert "2 series together, each in its own unit" in text


def test_of_many_series_the_worst_and_the_best_are_shown() -> None:
    dataset = given.dataset(*(given.noise(40, seed=seed) for seed in range(9)), sequence_length=3)
    report = given.evaluate(LAST, dataset, 16)
    lines = list(breakdown.say_scores(report.tables["scores"]))
    assert lines[0] == "  RMSE by series, the 3 worst and 2 best of 9:"
    order = report.tables["scores"].sort_values("skill")["series"].tolist()
    assert [line.split()[0] for line in lines[1:]] == order[:3] + order[-2:]


def test_the_largest_errors_are_named_once_with_their_series() -> None:
    dataset = given.dataset(given.noise(60), given.noise(60, seed=1), sequence_length=4, horizon=3)
    dataset.table[115, 0] += 50  # a day of the second series, in the test part
    report = given.evaluate(Answer(lambda x: np.repeat(x[:, -1:, :1], 3, axis=1)), dataset, 16)
    worst = report.tables["worst"]
    assert (worst["series"][0], worst["time"][0]) == ("s1", 115)
    assert not worst.duplicated(["series", "time", "target"]).any()
    assert worst["error"].abs().is_monotonic_decreasing
    assert np.allclose(worst["predicted"] - worst["actual"], worst["error"])


def test_the_series_is_named_where_all_of_the_largest_errors_are_of_one() -> None:
    dataset = given.dataset(100 * given.noise(200), given.noise(200, seed=1), sequence_length=4)
    tables = given.evaluate(LAST, dataset, 16).tables
    assert set(tables["worst"]["series"]) == {"s0"}
    assert all(", s0: " in line for line in list(breakdown.say_largest_errors(tables))[1:])
    alone = given.dataset(given.noise(200), sequence_length=4)
    assert not any(", s0: " in line for line in breakdown.say_largest_errors(given.evaluate(LAST, alone, 16).tables))


def test_errors_of_several_targets_are_ranked_by_the_deviation_of_each() -> None:
    actual = np.stack([given.noise(50)[:, 0], 1000 * given.noise(50, seed=1)[:, 0]], axis=1)[:, None]
    predicted = actual.copy()
    predicted[7, 0, 0] += 9
    predicted[3, 0, 1] += 500
    found = breakdown.rank_errors(Predictions(predicted, actual), ("a", "b"), lambda e, s: {}, np.arange(50)[:, None])
    assert (found["example"][0], found["target"][0]) == (7, "a")


def test_what_is_written_of_each_value_has_its_error_and_the_names_of_the_user() -> None:
    dataset = two_shops()
    dataset = given.replace_names(dataset, series="shop", time="Day")
    frame = tasks.of("forecasting").rows(dataset, given.evaluate(LAST, dataset, 16))
    assert list(frame)[:7] == ["example", "shop", "Day", "step", "target", "actual", "predicted"]
    assert np.allclose(frame["error"], frame["predicted"] - frame["actual"])


def test_classes_that_are_unbalanced_are_scored_by_macro_f1_beside_the_accuracy() -> None:
    dataset = load(Signs(task="classification"))
    right = Answer(lambda x: 9 * np.stack([-x.mean(axis=(1, 2)), -abs(x.mean(axis=(1, 2))), -9 + 0 * x[:, 0, 0]], 1))
    report = given.evaluate(right, dataset, 8)
    text = said(dataset, report)
    assert f"the classes are unbalanced: macro-F1 {report.metrics['test/f1']:.4f} (best baseline" in text
    assert "precision  recall      F1  examples" in text


def test_balanced_classes_are_not_called_otherwise() -> None:
    dataset = load(Signs(task="classification"))
    report = given.evaluate(Answer(lambda x: np.zeros((len(x), 3))), dataset, 8)
    report.tables["classes"]["examples"] = [20, 20, 14]
    assert "unbalanced" not in said(dataset, report)


def test_the_surest_mistakes_come_first() -> None:
    frame = pandas.DataFrame({"example": list("stuv"), "actual": list("abab"), "predicted": list("bbba"), "p(a)": 0.0})
    found = breakdown.rank_mistakes(frame, np.array([0.6, 0.99, 0.9, 0.7]))
    assert list(found["example"]) == ["u", "v", "s"]
    assert list(found) == ["example", "actual", "predicted", "probability"]


@pytest.mark.parametrize("shape", [(100, 1, 1), (400, 1, 2), (60, 4, 1)])
def test_intervals_that_hold_72_of_90_percent_are_too_narrow(shape: tuple[int, int, int]) -> None:
    inside = np.random.default_rng(0).random(shape) < 0.72
    assert "those of 90 % hold" in _narrow(inside)


def test_noise_is_no_alarm() -> None:
    generator = np.random.default_rng(0)
    alarms = [bool(_narrow(generator.random((80, 1, 1)) < 0.9)) for _ in range(300)]
    assert np.mean(alarms) <= 0.02


def test_spells_of_errors_in_windows_that_overlap_count_as_fewer_values() -> None:
    generator = np.random.default_rng(1)
    alarms = []
    for _ in range(200):
        dates = generator.random(131) < 0.9  # whether a date is held, by each of the twelve windows that forecast it
        alarms.append(bool(_narrow(np.lib.stride_tricks.sliding_window_view(dates, 12)[:, :, None])))
    assert np.mean(alarms) <= 0.06
    assert count_independent(np.lib.stride_tricks.sliding_window_view(dates, 12)[:, :, None]) <= 120


def test_what_intervals_are_worth_is_a_tag_and_a_note() -> None:
    calm, wild = given.noise(70) * 0.05, given.noise(30, seed=2) * 5
    dataset = given.dataset(np.concatenate([calm, wild]), sequence_length=4, split={"train": 40, "val": 30, "test": 30})
    report = given.evaluate(LAST, dataset, 16)
    assert report.tags == {"rnnexp.intervals": "too narrow"}
    assert any(note.startswith("the intervals are too narrow") for note in report.notes)
    even = given.dataset(given.noise(200), sequence_length=4)
    assert given.evaluate(LAST, even, 16).tags == {"rnnexp.intervals": "ok"}
