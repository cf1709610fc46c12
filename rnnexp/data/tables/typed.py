"""Columns that know their own types, of a Parquet file or a table in memory: read as strictly as those of a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.tables.columns import Selection, Table, select
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.numbers import EXACT, LARGEST, Flaws, parse, remove_codes, remove_dressed
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.readings import Survey
from rnnexp.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame

ROWS = "the rows"  # what messages call a table in memory
ROWS_FOLDER = "rnnexp-rows-"  # how the name of a folder begins in which such a table lies for a moment


def tell_file(file: str) -> str:
    """Return what messages call a file, which may stand for a table in memory."""
    return ROWS if Path(file).parent.name.startswith(ROWS_FOLDER) else file


def read_frame(frame: DataFrame, layout: Layout, wanted: Wanted) -> Table:
    """Read the wanted columns of a table in memory; rows are counted from 1."""
    selection = select([str(name) for name in frame.columns], [], wanted, ROWS)
    positions = (*selection.values, *selection.texts)
    columns = {index: frame.iloc[:, index].reset_index(drop=True) for index in positions}
    return typed_table(columns, len(frame), selection, layout, ROWS)


def typed_table(columns: Mapping[int, Any], size: int, selection: Selection, layout: Layout, file: str) -> Table:
    """Lay out columns of `size` rows, by their positions; a cell that is no number is a DataError."""
    if size == 0:
        raise DataError(f"{file}: 0 usable rows")
    names = [selection.names[index] for index in selection.values]
    flaws = [Flaws() for _ in names]
    values = [_numbers(columns[index], layout, flaw) for index, flaw in zip(selection.values, flaws)]
    if any(flaw.found for flaw in flaws):
        survey = _survey([columns[index] for index in selection.values], names, layout)
        if refused := survey.refuse(file):
            raise refused
    rows = np.arange(1, size + 1)
    series = None if selection.series is None else columns[selection.series].astype("str").str.strip()
    return Table(
        tuple(names),
        np.stack(values, axis=1) if values else np.empty((size, 0)),
        tuple(columns[index] for index in selection.time),
        series,
        Places((file,), np.zeros(size, dtype=np.int64), rows, "row"),
        tuple(note for name, flaw in zip(names, flaws) for note in flaw.notes(name)),
    )


def _numbers(column: Any, layout: Layout, flaws: Flaws) -> np.ndarray:
    """Turn a typed column into float64; text goes the way of a text file."""
    if not _is_typed(column):
        return remove_dressed(parse(_texts(column), range(1, len(column) + 1), layout, flaws), flaws)
    values = remove_codes(column.to_numpy(dtype=np.float64, na_value=np.nan), layout, column.dtype)
    for row in np.flatnonzero(_are_beyond(column, values)):
        flaws.add(int(row) + 1, str(column.iloc[row]))
    return values


def _is_typed(column: Any) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype)


def _texts(column: Any) -> list[str]:
    return ["" if gone else str(cell) for cell, gone in zip(column, column.isna())]


def _are_beyond(column: Any, values: np.ndarray) -> np.ndarray:
    """Mark the numbers that cannot be held."""
    return np.abs(values) > (EXACT if column.dtype.kind in "iu" else LARGEST)


def _survey(columns: list[Any], names: list[str], layout: Layout) -> Survey:
    """Look again at every cell of text, and at the numbers that cannot be held."""
    cells = []
    for column in columns:
        if _is_typed(column):
            values = remove_codes(column.to_numpy(dtype=np.float64, na_value=np.nan), layout, column.dtype)
            column = column.astype("object").where(_are_beyond(column, values))
        cells.append(_texts(column))
    survey = Survey(names, layout, "row")
    for row, texts in enumerate(zip(*cells), 1):
        survey.add(row, texts)
    return survey


def select_parquet(file: Path, wanted: Wanted) -> Selection:
    """Find the wanted columns in the file's own schema."""
    import pyarrow.types as types

    schema = open_parquet(file).schema_arrow
    numeric = [
        types.is_integer(one.type) or types.is_floating(one.type) or types.is_decimal(one.type) for one in schema
    ]
    return select(schema.names, numeric, wanted, str(file))


def parquet_names(file: Path) -> tuple[str, ...]:
    """Return the names of all columns."""
    return tuple(open_parquet(file).schema_arrow.names)


def read_parquet(file: Path, layout: Layout, wanted: Wanted) -> Table:
    """Read the wanted columns; rows are counted from 1, as there are no lines."""
    import pyarrow as pa

    source = open_parquet(file)
    selection = select_parquet(file, wanted)
    names, positions = selection.names, [*selection.values, *selection.texts]
    try:
        columns = source.read(columns=[names[index] for index in positions])
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None
    frame = {index: columns.column(names[index]).to_pandas() for index in positions}
    return typed_table(frame, columns.num_rows, selection, layout, str(file))


def first_rows(file: Path, rows: int) -> Any:
    """Return the first rows of a file as a pandas frame; there must be one."""
    import pyarrow as pa

    source = open_parquet(file)
    try:
        first = next(source.iter_batches(rows), None)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None
    if first is None:
        raise DataError(f"{file}: 0 usable rows: the table is empty")
    return first.to_pandas(ignore_metadata=True)  # an index is a column as well


def open_parquet(file: Path) -> Any:
    """Open a Parquet file to be read by parts; DataError where it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> DataError:
    return DataError(f"{file}: damaged Parquet file ({str(error).splitlines()[0][:120]}); copy or write it again")
