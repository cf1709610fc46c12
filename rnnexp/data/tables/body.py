"""The rows of a text table: all as wide as the header, and every line of the file accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from rnnexp.data.tables.dialect import Dialect, measure_width, name_separator
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.places import SHOWN, Counts, cite
from rnnexp.data.tables.records import Lines, Record, is_skipped, records
from rnnexp.errors import DataError, count

CHUNK = 20_000


class Body:
    """Yields the rows below the header, some thousand at a time, so that no more are ever held as text cells.

    ragged:  line and number of cells of the rows that are not as wide as the header
    nameless: whether there are columns at the end without a name and without any cell
    trimmed: rows with empty cells beyond the last column, or without those of columns that have no name
    """

    def __init__(self, stream: TextIO, file: Path, dialect: Dialect, layout: Layout) -> None:
        self.lines = Lines(stream, file, layout.comment, dialect.skip, layout.skip_footer)
        self.file, self.dialect, self.layout = file, dialect, layout
        self.marked = stream.encoding if stream.encoding in ("utf-16", "utf-32") else ""
        self.left_out: Counter[str] = Counter()  # lines
        self.skipped: list[int] = []
        self.ragged: list[tuple[int, int]] = []
        self.trimmed = self.records = self._continued = 0
        self.nameless = dialect.named < len(dialect.names)

    def __iter__(self) -> Iterator[list[Record]]:
        rows, named = self._rows(), self.dialect.named
        while chunk := list(islice(rows, CHUNK)):
            self.records += len(chunk)
            if square := self._square(chunk):
                self.nameless = self.nameless and not any(any(map(str.strip, cells[named:])) for _, cells in square)
                yield square

    def _rows(self) -> Iterator[Record]:
        """Leave out the header and blank lines; in a table of one column a blank line is an empty cell."""
        header, skip = self.dialect.header, frozenset(self.layout.skip_rows)
        single = len(self.dialect.names) == 1
        blank: list[Record] = []
        for record in records(self.lines, self.dialect.separator):
            line, cells = record
            if line > header and cells and not (skip and is_skipped(skip, line, cells)):
                if blank:
                    yield from blank
                    blank = []
                yield record
            elif line > header and not cells and single:
                blank.append((line, [""]))
            else:
                self._leave_out(line, cells)
        self.left_out["blank"] += len(blank)

    def _leave_out(self, line: int, cells: list[str]) -> None:
        blank = line < self.dialect.header and not measure_width(cells)
        kind = "header" if line == self.dialect.header else "skipped" if cells and not blank else "blank"
        self.left_out[kind] += self.lines.number - line + 1
        self._continued += self.lines.number - line
        if kind == "skipped":
            self.skipped.append(line)

    def _square(self, chunk: list[Record]) -> list[Record]:
        width = len(self.dialect.names)
        if all(len(cells) == width for _, cells in chunk):
            return chunk
        square: list[Record] = []
        for line, cells in chunk:
            fitted = cells if len(cells) == width else self._fit(cells, width)
            if fitted is not None:
                square.append((line, fitted))
            elif any(map(str.strip, cells)):
                self.ragged.append((line, len(cells)))
            else:  # blanks, or separators fewer than columns
                self.records -= 1
                self.left_out["blank"] += 1
        return square

    def _fit(self, cells: list[str], width: int) -> list[str] | None:
        """Take empty cells away beyond the last column, and add them for columns without a name at the end."""
        if any(map(str.strip, cells[width:])) or len(cells) < self.dialect.named:
            return None
        self.trimmed += 1
        return cells[:width] + [""] * (width - len(cells))

    def counts(self, empty: int) -> Counts:
        """Say what became of all lines, once they have been read; `empty` rows were left out later."""
        lines = self.lines
        return Counts(
            lines=lines.number + len(lines.footer),
            header=self.left_out["header"],
            skipped=lines.skipped + self.left_out["skipped"] + len(lines.footer),
            blank=self.left_out["blank"],
            comments=lines.comments,
            record_lines=self.records + lines.continued - self._continued,
            records=self.records,
            empty=empty,
        )

    def notes(self, empty: int) -> tuple[str, ...]:
        """Tell what was left out."""
        counts, skip = self.counts(empty), self.dialect.skip
        declared = skip - self.layout.skip_lines
        keys = {"skip_lines": self.layout.skip_lines, "skip_rows": self.skipped, "skip_footer": self.layout.skip_footer}
        given = " and ".join(f"data.{key}" for key, value in keys.items() if value)
        said = {
            f"{self.marked}, by the byte-order mark": self.marked != self.layout.encoding and self.marked,
            f"{count(counts.comments, 'comment line')} left out": counts.comments,
            f"{count(counts.skipped - declared, 'line')} left out ({given})": counts.skipped - declared,
            'line 1 only names the separator ("sep=")': declared,
            f"{count(len(self.dialect.names) - self.dialect.named, 'column')} without name and values": self.nameless,
            f"{count(empty, 'row')} of empty cells left out": empty,
            f"{count(self.trimmed, 'row')} with an empty cell too many at the end, or too few": self.trimmed,
        }
        return tuple(f"{text} of {self.file}" for text, there in said.items() if there)

    def problems(self) -> list[str]:
        """Say which rows are not as wide as the header."""
        if not self.ragged:
            return []
        width, header = len(self.dialect.names), self.dialect.header
        first = "data.header names" if self.layout.names else "the first row has"
        expected = f"the header (line {header}) has {width}" if header else f"{first} {width}"
        shown = [f"{line} ({count(cells, 'cell')})" for line, cells in self.ragged[:SHOWN]]
        where = cite("line", shown, len(self.ragged))
        rows = "a row has" if len(self.ragged) == 1 else f"{len(self.ragged):,} rows have"
        separator = name_separator(self.dialect.separator)
        commas = "; a number with a comma needs quotes" if separator == "," else ""
        return [
            f"{rows} another number of cells than expected: {where}; {expected}, with the separator "
            f'"{separator}" (data.separator). Correct the file; for comment lines: data.comment: "#"{commas}'
        ]

    def refuse_ragged(self) -> None:
        if found := self.problems():
            raise DataError(f"{self.file}: {found[0]}")
