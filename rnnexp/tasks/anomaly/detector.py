"""From the errors of forecasts to a score of each row and sensor, and the threshold above which it is an alarm.

Three statistics of each sensor, each in units of its own limit, the share LIMIT of training rows:

residual: the error of the forecast one row ahead, given those of the other sensors in the same row. Its square is by
    how much Hotelling's T-squared of the errors falls when the sensor is left out (Mason, Tracy, Young, Decomposition
    of T-squared for multivariate control chart interpretation, J. Quality Technology 27, 1995). Spikes, noise, and a
    sensor that no longer goes with the others.
ewma: its exponentially weighted moving average with the weight .2 (Roberts, Control chart tests based on geometric
    moving averages, Technometrics 1, 1959; of several sensors Lowry et al., Technometrics 34, 1992): small errors of
    one sign, as of a drift or a level shift that the network goes along with.
stuck: how much less the sensor has changed over the last 12 rows than it usually does.

The score of a sensor is the greatest of the three, that of a row the greatest of its sensors. The threshold is the
conformal one of `forecasting.intervals`, on clean rows that no weight and no limit was fitted to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp import strict
from rnnexp.errors import ConfigError, count
from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.tasks.anomaly.load import SensorDataset, compute_level, split_clean
from rnnexp.tasks.forecasting import windows
from rnnexp.tasks.forecasting.intervals import rank

FILE = "detector.json"
STATISTICS = ("residual", "ewma", "stuck")
LIMIT = 0.99
WEIGHT = 0.2  # of the latest error in the moving average
WINDOW = 12  # rows over which changes are averaged
LEAST_CHANGE = 0.03  # of the usual one, below which a sensor is as stuck as it can be
RIDGE = 1e-6  # of the mean variance, so that sensors which add up exactly can be told apart
SMALLEST = 1e-12  # limit: a sensor without an error in training


@dataclass(frozen=True)
class RowScores:
    """Scores of rows (n,) of a dataset: `each` (n, sensors) of their sensors, and which `statistic` each is of."""

    rows: np.ndarray
    each: np.ndarray
    statistic: np.ndarray

    @property
    def score(self) -> np.ndarray:
        """That of each row, (n,)."""
        return np.asarray(self.each.max(axis=1))

    @property
    def sensor(self) -> np.ndarray:
        """The sensor that each row owes its score to, (n,)."""
        return np.asarray(self.each.argmax(axis=1))


@dataclass(frozen=True)
class Detector:
    """What turns errors into scores, and scores into alarms.

    whitening: (sensors, sensors), which makes of errors those that the other sensors do not explain, with variance 1
    changes:   (sensors,) the usual change from row to row;  limits: (statistics, sensors)
    examples:  clean rows that the threshold is made on
    measured:  share of later clean rows with an alarm, of `held_out` rows
    """

    whitening: Numbers
    changes: Numbers
    limits: Numbers
    threshold: float
    false_alarm_rate: float
    examples: int
    measured: float = 0.0
    held_out: int = 0

    def judge(self, dataset: SensorDataset, part: str, outputs: np.ndarray) -> RowScores:
        """Score the rows of a part by what a network answers."""
        found = self._measure(dataset, part, outputs) / np.maximum(self.limits, SMALLEST)[:, None]
        return RowScores(dataset.scored_rows(part), found.max(axis=0), found.argmax(axis=0))

    def _measure(self, dataset: SensorDataset, part: str, outputs: np.ndarray) -> np.ndarray:
        """Return the statistics, (statistics, n, sensors)."""
        rows = dataset.scored_rows(part)
        errors = dataset.errors(part, outputs)[:, 0] @ self.whitening
        averages = np.concatenate([_average(errors[run]) for run in list_runs(rows)])
        usual = np.where(self.changes > 0, self.changes, np.inf)
        calm = 1 / (measure_changes(dataset, part) / usual + LEAST_CHANGE)
        stuck = np.where(self.changes > 0, calm, 0.0)
        return np.stack([np.abs(errors), np.abs(averages), stuck])

    def write(self, folder: Path) -> None:
        """Keep it beside a model."""
        (folder / FILE).write_text(
            json.dumps(vars(self), default=np.ndarray.tolist, allow_nan=False) + "\n", encoding="utf-8"
        )


def fit(dataset: SensorDataset, outputs: dict[str, np.ndarray]) -> Detector:
    """Fit the limits to the training part, and the threshold to the first half of the validation part."""
    errors = dataset.errors("train", outputs["train"])[:, 0]
    blank = Detector(
        whitening=_whiten(errors),
        changes=np.median(measure_changes(dataset, "train"), axis=0),
        limits=np.ones((len(STATISTICS), errors.shape[1])),
        threshold=np.inf,
        false_alarm_rate=dataset.false_alarm_rate,
        examples=0,
    )
    limits = np.quantile(blank._measure(dataset, "train", outputs["train"]), LIMIT, axis=1)
    detector = replace(blank, limits=limits)
    clean, early = detector.judge(dataset, "val", outputs["val"]).score, split_clean(dataset)
    threshold, measured = calibrate(clean, early, dataset.false_alarm_rate)
    examples, held_out = int(early.sum()), int((~early).sum())
    return replace(detector, threshold=threshold, examples=examples, measured=measured, held_out=held_out)


def calibrate(clean: np.ndarray, early: np.ndarray, false_alarm_rate: float) -> tuple[float, float]:
    """Return the threshold of the early ones of clean scores (n,), and the share of the others that lie above it.

    A new score is above it with a probability of at most the rate, if all are exchangeable. Those of neighboring rows
    are alike, so that what is measured scatters more than a binomial share.
    """
    own = np.sort(clean[early])
    threshold = float(own[rank(len(own), compute_level(false_alarm_rate)) - 1])
    later = clean[~early] > threshold
    return threshold, float(later.mean()) if len(later) else 0.0


def measure_changes(dataset: SensorDataset, part: str) -> np.ndarray:
    """Return by how much each sensor has changed from row to row, in the mean of the last rows, (n, sensors)."""
    rows, plan = dataset.scored_rows(part), dataset.pipeline.plan
    values = windows.exact(dataset.parts[part].arrays)[:, : plan.targets].astype(np.float64)
    sums = np.nan_to_num(np.abs(np.diff(values, axis=0, prepend=values[:1]))).cumsum(axis=0)
    begins = dataset.history.offsets[dataset.history.series_of(rows)] + dataset.pipeline.chain.lost
    first = np.maximum(rows - WINDOW, begins)
    return np.asarray((sums[rows] - sums[first]) / np.maximum(rows - first, 1)[:, None])


def list_runs(rows: np.ndarray) -> Iterator[slice]:
    """Yield the stretches of rows that follow each other without a gap."""
    cuts = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
    yield from (slice(first, last) for first, last in zip(cuts, cuts[1:]))


def _average(errors: np.ndarray) -> np.ndarray:
    """Return the exponentially weighted moving averages of errors (n, sensors), which start at 0."""
    steps = accumulate(errors, lambda last, now: last + WEIGHT * (now - last), initial=np.zeros(errors.shape[1]))
    return np.array([*steps])[1:]


def _whiten(errors: np.ndarray) -> np.ndarray:
    """Return the matrix that takes from the error of each sensor what those of the others tell of it."""
    covariance = np.atleast_2d(np.cov(errors.T))
    ridge = RIDGE * max(float(np.trace(covariance)) / len(covariance), SMALLEST)
    precision = np.linalg.inv(covariance + ridge * np.eye(len(covariance)))
    return np.asarray(precision / np.sqrt(np.diag(precision)))


def read_for(folder: Path, preprocessor: Any) -> Detector:
    """Read what was left beside a model with this preprocessing; ConfigError names a damaged file."""
    sensors, path = preprocessor.pipeline.plan.targets, folder / FILE
    saved: _Saved = strict.checked(_Saved, strict.read_json(folder, FILE), f"{path}: cannot be read as a detector")
    shapes = {"whitening": (sensors, sensors), "changes": (sensors,), "limits": (len(STATISTICS), sensors)}
    try:
        arrays = {name: np.array(getattr(saved, name), np.float64).reshape(shape) for name, shape in shapes.items()}
    except ValueError:
        raise ConfigError(
            f"{path}: cannot be read as a detector: it is not one of {count(sensors, 'sensor')}"
        ) from None
    return Detector(**{**vars(saved), **arrays})


@dataclass(frozen=True)
class _Saved:
    """What `write` writes."""

    whitening: list[list[float]]
    changes: list[float]
    limits: list[list[float]]
    threshold: float
    false_alarm_rate: float
    examples: int
    measured: float = field(default=0.0)
    held_out: int = field(default=0)
