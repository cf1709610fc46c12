"""The linear baseline: ridge regression on the same inputs, and where there are enough rows on one season of lags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnnexp.data.large import join, measure_spread
from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.tasks.forecasting.baselines import Undefined, whole_series
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.normal_equations import Inputs, fit_weights, predict
from rnnexp.tasks.forecasting.windows import Plan

MOST_INPUTS = 6_000  # the normal equations take 8 bytes * inputs ** 2, twice while they are solved: 0.6 GB
FEWEST_WINDOWS = 3


@dataclass(frozen=True)
class Past:
    """Rows from which is forecast.

    table:   (rows, columns) of all series end to end, with the calendar; targets first
    offsets: first row of each series, and the end of the last;  ids: what the series are called
    origins: (n,) last observed rows
    trained: (series, 2) rows of each series that are of the training part, if any are
    """

    table: np.ndarray
    offsets: np.ndarray
    ids: Sequence[str]
    origins: np.ndarray
    trained: np.ndarray | None = None

    @property
    def series(self) -> np.ndarray:
        """Which series each forecast is of, (n,)."""
        return np.searchsorted(self.offsets, self.origins, side="right") - 1

    @property
    def firsts(self) -> np.ndarray:
        """The first row of the series of each forecast, (n,)."""
        return self.offsets[self.series]

    def find_known(self, series: int) -> slice:
        """Return the rows of a series, from its first one, on which a baseline may be fitted that is fitted anew.

        Those of the training part, else those up to the first forecast of the series: none looks ahead.
        """
        first = self.offsets[series]
        asked = self.origins[self.series == series]
        rows = (first, asked.min(initial=self.offsets[-1] - 1) + 1) if self.trained is None else self.trained[series]
        return slice(int(rows[0] - first), int(rows[1] - first))


def make_past(dataset: SeriesDataset, origins: np.ndarray) -> Past:
    table = dataset.pipeline.with_calendar(dataset.table, dataset.history.time)
    return Past(table, dataset.history.offsets, dataset.history.ids, origins, dataset.borders.get("train"))


@dataclass(frozen=True)
class TrainingUnits:
    """Mean and deviation of the training rows of each series, (series + 1, columns), at the end those of all together.

    untrained: series that training has no rows of
    """

    ids: list[str]
    untrained: list[str]
    mean: Numbers
    scale: Numbers

    def __post_init__(self) -> None:
        sizes = self.mean.shape == self.scale.shape == (len(self.ids) + 1, self.mean.shape[-1])
        if not sizes or not self.scale.all():
            raise ValueError("means and deviations do not go together")

    def find(self, ids: Sequence[str]) -> np.ndarray:
        """Return which of the rows are of these series; others have the units of all together."""
        known = {label: place for place, label in enumerate(self.ids)}
        return np.array([known.get(label, -1) for label in ids])


@dataclass(frozen=True)
class Regression:
    """One on so many lags: `weights` (targets, inputs, horizon), of one row where all targets share it.

    why: it is not defined; empty if it is
    """

    lags: int
    weights: Numbers
    why: str = ""


@dataclass(frozen=True)
class LinearForecast:
    """Ridge regression that has been fitted: on the lags of the window, and on a season of them."""

    units: TrainingUnits
    regressions: list[Regression]

    def __post_init__(self) -> None:
        if not self.regressions or min(one.lags for one in self.regressions) < 1:
            raise ValueError("there is no regression on any lags")

    def predict(self, past: Past, plan: Plan) -> np.ndarray:
        """Return forecasts (n, horizon, targets) in original units.

        A series that training has no rows of, though it knew it, gets its last value.
        """
        untrained = np.isin(past.ids, self.units.untrained)[past.series]
        if untrained.all():
            raise Undefined("no series that is forecast has training rows")
        found = np.repeat(past.table[past.origins, : plan.targets][:, None], plan.ahead, axis=1)
        used = choose_lags(past, [one.lags for one in self.regressions])
        for one in self.regressions:
            chosen = (used == one.lags) & ~untrained
            if chosen.any():
                found[chosen] = self._regress(one, replace(past, origins=past.origins[chosen]), plan)
        return found

    def _regress(self, one: Regression, past: Past, plan: Plan) -> np.ndarray:
        if one.why:
            raise Undefined(one.why)
        inputs = _inputs(past, plan, one.lags, self.units)
        if not inputs.complete(past.origins).all():
            raise Undefined(f"it takes {one.lags} rows of a series, and one has fewer")
        groups = inputs.groups()
        if one.weights.shape != (len(groups), inputs.width, plan.ahead):
            raise Undefined("its weights are of other columns, or damaged")
        found = np.empty((len(past.origins), plan.ahead, plan.targets))
        for columns, weights in zip(groups, one.weights):
            predict(inputs, past.origins, weights, columns, found)
        return found


def forecast(dataset: SeriesDataset, origins: np.ndarray) -> np.ndarray:
    """Fit on the windows of the training part and forecast from `origins`: (n, horizon, targets), original units.

    Each target column is predicted from its own lags, see `lags_of`; one regression is shared by all targets and
    series. With further inputs each target has its own. A series without training rows gets its last value.
    """
    return fit(dataset).predict(make_past(dataset, origins), dataset.pipeline.plan)


def fit(dataset: SeriesDataset) -> LinearForecast:
    """Fit a regression for each number of lags that forecasts of these data may be made from."""
    own = dataset.trained_on
    if own is None:
        raise Undefined("there is no training set")
    units = _measure(own)
    return LinearForecast(units, [_fit_lags(own, units, lags) for lags in find_usable_lags(dataset)])


def _fit_lags(own: SeriesDataset, units: TrainingUnits, lags: int) -> Regression:
    train = own.list_learned_starts() + own.pipeline.plan.sequence_length - 1
    inputs = _inputs(make_past(own, train), own.pipeline.plan, lags, units)
    if inputs.width > MOST_INPUTS:
        why = f"a regression on {inputs.width:,} inputs takes too much memory; the most is {MOST_INPUTS:,}"
        return Regression(lags, np.empty(0), why)
    train = train[inputs.complete(train)]
    if len(train) < FEWEST_WINDOWS:
        return Regression(lags, np.empty(0), f"there are only {len(train)} training windows")
    return Regression(lags, np.stack([fit_weights(inputs, train, columns) for columns in inputs.groups()]))


def trained(dataset: SeriesDataset, origins: np.ndarray) -> np.ndarray:
    """Say of each origin whether the regression may speak for its series, (n,): one of the training has rows there."""
    empty = [part is not None and not len(part) for part in dataset.training_rows()]
    return ~np.array(empty)[dataset.history.series_of(origins)]


def lags_of(dataset: SeriesDataset, origins: np.ndarray) -> np.ndarray:
    """Return for each origin how many rows of its own past each target is predicted from, (n,).

    At least as many as the network sees; one season and one row, if that is more, where every forecast of the series
    and enough training windows have that many rows before them.
    """
    return choose_lags(make_past(dataset, origins), find_usable_lags(dataset))


def choose_lags(past: Past, usable: Sequence[int]) -> np.ndarray:
    """Return for each forecast the most lags that all forecasts of its series have before them, else the fewest."""
    there = whole_series(past.firsts, past.origins - past.firsts + 1 >= max(usable))
    return np.where(there, max(usable), min(usable))


def find_usable_lags(dataset: SeriesDataset) -> list[int]:
    """Return the lags of the window, and those of a season where enough training windows have them before them."""
    own, window, wanted = dataset.trained_on or dataset, dataset.pipeline.plan.sequence_length, wanted_lags(dataset)
    past = make_past(own, own.list_learned_starts() + window - 1)
    enough = np.sum(past.origins - past.firsts + 1 >= wanted) >= FEWEST_WINDOWS
    return [window, wanted] if enough and wanted > window else [window]


def wanted_lags(dataset: SeriesDataset) -> int:
    return max(dataset.pipeline.plan.sequence_length, (dataset.season or 0) + 1)


def _measure(own: SeriesDataset) -> TrainingUnits:
    table = own.pipeline.with_calendar(own.table, own.history.time)
    rows = [table[first:last] for first, last in own.borders["train"]]
    # TrainingUnits of a series that training has no rows of are those of all others together.
    pooled = join(rows)
    parts = [*(part if len(part) else pooled for part in rows), pooled]
    mean, scale = (np.stack(values) for values in zip(*map(measure_spread, parts)))
    # Rounding leaves the deviation of a constant column above 0, the more so the larger its values.
    scale[[np.ptp(part, axis=0) == 0 for part in parts]] = 1.0
    untrained = [label for label, part in zip(own.history.ids, rows) if not len(part)]
    return TrainingUnits(list(own.history.ids), untrained, mean, scale)


def _inputs(past: Past, plan: Plan, lags: int, units: TrainingUnits) -> Inputs:
    places = units.find(past.ids)
    return Inputs(
        table=past.table,
        mean=units.mean[places],
        scale=units.scale[places],
        offsets=past.offsets,
        lags=lags,
        window=plan.sequence_length,
        horizon=plan.ahead,
        targets=plan.targets,
        features=plan.columns - plan.targets - plan.known,
        shared=plan.columns == plan.targets,
    )
