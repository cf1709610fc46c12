"""How a text table is written, from its first lines: separator, header, which columns hold numbers."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rnnexp.data.tables.files import opened
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import standard
from rnnexp.data.tables.readings import is_like_number
from rnnexp.data.tables.records import LONGEST, WHITESPACE, Lines, Record, records
from rnnexp.errors import DataError

# Tried in this order: a decimal comma makes "," look like a separator wherever ";" is the real one.
SEPARATORS = ("\t", ";", "|", ",", WHITESPACE)
SPELLED = {"tab": "\t", "\\t": "\t", " ": WHITESPACE, "space": WHITESPACE}
SAMPLE = 200
DATE_OR_NUMBER = re.compile(r"[\d\s:./+,TZ-]*\d[\d\s:./+,TZ-]*")


@dataclass(frozen=True)
class Dialect:
    """Separator, column names, the line of the header (0 without one), and the first records of data."""

    separator: str
    names: tuple[str, ...]
    header: int
    sample: tuple[Record, ...]

    def numeric(self, position: int, layout: Layout) -> int:
        """Tell what most of a column's first cells are: plain numbers (2), numbers under some marks (1) or none (0)."""
        cells = [row[position].strip() for _, row in self.sample if position < len(row)]
        present = [cell for cell in cells if cell not in layout.missing]
        numbers = sum(standard(cell, layout.decimal, layout.thousands) is not None for cell in present)
        return 2 if 2 * numbers > len(present) else int(2 * sum(map(is_like_number, present)) > len(present))


def examine(file: Path, layout: Layout) -> Dialect:
    """Look at the first 200 lines of a text file."""
    with opened(file, layout.encoding) as stream:
        head = "".join(stream.readline(LONGEST) for _ in range(SAMPLE))
    separator = SPELLED.get(layout.separator or "", layout.separator) or sniff(head, file, layout.comment)
    first = [record for record in head_records(head, file, layout.comment, separator) if record[1]]
    if not first:
        raise _nothing(head, file, layout.comment, separator, "only blank lines or comments")
    if not layout.header:
        return Dialect(separator, _named([""] * len(first[0][1])), 0, tuple(first))
    line, cells = first[0]
    if looks_like_data(cells):
        raise DataError(
            f"{file}, line {line}: the header looks like data ({separator.join(cells)[:60]}): "
            "for a file without a header, data.header=none, and choose columns by position from 0"
        )
    if len(first) == 1:
        what = f"there is nothing below the header in line {line}"
        raise _nothing(head, file, layout.comment, separator, what)
    return Dialect(separator, _named(cells), line, tuple(first[1:]))


def looks_like_data(cells: Sequence[str]) -> bool:
    """Tell whether a first line holds numbers and dates only; columns numbered 0, 1, 2 are a header."""
    written = [cell.strip() for cell in cells if cell.strip()]
    numbered = (list(map(str, range(start, start + len(cells)))) for start in (0, 1))
    return written not in numbered and all(DATE_OR_NUMBER.fullmatch(cell) for cell in written)


def _nothing(head: str, file: Path, comment: str | None, separator: str, what: str) -> DataError:
    """Explain why there are no rows: a mistake in the first of them raises its own error instead."""
    list(records(Lines(io.StringIO(head, newline=""), file, comment), separator))
    return DataError(f"{file}: 0 usable rows: {what}")


def _named(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip() or f"column_{index}" for index, cell in enumerate(cells))


def sniff(head: str, file: Path, comment: str | None) -> str:
    """Return the first separator that cuts all lines into equally many cells, or comes nearest to it."""
    shares = {separator: _agreement(head, file, comment, separator) for separator in SEPARATORS}
    consistent = [separator for separator, share in shares.items() if share == 1]
    if consistent:
        return consistent[0]
    best = max((separator for separator in SEPARATORS if separator != WHITESPACE), key=lambda one: shares[one])
    return best if shares[best] > 0.5 else ","


def _agreement(head: str, file: Path, comment: str | None, separator: str) -> float:
    """Return the share of records with the commonest number of cells; 0 if that is a single cell."""
    widths = Counter(len(cells) for _, cells in head_records(head, file, comment, separator) if cells)
    if not widths:
        return 0.0
    width, times = widths.most_common(1)[0]
    return times / widths.total() if width > 1 else 0.0


def head_records(head: str, file: Path, comment: str | None, separator: str) -> list[Record]:
    """Split the first lines; a mistake in them ends the list and is reported when the whole file is read."""
    found: list[Record] = []
    lines = Lines(io.StringIO(head, newline=""), file, comment)
    try:
        found.extend(islice(records(lines, separator), SAMPLE))
    except DataError:
        return found
    return found
