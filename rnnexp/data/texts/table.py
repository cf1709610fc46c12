"""Texts and labels from the columns of a CSV or TSV file."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnexp.data.example_weights import read_weight
from rnnexp.data.tables.columns import position
from rnnexp.data.tables.layout import Column
from rnnexp.data.tables.places import SHOWN, cite
from rnnexp.data.tables.records import Lines, Record, records
from rnnexp.data.texts.corpus import Row
from rnnexp.data.texts.decoding import lines, read_text
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
    names = [name.strip() for name in first] if columns.header else [f"column_{i}" for i in range(len(first))]
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


def _records(text: str, file: Path, columns: Columns) -> list[Record]:
    separator = columns.between(file)
    if columns.quoting:
        try:
            found = list(records(Lines(io.StringIO(text, newline=""), file, None), separator))
        except DataError as error:
            raise DataError(f"{error}. If quotes are characters like others: data.quoting=false") from None
    else:
        found = [(number, line.split(separator) if line else []) for number, line in enumerate(lines(text), start=1)]
    if len(found) <= columns.header:
        raise DataError(f"{file}: there are 0 usable texts: there is nothing below the header in line 1")
    return found


def _positions(names: list[str], file: Path, columns: Columns) -> tuple[int | None, list[int], int | None, int | None]:
    try:
        label = None if columns.label is None else position(names, columns.label, "data.label", str(file))
        texts = [position(names, column, "data.text", str(file)) for column in columns.text]
        others = {"data.groups": columns.group, "data.weight": columns.weight}
        group, weight = (None if one is None else position(names, one, key, str(file)) for key, one in others.items())
    except DataError as error:
        hint = "" if not columns.header else "; for a file without a header: data.header=none and positions from 0"
        separator = f"; the separator is taken to be {_shown(columns.between(file))}" if len(names) == 1 else ""
        raise DataError(f"{error}{separator}{hint}") from None
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
