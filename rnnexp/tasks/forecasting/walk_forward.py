"""The test part forecast piece by piece: before each, all that is fitted is fitted again on the rows up to it.

A refit is the same data with the borders of their parts moved on, so that scaler, season, baselines and intervals are
made as they always are, of the training and the validation part. A forecast is made by the last refit before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.calendar import write_dates
from rnnexp.data.dataset import Predictions
from rnnexp.data.example_weights import take_weights
from rnnexp.errors import DataError
from rnnexp.evaluation import numbers
from rnnexp.evaluation.report import Report, Scoring, Undefined
from rnnexp.tasks.forecasting.bands import Band, measure
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.load import find_season, make_dataset
from rnnexp.tasks.forecasting.report import list_breakdown, make_yardsticks

if TYPE_CHECKING:
    pass

TEST = "test"


def list_refits(dataset: SeriesDataset, every: int) -> list[Callable[[], SeriesDataset]]:
    """Return what makes the data of each refit, `every` rows of the test part apart, of several series as many dates;
    where nothing is forecast there is none.

    Raises DataError where one series is tested on dates on which another is still learned from.
    """
    cuts = _list_cuts(dataset, every)
    first = dataset.starts(TEST) + dataset.pipeline.plan.sequence_length
    series = dataset.history.series_of(first)
    passed = first - dataset.borders[TEST][series, 0]
    numbers = np.unique((cuts[:, series] <= passed).sum(axis=0) - 1)
    return [partial(_refit, dataset, cuts[number], cuts[number + 1]) for number in numbers]


def _list_cuts(dataset: SeriesDataset, every: int) -> np.ndarray:
    """Return how many rows of its test part each series has before each refit, and at the end: (refits + 1, series)."""
    rows, time = dataset.borders[TEST], dataset.history.time
    lengths = rows[:, 1] - rows[:, 0]
    if time is None or len(rows) == 1:
        return np.minimum(np.append(np.arange(0, lengths.max(), every), lengths.max())[:, None], lengths)
    _refuse_other_times(dataset, time)
    tested = [time[first:last] for first, last in rows]
    marks = np.unique(np.concatenate(tested))[::every]
    return np.append(np.stack([np.searchsorted(own, marks) for own in tested], axis=1), lengths[None], axis=0)


def _refuse_other_times(dataset: SeriesDataset, time: np.ndarray) -> None:
    begin, end = dataset.borders[TEST].T
    tested, learned = np.flatnonzero(end > begin), np.flatnonzero(begin > dataset.history.offsets[:-1])
    early, late = tested[np.argmin(time[begin[tested]])], learned[np.argmax(time[begin[learned] - 1])]
    if time[begin[late] - 1] < time[begin[early]]:
        return
    names, dates = dataset.history.ids, write_dates(time[[begin[early], begin[late] - 1]], time)
    raise DataError(
        f"trainer.refit_every: series `{names[early]}` is tested from {dates[0]} on, and `{names[late]}` is learned "
        f"from up to {dates[1]}: a forecast would know the future; give data.split in dates"
    )


def _refit(dataset: SeriesDataset, moved: np.ndarray, following: np.ndarray) -> SeriesDataset:
    """Return the data as they are known once so many rows (series,) of the test part are there; tested is what is
    forecast before the `following` ones are.
    """
    reading, plan = dataset.reading, dataset.pipeline.plan
    begin, end = dataset.borders[TEST].T
    borders = {name: rows + moved[:, None] for name, rows in dataset.borders.items()}
    borders["train"] = np.stack([dataset.borders["train"][:, 0], dataset.borders["train"][:, 1] + moved], axis=1)
    # The windows of a stride begin where they do without refits.
    earliest = np.maximum(dataset.history.offsets[:-1] + dataset.pipeline.chain.lost, begin - plan.sequence_length)
    behind = np.maximum(begin + moved - plan.sequence_length - earliest, 0)
    stride = reading.source.stride
    tested = earliest + -(-behind // stride) * stride + plan.sequence_length
    borders[TEST] = np.stack([tested, np.minimum(begin + following + plan.ahead - 1, end)], axis=1)
    known = np.stack([dataset.history.offsets[:-1], begin + moved], axis=1)
    season = find_season(reading, borders["train"])
    made = make_dataset(replace(reading, borders=borders, season=season, known=known))
    summary = replace(made.summary, digest=f"{dataset.summary.digest[:20]}-{int(moved.max())}")
    return replace(made, summary=summary, spec=made.spec.with_quantiles(dataset.spec.quantiles))


def describe_refit(refit: SeriesDataset) -> dict[str, Any]:
    """Return up to where a refit knows its series, by the last date or the row of the longest, and how many rows."""
    known, time = refit.reading.known, refit.history.time
    lengths = known[:, 1] - known[:, 0]
    last = f"row {lengths.max()}" if time is None else write_dates(time[known[:, 1] - 1].max()[None], time)[0]
    return {"known_to": last, "rows": int(lengths.sum())}


@dataclass(frozen=True)
class RefitReports:
    """The reports of all refits, which together forecast the whole test part."""

    reports: Sequence[Report]

    def join(self, pick: Callable[[Report], Any]) -> np.ndarray:
        """Lay what each report has of its forecasts (n, ...) in the order of the rows they are made from."""
        origins = np.concatenate([np.asarray(report.predictions.origins) for report in self.reports])
        return np.concatenate([pick(report) for report in self.reports])[np.argsort(origins, kind="stable")]

    def list_baselines(self) -> list[str]:
        """Name the baselines that are defined at every refit."""
        first, *others = (report.baselines for report in self.reports)
        return [name for name in first if all(name in one for one in others)]

    def find_skipped(self) -> dict[str, str]:
        """Return why a baseline is absent at some refit."""
        there = self.list_baselines()
        reasons = {key: why for report in self.reports for key, why in report.skipped.items()}
        return {key: why for key, why in reasons.items() if key.removeprefix("baseline/") not in there}

    def has(self, name: str) -> bool:
        return all(getattr(report.predictions, name) is not None for report in self.reports)

    def join_pair(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Do the same with two arrays of the predictions; None where they are not there at every refit."""
        if not self.has(name):
            return None
        both = attrgetter(f"predictions.{name}")
        return self.join(lambda report: both(report)[0]), self.join(lambda report: both(report)[1])

    def spread(self, name: str, _: np.ndarray) -> np.ndarray:
        """Return the quantiles of a baseline."""
        if any(report.baselines[name].quantiles is None for report in self.reports):
            raise Undefined("they are not defined at every refit")
        return self.join(lambda report: report.baselines[name].quantiles)


