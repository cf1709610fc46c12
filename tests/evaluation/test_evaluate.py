"""A whole evaluation: scores, baselines, skill, tables and pictures of small real datasets."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import given
import numpy as np
import pytest
from given import evaluate

from rnnexp import tasks
from rnnexp.data.dataset import Part
from rnnexp.data.source import SequenceSource
from rnnexp.data.sources.airline_passengers import airline_passengers
from rnnexp.data.sources.synthetic import adding, ramp, sine
from rnnexp.errors import DivergedError
from rnnexp.evaluation import classification
from rnnexp.evaluation.outputs import outputs
from rnnexp.registry import settings
from rnnexp.tasks import figures, load
from rnnexp.training.plan import History


class Answer:
    """A stand-in for a network that computes its answer from the inputs."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        return self.answer(np.asarray(x))


def constant(value: float, *shape: int) -> Answer:
    return Answer(lambda x: np.full((len(x), *shape), value, dtype=np.float32))


LAST = Answer(lambda x: x[:, -1:, :1])
HISTORY = History(
    [{"train/loss": 1.0, "val/loss": 2.0}, {"train/loss": 0.5, "val/loss": 1.5}], 2, "val/loss", None, 1.0
)


@settings
class Signs(SequenceSource):
    """Three classes, told apart by the mean of a sequence."""

    name: str = "signs"

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(0)
        labels = generator.choice(["low", "middle", "high"], size=60, p=[0.5, 0.25, 0.25])
        level = np.array([{"low": -1.0, "middle": 0.0, "high": 1.0}[label] for label in labels])
        return level[:, None, None] + 0.1 * generator.normal(size=(60, 4, 1)), labels


def test_a_model_that_repeats_the_last_value_scores_as_persistence_does() -> None:
    report = evaluate(LAST, load(airline_passengers()), 16)
    assert report.metrics["test/rmse"] == pytest.approx(report.metrics["baseline/persistence/rmse"], rel=1e-5)
    assert report.metrics["test/rmse"] != pytest.approx(report.metrics["baseline/drift/rmse"], rel=1e-5)


def test_a_model_that_loses_to_its_best_baseline_says_so() -> None:
    report = evaluate(LAST, load(airline_passengers()), 16)
    assert report.best_baseline == "linear"
    assert report.beats_baseline is False
    assert report.metrics["skill/rmse"] < 0


def test_a_tie_with_the_best_baseline_is_not_a_win() -> None:
    dataset = load(adding(examples=40, sequence_length=6))
    train = dataset.parts["train"]
    mean = train.arrays["y"][train.indices].astype(float).mean()
    assert evaluate(constant(np.float32(mean), 1), dataset, 8).beats_baseline is False


def test_skill_is_measured_against_the_best_baseline() -> None:
    found = evaluate(LAST, load(airline_passengers()), 16).metrics
    best = min(value for key, value in found.items() if key.startswith("baseline/") and key.endswith("/rmse"))
    assert found["skill/rmse"] == pytest.approx(1 - found["test/rmse"] / best)


def test_baselines_without_a_season_are_left_out_with_the_reason() -> None:
    report = evaluate(LAST, given.dataset(given.noise(80)), 16)
    assert "no season" in report.skipped["baseline/seasonal_naive"]
    assert "baseline/seasonal_naive/rmse" not in report.metrics


def test_an_exact_baseline_allows_no_skill_but_a_verdict() -> None:
    dataset = load(ramp(sequence_length=3, split="none", scaler="none"))
    report = evaluate(constant(65.0, 1, 1), dataset, 4)
    assert "skill/rmse" not in report.metrics
    assert (report.best_baseline, report.beats_baseline) == ("drift", False)


def test_a_network_that_answers_a_constant_has_found_nothing() -> None:
    dataset = load(ramp(sequence_length=3, split="none", scaler="none"))
    assert "learned nothing" in evaluate(constant(65.0, 1, 1), dataset, 4).notes[0]
    assert evaluate(LAST, dataset, 4).notes == []


def test_scores_without_a_test_part_are_called_those_of_the_training_part() -> None:
    found = evaluate(LAST, load(ramp(sequence_length=3, split="none", scaler="none")), 4).metrics
    assert found["train/rmse"] == pytest.approx(10.0)
    assert not any(key.startswith("test/") for key in found)


def test_scaled_errors_are_the_errors_in_units_of_the_scaler() -> None:
    dataset = load(airline_passengers(scaler="standard"))
    found = evaluate(LAST, dataset, 16).metrics
    train = dataset.history.values[slice(*dataset.borders["train"][0])]
    assert found["test/mae_scaled"] == pytest.approx(found["test/mae"] / train.std(), rel=1e-6)


