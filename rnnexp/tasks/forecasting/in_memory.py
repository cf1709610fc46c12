"""Tables that a program has in memory, handed to what reads files: one way to read, so that the answers are equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rnnexp.data.tables.typed import ROWS
from rnnexp.errors import DataError
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.requests import TrainedModel, name_rows

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FILE = "rows.parquet"


@contextmanager
def write_rows(trained: TrainedModel, rows: Any) -> Iterator[dict[str, Any]]:
    """Yield the settings of the data by which rows in memory are read; messages call these rows what they are."""
    pipeline = trained.preprocessor.pipeline
    frame = make_table(pipeline, rows)
    with TemporaryDirectory(prefix="rnnexp-rows-") as folder:
        file = Path(folder, FILE)
        _write(frame, file)
        with name_rows(file):
            yield {"path": str(file), **_find_dates(pipeline, frame)}


def make_table(pipeline: Pipeline, rows: Any) -> DataFrame:
    """Return a table, also of a mapping of columns, of a list of rows, or of the numbers of an only column.

    An index that has names, or dates, becomes columns.
    """
    import pandas

    columns = list(pipeline.columns) if len(pipeline.columns) == 1 else None
    try:
        if not hasattr(rows, "columns") and columns and hasattr(rows, "to_frame"):
            rows = rows.to_frame(columns[0])
        if not hasattr(rows, "columns"):
            named = isinstance(rows, Mapping) or any(isinstance(row, Mapping) for row in rows)
            rows = pandas.DataFrame(rows, columns=None if named else columns)
    except (TypeError, ValueError):
        raise DataError(f"the rows must be a table with named columns, not {type(rows).__name__}") from None
    return _with_index(pipeline, rows)


def _with_index(pipeline: Pipeline, frame: DataFrame) -> DataFrame:
    """Make columns of the index: of each level that has a name, and of dates without one."""
    import pandas

    dated = isinstance(frame.index, pandas.DatetimeIndex | pandas.PeriodIndex)
    names = [pipeline.time or "time"] if dated and frame.index.name is None else list(frame.index.names)
    levels = {name: frame.index.get_level_values(level) for level, name in enumerate(names)}
    taken = {str(name) for name in frame.columns}
    more = {str(name): level for name, level in levels.items() if name is not None and str(name) not in taken}
    if dated and more and pipeline.time and pipeline.time not in taken | set(more):
        more = {pipeline.time: next(iter(more.values()))}  # the dates, whatever the index is called
    return frame.assign(**more)


def _find_dates(pipeline: Pipeline, frame: DataFrame) -> dict[str, Any]:
    """Say that one column holds the dates that stood in several where the run was trained."""
    parts, names = pipeline.table.time, {str(name) for name in frame.columns}
    whole = pipeline.time in names and len(parts) > 1 and not set(parts) <= names
    return {"time": pipeline.time, "time_format": None} if whole else {}


def _write(frame: DataFrame, file: Path) -> None:
    """Write a table; what is neither a number, a truth nor a date goes as text, as it would stand in a file."""
    names = [str(name) for name in frame.columns]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f'{ROWS}: there are {names.count(twice)} columns "{twice}"; leave one')
    plain = frame.set_axis(names, axis="columns").reset_index(drop=True)
    plain.apply(_plain).to_parquet(file, index=False)


def _plain(column: Series[Any]) -> Series[Any]:
    """Return a column with the type of what it holds: numbers that are kept as objects are numbers all the same."""
    import pandas

    if isinstance(column.dtype, pandas.CategoricalDtype):
        column = column.astype(column.dtype.categories.dtype)
    if isinstance(column.dtype, pandas.PeriodDtype):
        return column.dt.to_timestamp()
    column = column.infer_objects()
    if column.dtype == "float16":  # Parquet has none so small
        return column.astype("float64")
    if column.dtype.kind in "biufM":
        return column
    if len(column) and all(isinstance(value, date) for value in column):
        return pandas.to_datetime(column)
    return column.map(str, na_action="ignore").astype("object")
