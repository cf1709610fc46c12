"""How a text table is written, from its first lines: separator, header, which columns hold numbers."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice
from pathlib import Path

from rnnexp.data.tables.date_forms import find_month
from rnnexp.data.tables.files import opened
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import standard
from rnnexp.data.tables.records import LONGEST, WHITESPACE, Lines, Record, is_skipped, records
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.data.tables.spelling import is_like_number
from rnnexp.errors import DataError

# Tried in this order: a decimal comma makes "," look like a separator wherever ";" is the real one.
SEPARATORS = ("\t", ";", "|", ",", WHITESPACE)
SPELLED = {"tab": "\t", "\\t": "\t", " ": WHITESPACE, "space": WHITESPACE}
SAMPLE = 200
DECLARED = re.compile(r'"?sep=([^"\r\n])"?[;,\t]*(\r\n|\r|\n|$)', re.IGNORECASE)
DATED = re.compile(r"\s*\d{1,4}([-/:]\d|\.\d{1,2}\.|[-\s]?[WQM]\d)")
DIGITS = re.compile(r"\s*(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])(\d\d){0,3}\s*")
WORDED = re.compile(r"([^\W\d_]+)\W*\d{1,4}\b.*|\d{1,4}\W*([^\W\d_]+)(\W*\d.*)?", re.DOTALL)
QUARTER = re.compile(r"q[1-4]\W*\d{1,4}\b|\d{1,4}\W*q[1-4](?!\d)", re.IGNORECASE)
IN_DATES = re.compile("mon|tue|wed|thu|fri|sat|sun|week|kw|w", re.IGNORECASE)
DATE_NAME = re.compile(
    r".*(date|time|datum|zeit|day|month|year|week|period|fecha|data|jahr|monat|tag|woche|hora|heure|jour|mois|an[nñ][eéo]|"
    r"日期|日付|时间|時間|日時|月|年|날짜|дата|время|tarih|dato|päivä).*|ds|ts|y{2,4}|d{2}",
    re.IGNORECASE,
)
DATE_OR_NUMBER = re.compile(r"[\d\s:./+,TZ-]*\d[\d\s:./+,TZ-]*")


def is_date_in_words(cell: str) -> bool:
    """Tell a cell that begins with a month, weekday, quarter or week and a number, in any order."""
    if QUARTER.match(cell):
        return True
    found = WORDED.fullmatch(cell)
    word = found and (found[1] or found[2])
    return bool(word and (find_month(word) or IN_DATES.fullmatch(word)))


DATES = (DATED.match, is_date_in_words, DIGITS.fullmatch)


@dataclass(frozen=True)
class Dialect:
    """Separator, column names, the line of the header (0 without one), and the first records of data.

    named: columns up to the last that has a name;  skip: lines at the beginning that are no part of the table
    """

    separator: str
    names: tuple[str, ...]
    header: int
    sample: tuple[Record, ...]
    named: int
    skip: int = 0
    header_end: int = 0

    def numeric(self, position: int, layout: Layout) -> int:
        """Tell what most of a column's first cells are: plain numbers (2), numbers under some marks (1) or none (0)."""
        cells = [row[position].strip() for _, row in self.sample if position < len(row)]
        present = [cell for cell in cells if cell not in layout.missing]
        numbers = sum(standard(cell, layout.decimal, layout.thousands) is not None for cell in present)
        return 2 if 2 * numbers > len(present) else int(2 * sum(map(is_like_number, present)) > len(present))


def examine(file: Path, layout: Layout) -> Dialect:
    """Look at the first 200 lines of a text file."""
    opening = Opening.of(file, layout)
    separator = resolve_separator(layout) or opening.declared or sniff(opening)
    skip = frozenset(layout.skip_rows)
    first = [(line, cells) for line, cells in opening.records(separator) if cells and line not in skip]
    if layout.header:
        first = list(dropwhile(lambda record: not measure_width(record[1]), first))
    if not first:
        raise _nothing(opening, separator, "only blank lines or comments")
    if not layout.header:
        names = layout.names or _named([""] * len(first[0][1]))
        return Dialect(separator, names, 0, _kept(first, skip), len(names), opening.skip)
    line, cells = first[0]
    if looks_like_data(cells, [row for _, row in first[1:]]):
        said = f"{file}, line {line}: the header looks like data ({join_cells(cells, separator)[:60]})"
        raise Refused(said, Remedy({"header": "none"}, "columns by position, from 0"))
    if len(first) == 1:
        raise _nothing(opening, separator, f"there is nothing below the header in line {line}")
    end = line + sum(len(re.findall(r"\r\n|\r|\n", cell)) for cell in cells)
    if _is_shifted(cells, [row for _, row in first[1:]]):
        said = f"{file}, line {line}: dates stand one column behind their name, as if the first column had none"
        called = [name_first(cells), *_named(cells)]
        raise Refused(said, Remedy({"skip_lines": end, "header": called}, f'the first column is called "{called[0]}"'))
    return Dialect(separator, _named(cells), line, _kept(first[1:], skip), measure_width(cells), opening.skip, end)


def _kept(rows: Sequence[Record], skip: frozenset[int | str]) -> tuple[Record, ...]:
    return tuple(record for record in rows if not is_skipped(skip, *record))