def test_scaled_errors_of_several_series_are_in_units_of_the_scaler_of_each() -> None:
    tables = [given.noise(40) * size for size in (1, 50)]
    dataset = given.dataset(*tables, scaler=["standard", "last"], per_series=True)
    report = evaluate(Answer(lambda x: x[:, -1:, :1] * 0), dataset, 16)
    half = len(report.predictions.actual) // 2
    scale = np.repeat([rows[:28].std() for rows in tables], half)[:, None, None]
    error = np.abs(report.predictions.predicted - report.predictions.actual)
    assert report.metrics["test/mae_scaled"] == pytest.approx(np.mean(error / scale), rel=1e-6)
    assert report.metrics["test/mae_scaled"] != pytest.approx(np.mean(error) / np.std(tables), rel=0.1)


def test_errors_are_given_for_each_step_ahead() -> None:
    model = Answer(lambda x: np.repeat(x[:, -1:, :1], 3, axis=1))
    report = evaluate(model, load(airline_passengers(horizon=3)), 16)
    assert report.metrics["test/h1/rmse"] < report.metrics["test/h3/rmse"]
    assert list(report.tables["horizons"]["horizon"]) == ["1", "2", "3"]


def test_a_recursive_model_is_rolled_over_the_horizon() -> None:
    dataset = load(airline_passengers(horizon=3, strategy="recursive"))
    rolled = outputs(Answer(lambda x: x[:, -1:, :1] + 1), dataset, ["test"], 8)["test"]
    assert rolled.shape[1:] == (3, 1)
    assert np.allclose(np.diff(rolled[:, :, 0]), 1)


def test_predictions_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DivergedError, match="not finite; lower optimizer.learning_rate"):
        evaluate(constant(np.nan, 1, 1), load(airline_passengers()), 16)


def test_independent_sequences_are_measured_against_the_training_mean() -> None:
    dataset = load(adding(examples=40, sequence_length=6))
    train = dataset.parts["train"]
    mean = float(train.arrays["y"][train.indices].mean())
    report = evaluate(constant(mean, 1), dataset, 8)
    assert report.metrics["test/rmse"] == pytest.approx(report.metrics["baseline/mean/rmse"], rel=1e-5)
    assert report.metrics["baseline/summary/rmse"] < report.metrics["baseline/mean/rmse"]
    share = report.metrics["test/rmse"] / report.metrics["baseline/summary/rmse"]
    assert (report.best_baseline, report.metrics["skill/rmse"]) == ("summary", pytest.approx(1 - share))


def test_a_constant_series_is_left_out_of_mase_and_named() -> None:
    varied = [given.noise(40, seed=seed) for seed in range(2)]
    with_constant = evaluate(LAST, given.dataset(*varied, np.ones((40, 1)), sequence_length=3), 64)
    without = evaluate(LAST, given.dataset(*varied, sequence_length=3), 64)
    [note] = with_constant.notes
    assert note.startswith("MASE leaves out 1 of 3 series, such as `s2`: the training values do not vary")
    assert without.notes == []
    for name in ("test/mase", "baseline/persistence/mase"):
        assert with_constant.metrics[name] == pytest.approx(without.metrics[name], rel=1e-6)


@pytest.mark.fault("G13")
def test_a_constant_target_is_left_out_of_mase_and_named() -> None:
    table = np.concatenate([given.noise(40), np.ones((40, 1))], axis=1)
    model = Answer(lambda x: x[:, -1:, :2])
    report = evaluate(model, given.dataset(table, table, sequence_length=3, target=["a", "b"]), 64)
    assert report.notes[0].startswith("MASE leaves out 2 of 4 targets of series, such as `b` of `s0`: ")
    report = evaluate(model, given.dataset(table, sequence_length=3, target=["a", "b"]), 64)
    assert report.notes[0].startswith("MASE leaves out 1 of 2 targets, such as `b`: ")


