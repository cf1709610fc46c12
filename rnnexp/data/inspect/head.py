"""Every cell of a table, column by column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.dialect import examine
from rnnexp.data.tables.files import kind, opened
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import Flaws, parse
from rnnexp.data.tables.readings import is_like_number
from rnnexp.data.tables.records import Lines, records
from rnnexp.errors import count

SAMPLE = 1_000  # cells, from first to last, that tell numbers of other marks from text


def read_head(file: Path, finding: Finding) -> Head:
    """Read all columns as text, and tell which of them hold numbers."""
    if kind(file) == "parquet":
        return _parquet(file, finding)
    layout = finding.layout
    dialect = examine(file, layout)
    width = len(dialect.names)
    with opened(file, layout.encoding) as stream:
        rows = [
            cells
            for line, cells in records(Lines(stream, file, layout.comment), dialect.separator)
            if line > dialect.header and len(cells) == width
        ]
    columns = tuple(zip(*rows)) or ((),) * width
    return Head(dialect.names, columns, tuple(_numeric(cells, layout) for cells in columns))


def _numeric(cells: tuple[str, ...], layout: Layout) -> bool:
    """Tell whether most of the cells that are there are numbers."""
    import numpy as np

    flaws = Flaws()
    values = parse(cells, range(len(cells)), layout, flaws)
    if int(np.isfinite(values).sum()) > flaws.total:
        return True
    some = [text for cell in cells[:: len(cells) // SAMPLE + 1] if (text := cell.strip()) not in layout.missing]
    return 2 * sum(map(is_like_number, some)) > len(some)


def _parquet(file: Path, finding: Finding) -> Head:
    from pandas.api.types import is_numeric_dtype

    from rnnexp.data.tables.typed import first_rows

    rows = first_rows(file, 1_000_000)
    finding.seen.append(f"{file}: Parquet, {count(len(rows.columns), 'column')}")
    numeric = tuple(is_numeric_dtype(dtype) for dtype in rows.dtypes)
    return Head(tuple(map(str, rows.columns)), tuple(_as_text(rows[name]) for name in rows), numeric)


def _as_text(column: Any) -> tuple[str, ...]:
    """Write cells as a text file has them: periods by their first day, nothing where a value is missing."""
    from pandas import PeriodDtype

    column = column.dt.to_timestamp() if isinstance(column.dtype, PeriodDtype) else column
    return tuple(column.astype("str").fillna(""))
