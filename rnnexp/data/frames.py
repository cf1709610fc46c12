"""Tables of raw rows, as a served model receives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.pipeline import Pipeline
from rnnexp.data.preprocess import Rows
from rnnexp.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from pandas import DataFrame


def rows_of(pipeline: Pipeline, frame: DataFrame) -> list[Rows]:
    """Split a table into the raw rows of its series, in the order in which the ids appear."""
    names = {str(column): column for column in frame.columns}
    missing = [column for column in pipeline.columns if column not in names]
    if missing:
        hint = did_you_mean(missing[0], names)
        raise DataError(
            f"the rows lack the column(s) {', '.join(missing)}; they have {', '.join(names) or 'none'}{hint}"
        )
    if frame.empty:
        raise DataError(f"there are no rows; one forecast needs {pipeline.rows_needed}")
    key = pipeline.series
    if key not in names and pipeline.per_series and len(pipeline.ids) > 1:
        raise DataError(f"the rows lack the column `{key}`, and each series has its own scaler")
    if key not in names or key in pipeline.columns:
        return [_rows(pipeline, pipeline.ids[0], frame, names)]
    groups = frame.groupby(names[key], sort=False)
    return [_rows(pipeline, str(label), group, names) for label, group in groups]


def _rows(pipeline: Pipeline, label: str, frame: DataFrame, names: dict[str, Any]) -> Rows:
    values = [_numbers(frame, names[column], label) for column in pipeline.columns]
    return Rows(label, np.stack(values, axis=1), _time(pipeline, frame))


def _numbers(frame: DataFrame, column: Any, label: str) -> np.ndarray:
    try:
        return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"series `{label}`: column `{column}` holds something else than numbers: {error}") from None


def _time(pipeline: Pipeline, frame: DataFrame) -> np.ndarray | None:
    """Return the dates from the time column or the index; rows must be in time order."""
    import pandas

    if pipeline.time in frame.columns:
        dates = pandas.to_datetime(frame[pipeline.time])
    elif isinstance(frame.index, pandas.DatetimeIndex):
        dates = frame.index.to_series()
    else:
        return None
    time = dates.to_numpy().astype("datetime64[ns]")
    if (time[1:] <= time[:-1]).any():
        raise DataError(f"the rows must be in time order: `{time[1:][time[1:] <= time[:-1]][0]}` comes too late")
    return time


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
