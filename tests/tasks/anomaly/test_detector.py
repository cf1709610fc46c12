"""Scores, thresholds and events, by networks whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from rnnexp import registry, tasks
from rnnexp.errors import ConfigError, DataError
from rnnexp.evaluation.report import Report, Scoring
from rnnexp.tasks.anomaly.alarm_events import find_events, measure
from rnnexp.tasks.anomaly.detector import Detector, RowScores, calibrate, fit, list_runs, read_for
from rnnexp.tasks.anomaly.load import SensorDataset
from rnnexp.tasks.forecasting.preprocess import Preprocessor

SPLIT = {"train": 2_000, "val": 1_000, "test": 1_500}


class Zero:
    """A network that forecasts the mean of the training rows."""

    def predict_on_batch(self, x: Any) -> np.ndarray:
        return np.zeros((len(x), 1, x.shape[2]), np.float32)


def write(path: Path, values: np.ndarray, **more: Any) -> None:
    names = [f"s{place}" for place in range(values.shape[1])]
    pandas.DataFrame(values, columns=names).assign(**more).to_csv(path, index=False)


def load(values: np.ndarray, more: dict[str, Any] | None = None, **fields: Any) -> SensorDataset:
    write(Path("sensors.csv"), values, **(more or {}))
    settings = {"path": "sensors.csv", "target": [f"s{i}" for i in range(values.shape[1])], "sequence_length": 2}
    source = registry.lookup("data", "sensors")(**{**settings, "split": SPLIT, **fields})
    assert source.check() == []
    return tasks.load(source)  # type: ignore[return-value]


def scored(dataset: SensorDataset, intervals: Any = None) -> Report:
    return tasks.evaluate(Zero(), dataset, Scoring("full", intervals=intervals))


def judged(dataset: SensorDataset) -> tuple[Detector, RowScores]:
    """Fit a detector to the errors of that network and score the test part, without baselines."""
    sensors = dataset.pipeline.plan.targets
    outputs = {part: np.zeros((len(dataset.parts[part]), 1, sensors), np.float32) for part in dataset.parts}
    detector = fit(dataset, outputs)
    return detector, detector.judge(dataset, "test", outputs["test"])


def measured(dataset: SensorDataset) -> tuple[float, float]:
    """Return the share of alarms in the test part, and in the later half of the validation part."""
    detector, found = judged(dataset)
    return float((found.score > detector.threshold).mean()), detector.measured


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def noise(seed: int, rows: int = 4_500, columns: int = 3) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(rows, columns))
    values[:, -1] += values[:, 0]  # a sensor that goes with another one
    return values


@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_the_false_alarm_rate_is_met_on_clean_rows_that_nothing_was_fitted_to(rate: float) -> None:
    """Over 20 series, 30,000 rows: within three standard errors of binomial shares, with that of the thresholds."""
    found = [measured(load(noise(seed), false_alarm_rate=rate)) for seed in range(20)]
    rows, threshold_rows = 20 * SPLIT["test"], 20 * SPLIT["val"] / 2
    error = (rate * (1 - rate) * (1 / rows + 1 / threshold_rows)) ** 0.5
    shares, held_out = np.mean(found, axis=0)
    assert shares == pytest.approx(rate, abs=3 * error)
    assert held_out == pytest.approx(rate, abs=4.5 * error)  # of fewer rows
    assert abs(2 * rate - rate) > 3 * error  # a rate that is missed by as much would be seen


@pytest.mark.parametrize("kind", ["spike", "level_shift", "drift", "stuck", "noise_burst"])
def test_each_kind_of_fault_is_found_and_the_sensor_named(kind: str) -> None:
    dataset = load(noise(0), faults={"kinds": [kind], "each": 5, "size": 6.0})
    found = scored(dataset).tables["faults"]
    assert found["found"].mean() >= 0.8
    assert (found["named"] == found["sensor"]).mean() >= 0.6
    assert scored(load(noise(0))).metrics["test/alarm_rate"] < 0.03


def test_a_sensor_that_no_longer_goes_with_another_is_found_where_its_own_values_are_usual() -> None:
    values = noise(0)
    values[:, 2] = values[:, 0] + 0.1 * values[:, 1]
    clean, (detector, found) = values.copy(), judged(load(values))
    values[3_500:3_700, 2] = np.random.default_rng(9).permutation(values[:3_000, 2])[:200]  # as usual, but not with it
    _, found = judged(load(values))
    there = (found.rows >= 3_500) & (found.rows < 3_700)
    assert (found.score[there] > detector.threshold).mean() > 0.9
    assert np.abs(values[3_500:3_700]).max() <= np.abs(clean[:3_000]).max()


def test_labels_score_and_change_nothing_else() -> None:
    values, labels = noise(0), np.zeros(4_500, int)
    labels[3_600:3_650], labels[2_010] = 1, 1
    plain, labeled = scored(load(values)), scored(load(values, {"bad": labels}, labels="bad"))
    assert (plain.tables["scores"]["score"] == labeled.tables["scores"]["score"]).all()
    assert plain.intervals.threshold == labeled.intervals.threshold
    assert "test/average_precision" in labeled.metrics
    assert "test/average_precision" not in plain.metrics
    assert labeled.best_baseline
    assert plain.best_baseline is None
    notes = load(values, {"bad": labels}, labels="bad").summary.notes
    assert notes == ("1 of 1,000 rows that the threshold is made on are labeled as faulty; labels only score",)
    with pytest.raises(DataError, match="column `bad` has 2 in row 1; 1 is a faulty row, 0 any other"):
        load(values, {"bad": labels + 2}, labels="bad")


def test_baselines_are_scored_beside_it_by_thresholds_of_the_same_kind() -> None:
    report = scored(load(noise(0), faults={"each": 2, "size": 6.0}, season=24))
    names = {key.split("/")[1] for key in report.metrics if key.startswith("baseline/")}
    assert names == {"persistence", "hotelling_t2", "isolation_forest", "seasonal_zscore"}
    best = max(report.metrics[f"baseline/{name}/average_precision"] for name in names)
    assert report.metrics[f"baseline/{report.best_baseline}/average_precision"] == best
    for name in names:
        assert report.metrics[f"baseline/{name}/false_positive_rate"] < 0.05


def test_a_detector_that_was_written_scores_other_rows_as_before(tmp_path: Path) -> None:
    own = load(noise(0))
    report = scored(own)
    report.intervals.write(tmp_path)
    preprocessor = Preprocessor(own.pipeline)
    kept = read_for(tmp_path, preprocessor)
    write(Path("other.csv"), noise(0)[3_000 - 2 :])  # the test part with the rows that its first window looks back at
    source = registry.lookup("data", "sensors")(path="other.csv", target=["s0", "s1", "s2"], split="none")
    other = tasks.of("anomaly").apply(source, preprocessor, own.spec)
    again = scored(other, kept)
    both = (one.tables["scores"]["score"][20:] for one in (report, again))  # once changes are known of as many rows
    assert np.allclose(*both, rtol=1e-6)
    (tmp_path / "detector.json").write_text((tmp_path / "detector.json").read_text().replace("[[", "[[1.0, ", 1))
    with pytest.raises(ConfigError, match="cannot be read as a detector"):
        read_for(tmp_path, preprocessor)


def test_too_few_clean_rows_for_a_rate_are_refused() -> None:
    with pytest.raises(DataError, match="0.01 needs 99 rows in the first half of the validation set, which has 50"):
        load(noise(0), split={"train": 2_000, "val": 100, "test": 1_500})
    with pytest.raises(DataError, match="a threshold needs a validation set"):
        load(noise(0), split={"train": 2_000, "val": 0, "test": 1_500})


def test_mistakes_between_settings_are_found_before_anything_is_read() -> None:
    source = registry.lookup("data", "sensors")
    found = source(path="a.csv", horizon=3, stride=2, faults={"shortest": 9, "longest": 3}, labels="y").check()
    assert [text.partition(":")[0] for text in found] == [
        *("data.horizon", "data.stride", "data.faults.shortest", "data.faults"),
    ]


def test_alarms_that_lie_close_together_are_one_event() -> None:
    rows, score = np.arange(20), np.arange(20.0)
    alarms = np.isin(rows, [2, 3, 6, 15])
    assert [(one.first, one.end, one.peak) for one in find_events(rows, alarms, score)] == [(2, 7, 6), (15, 16, 15)]
    assert find_events(rows, alarms & False, score) == []
    assert [(run.start, run.stop) for run in list_runs(np.array([4, 5, 9, 10, 11]))] == [(0, 2), (2, 5)]


def test_no_score_is_adjusted_by_points() -> None:
    """One alarm in an event of ten rows is one row found of ten, not ten."""
    rows, labels, score = np.arange(100), np.zeros(100, bool), np.zeros(100)
    labels[40:50], score[44], score[80] = True, 2.0, 2.0
    found = measure(rows, score, 1.0, labels)
    assert found["recall"] == 0.1
    assert found["event_recall"] == 1.0
    assert found["precision"] == 0.5
    assert found["false_alarms"] == 10.0
    assert found["false_positive_rate"] == pytest.approx(1 / 90)
    assert measure(rows, score, 1.0, None) == {"alarm_rate": 0.02}


def test_the_threshold_is_the_conformal_rank() -> None:
    clean, early = np.arange(199.0), np.arange(199) < 99
    assert calibrate(clean, early, 0.01) == (98.0, 1.0)
    assert calibrate(clean, early, 0.1)[0] == 89.0


def test_no_row_depends_on_rows_after_it() -> None:
    values = noise(0)
    detector, before = judged(load(values))
    values[4_000] += 5
    outputs = np.zeros((SPLIT["test"], 1, 3), np.float32)
    after = detector.judge(load(values), "test", outputs)
    assert (before.each[:1_000] == after.each[:1_000]).all()
    assert (before.each[1_000] != after.each[1_000]).any()


def test_an_exported_detector_gets_no_program_for_forecasts() -> None:
    assert tasks.of("anomaly").choose_reader(None, None) == (None, "it does not know what this task makes of outputs")
    with pytest.raises(AttributeError, match="pipeline"):  # which forecasting asks for
        tasks.of("forecasting").choose_reader(None, None)