def join_refits(dataset: SeriesDataset, reports: Sequence[Report], scoring: Scoring) -> Report:
    """Score the forecasts of all refits as those of one model, beside the baselines that were fitted with them."""
    pieces = RefitReports(reports)
    predictions = _join_predictions(dataset, pieces)
    made = _band(dataset, pieces, predictions)
    yardsticks = replace(
        make_yardsticks(dataset, predictions, {}),
        baselines={name: partial(pieces.join, partial(_take, name)) for name in pieces.list_baselines()},
        spread=pieces.spread,
    )
    report = numbers.report(dataset, predictions, yardsticks, scoring.extra)
    return replace(
        report,
        metrics={**report.metrics, **made.metrics},
        skipped={**pieces.find_skipped(), **report.skipped},
        notes=[*report.notes, *made.notes],
        tables={**report.tables, **list_breakdown(dataset, predictions, report.baselines)},
        intervals=reports[-1].intervals,
        tags=made.tags,
    )


def _take(name: str, report: Report) -> np.ndarray:
    return report.baselines[name].predicted


def _join_predictions(dataset: SeriesDataset, pieces: RefitReports) -> Predictions:
    origins = pieces.join(attrgetter("predictions.origins"))
    weight = take_weights(dataset.parts[TEST].arrays, origins - dataset.pipeline.plan.sequence_length + 1)
    return Predictions(
        pieces.join(attrgetter("predictions.predicted")),
        pieces.join(attrgetter("predictions.actual")),
        pieces.join_pair("scaled"),
        origins,
        bounds=pieces.join_pair("bounds"),
        quantiles=pieces.join(attrgetter("predictions.quantiles")) if pieces.has("quantiles") else None,
        weight=weight,
    )


def _band(dataset: SeriesDataset, pieces: RefitReports, predictions: Predictions) -> Band:
    """Measure the intervals of all refits as those of one model."""
    last = pieces.reports[-1].intervals
    if predictions.bounds is None:
        return Band(last)
    low, high = predictions.bounds
    return measure(dataset, last, (low <= predictions.actual) & (predictions.actual <= high), (low, high))
