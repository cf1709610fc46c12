"""ETS: exponential smoothing whose form and parameters are chosen for each series on its training rows.

What is learned of a series are a form and four numbers. The states follow the rows up to each forecast, so that rows
that training has not seen are followed, too; a series that it has not seen is with the form that most others have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.tasks.forecasting import smoothing
from rnnexp.tasks.forecasting.baselines import Undefined
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.linear import Past
from rnnexp.tasks.forecasting.smoothing import Filter, Parameters, count_first_rows
from rnnexp.tasks.forecasting.windows import Plan

MAX_FITTED = 1000  # rows of a series that parameters are chosen on: its last ones
MAX_VALUES = 1_000_000  # of all series and targets that parameters are chosen on: some ten seconds of one core
MAX_ROWS = 100_000  # of a series that the states follow: a few seconds


@dataclass(frozen=True)
class Columns:
    """One column for each target of each series that is forecast, from its first row to its last forecast or so.

    values: (rows, columns), filled up with the last value;  lengths: (columns,)
    series: (columns,) which series each is of;  target: (columns,)
    """

    values: np.ndarray
    lengths: np.ndarray
    series: np.ndarray
    target: np.ndarray


@dataclass(frozen=True)
class SmoothedForecast:
    """Exponential smoothing that has been fitted.

    ids: of the series;  season: rows, 1 for none
    forms: (series + 1, targets, 6) trend, season and four log odds of each, at the end those of any other series
    """

    ids: list[str]
    season: int
    forms: Numbers

    def __post_init__(self) -> None:
        if self.forms.ndim != 3 or self.forms.shape[::2] != (len(self.ids) + 1, 6):
            raise ValueError("series and their forms do not go together")
        require_season(self.season)
        if not np.isin(self.forms[..., :2], (0, 1, 2)).all():
            raise ValueError("there is no such form")
        if np.abs(self.forms[..., 2:]).max() > smoothing.FURTHEST:
            raise ValueError("a parameter is out of its bounds")

    def predict(self, past: Past, plan: Plan) -> np.ndarray:
        """Return forecasts (n, horizon, targets) in original units.

        One with fewer rows before it than the first states take repeats the last value, as one does after a value
        that is not above 0 where the season is of factors.
        """
        columns, forms, rows = lay_out(past, plan.targets), self._find_forms(past), past.origins - past.firsts
        if forms.shape[1] != plan.targets:
            raise Undefined("it was fitted to other columns")
        chosen = _as_parameters(forms[columns.series, columns.target])
        found = np.repeat(past.table[past.origins, : plan.targets][:, None], plan.ahead, axis=1)
        fewest, factors = count_first_rows(self.season, chosen.season[0]), chosen.season[0] == smoothing.FACTORS
        asked, series, sound = _sort_by_row(rows), past.series, np.ones(len(fewest), bool)
        states = Filter(chosen, columns.values, self.season)
        with np.errstate(all="ignore"):
            for row, actual in enumerate(columns.values):
                states.update(actual - states.expect())
                # A season of factors is not defined from the first value on that is not above 0.
                sound &= ~factors | ((actual > 0) & (states.level[0] > 0))
                for one in asked.get(row, ()):
                    own = np.flatnonzero((columns.series == series[one]) & (row + 1 >= fewest) & sound)
                    found[one][:, columns.target[own]] = states.forecast(plan.ahead, own)
        if not np.isfinite(found).all():
            raise Undefined("its forecasts of these rows are not finite")
        return found

    def stands_in(self, past: Past) -> np.ndarray:
        """Say of each forecast whether it has too few rows before it, (n,)."""
        fewest = count_first_rows(self.season, self._find_forms(past)[..., 1]).max(axis=1)
        return np.asarray(past.origins - past.firsts + 1 < fewest[past.series])

    def _find_forms(self, past: Past) -> np.ndarray:
        return np.asarray(self.forms[find_series(self.ids, past)])


def require_season(rows: int) -> None:
    """Raise ValueError for a season that no series is long enough for: a stranger's file must not fill the memory."""
    if not 1 <= rows <= MAX_ROWS:
        raise ValueError("there is no such season")