@pytest.mark.parametrize("factor", [1.0, 1e-6, 1e6])
def test_columns_of_any_size_are_judged_alike(factor: float) -> None:
    """A network that is hopeless at one column loses, however small or large that column is beside the other."""
    walks = given.noise(200, columns=2, seed=3).cumsum(axis=0)
    table = walks * [1.0, factor] + [0.0, 5 * factor]

    def report(hopeless: int) -> Any:
        constant_column = Answer(lambda x: x[:, -1:, :2] * (np.arange(2) != hopeless))
        return evaluate(constant_column, given.dataset(table, sequence_length=3, target=["a", "b"]), 64)

    for hopeless in (0, 1):
        found = report(hopeless)
        assert found.beats_baseline is False
        assert found.metrics["skill/nrmse"] < -0.5
        assert list(found.tables["targets"]["target"]) == ["a", "b"]
    told = report(1).metrics["test/nrmse"]
    same = evaluate(
        Answer(lambda x: x[:, -1:, :2] * [1, 0]),
        given.dataset(walks + [0, 5], sequence_length=3, target=["a", "b"]),
        64,
    )
    assert told == pytest.approx(same.metrics["test/nrmse"], rel=1e-4)
    two = given.dataset(table, sequence_length=3, target=["a", "b"])
    assert tasks.of("forecasting").primary_metric(two) == "nrmse"


def test_one_target_is_judged_in_its_own_units() -> None:
    dataset = given.dataset(given.noise(60, columns=2), sequence_length=3, target=["a"])
    assert "test/nrmse" not in evaluate(LAST, dataset, 16).metrics
    assert tasks.of(dataset.spec.task).primary_metric(dataset) == "rmse"


@pytest.mark.fault("G13")
def test_mase_is_undefined_where_every_series_is_constant() -> None:
    report = evaluate(LAST, given.dataset(np.ones((40, 1)), sequence_length=3), 64)
    assert "do not vary" in report.skipped["mase"]
    assert report.notes == []


def test_a_linear_baseline_without_the_season_says_so() -> None:
    table = given.noise(60)
    report = evaluate(LAST, given.dataset(table, sequence_length=3, season=7, split="none"), 64)
    assert "baseline/linear/rmse" in report.metrics
    assert any(
        note.startswith("the linear baseline sees 3 lags instead of a season and one, 8: ") for note in report.notes
    )
    assert evaluate(LAST, given.dataset(table, sequence_length=3, season=7), 64).notes == []


def test_the_last_batch_may_be_smaller() -> None:
    dataset = load(sine(points=80))
    assert np.array_equal(outputs(LAST, dataset, ["test"], 5)["test"], outputs(LAST, dataset, ["test"], 1000)["test"])


def test_a_full_batch_scores_as_any_other() -> None:
    dataset = load(sine(points=80))
    assert evaluate(LAST, dataset, "full").metrics == evaluate(LAST, dataset, 5).metrics
    assert evaluate(LAST, dataset, "full").metrics != evaluate(constant(0.0, 1, 1), dataset, "full").metrics


def nearest(x: np.ndarray) -> np.ndarray:
    """Give the class whose level is nearest a probability of 0.8; classes are high, low, middle."""
    distance = np.abs(x.mean(axis=(1, 2))[:, None] - np.array([1.0, -1.0, 0.0]))
    return np.where(distance == distance.min(axis=1, keepdims=True), 0.8, 0.1).astype(np.float32)


@settings
class Parity(SequenceSource):
    """Two classes, told apart by whether the signs of the first and the last step are the same."""

    name: str = "parity"

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        x = np.random.default_rng(0).normal(size=(80, 4, 1))
        return x, np.where(x[:, 0, 0] * x[:, -1, 0] > 0, "same", "different")


def parity(x: np.ndarray) -> np.ndarray:
    same = (x[:, 0] * x[:, -1] > 0).astype(np.float32)
    return np.concatenate([1 - same, same], axis=1)


def test_classes_are_measured_against_the_best_of_the_baselines() -> None:
    report = evaluate(Answer(parity), load(Parity(task="classification")), 8)
    assert report.metrics["test/accuracy"] == report.metrics["test/f1"] == 1.0
    found = {name: report.metrics[f"baseline/{name}/accuracy"] for name in ("majority", "nearest", "summary")}
    assert report.metrics["skill/accuracy"] == 1.0
    assert (report.best_baseline, report.beats_baseline) == (max(found, key=lambda name: found[name]), True)
    assert max(found.values()) < 1


@pytest.mark.parametrize("seed", range(4))
def test_macro_averages_are_those_of_scikit_learn_over_the_classes_that_are_scored(seed: int) -> None:
    from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score

    generator = np.random.default_rng(seed)
    labels, predicted = generator.choice([0, 2, 3], 30), generator.integers(0, 6, 30)
    found = classification.scores(labels, predicted, 6)
    given_labels = {"labels": [0, 2, 3], "average": "macro", "zero_division": 0}
    for name, score in {"precision": precision_score, "recall": recall_score, "f1": f1_score}.items():
        assert found[name] == pytest.approx(score(labels, predicted, **given_labels))
    assert found["f1"] != pytest.approx(f1_score(labels, predicted, average="macro", zero_division=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are predicted and not there
        assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predicted))


