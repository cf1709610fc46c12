"""Texts and labels from the columns of a CSV or TSV file."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rnnexp.data.example_weights import read_weight
from rnnexp.data.tables.columns import AbsentColumns, find_positions
from rnnexp.data.tables.files import opened
from rnnexp.data.tables.layout import Asked, Column
from rnnexp.data.tables.places import SHOWN, cite
from rnnexp.data.tables.records import Lines, Record, records
from rnnexp.data.texts.corpus import Row
from rnnexp.data.texts.decoding import read_text
from rnnexp.errors import DataError, count

TAB = ("tab", "\\t", "\t")


@dataclass(frozen=True)
class Columns:
    """Which columns hold the text, joined by blanks, and the label (None: there is none), and how the file is written.

    separator:  one character, `tab`, or `auto`: a tab in .tsv and .tab files, a comma in others
    quoting:    cells may be in quotes, as spreadsheets write them; else quotes are characters like others
    group:      column that says whose a text is, or None;  weight: how often it counts
    line_break: character that stands for a line break within a text, or None
    """

    text: tuple[Column, ...]
    label: Column | None
    separator: str = "auto"
    header: bool = True
    quoting: bool = True
    line_break: str | None = None
    group: Column | None = None
    weight: Column | None = None

    def list_asked(self) -> Asked:
        """Return each column with the setting that names it, those of the text at the end."""
        given = {"data.label": self.label, "data.groups": self.group, "data.weight": self.weight}
        named = [(column, key) for key, column in given.items() if column is not None]
        return [*named, *((column, "data.text") for column in self.text)]

    def between(self, file: Path) -> str:
        if self.separator in TAB or (self.separator == "auto" and {".tsv", ".tab"} & set(file.suffixes)):
            return "\t"
        return "," if self.separator == "auto" else self.separator


def table_rows(files: Sequence[Path], columns: Columns, encoding: str, done: Counter[str]) -> list[Row]:
    """Read the rows of tables with the same columns; line breaks within texts are counted in `done`."""
    return [row for file in files for row in _rows(file, columns, encoding, done)]


def _rows(file: Path, columns: Columns, encoding: str, done: Counter[str]) -> Iterator[Row]:
    found = _records(read_text(file, encoding), file, columns)
    first_line, first = found[0]
    names = _name_columns(first, columns)
    label, texts, group, weight = _positions(names, file, columns)
    body = found[1:] if columns.header else found
    _refuse_ragged(body, first_line, len(names), columns, file)
    for line, cells in body:
        if not cells:
            yield Row(str(file), line, "", "")
            continue
        text = _with_breaks(" ".join(cells[index] for index in texts), columns.line_break, file, done)
        whose = "" if group is None else cells[group]
        if group is not None and not whose.strip():
            raise DataError(f"{file}, line {line}: the group is empty (data.groups)")
        counts = None if weight is None else read_weight(cells[weight], f"{file}, line {line}")
        yield Row(str(file), line, "" if label is None else cells[label], text, whose, counts)


def find_absent_columns(file: Path, columns: Columns, encoding: str) -> list[str]:
    """Say of each column that a file has not, from its first row alone, in the words of its reader."""
    with opened(file, encoding) as stream:
        _, first = next(_cut(stream, file, columns))
    try:
        _positions(_name_columns(first, columns), file, columns)
    except AbsentColumns as absent:
        return absent.problems
    return []


def _name_columns(first: Sequence[str], columns: Columns) -> list[str]:
    """Return the names that the first row holds, or that stand for its places."""
    return [name.strip() for name in first] if columns.header else [f"column_{i}" for i in range(len(first))]


def _cut(stream: TextIO, file: Path, columns: Columns) -> Iterator[Record]:
    """Cut a text, whose line ends are kept, into rows and cells."""
    separator = columns.between(file)
    if columns.quoting:
        yield from records(Lines(stream, file, None), separator)
        return
    for number, line in enumerate(stream, start=1):
        cells = line.rstrip("\r\n")
        yield number, cells.split(separator) if cells else []


def _records(text: str, file: Path, columns: Columns) -> list[Record]:
    try:
        found = list(_cut(io.StringIO(text, newline=""), file, columns))
    except DataError as error:
        raise DataError(f"{error}. If quotes are characters like others: data.quoting=false") from None
    if len(found) <= columns.header:
        raise DataError(f"{file}: there are 0 usable texts: there is nothing below the header in line 1")
    return found


def _positions(names: list[str], file: Path, columns: Columns) -> tuple[int | None, list[int], int | None, int | None]:
    try:
        found = iter(find_positions(names, columns.list_asked(), str(file)))
    except DataError as error:
        hint = "" if not columns.header else "; for a file without a header: data.header=none and positions from 0"
        separator = f"; the separator is taken to be {_shown(columns.between(file))}" if len(names) == 1 else ""
        if isinstance(error, AbsentColumns):
            raise AbsentColumns(*(f"{problem}{separator}{hint}" for problem in error.problems)) from None
        raise DataError(f"{error}{separator}{hint}") from None
    given = (columns.label, columns.group, columns.weight)
    label, group, weight = (None if column is None else next(found) for column in given)
    texts = list(found)
    if label is not None and label in texts:
        raise DataError(f'{file}: data.text: column "{names[label]}" is the label')
    return label, texts, group, weight


def _refuse_ragged(body: list[Record], first_line: int, width: int, columns: Columns, file: Path) -> None:
    ragged = [(line, len(cells)) for line, cells in body if cells and len(cells) != width]
    if not ragged:
        return
    shown = cite("line", [f"{line} ({count(cells, 'cell')})" for line, cells in ragged[:SHOWN]], len(ragged))
    have = "1 row has" if len(ragged) == 1 else f"{len(ragged):,} rows have"
    what = "the header" if columns.header else "the first row"
    raise DataError(
        f"{file}: {have} another number of cells than expected: {shown}; {what} (line {first_line}) has {width}, "
        f"with the separator {_shown(columns.between(file))}"
    )


def _with_breaks(text: str, mark: str | None, file: Path, done: Counter[str]) -> str:
    if mark and mark in text:
        done[f"{file}: `{mark}` became line breaks within texts"] += text.count(mark)
        return text.replace(mark, "\n")
    if "\n" in text or "\r" in text:
        done[f"{file}: quoted texts that go over several lines"] += 1
    return text


def _shown(separator: str) -> str:
    return "a tab" if separator == "\t" else f"`{separator}`"
