"""How a table is written, and every cell of it, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.dialect import examine, name_separator
from rnnexp.data.tables.files import kind
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import Flaws, parse
from rnnexp.data.tables.spelling import is_like_number
from rnnexp.data.tables.table import read_cells
from rnnexp.errors import count

SAMPLE = 1_000  # cells, from first to last, that tell numbers of other marks from text


def look_at_text(file: Path, finding: Finding) -> None:
    """Settle how the file is written, by what the reader of tables advises about all of its lines."""
    finding.update()
    names, _, _ = finding.settle(lambda: read_cells(file, finding.layout))
    layout = finding.layout
    dialect = examine(file, layout)
    header = f"header in line {dialect.header}" if dialect.header else "no header"
    marks = f'separator "{name_separator(dialect.separator)}"'
    finding.seen.append(f"{file}: {layout.encoding}, {marks}, {header}, {count(len(names), 'column')}")


def read_head(file: Path, finding: Finding) -> Head:
    """Read all columns as text, and tell which of them hold numbers."""
    if kind(file) == "parquet":
        return _parquet(file, finding)
    names, columns, _ = read_cells(file, finding.layout)
    return Head(names, tuple(map(tuple, columns)), tuple(_numeric(cells, finding.layout) for cells in columns))


def _numeric(cells: Sequence[str], layout: Layout) -> bool:
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
    return Head(tuple(map(str, rows.columns)), tuple(tuple(rows[name].astype("str")) for name in rows), numeric)