def test_a_class_that_is_not_scored_is_named_beside_the_averages() -> None:
    dataset = load(Signs(task="classification"))
    part = dataset.parts["test"]
    absent = part.indices[part.arrays["y"][part.indices] != 1]
    parts = {**dataset.parts, "test": Part(part.arrays, absent)}
    fewer = replace(dataset, parts=parts, summary=replace(dataset.summary, digest="of fewer"))
    [note] = evaluate(Answer(nearest), fewer, 8).notes
    assert "means over the 2 of 3 classes that are scored here; there is none of `low`" in note
    assert evaluate(Answer(nearest), dataset, 8).notes == []


def test_an_exact_baseline_leaves_no_skill_to_state() -> None:
    report = evaluate(Answer(nearest), load(Signs(task="classification")), 8)
    assert report.metrics["test/accuracy"] == 1.0 > report.metrics["baseline/majority/accuracy"]
    assert (report.best_baseline, report.beats_baseline) == ("nearest", False)
    assert "skill/accuracy" not in report.metrics
    assert report.skipped["skill/accuracy"] == "the baseline nearest is exact"


def test_the_confusion_table_counts_every_example() -> None:
    dataset = load(Signs(task="classification"))
    table = evaluate(Answer(nearest), dataset, 8).tables["confusion"]
    assert table.drop(columns="actual").to_numpy().sum() == len(dataset.parts["test"])


def test_a_model_that_always_says_the_majority_does_not_beat_it() -> None:
    always = Answer(lambda x: np.tile([0.0, 1.0, 0.0], (len(x), 1)).astype(np.float32))
    assert evaluate(always, load(Signs(task="classification")), 8).beats_baseline is False


@pytest.mark.parametrize(
    ("dataset", "model", "names"),
    [
        (lambda: load(airline_passengers()), LAST, {"learning_curves", "prediction", "whole_series", "residuals"}),
        (
            lambda: load(airline_passengers(horizon=2)),
            Answer(lambda x: np.repeat(x[:, -1:, :1], 2, axis=1)),
            {"learning_curves", "prediction", "whole_series", "residuals", "error_by_horizon"},
        ),
        (
            lambda: load(adding(examples=40, sequence_length=6)),
            constant(1.0, 1),
            {"learning_curves", "prediction", "residuals"},
        ),
        (
            lambda: load(Signs(task="classification")),
            Answer(nearest),
            {"learning_curves", "confusion", "reliability", "sequences"},
        ),
    ],
    ids=["one step", "two steps", "regression", "classes"],
)
def test_every_task_has_its_pictures(dataset, model: Answer, names: set[str], tmp_path) -> None:
    loaded = dataset()
    drawn = dict(figures(loaded, HISTORY, evaluate(model, loaded, 16)))
    assert set(drawn) == names
    for name, figure in drawn.items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000


def test_axes_carry_the_units() -> None:
    dataset = load(airline_passengers())
    drawn = dict(figures(dataset, HISTORY, evaluate(LAST, dataset, 16)))
    assert drawn["prediction"].axes[0].get_ylabel() == "thousand passengers"


def test_the_kept_epoch_is_marked() -> None:
    dataset = load(airline_passengers())
    drawn = dict(figures(dataset, HISTORY, evaluate(LAST, dataset, 16)))
    labels = [text.get_text() for text in drawn["learning_curves"].axes[0].get_legend().get_texts()]
    assert "kept: epoch 2" in labels


def repeated(horizon: int, targets: int) -> Answer:
    """Make a model that repeats the last value of each target."""
    return Answer(lambda x: np.repeat(x[:, -1:, :targets], horizon, axis=1))


def drawn(name: str, dataset: Any, horizon: int, targets: int) -> Any:
    return dict(figures(dataset, HISTORY, evaluate(repeated(horizon, targets), dataset, 16)))[name]


def titles(figure: Any) -> list[str]:
    return [ax.get_title() for ax in figure.axes if ax.get_visible()]


def several(targets: int, horizon: int = 1, series: int = 1) -> Any:
    tables = [given.noise(60, targets, seed) for seed in range(series)]
    return given.dataset(*tables, sequence_length=3, horizon=horizon, target=list("abcdefghijkl"[:targets]))


