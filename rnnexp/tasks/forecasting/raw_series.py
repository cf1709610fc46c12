"""What a source of a user's own has read, as series: numbers of any library, or a table with dates in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from rnnexp.data.series import Series
from rnnexp.data.source import SeriesSource
from rnnexp.data.tables.layout import TableSettings, Wanted
from rnnexp.data.tables.read import make_series
from rnnexp.data.tables.typed import read_frame
from rnnexp.errors import DataError

ACCEPTED = (
    "a source of series returns numbers (rows,) or (rows, columns), a pandas Series or DataFrame with dates in its "
    "index or a column, or a rnnexp.data.series.Series"
)
OWN_POLICY = '. A source of your own has such a setting if it has a parameter for it: `gaps: str = "ffill"`'
EXAMPLES = "; examples with a target each come from a class that derives from rnnexp.data.source.SequenceSource"


def convert_to_series(source: SeriesSource, read: Any) -> Series:
    """Return what a source has read as `Series`; a DataError names the source and says what is accepted."""
    import pandas

    if isinstance(read, Series):
        return read
    if hasattr(read, "to_pandas"):  # of Polars, Arrow
        read = read.to_pandas()
    if isinstance(read, Mapping):
        read = pandas.DataFrame(dict(read))
    if isinstance(read, pandas.Series):
        read = read.to_frame("value" if read.name is None else read.name)
    try:
        return _read_frame(source, read) if isinstance(read, pandas.DataFrame) else _read_numbers(source, read)
    except DataError as error:
        raise DataError(f"data.{source.name}: {error}") from None  # type: ignore[attr-defined]


def _read_numbers(source: SeriesSource, read: Any) -> Series:
    if read is None or isinstance(read, str | bytes | tuple):
        hint = EXAMPLES if isinstance(read, tuple) else ""
        raise DataError(f"returned {type(read).__name__}; {ACCEPTED}{hint}")
    try:
        values = np.asarray([*read] if isinstance(read, Iterator) else read)
        if values.dtype.kind not in "fiubO":
            raise TypeError
        values = values.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"returned {type(read).__name__} that is no array of real numbers; {ACCEPTED}") from None
    name = source.name  # type: ignore[attr-defined]
    if values.ndim == 1 and len(values):
        return Series.single(values, source=name)
    if values.ndim != 2 or not len(values):
        hint = EXAMPLES if values.ndim > 2 else ""
        raise DataError(f"a series has the shape (rows,) or (rows, columns), not {values.shape}{hint}")
    columns = tuple(f"column_{i}" for i in range(values.shape[1]))
    return Series(values, columns, np.array([0, len(values)]), source=name)


def _read_frame(source: SeriesSource, frame: Any) -> Series:
    """Read a table as strictly as a file: what is flawed is an error, unless the source has a setting for it."""
    if frame.columns.nlevels > 1:
        raise DataError("the columns of the DataFrame have several levels; give each column one name")
    frame, time, label = _flatten(frame)
    given = source.target if isinstance(source.target, list) else [source.target]
    asked = {str(column) for column in (*given, *source.features, *source.known)}
    others = [name for name in frame.columns if name not in (time, label)]
    values = [name for name in others if _is_number(frame[name]) or name in asked]
    if not values:
        raise DataError(f"the DataFrame has no column of numbers, only {', '.join(others) or 'dates'}")
    settings = TableSettings.of(source)
    wanted = Wanted(() if time is None else (time,), label, tuple(values))
    table = read_frame(frame, settings.layout, wanted)
    try:
        series = make_series([table], settings.layout, wanted, settings.policies, getattr(source, "frequency", None))
    except DataError as error:
        raise DataError(f"{error}{'' if hasattr(source, 'gaps') else OWN_POLICY}") from None
    unread = [name for name in others if name not in values]
    note = (f"columns that are no numbers, left out: {', '.join(unread)}",) if unread else ()
    return replace(series, source=source.name, notes=(*series.notes, *note))  # type: ignore[attr-defined]


def _flatten(frame: Any) -> tuple[Any, str | None, str | None]:
    """Return a table without an index, with the columns that hold its dates and the names of its series."""
    import pandas
    from pandas.api.types import is_datetime64_any_dtype

    columns = [str(name) for name in frame.columns]
    levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
    frame = frame.set_axis(columns, axis=1).reset_index(drop=True)
    dates, labels = [name for name in columns if is_datetime64_any_dtype(frame.get(name))], list[str]()
    for level in levels:
        level = level.to_timestamp() if isinstance(level, pandas.PeriodIndex) else level
        if len(levels) == 1 and pandas.api.types.is_numeric_dtype(level):
            continue  # rows that are counted
        of_dates = is_datetime64_any_dtype(level) or len(levels) == 1
        name = str(level.name or ("time" if of_dates else "series"))
        while name in frame.columns:
            name = f"{name}_"
        frame[name] = level.to_numpy() if not of_dates else pandas.Series(level)
        (dates if of_dates else labels).append(name)
    if len(dates) > 1 or len(labels) > 1:
        raise DataError(f"the DataFrame has several columns of dates or labels ({', '.join(dates + labels)}); keep one")
    return frame, next(iter(dates), None), next(iter(labels), None)


def _is_number(column: Any) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return is_numeric_dtype(column) or is_bool_dtype(column)
