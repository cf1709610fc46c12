"""From text to records: lists of cells, each with the line on which it begins, as an editor counts lines."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

from rnnexp.errors import DataError

LONGEST = 1_000_000
WHITESPACE = "whitespace"

Record = tuple[int, list[str]]


class Lines:
    """The physical lines of a file between the first `skip` and the last `footer`: counts all of them.

    Comments are left out, but not within a quoted cell. `continued` counts the lines after the first of their record.
    """

    def __init__(self, stream: TextIO, file: Path | str, comment: str | None, skip: int = 0, footer: int = 0) -> None:
        self.file, self.comment = file, comment
        self.number = self.start = self.comments = self.continued = 0
        self.between = True
        self.read, self.footer = _without_footer(stream, footer)
        for _ in range(skip):
            if next(self, None) is None:
                break
        self.skipped, self.comments, self.continued, self.between = self.number, 0, 0, True

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self._line()
        if not self.between:
            self.continued += 1
            return line
        while self.comment and line.lstrip().startswith(self.comment):
            self.comments += 1
            line = self._line()
        self.start, self.between = self.number, False
        return line

    def _line(self) -> str:
        line = self.read()
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == LONGEST:
            raise DataError(f"{self.file}, line {self.number}: over {LONGEST:,} characters long; is this a table?")
        if "\0" in line:
            hint = "a binary file, or UTF-16 without a byte-order mark (data.encoding=utf-16-le)"
            raise DataError(f"{self.file}, line {self.number}: contains NUL characters; it is {hint}")
        return line


def _without_footer(stream: TextIO, footer: int) -> tuple[Callable[[], str], deque[str]]:
    """Return what reads the next line, "" at the end, and what holds the last lines when it has come there."""
    read, ahead = partial(stream.readline, LONGEST), deque[str]()

    def read_before_footer() -> str:
        while len(ahead) <= footer:
            line = read()
            if not line:
                return ""
            ahead.append(line)
        return ahead.popleft()

    return read_before_footer if footer else read, ahead


def records(lines: Lines, separator: str) -> Iterator[Record]:
    """Yield (first line, cells) per record; a blank line is a record without cells."""
    try:
        for cells in _split(lines, separator):
            lines.between = True
            yield lines.start, cells
    except csv.Error as error:
        raise DataError(f"{lines.file}, line {lines.start}: {_explain(str(error))}") from None


def is_skipped(skip: frozenset[int | str], line: int, cells: list[str]) -> bool:
    """Tell whether a row is to be left out: by its line, or for a cell that it has."""
    return line in skip or not skip.isdisjoint(map(str.strip, cells))


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