@pytest.mark.parametrize("horizon", [1, 2])
def test_all_of_seven_targets_are_drawn(horizon: int) -> None:
    ahead = ["1 step ahead", "2 steps ahead"][:horizon]
    prediction = drawn("prediction", several(7, horizon), horizon, 7)
    assert titles(prediction) == [f"{target}, {steps}" for target in "abcdefg" for steps in ahead]
    residuals = drawn("residuals", several(7, horizon), horizon, 7)
    assert titles(residuals)[::2] == [f"{target}: residuals" for target in "abcdefg"]
    assert prediction.get_suptitle() == residuals.get_suptitle() == ""


def test_pictures_say_which_targets_and_series_they_show() -> None:
    dataset = several(9, series=2)
    prediction = drawn("prediction", dataset, 1, 9)
    assert prediction.get_suptitle() == "shown: the first 8 of 9 targets, the first of 2 series"
    assert titles(prediction) == [f"{target} of s0, 1 step ahead" for target in "abcdefgh"]
    assert drawn("residuals", dataset, 1, 9).get_suptitle() == "shown: the first 8 of 9 targets"


def test_the_first_three_series_are_drawn_from_end_to_end_with_the_borders_of_their_parts() -> None:
    dataset = several(1, series=4)
    whole = drawn("whole_series", dataset, 1, 1)
    assert titles(whole) == [f"a of s{number}, 1 step ahead" for number in range(3)]
    assert whole.get_suptitle() == "shown: the first 3 of 4 series"
    for series, panel in enumerate(whole.axes):
        actual, *begins, predicted = panel.get_lines()
        assert np.array_equal(actual.get_ydata(), dataset.history.values[60 * series : 60 * series + 60, 0])
        first = [dataset.borders[part][series, 0] - 60 * series for part in ("train", "val", "test")]
        assert [line.get_xdata()[0] for line in begins] == first
        assert predicted.get_xdata()[0] == first[2]


def test_every_target_is_drawn_from_end_to_end() -> None:
    dataset = several(2, series=2)
    whole = drawn("whole_series", dataset, 1, 2)
    assert titles(whole) == [f"{target} of s0, 1 step ahead" for target in "ab"]
    assert whole.get_suptitle() == "shown: the first of 2 series"
    for target, panel in enumerate(whole.axes):
        assert np.array_equal(panel.get_lines()[0].get_ydata(), dataset.history.values[:60, target])
        assert np.allclose(panel.get_lines()[-1].get_ydata()[1:], dataset.history.values[51:59, target], atol=1e-6)


def test_each_panel_of_residuals_shows_its_own_target_and_both_ends_of_the_horizon() -> None:
    dataset = several(2, horizon=3)
    report = evaluate(repeated(3, 2), dataset, 16)
    errors = report.predictions.predicted - report.predictions.actual
    panels = dict(figures(dataset, HISTORY, report))["residuals"].axes
    for target, panel in enumerate(panels[::2]):
        first, last, _ = (line.get_ydata() for line in panel.get_lines())
        assert np.array_equal(first, errors[:, 0, target])
        assert np.array_equal(last, errors[:, 2, target])
    legend = [text.get_text() for text in panels[1].get_legend().get_texts()]
    assert [text.partition(",")[0] for text in legend] == ["1 step ahead", "3 steps ahead"]


@pytest.mark.parametrize(
    ("dataset", "model", "loss", "label"),
    [
        (lambda: load(airline_passengers()), LAST, "huber", "loss (huber, scaled units)"),
        (lambda: load(airline_passengers()), LAST, None, "loss (scaled units)"),
        (lambda: load(airline_passengers(scaler="none")), LAST, "mae", "loss (mae)"),
        (lambda: load(airline_passengers(scaler="last")), LAST, "mae", "loss (mae, scaled units)"),
        (lambda: load(adding(examples=40, sequence_length=6)), constant(1.0, 1), "mse", "loss (mse)"),
        (lambda: load(Signs(task="classification")), Answer(nearest), "cross_entropy", "loss (cross_entropy)"),
    ],
    ids=["scaled series", "unnamed", "no scaler", "scaled windows", "regression", "classes"],
)
def test_the_axis_of_learning_curves_names_the_loss_and_whether_it_is_scaled(dataset, model, loss, label) -> None:
    loaded = dataset()
    curves = dict(figures(loaded, HISTORY, evaluate(model, loaded, 16), loss))["learning_curves"]
    assert curves.axes[0].get_ylabel() == label
