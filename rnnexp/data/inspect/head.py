"""Every cell of a table, column by column, as the reader has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.dialect import examine, name_separator
from rnnexp.data.tables.files import kind
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import Flaws, parse
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.data.tables.spelling import is_like_number
from rnnexp.data.tables.table import read_cells
from rnnexp.errors import DataError, count

SAMPLE = 1_000  # cells, from first to last, that tell numbers of other marks from text
NO_SEPARATORS = " _-.,;|\t\"'()[]%"  # which are tried already, or stand within names
UNQUOTE = """take these off, for example by sed 's/^"//; s/"\\r*$//; s/""/"/g' FILE > new.csv"""
MOST_ROWS = 1_000_000  # of a Parquet file that are looked at


def read_head(file: Path, finding: Finding) -> Head:
    """Read all columns, with what each refusal advises, and tell which of them hold numbers."""
    if kind(file, is_table=True) == "parquet":
        return _parquet(file, finding)
    names, columns, lines = finding.settle(lambda: _cut(file, finding.layout))
    layout, dialect = finding.layout, examine(file, finding.layout)
    header = f"header in line {dialect.header}" if dialect.header else "no header"
    separator = name_separator(dialect.separator)
    told = f'{file}: {layout.encoding}, separator "{separator}", {header}, {count(len(names), "column")}'
    finding.seen.append(told)
    cells = tuple(map(tuple, columns))
    places = Places((str(file),), np.zeros_like(lines), lines)
    return Head(names, cells, tuple(_numeric(column, layout) for column in cells), places)


def _cut(file: Path, layout: Layout) -> tuple[tuple[str, ...], list[list[str]], np.ndarray]:
    """Read all cells; Refused where they are one column that another mark cuts alike in all lines."""
    names, columns, lines = read_cells(file, layout)
    if len(names) == 1 and layout.separator is None and layout.header:
        cells = [names[0], *columns[0]]
        if any(mark in names[0] and len({cell.count(mark) for cell in cells}) == 1 for mark in ",;|\t"):
            raise DataError(f"{file}: each line is one cell in quotes ({names[0][:40]}): {UNQUOTE}")
        for mark in dict.fromkeys(one for one in names[0] if not (one.isalnum() or one in NO_SEPARATORS)):
            if len({cell.count(mark) for cell in cells}) == 1:
                parts = names[0].count(mark) + 1
                raise Refused(f"{file}: one column", Remedy({"separator": mark}, f"it cuts all lines into {parts}"))
    return names, columns, lines


def _numeric(cells: tuple[str, ...], layout: Layout) -> bool:
    """Tell whether most of the cells that are there are numbers, in whatever marks."""
    flaws = Flaws()
    values = parse(cells, range(len(cells)), layout, flaws)
    if int(np.isfinite(values).sum()) > flaws.total:
        return True
    some = [text for cell in cells[:: len(cells) // SAMPLE + 1] if (text := cell.strip()) not in layout.missing]
    return 2 * sum(map(is_like_number, some)) > len(some)


def _parquet(file: Path, finding: Finding) -> Head:
    from pandas.api.types import is_numeric_dtype, is_object_dtype, is_string_dtype

    from rnnexp.data.tables.typed import first_rows

    rows = first_rows(file, MOST_ROWS)
    finding.seen.append(f"{file}: Parquet, {count(len(rows.columns), 'column')}")
    cells = tuple(_as_text(rows[name]) for name in rows)
    texts = [is_object_dtype(dtype) or is_string_dtype(dtype) for dtype in rows.dtypes]  # Decimal is an object
    numeric = tuple(
        is_numeric_dtype(dtype) or (text and _numeric(own, finding.layout))
        for dtype, text, own in zip(rows.dtypes, texts, cells)
    )
    places = Places((str(file),), np.zeros(len(rows), dtype=np.int64), np.arange(1, len(rows) + 1), "row")
    return Head(tuple(map(str, rows.columns)), cells, numeric, places)


def _as_text(column: Any) -> tuple[str, ...]:
    """Write cells as a text file has them: periods by their first day, nothing where a value is missing."""
    from pandas import PeriodDtype

    column = column.dt.to_timestamp() if isinstance(column.dtype, PeriodDtype) else column
    return tuple(column.astype("str").fillna(""))
