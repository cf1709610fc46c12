"""From text to records: lists of cells, each with the line on which it begins, as an editor counts lines."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from rnnexp.errors import DataError

LONGEST = 1_000_000
WHITESPACE = "whitespace"

Record = tuple[int, list[str]]


class Lines:
    """The physical lines of a file: counts them, and leaves out comments, but not within a quoted cell."""

    def __init__(self, stream: TextIO, file: Path | str, comment: str | None) -> None:
        self.stream, self.file, self.comment = stream, file, comment
        self.number = self.start = self.comments = 0
        self.between = True

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self._line()
        while self.between and self.comment and line.lstrip().startswith(self.comment):
            self.comments += 1
            line = self._line()
        if self.between:
            self.start, self.between = self.number, False
        return line

    def _line(self) -> str:
        line = self.stream.readline(LONGEST)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == LONGEST:
            raise DataError(f"{self.file}, line {self.number}: over {LONGEST:,} characters long; is this a table?")
        if "\0" in line:
            hint = "a binary file, or UTF-16 without a byte-order mark (data.encoding=utf-16-le)"
            raise DataError(f"{self.file}, line {self.number}: contains NUL characters; it is {hint}")
        return line


def records(lines: Lines, separator: str) -> Iterator[Record]:
    """Yield (first line, cells) per record; a blank line is a record without cells."""
    try:
        for cells in _split(lines, separator):
            lines.between = True
            yield lines.start, cells
    except csv.Error as error:
        raise DataError(f"{lines.file}, line {lines.start}: {_explain(str(error))}") from None


def _split(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    if separator == WHITESPACE:
        return (line.split() for line in lines)
    return csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t", strict=True)


def _explain(error: str) -> str:
    if "unexpected end of data" in error:
        return 'a quoted cell which begins here is never closed: a `"` is missing'
    if "field larger" in error:
        return 'a cell of over 131,072 characters: is a `"` missing?'
    return f'{error}: a `"` within a quoted cell is written `""`'
