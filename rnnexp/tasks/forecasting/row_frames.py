"""Tables of raw rows, as a served model receives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.data.series import Rows
from rnnexp.data.tables.columns import listed
from rnnexp.data.tables.layout import Wanted
from rnnexp.data.tables.read import open_tables
from rnnexp.data.tables.remedy import Advised, Undecided
from rnnexp.data.tables.typed import ROWS, read_frame
from rnnexp.errors import DataError, did_you_mean
from rnnexp.tasks.forecasting.pipeline import Pipeline

if TYPE_CHECKING:
    from pandas import DataFrame

# Whoever sends rows to a model cannot set how they are read.
OWN_WAY = "; a model reads rows with the settings of its training: send them without that, or files to `rnnexp predict`"


def rows_of(pipeline: Pipeline, frame: DataFrame) -> list[Rows]:
    """Read the raw rows of each series of a table, in the order in which they appear: as from a file, columns by name.

    DataError names what is missing, flawed or not in order.
    """
    settings = pipeline.table
    wanted = _wanted(pipeline, [str(name) for name in frame.columns])
    try:
        tables = [read_frame(frame, settings.layout, wanted)]
        many, _ = open_tables(tables, settings.layout, wanted, settings.policies, pipeline.frequency)
    except Advised as error:
        raise DataError(f"{error.message}{OWN_WAY if error.advice else ''}") from None
    except Undecided as error:
        raise DataError("\n".join(f"{one.message}{OWN_WAY}" for one in error.questions)) from None
    alone = pipeline.ids[0] if len(pipeline.ids) == 1 else "series"
    rows = [Rows(one.label if wanted.series else alone, one.values, one.time) for one in many]
    return long_enough(pipeline, rows, settings.on_short)[0]


def _wanted(pipeline: Pipeline, names: Sequence[str]) -> Wanted:
    """Choose the columns that the model knows; it may do without dates, and without the names of series."""
    parts = pipeline.table.time
    time = parts if set(parts) <= set(names) and parts else () if pipeline.time is None else (pipeline.time,)
    if absent := [name for name in time if name not in names]:
        without_dates(pipeline, ROWS, absent[0], names)
        time = ()
    series = None if pipeline.series in pipeline.columns else pipeline.series
    if series not in names:
        without_series(pipeline, ROWS, series, names)
        series = None
    targets = pipeline.plan.targets
    return Wanted(time, series, pipeline.columns[:targets], pipeline.columns[targets:])


def without_dates(pipeline: Pipeline, where: str, absent: str, names: Sequence[str]) -> str:
    """Say what it means that a table has no dates; DataError if the model needs them."""
    hint = f"{did_you_mean(absent, names)} (columns: {listed(names)})"
    if pipeline.calendar:
        raise DataError(f'{where}: there is no column "{absent}", whose dates the model needs{hint}')
    return f'there is no column "{absent}": forecasts get no dates, and gaps cannot be seen{hint}'


def without_series(pipeline: Pipeline, where: str, series: str | None, names: Sequence[str]) -> list[str]:
    """Say what it means that a table does not tell series apart; DataError if each of them has its own scaler."""
    if series is None or len(pipeline.ids) == 1:
        return []
    text = f'there is no column "{series}" to tell series apart{did_you_mean(series, names)}'
    if pipeline.per_series:
        raise DataError(f"{where}: {text} (columns: {listed(names)}), and each series has its own scaler")
    return [f"{text}: the rows are taken for one series"]


def read_values(pipeline: Pipeline, values: Sequence[float], where: str) -> Rows:
    """Take numbers for the rows of the only column that a model has; DataError if it has several, or needs dates."""
    if len(pipeline.columns) > 1:
        columns = ", ".join(pipeline.columns)
        raise DataError(f"{where}: the model takes {len(pipeline.columns)} columns, {columns}; give a table of them")
    if pipeline.calendar:
        raise DataError(f"{where}: numbers have no dates, which the calendar of the model needs; give a table of both")
    without_series(pipeline, where, pipeline.series, pipeline.columns)
    return Rows(pipeline.ids[0] if len(pipeline.ids) == 1 else "series", np.array(values, np.float64)[:, None])


def long_enough(pipeline: Pipeline, rows: list[Rows], policy: str) -> tuple[list[Rows], list[str]]:
    """Leave out series that are too short for a forecast, if the settings say so."""
    if policy == "fail":
        return rows, []
    targets = pipeline.plan.targets
    kept = [one for one in rows if (~np.isnan(one.values[:, :targets]).all(axis=1)).sum() >= pipeline.rows_needed]
    if not kept or len(kept) == len(rows):
        return rows, []
    short = f"{len(rows) - len(kept)} of {len(rows)} series have fewer than {pipeline.rows_needed} observed rows"
    return kept, [f"{short}; they are left out (data.on_short=skip)"]


def frame_of(pipeline: Pipeline, rows: Rows) -> DataFrame:
    """Lay out the last rows needed for one forecast, and the known columns of the rows after them."""
    import pandas

    ahead = pipeline.plan.ahead if pipeline.known else 0
    chosen = slice(max(0, len(rows.values) - pipeline.rows_needed - ahead), None)
    values = rows.values[chosen].copy()
    values[len(values) - ahead :, : pipeline.plan.targets] = np.nan
    frame = pandas.DataFrame(values, columns=list(pipeline.columns))
    if rows.time is not None and pipeline.time is not None:
        frame.insert(0, pipeline.time, rows.time[chosen])
    if len(pipeline.ids) > 1:
        frame.insert(0, pipeline.series, rows.label)
    return frame