@dataclass(frozen=True)
class Opening:
    """The first lines of a file, without those that `layout` leaves out at its end.

    skip:     how many of them come before the table
    declared: the separator that the first line names, as spreadsheets write it: `sep=;`
    """

    file: Path
    comment: str | None
    text: str
    skip: int
    declared: str | None = None

    @classmethod
    def of(cls, file: Path, layout: Layout) -> Opening:
        wanted = layout.skip_lines + SAMPLE + layout.skip_footer
        with opened(file, layout.encoding) as stream:
            lines = [line for _ in range(wanted) if (line := stream.readline(LONGEST))]
        text = "".join(lines[: len(lines) - layout.skip_footer] if layout.skip_footer else lines)
        declared = None if layout.skip_lines else DECLARED.match(text)
        return cls(file, layout.comment, text, int(declared is not None) or layout.skip_lines, declared and declared[1])

    def lines(self) -> Lines:
        return Lines(io.StringIO(self.text, newline=""), self.file, self.comment, self.skip)

    def records(self, separator: str) -> list[Record]:
        """Split the lines; a mistake in them ends the list and is reported when the whole file is read."""
        found: list[Record] = []
        try:
            found.extend(islice(records(self.lines(), separator), SAMPLE))
        except DataError:
            return found
        return found


def resolve_separator(layout: Layout) -> str | None:
    """Return the separator that the settings name; None if they leave it open."""
    return SPELLED.get(layout.separator or "", layout.separator)


def name_separator(separator: str) -> str:
    """Write a separator for people, as `data.separator` takes it."""
    return {"\t": "tab"}.get(separator, separator)


def join_cells(cells: Sequence[str], separator: str) -> str:
    """Write a line about as the file has it."""
    return (" " if separator == WHITESPACE else separator).join(cells)


def looks_like_data(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether a first line holds numbers, dates and words of the rows only, or a date above dates.

    Columns 0, 1, 2 are a header.
    """
    written = [cell.strip() for cell in cells if cell.strip()]
    numbered = (list(map(str, range(start, start + len(cells)))) for start in (0, 1))
    others = [row for row in rows if row != cells]  # a header may be repeated
    below = [{row[index] for row in others if index < len(row)} for index in range(len(cells))]
    numbers = [DATE_OR_NUMBER.fullmatch(cell) or is_like_number(cell) for cell in map(str.strip, cells)]
    words = [cell in own for cell, own in zip(cells, below)]
    alike = any(numbers) and all(map(any, zip(numbers, words, (not cell.strip() for cell in cells))))
    if written not in numbered and alike:
        return True
    return any(form(cell) and all(map(form, own)) for form in DATES for cell, own in zip(cells, below))


def _is_shifted(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Tell a header without a name for the first column, where an empty cell ends each row and dates show it."""
    if any(len(row) != len(cells) + 1 or row[-1].strip() for row in rows):
        return False
    dates = [all(any(form(cell) for form in DATES) for cell in column) for column in zip(*rows)]
    named = [bool(DATE_NAME.fullmatch(cell.strip())) for cell in cells]
    return any(dates[i + 1] and not dates[i] and named[i] and not any(named[i + 1 : i + 2]) for i in range(len(cells)))


def name_first(names: Sequence[str]) -> str:
    """Return a name for a first column that has none."""
    return next(name for name in ("row", "row_names", "first_column") if name not in names)


def _nothing(opening: Opening, separator: str, what: str) -> DataError:
    """Explain why there are no rows: a mistake in the first of them raises its own error instead."""
    list(records(opening.lines(), separator))
    return DataError(f"{opening.file}: 0 usable rows: {what}")


def _named(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip() or f"column_{index}" for index, cell in enumerate(cells))


def sniff(opening: Opening) -> str:
    """Return the first separator that cuts all lines into equally many cells, or comes nearest to it."""
    shares = {separator: _agreement(opening, separator) for separator in SEPARATORS}
    consistent = [separator for separator, share in shares.items() if share == 1]
    if consistent == [WHITESPACE]:
        return _find_sharper(opening, shares) or WHITESPACE  # a name with a blank in it
    if consistent:
        return consistent[0]
    best = max((separator for separator in SEPARATORS if separator != WHITESPACE), key=lambda one: shares[one])
    return best if shares[best] > 0.5 else ","


def _find_sharper(opening: Opening, shares: dict[str, float]) -> str | None:
    """Return a separator that cuts the first line, too, and most of the others alike; tabs may align cells."""
    for separator in ("\t", ";", "|", ","):
        first = next((cells for _, cells in opening.records(separator) if any(map(str.strip, cells))), [])
        if shares[separator] >= 0.8 and len(first) > 1 and "\t\t" not in opening.text:
            return separator
    return None


def _agreement(opening: Opening, separator: str) -> float:
    """Return the share of rows with the commonest number of cells, empty ones at the end aside; 0 for one cell."""
    found = [cells for _, cells in opening.records(separator) if any(map(str.strip, cells))]
    widths = Counter(width for cells in found for width in range(measure_width(cells), len(cells) + 1))
    best = max((times for width, times in widths.items() if width > 1), default=0)
    return best / len(found) if best > widths[1] else 0.0


def measure_width(cells: Sequence[str]) -> int:
    """Return the number of cells up to the last that is not empty."""
    if cells and cells[-1] and not cells[-1].isspace():
        return len(cells)
    return max((index for index, cell in enumerate(cells, 1) if cell.strip()), default=0)
