"""No line of a file and no row of a table is lost in silence: what was read, left out, merged and filled adds up."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rnnexp.data.series import Series
from rnnexp.data.tables import table as tables_of
from rnnexp.data.tables.files import kind, opened
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.places import Counts


class Lost(AssertionError):
    """Lines or rows that nobody has counted."""


def read_and_add_up(source: Any) -> Series:
    """Read a source of tables, and add up the lines of its files; Lost if some are missing."""
    tables: list[tuple[Path, Layout, Any]] = []
    read_table = tables_of.read_table

    def noted(file: Path, layout: Layout, *more: Any) -> Any:
        table = read_table(file, layout, *more)
        tables.append((file, layout, table))
        return table

    with patch.object(tables_of, "read_table", noted):
        series = source.read()
    for file, layout, table in tables:
        if kind(file) != "parquet":
            _add_up_lines(file, layout, table.counts)
    _add_up_rows(series, [table for _, _, table in tables])
    return series


def _add_up_lines(file: Path, layout: Layout, counts: Counts) -> None:
    lines = physical_lines(file, layout.encoding)
    left_out = counts.header + counts.skipped + counts.blank + counts.comments
    if not lines == counts.lines == left_out + counts.record_lines:
        raise Lost(f"{lines} lines, and what is said of them: {counts}")
    if counts.record_lines < counts.records:
        raise Lost(f"more records than lines: {counts}")


def _add_up_rows(series: Series, tables: list[Any]) -> None:
    tally = series.tally
    assert tally is not None
    records = sum(table.counts.records or len(table.values) for table in tables)
    gone = sum(tally.left_out.values()) + sum(tally.merged.values())
    kept = len(series.values) - sum(tally.filled.values())
    if tally.records != records or records != kept + gone:
        raise Lost(f"{records} records of which {gone} are gone, {len(series.values)} rows, and what is said: {tally}")


def physical_lines(file: Path, encoding: str) -> int:
    """Count the lines of a text file, plain or packed, whatever ends them."""
    with opened(file, encoding) as stream:
        text = stream.read()
    return sum(1 for _ in io.StringIO(text, newline=None))
