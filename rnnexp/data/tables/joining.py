"""From the tables of several files to one: the same columns, files of one series in the order of their dates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnexp.data.calendar import write_dates
from rnnexp.data.tables.columns import Table
from rnnexp.data.tables.layout import Layout, Policies, Wanted
from rnnexp.data.tables.places import Counts, join
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.data.tables.times import Dates
from rnnexp.errors import DataError, count


def join_tables(
    tables: list[Table], layout: Layout, wanted: Wanted, policies: Policies
) -> tuple[Table, np.ndarray | None, list[str]]:
    """Join the rows of all files, and read their dates."""
    table = _joined(tables)
    time, notes = _dates(table, layout, wanted)
    if len(tables) > 1 and wanted.series is None:
        table, time = _by_first_date(table, time, policies)
    return table, time, [*table.notes, *notes]


def _joined(tables: list[Table]) -> Table:
    """Put several files end to end; their columns must be the same."""
    import pandas as pd

    first = tables[0]
    if len(tables) == 1:
        return first
    for table in tables[1:]:
        if table.names != first.names or table.places.unit != first.places.unit:
            message = f"{table.places.name}: other columns ({', '.join(table.names)}) than in {first.places.name}"
            raise DataError(f"{message} ({', '.join(first.names)})")
    columns = zip(*(table.time for table in tables))
    return Table(
        first.names,
        np.concatenate([table.values for table in tables]),
        tuple(pd.concat(pieces, ignore_index=True) for pieces in columns),
        None if first.series is None else pd.concat([table.series for table in tables], ignore_index=True),
        join([table.places for table in tables]),
        tuple(note for table in tables for note in table.notes),
        sum((table.counts for table in tables), Counts()),
    )


def _dates(table: Table, layout: Layout, wanted: Wanted) -> tuple[np.ndarray | None, list[str]]:
    if not table.time:
        return None, []
    _refuse_totals(table, layout)
    dates = Dates(table.time, [str(column) for column in wanted.time], table.places, layout)
    return dates.read(), dates.notes


def _refuse_totals(table: Table, layout: Layout) -> None:
    """Refuse rows of a text without a date that sum up those above them: since the last total, or all of them."""
    first = table.time[0]
    if first.dtype.kind in "Mm" or table.places.unit != "line" or len(table.places.files) > 1:
        return
    dateless = np.flatnonzero((first.isna() | (first == "")).to_numpy())
    if not 0 < len(dateless) <= len(first) / 3:
        return
    start = 0
    for row in dateless:
        above, there = table.values[:row], ~np.isnan(table.values[row])
        parts = (above[start:], np.delete(above, dateless[dateless < row], axis=0))
        results = [make(part, axis=0) for part in parts if len(part) for make in (np.nansum, np.nanmean)]
        if not any(np.isclose(table.values[row], result, rtol=1e-6, atol=0.01)[there].all() for result in results):
            return
        start = int(row) + 1
    lines = [int(line) for line in table.places.number[dateless]]
    said = (
        f"{table.places.name}: rows without a date hold the sums or means of those above: {table.places.cite(dateless)}"
    )
    raise Refused(said, Remedy({"skip_rows": [*layout.skip_rows, *lines]}))


def _by_first_date(table: Table, time: np.ndarray | None, policies: Policies) -> tuple[Table, np.ndarray | None]:
    """Order the files of one series by their first dates; overlaps need both policies."""
    if time is None:
        return table, None
    bounds = np.flatnonzero(np.diff(table.places.file, prepend=-1, append=-1))
    parts = sorted((slice(a, b) for a, b in zip(bounds, bounds[1:])), key=lambda part: time[part].min())
    if policies.unsorted == "fail" or policies.duplicates == "fail":
        for before, after in zip(parts, parts[1:]):
            if time[after].min() <= time[before].max():
                raise DataError(_overlap(table, time, before, after))
    rows = np.concatenate([np.arange(part.start, part.stop) for part in parts])
    ordered = replace(table, values=table.values[rows], time=(), series=None, places=table.places.take(rows))
    return ordered, time[rows]


def _overlap(table: Table, time: np.ndarray, before: slice, after: slice) -> str:
    names = [table.places.files[table.places.file[part.start]] for part in (before, after)]
    spans = [write_dates(np.array([time[part].min(), time[part].max()]), time) for part in (before, after)]
    first, second = (f"{count(p.stop - p.start, 'row')} from {a} to {b}" for p, (a, b) in zip((before, after), spans))
    return (
        f"{names[0]} and {names[1]} overlap: {first}, and {second}. "
        "Allow it with data.unsorted=sort and data.duplicates=first, last or mean; if each file is a series of its "
        "own, write all into one table with a column that names it (data.series)"
    )
