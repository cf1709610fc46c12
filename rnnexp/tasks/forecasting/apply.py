"""Other data as a trained model sees them: nothing is fitted, and all windows are one part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnexp.data import calendar
from rnnexp.data.dataset import WHOLE
from rnnexp.data.series import NAMELESS, Series
from rnnexp.data.short import Need, labels, without_short
from rnnexp.data.source import SeriesSource
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import DataError
from rnnexp.tasks.forecasting.columns import roles, select, select_weights
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.load import Reading, dataset, read_series
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.preprocess import Preprocessor


def apply(source: SeriesSource, preprocessor: Preprocessor, _: TaskSpec | None = None) -> SeriesDataset:
    """Load a source with the preprocessing of a trained model; its columns are matched by their roles.

    DataError names what the model cannot take: a series it has no scaler for, too few rows, absent dates or columns.
    """
    series = read_series(source)
    try:
        return _applied(source, preprocessor.pipeline, series)
    except DataError as error:
        text = str(error)
        raise DataError(text if series.source in text else f"{series.source}: {text}") from None


def _applied(source: SeriesSource, pipeline: Pipeline, series: Series) -> SeriesDataset:
    found = roles(source, series.columns)
    sizes = (len(found.targets), len(found.features), len(found.known))
    if sizes != (pipeline.plan.targets, pipeline.features, len(pipeline.known)):
        raise DataError(f"the columns {', '.join(found.all)} are not those of the model: {', '.join(pipeline.columns)}")
    if pipeline.calendar and series.time is None:
        raise DataError("the calendar of the model needs dates: give data.time")
    plan = pipeline.plan
    series = without_short(source, series, Need(plan.sequence_length, plan.ahead, pipeline.chain.lost))
    alone = series.ids == NAMELESS and len(pipeline.ids) == 1
    series = replace(series, ids=pipeline.ids if alone else series.ids, unit=series.unit or pipeline.unit)
    table = select(series, found.all)
    longest = int(series.lengths().max())
    season = calendar.season(source.season, series.frequency or pipeline.frequency, longest)
    bounds = np.stack([series.offsets[:-1], series.offsets[1:]], axis=1)
    reading = Reading(source, series, found, table, {WHOLE: bounds}, season, select_weights(source, series))
    return dataset(reading, pipeline, _scaled(pipeline, series, table), [])


def _scaled(pipeline: Pipeline, series: Series, table: np.ndarray) -> np.ndarray:
    blocks = []
    for label, of, first, last in zip(series.ids, labels(series), series.offsets[:-1], series.offsets[1:]):
        time = None if series.time is None else series.time[first:last]
        group = pipeline.group(label)
        try:
            blocks.append(pipeline.scaled(table[first:last], time, group))
        except DataError as error:
            raise DataError(f"{of}: {error}") from None
    return np.concatenate(blocks)
