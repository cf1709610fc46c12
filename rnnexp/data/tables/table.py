"""One file as columns: numbers as float64, dates and series names still as they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import accumulate, chain, islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.tables.body import Body
from rnnexp.data.tables.columns import AbsentColumns, NamedTwice, Selection, Table, find_positions, select
from rnnexp.data.tables.dialect import Dialect, examine, is_date_in_words, measure_width
from rnnexp.data.tables.files import kind, opened, unchanged
from rnnexp.data.tables.kept import keep_result
from rnnexp.data.tables.layout import Asked, Column, Layout, Wanted
from rnnexp.data.tables.numbers import Flaws, parse, remove_dressed
from rnnexp.data.tables.outline import TOTAL, is_summary
from rnnexp.data.tables.places import SHOWN, Places, cite
from rnnexp.data.tables.readings import Survey
from rnnexp.data.tables.records import Lines, Record, records
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.data.tables.structure import explain_refusals, find_structure
from rnnexp.errors import DataError, ResourceError
from rnnexp.runtime import machine

BESIDE = "told apart by the line beside the header"


@keep_result
def read_table(file: Path, layout: Layout, wanted: Wanted) -> Table:
    """Read the wanted columns of one file; it must not change meanwhile."""
    with unchanged(file):
        if _is_parquet(file, layout):
            from rnnexp.data.tables.typed import read_parquet

            return read_parquet(file, layout, wanted)
        with explain_refusals(file, layout):
            return _read_text(file, layout, wanted)


def choose(file: Path, layout: Layout, wanted: Wanted) -> Selection:
    """Find the wanted columns, and the target if it is left open, from the head of a file alone."""
    if _is_parquet(file, layout):
        from rnnexp.data.tables.typed import select_parquet

        return select_parquet(file, wanted)
    with explain_refusals(file, layout):
        return _select(file, examine(file, layout), layout, wanted)


@keep_result
def column_names(file: Path, layout: Layout) -> tuple[str, ...]:
    """Return the names of all columns from the head of a file."""
    if _is_parquet(file, layout):
        from rnnexp.data.tables.typed import parquet_names

        return parquet_names(file)
    with explain_refusals(file, layout):
        return examine(file, layout).names


def find_absent_columns(file: Path, layout: Layout, asked: Asked, *, is_explained: bool = True) -> list[str]:
    """Say of each column that a file does not have, from its head alone, in the words of its reader.

    Of a text that holds more than a table the reader says that instead (`is_explained`), or at least where the header
    has none of the columns: nothing is said here.
    """
    names = column_names(file, layout)
    try:
        find_positions(names, asked, str(file))
    except AbsentColumns as absent:
        is_plain = _is_parquet(file, layout) or (absent.among_others and not is_explained)
        return absent.problems if is_plain or find_structure(file, layout) is None else []
    return []


def read_first_cell(file: Path, layout: Layout, column: Column) -> str:
    """Return a cell of the first row of a text, from its head alone."""
    dialect = examine(file, layout)
    _, cells = dialect.sample[0]
    (place,) = find_positions(dialect.names, [(column, "")], str(file))
    return cells[place].strip()


def _is_parquet(file: Path, layout: Layout) -> bool:
    """Tell a Parquet file; refuse settings that leave out lines of it, since it has none."""
    if kind(file, is_table=True) != "parquet":
        return False
    skips = {"skip_lines": layout.skip_lines, "skip_rows": layout.skip_rows, "skip_footer": layout.skip_footer}
    if given := [f"data.{key}" for key, value in skips.items() if value]:
        mend = "remove the setting, and rows that are not meant from the file"
        raise DataError(f"{file}: {' and '.join(given)}: leaves out lines of text, but this is a Parquet file: {mend}")
    return True


def _select(file: Path, dialect: Dialect, layout: Layout, wanted: Wanted) -> Selection:
    numeric = [dialect.numeric(index, layout) for index in range(len(dialect.names))]
    try:
        return select(dialect.names, numeric, wanted, str(file))
    except NamedTwice as error:
        raise Refused(str(error), *_tell_names_apart(file, dialect, layout)) from None


def _tell_names_apart(file: Path, dialect: Dialect, layout: Layout) -> list[Remedy]:
    """Put to columns of the same name what a line beside the header says of them, or a number."""
    times, place = Counter(dialect.names), Counter[str]()
    beside = {line - dialect.header: cells for line, cells in _read_head(file, dialect, layout)}
    above = list(accumulate(beside.get(-1, ()), lambda last, cell: cell or last))  # one cell over several columns
    below = beside.get(1, []) if dialect.header + 1 in layout.skip_rows else []
    numbers = []
    for name in dialect.names:
        place[name] += 1
        numbers.append(str(place[name]))
    for words, form, why in ((above, "{1}_{0}", BESIDE), (below, "{0}_{1}", BESIDE), (numbers, "{0}_{1}", "numbered")):
        names = [form.format(name, word) if times[name] > 1 else name for name, word in zip(dialect.names, words)]
        if dialect.header and len(set(names)) == len(dialect.names):
            return [Remedy({"skip_lines": dialect.header_end, "header": names}, f"they are {why}")]
    return []


def _read_head(file: Path, dialect: Dialect, layout: Layout) -> list[Record]:
    """Read the lines up to the one below the header, without blanks around their cells."""
    with opened(file, layout.encoding) as stream:
        every = records(Lines(stream, file, layout.comment), dialect.separator)
        near = takewhile(lambda record: record[0] <= dialect.header + 1, every)
        return [(line, [cell.strip() for cell in cells]) for line, cells in near if len(cells) == len(dialect.names)]


def _read_text(file: Path, layout: Layout, wanted: Wanted) -> Table:
    dialect = examine(file, layout)
    selection = _select(file, dialect, layout, wanted)
    with opened(file, layout.encoding) as stream:
        body = Body(stream, file, dialect, layout)
        reader = _Columns(body, selection, layout, wanted)
        for chunk in body:
            reader.add(chunk)
    return reader.table(examine_cells(file, layout, wanted).refuse(str(file)) if reader.flawed else None)


def examine_cells(file: Path, layout: Layout, wanted: Wanted, most: int | None = None) -> Survey:
    """Look at all cells of the columns of numbers of a text file, or at those of the first rows."""
    dialect = examine(file, layout)
    positions = _select(file, dialect, layout, wanted).values
    survey = Survey([dialect.names[position] for position in positions], layout)
    with opened(file, layout.encoding) as stream:
        for line, cells in islice(chain.from_iterable(Body(stream, file, dialect, layout)), most):
            survey.add(line, [cells[position] for position in positions])
    return survey


@keep_result
def read_cells(file: Path, layout: Layout) -> tuple[tuple[str, ...], list[list[str]], np.ndarray]:
    """Return the names of all columns of a text table, the cells of each as text, and the lines of the rows."""
    with unchanged(file), explain_refusals(file, layout):
        dialect = examine(file, layout)
        if found := find_structure(file, layout):
            raise found
        with opened(file, layout.encoding) as stream:
            body = Body(stream, file, dialect, layout)
            rows = [record for chunk in body for record in chunk if any(map(str.strip, record[1]))]
        body.refuse_ragged()
    columns = [[cells[index].strip() for _, cells in rows] for index in range(len(dialect.names))]
    return dialect.names, columns, np.array([line for line, _ in rows], dtype=np.int64)


class _Columns:
    """Collects the wanted columns piece by piece, and every flaw with its line."""

    def __init__(self, body: Body, selection: Selection, layout: Layout, wanted: Wanted) -> None:
        self.file, self.body, self.selection, self.layout = str(body.file), body, selection, layout
        self.labels = _find_labels(selection, wanted)
        self.dated = wanted.dated and len(selection.names) > 1
        self.totals: list[tuple[int, str]] = []
        self.flaws = [Flaws() for _ in selection.values]
        self.empty = 0
        self.lines: list[np.ndarray] = []
        self.values: list[np.ndarray] = []
        self.texts: list[list[Any]] = [[] for _ in selection.texts]
        self.room = machine.measure_memory() // 2

    def add(self, chunk: list[Record]) -> None:
        """Convert some thousand records, so that no more than these are ever held as text cells."""
        import pandas as pd

        if not chunk:
            return
        lines, rows = zip(*chunk)
        columns = list(zip(*rows))
        if self.dated and min(columns[self.selection.time[0]]) < "!":
            filled = [record for record in chunk if any(map(str.strip, record[1]))]
            self.empty += len(chunk) - len(filled)
            if len(filled) < len(chunk):
                self.add(filled)
                return
        for position, words in self.labels.items():
            if min(columns[position]) < "0" or max(columns[position]) >= ":":
                self.totals += [(line, row[position]) for line, row in chunk if words(row[position].strip(), row)]
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

    def table(self, refused: DataError | None) -> Table:
        """Join the pieces; any flaw met on the way is an error now, with its count."""
        import pandas as pd

        names = tuple(self.selection.names[index] for index in self.selection.values)
        if ragged := self.body.problems():
            more = f"\n{refused}" if refused else ""
            raise DataError(f"{self.file}: {ragged[0]}{more}")
        if refused:
            raise refused
        if not self.lines:
            raise DataError(f"{self.file}: 0 usable rows: there is nothing below the header")
        lines = np.concatenate(self.lines)
        if 0 < len(self.totals) <= len(lines) / 3:
            raise self._refuse_totals()
        texts = [pd.concat(pieces, ignore_index=True) for pieces in self.texts]
        count_time = len(self.selection.time)
        series = texts[count_time] if self.selection.series is not None else None
        places = Places((self.file,), np.zeros(len(lines), dtype=np.int64), lines)
        values = np.concatenate(self.values)
        for column, flaws in enumerate(self.flaws):
            values[:, column] = remove_dressed(values[:, column], flaws)
        told = [note for name, flaws in zip(names, self.flaws) for note in flaws.notes(name)]
        notes, counts = (*self.body.notes(self.empty), *told), self.body.counts(self.empty)
        return Table(names, values, tuple(texts[:count_time]), series, places, notes, counts)

    def _refuse_totals(self) -> Refused:
        where = cite("line", [f'{line} "{cell.strip()}"' for line, cell in self.totals[:SHOWN]], len(self.totals))
        words = list(dict.fromkeys(cell.strip() for _, cell in self.totals))
        return Refused(
            f"{self.file}: totals or remarks among the rows: {where}",
            Remedy({"skip_rows": [*self.layout.skip_rows, *words]}),
        )


def _find_labels(selection: Selection, wanted: Wanted) -> dict[int, Callable[[str, list[str]], Any]]:
    """Return the columns in which a row that is a total or a remark would say so, and what tells it."""
    if wanted.dated:
        return dict.fromkeys(selection.time, _is_no_date)
    free = wanted.targets_key == "data.target" and 0 not in (*selection.values, *selection.texts)
    return {0: lambda cell, row: TOTAL.fullmatch(cell)} if free else {}


def _is_no_date(cell: str, row: list[str]) -> bool:
    alone = cell[:1].isalpha() and measure_width(row[1:]) == 0 < len(row) - 1
    return is_summary(cell) or (alone and not is_date_in_words(cell))
