"""Where rows come from: file and line, for messages; and what became of all lines of a file."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from rnnexp.errors import count

SHOWN = 5


@dataclass(frozen=True)
class Places:
    """The origin of every row: `file` (rows,) indexes `files`, `number` (rows,) counts from 1.

    `unit` says what `number` counts: lines of a text file, or rows of a Parquet file.
    """

    files: tuple[str, ...]
    file: np.ndarray
    number: np.ndarray
    unit: str = "line"

    @property
    def name(self) -> str:
        first, more = self.files[0], len(self.files) - 1
        return f"{first} and {count(more, 'more file')}" if more else first

    def take(self, rows: np.ndarray) -> Places:
        return Places(self.files, self.file[rows], self.number[rows], self.unit)

    def then(self, others: Places) -> Places:
        """Add rows of the same files."""
        file, number = (np.concatenate([getattr(one, key) for one in (self, others)]) for key in ("file", "number"))
        return Places(self.files, file, number, self.unit)

    def cite(self, rows: np.ndarray) -> str:
        """Name the first few of `rows`: ``lines 3, 9, 12 and 40 more``."""
        rows = np.asarray(rows)
        return cite(self.unit, [self.one(row) for row in rows[:SHOWN]], len(rows))

    def one(self, row: int) -> str:
        number = str(self.number[row])
        return number if len(self.files) == 1 else f"{number} of {self.files[self.file[row]]}"


@dataclass(frozen=True)
class Counts:
    """What became of the physical lines of one file or several, and of the records that lie on them.

    record_lines: lines of the records, which are more where a quoted cell goes over several
    empty:        records of empty cells only, which are no rows
    """

    lines: int = 0
    header: int = 0
    skipped: int = 0
    blank: int = 0
    comments: int = 0
    record_lines: int = 0
    records: int = 0
    empty: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    @property
    def rows(self) -> int:
        return self.records - self.empty

    @property
    def adds_up(self) -> bool:
        """Whether no line was lost on the way: each is counted where it is read, and all of them by themselves."""
        left_out = self.header + self.skipped + self.blank + self.comments
        return self.lines == left_out + self.record_lines and self.record_lines >= self.records >= self.empty >= 0


def cite(unit: str, numbers: list[str], total: int) -> str:
    """Join numbers of lines or rows, saying how many are not shown."""
    more = f" and {total - len(numbers)} more" if total > len(numbers) else ""
    return f"{unit}{'s' if total > 1 else ''} {', '.join(numbers)}{more}"


def join(many: list[Places]) -> Places:
    """Put the places of several files end to end."""
    files = tuple(name for places in many for name in places.files)
    file = np.concatenate([np.full(len(places.number), index) for index, places in enumerate(many)])
    return Places(files, file, np.concatenate([places.number for places in many]), many[0].unit)
