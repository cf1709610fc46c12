"""Forecasts: what follows the rows of a table, or the data that a run was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rnnexp.data.dataset import USUAL
from rnnexp.data.series import Rows
from rnnexp.deploy import reading
from rnnexp.deploy.answer import Answer, Question
from rnnexp.deploy.trained import Trained
from rnnexp.errors import DataError, DivergedError, did_you_mean
from rnnexp.tasks.forecasting import intervals
from rnnexp.tasks.forecasting.columns import select
from rnnexp.tasks.forecasting.frames import long_enough
from rnnexp.tasks.forecasting.intervals import Intervals
from rnnexp.tasks.forecasting.load import read_series
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.preprocess import Preprocessor
from rnnexp.tracking.pyfunc import Columns, forecast


@dataclass(frozen=True)
class Given:
    """What forecasts start from; `several` says that series are told apart by name."""

    rows: list[Rows]
    source: str
    several: bool = False
    notes: list[str] = field(default_factory=list)


def answer(trained: Trained, question: Question) -> Answer:
    """Forecast what follows each series; whatever is wrong with the rows is said before Keras is imported."""
    pipeline = Pipeline.from_json(trained.scaling)
    given = _given(trained, pipeline, question)
    made = intervals.read(trained.bundle, (pipeline.plan.ahead, pipeline.plan.targets))
    levels, notes = _levels(made, question.levels)
    try:
        _, context = Preprocessor(pipeline).prepare_rows(given.rows)
    except DataError as error:
        raise DataError(f"{given.source}: {error}") from None
    half = {level: made.of(level) for level in levels}
    columns = Columns(pipeline.series if given.several else None, pipeline.time or "ds")
    frame = forecast(trained.load(), context, half, columns)
    if not np.isfinite(frame[list(pipeline.targets)].to_numpy()).all():
        raise DivergedError(f"the forecasts of {trained.called} for {given.source} are not finite")
    measured = {level: {"examples": made.examples, "coverage": made.held(level)} for level in levels}
    return Answer(frame, [*given.notes, *notes], measured)


def _levels(made: Intervals, asked: Sequence[int] | None) -> tuple[list[int], list[str]]:
    """Return the levels to give: those asked for, which must be there, else the usual one if it is."""
    if asked is not None:
        for level in asked:
            made.of(level)
        return sorted(set(asked)), []
    if USUAL in made.levels:
        return [USUAL], []
    return [], [f"no prediction intervals: {made.missing(USUAL)}"]


def _given(trained: Trained, pipeline: Pipeline, question: Question) -> Given:
    """Read a table, if one is named, else the run's own data again."""
    changes = dict(question.changes) | ({"path": question.path} if question.path else {})
    if "path" not in changes:
        own = trained.configuration().data
        if own.forecast_from is not None and not changes:
            values = np.array(own.forecast_from, dtype=np.float64)[:, None]
            return Given([Rows(pipeline.ids[0], values)], "data.forecast_from")
        if own.name != "csv":
            return _series(pipeline, reading.changed(own, changes))
        changes["path"] = own.path
    known = trained.experiment.data if trained.experiment else None
    return _table(pipeline, *reading.table(known, pipeline, changes))


def _table(pipeline: Pipeline, source: Any, notes: list[str]) -> Given:
    rows, done = source.read_open(pipeline.frequency)
    if source.series is None:
        rows = [replace(rows[0], label=pipeline.ids[0] if len(pipeline.ids) == 1 else "series")]
    rows, left = long_enough(pipeline, rows, source.on_short)
    return Given(rows, source.path, source.series is not None, [*notes, *done, *left])


def _series(pipeline: Pipeline, source: Any) -> Given:
    """Read the data of a source that is no table."""
    series = read_series(source)
    absent = [name for name in pipeline.columns if name not in series.columns]
    if absent:
        raise DataError(
            f"{series.source}: there is no column `{absent[0]}`{did_you_mean(absent[0], series.columns)}; "
            f"the data have {', '.join(series.columns)}"
        )
    values = select(series, pipeline.columns)
    bounds = list(zip(series.ids, series.offsets[:-1], series.offsets[1:]))
    time = series.time
    rows = [Rows(label, values[a:b], None if time is None else time[a:b]) for label, a, b in bounds]
    rows, left = long_enough(pipeline, rows, source.on_short)
    return Given(rows, series.source, len(series.ids) > 1, left)
