"""One file as columns: numbers as float64, dates and series names still as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.tables.columns import Selection, Table, select
from rnnexp.data.tables.dialect import Dialect, examine
from rnnexp.data.tables.files import kind, opened, unchanged
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.numbers import Flaws, parse
from rnnexp.data.tables.places import Places, cite
from rnnexp.data.tables.readings import Survey
from rnnexp.data.tables.records import Lines, Record, records
from rnnexp.errors import DataError, ResourceError, count
from rnnexp.runtime import machine

CHUNK = 20_000


def read_table(file: Path, layout: Layout, wanted: Wanted) -> Table:
    """Read the wanted columns of one file; it must not change meanwhile."""
    with unchanged(file):
        if kind(file) == "parquet":
            from rnnexp.data.tables.typed import read_parquet

            return read_parquet(file, layout, wanted)
        return _read_text(file, layout, wanted)


def choose(file: Path, layout: Layout, wanted: Wanted) -> Selection:
    """Find the wanted columns, and the target if it is left open, from the head of a file alone."""
    if kind(file) == "parquet":
        from rnnexp.data.tables.typed import select_parquet

        return select_parquet(file, wanted)
    return _select(file, examine(file, layout), layout, wanted)


def column_names(file: Path, layout: Layout) -> tuple[str, ...]:
    """Return the names of all columns from the head of a file."""
    if kind(file) == "parquet":
        from rnnexp.data.tables.typed import parquet_names

        return parquet_names(file)
    return examine(file, layout).names


def _select(file: Path, dialect: Dialect, layout: Layout, wanted: Wanted) -> Selection:
    numeric = [dialect.numeric(index, layout) for index in range(len(dialect.names))]
    return select(dialect.names, numeric, wanted, str(file))


def _read_text(file: Path, layout: Layout, wanted: Wanted) -> Table:
    dialect = examine(file, layout)
    selection = _select(file, dialect, layout, wanted)
    reader = _Columns(str(file), dialect, selection, layout)
    with opened(file, layout.encoding) as stream:
        lines = Lines(stream, file, layout.comment)
        body = _body(records(lines, dialect.separator), dialect)
        while chunk := list(islice(body, CHUNK)):
            reader.add(chunk)
    refused = examine_cells(file, layout, wanted).refuse(str(file)) if reader.flawed else None
    return reader.table(lines.comments, refused)


def examine_cells(file: Path, layout: Layout, wanted: Wanted) -> Survey:
    """Look at all cells of the columns of numbers of a text file."""
    dialect = examine(file, layout)
    positions = _select(file, dialect, layout, wanted).values
    survey = Survey([dialect.names[position] for position in positions], layout)
    with opened(file, layout.encoding) as stream:
        for line, cells in _body(records(Lines(stream, file, layout.comment), dialect.separator), dialect):
            if len(cells) == len(dialect.names):
                survey.add(line, [cells[position] for position in positions])
    return survey


def _body(rows: Iterator[Record], dialect: Dialect) -> Iterator[Record]:
    """Leave out the header and blank lines; in a table of one column a blank line is an empty cell."""
    blank: list[Record] = []
    for line, cells in rows:
        if line <= dialect.header:
            continue
        if cells:
            yield from chain(blank, [(line, cells)])
            blank = []
        elif len(dialect.names) == 1:
            blank.append((line, [""]))


class _Columns:
    """Collects the wanted columns piece by piece, and every flaw with its line."""

    def __init__(self, file: str, dialect: Dialect, selection: Selection, layout: Layout) -> None:
        self.file, self.dialect, self.selection, self.layout = file, dialect, selection, layout
        self.flaws = [Flaws() for _ in selection.values]
        self.ragged: list[tuple[int, int]] = []
        self.lines: list[np.ndarray] = []
        self.values: list[np.ndarray] = []
        self.texts: list[list[Any]] = [[] for _ in selection.texts]
        self.room = machine.measure_memory() // 2

    def add(self, chunk: list[Record]) -> None:
        """Convert some thousand records, so that no more than these are ever held as text cells."""
        import pandas as pd

        width = len(self.dialect.names)
        self.ragged += [(line, len(cells)) for line, cells in chunk if len(cells) != width]
        whole = [(line, cells) for line, cells in chunk if len(cells) == width]
        if not whole:
            return
        lines, rows = zip(*whole)
        columns = list(zip(*rows))
        self.lines.append(np.asarray(lines, dtype=np.int64))
        positions = zip(self.selection.values, self.flaws)
        parsed = [parse(columns[position], lines, self.layout, flaws) for position, flaws in positions]
        self.values.append(np.stack(parsed, axis=1) if parsed else np.empty((len(lines), 0)))
        for pieces, position in zip(self.texts, self.selection.texts):
            pieces.append(pd.Series(columns[position], dtype="str").str.strip())
        self._spend(self.values[-1].nbytes + 40 * len(lines) * (1 + len(self.texts)))

    def _spend(self, size: int) -> None:
        self.room -= size
        if self.room < 0:
            rows = sum(map(len, self.lines))
            raise ResourceError(
                f"{self.file}: {rows:,} rows fill half of the memory and there are more; "
                "read fewer columns or a part of the file"
            )

    @property
    def flawed(self) -> bool:
        return any(flaws.found for flaws in self.flaws)

    def table(self, comments: int, refused: DataError | None) -> Table:
        """Join the pieces; any flaw met on the way is an error now, with its count."""
        import pandas as pd

        names = tuple(self.dialect.names[index] for index in self.selection.values)
        if self.ragged:
            more = f"\n{refused}" if refused else ""
            raise DataError(f"{self.file}: {self._ragged()}{more}")
        if refused:
            raise refused
        if not self.lines:
            raise DataError(f"{self.file}: 0 usable rows: there is nothing below the header")
        lines = np.concatenate(self.lines)
        texts = [pd.concat(pieces, ignore_index=True) for pieces in self.texts]
        count_time = len(self.selection.time)
        series = texts[count_time] if self.selection.series is not None else None
        places = Places((self.file,), np.zeros(len(lines), dtype=np.int64), lines)
        notes = [f"{count(comments, 'comment line')} left out of {self.file}"] if comments else []
        notes += [note for name, flaws in zip(names, self.flaws) for note in flaws.notes(name)]
        return Table(names, np.concatenate(self.values), tuple(texts[:count_time]), series, places, tuple(notes))

    def _ragged(self) -> str:
        width, header = len(self.dialect.names), self.dialect.header
        expected = f"the header (line {header}) has {width}" if header else f"the first row has {width}"
        shown = [f"{line} ({count(cells, 'cell')})" for line, cells in self.ragged[:5]]
        where = cite("line", shown, len(self.ragged))
        separator = {"\t": "tab"}.get(self.dialect.separator, self.dialect.separator)
        rows = "a row has" if len(self.ragged) == 1 else f"{len(self.ragged):,} rows have"
        return (
            f"{rows} another number of cells than expected: {where}; {expected}, with the separator "
            f'"{separator}" (data.separator). Correct the file; for comment lines: data.comment: "#"'
        )
