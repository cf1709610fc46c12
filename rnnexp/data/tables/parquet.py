"""Parquet files, which know their own types: only the wanted columns are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.tables.columns import Selection, select
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.numbers import EXACT, LARGEST, Flaws, parse
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.table import Table
from rnnexp.errors import DataError


def column_names(file: Path) -> list[str]:
    """List the columns of numbers and all others, as the file's own schema has them."""
    return list(_open(file).schema_arrow.names)


def select_parquet(file: Path, wanted: Wanted) -> Selection:
    """Find the wanted columns in the file's own schema."""
    import pyarrow.types as types

    schema = _open(file).schema_arrow
    numeric = [
        types.is_integer(one.type) or types.is_floating(one.type) or types.is_decimal(one.type) for one in schema
    ]
    return select(schema.names, numeric, wanted, str(file))


def parquet_names(file: Path) -> tuple[str, ...]:
    """Return the names of all columns."""
    return tuple(_open(file).schema_arrow.names)


def read_parquet(file: Path, layout: Layout, wanted: Wanted) -> Table:
    """Read the wanted columns; rows are counted from 1, as there are no lines."""
    import pyarrow as pa

    source = _open(file)
    selection = select_parquet(file, wanted)
    names, positions = selection.names, [*selection.values, *selection.texts]
    try:
        columns = source.read(columns=[names[index] for index in positions])
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None
    if columns.num_rows == 0:
        raise DataError(f"{file}: 0 usable rows")
    frame = {index: columns.column(names[index]).to_pandas() for index in positions}
    flaws = [Flaws() for _ in selection.values]
    values = [_numbers(frame[index], layout, flaw) for index, flaw in zip(selection.values, flaws)]
    _fail_if_flawed(file, [names[index] for index in selection.values], flaws, layout)
    rows = np.arange(1, columns.num_rows + 1)
    series = None if selection.series is None else frame[selection.series].astype("str")
    return Table(
        tuple(names[index] for index in selection.values),
        np.stack(values, axis=1) if values else np.empty((len(rows), 0)),
        tuple(frame[index] for index in selection.time),
        series,
        Places((str(file),), np.zeros(len(rows), dtype=np.int64), rows, "row"),
    )


def _fail_if_flawed(file: Path, names: list[str], flaws: list[Flaws], layout: Layout) -> None:
    problems = [flaw.message(name, "row", layout) for name, flaw in zip(names, flaws) if flaw.total]
    if problems:
        raise DataError("\n".join(f"{file}: {problem}" for problem in problems))


def first_rows(file: Path, rows: int) -> Any:
    """Return the first rows of a file as a pandas frame; there must be one."""
    import pyarrow as pa

    source = _open(file)
    try:
        first = next(source.iter_batches(rows), None)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None
    if first is None:
        raise DataError(f"{file}: 0 usable rows: the table is empty")
    return first.to_pandas()


def _open(file: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> DataError:
    return DataError(f"{file}: damaged Parquet file ({str(error).splitlines()[0][:120]}); copy or write it again")


def _numbers(column: Any, layout: Layout, flaws: Flaws) -> np.ndarray:
    """Turn a typed column into float64; text goes the way of a text file."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    rows = range(1, len(column) + 1)
    if not (is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype)):
        return parse(["" if gone else str(cell) for cell, gone in zip(column, column.isna())], rows, layout, flaws)
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.abs(values) > LARGEST
    if column.dtype.kind in "iu":
        wrong |= np.abs(values) > EXACT
    for row in np.flatnonzero(wrong):
        flaws.add(int(row) + 1, str(column.iloc[row]))
    return values