def lay_out(past: Past, targets: int) -> Columns:
    """Raises Undefined where there are too many rows."""
    asked = np.unique(past.series)
    ends = np.array([past.origins[past.series == one].max() + 1 for one in asked])
    if past.trained is not None:  # on which what is fitted anew is fitted, also where they are forecast
        ends = np.maximum(ends, past.trained[asked, 1])
    lengths = ends - past.offsets[asked]
    if lengths.max() > MAX_ROWS:
        raise Undefined(f"a series of {lengths.max():,} rows takes too long; the most is {MAX_ROWS:,}")
    values = stack([past.table[end - length : end, :targets] for end, length in zip(ends, lengths)])
    return Columns(
        values, np.repeat(lengths, targets), np.repeat(asked, targets), np.tile(np.arange(targets), len(asked))
    )


def stack(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Put series (rows, targets) side by side, each filled up with its last row."""
    most = max(map(len, parts))
    return np.concatenate([part[np.minimum(np.arange(most), len(part) - 1)] for part in parts], axis=1)


def find_series(ids: Sequence[str], past: Past) -> np.ndarray:
    """Return for each series of the past its place among those that have been fitted, -1 for another one."""
    known = {label: place for place, label in enumerate(ids)}
    return np.array([known.get(label, -1) for label in past.ids])


def _sort_by_row(rows: np.ndarray) -> dict[int, np.ndarray]:
    """Return which forecasts are made after each row."""
    order = np.argsort(rows, kind="stable")
    found, firsts = np.unique(rows[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, firsts[1:])))


def _as_parameters(forms: np.ndarray) -> Parameters:
    trend, season = forms[:, :2].astype(int).T
    return Parameters(trend[None], season[None], forms[:, 2:].T[:, None])


def fit(dataset: SeriesDataset) -> SmoothedForecast:
    """Choose form and parameters for each series and target. Raises Undefined where none has enough rows."""
    own, season = require_training(dataset), dataset.season or 1
    parts = list_training(own, MAX_FITTED)
    there = [place for place, part in enumerate(parts) if len(part) >= smoothing.FEWEST_ROWS]
    forms = np.full((len(parts) + 1, own.pipeline.plan.targets, 6), -1.0)
    if there:
        values = stack([parts[place] for place in there])
        lengths = np.repeat([len(parts[place]) for place in there], forms.shape[1])
        positive = np.concatenate([(part > 0).all(axis=0) for part in list_training(own)])
        chosen = smoothing.choose(values, lengths, season, positive.reshape(len(parts), -1)[there].reshape(-1))
        table = np.stack([chosen.trend[0], chosen.season[0], *chosen.odds[:, 0]], axis=-1)
        forms[there] = table.reshape(len(there), -1, 6)
    for target in range(forms.shape[1]):
        _fill(forms[:, target])
    return SmoothedForecast(list(own.history.ids), season, forms)


def require_training(dataset: SeriesDataset) -> SeriesDataset:
    """Return the data with the training part; raises Undefined without one, and where there are too many values."""
    own = dataset.trained_on
    if own is None:
        raise Undefined("there is no training set")
    count = sum(part.size for part in list_training(own, MAX_FITTED))
    if count > MAX_VALUES:
        raise Undefined(f"it would be fitted to {count:,} values, series by series; the most is {MAX_VALUES:,}")
    if (dataset.season or 1) > MAX_ROWS:
        raise Undefined(f"a season of {dataset.season:,} rows is too long; the most is {MAX_ROWS:,}")
    return own


def list_training(own: SeriesDataset, most: int | None = None) -> list[np.ndarray]:
    """Return the last training rows of each series, (rows, targets); all without `most`."""
    targets = own.pipeline.plan.targets
    return [own.table[first:last, :targets][-most if most else 0 :] for first, last in own.borders["train"]]


def _fill(forms: np.ndarray) -> None:
    """Give series that have no form of their own, and any other one, the form of most series: (series + 1, 6)."""
    known = forms[forms[:, 0] >= 0]
    if not len(known):
        raise Undefined(f"no series has the {smoothing.FEWEST_ROWS} training rows that it takes")
    kinds, which, counts = np.unique(known[:, :2], axis=0, return_inverse=True, return_counts=True)
    most = known[which.reshape(-1) == counts.argmax()]
    forms[forms[:, 0] < 0] = np.concatenate([kinds[counts.argmax()], np.median(most[:, 2:], axis=0)])
