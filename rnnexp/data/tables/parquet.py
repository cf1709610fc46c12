"""Parquet files, which know their own types: only the wanted columns are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnnexp.data.tables.columns import Selection, select
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.table import Table
from rnnexp.data.tables.typed import typed_table
from rnnexp.errors import DataError


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
    frame = {index: columns.column(names[index]).to_pandas() for index in positions}
    return typed_table(frame, columns.num_rows, selection, layout, str(file))


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
