"""Looking at an unknown table: how it is written, what its columns are, and which flaws it has."""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnexp.data.flaws import Finding, Head, name_series, settle_flaws
from rnnexp.data.series import Series
from rnnexp.data.tables.columns import listed, position
from rnnexp.data.tables.dialect import Dialect, examine, find_marks, head_records, looks_like_data, sniff
from rnnexp.data.tables.files import WrongEncoding, kind, locate, opened
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.records import Lines, records
from rnnexp.data.tables.times import EPOCHS, Dates, DifferentZones
from rnnexp.errors import DataError, count

PARTS = ("year", "month", "day", "hour", "minute", "second")
TIME = re.compile(r"(^|[^a-z])(date|time|ds|day|month|year|quarter|week|period)", re.IGNORECASE)
TARGET = ("y", "target", "value", "values", "ot")
MARKERS = ("-", "--", "?", ".", "*", "n.a.", "#N/A", "missing", "NULL!")


def inspect(path: str, target: str | None = None) -> tuple[Finding, Series]:
    """Find the settings which read `path`, and read it; DataError where even a person would have to look."""
    files = locate(path, os.environ.get("RNNEXP_DATA"))
    finding = Finding(Layout(), Wanted())
    finding.set("path", path)
    head = _parquet(files[0], finding) if kind(files[0]) == "parquet" else _text(files[0], finding)
    stamps = _time(head, finding)
    chosen = _target(head, target, stamps, finding, files[0])
    finding.wanted = Wanted(tuple(head.names[index] for index in stamps), None, (head.names[chosen],))
    if "header" in finding.settings:
        finding.wanted = Wanted(tuple(stamps), None, (chosen,))
    _markers(files[0], head, chosen, finding)
    name_series(files[0], head, chosen, stamps, finding)
    return finding, settle_flaws(files, finding)


def _text(file: Path, finding: Finding) -> Head:
    """Settle encoding, comments, header, decimal mark and thousands."""
    encoding = _encoding(file)
    if encoding != "utf-8":
        finding.set("encoding", encoding, "a guess: check names with accents" if encoding == "cp1252" else "")
    comment, header = _first_lines(file, encoding)
    if comment:
        finding.set("comment", comment, "lines that begin with it are left out")
    if not header:
        finding.set("header", "none", "columns by position, from 0")
    layout = Layout(encoding=encoding, comment=comment, header=header)
    dialect = examine(file, layout)
    finding.layout = layout = find_marks(dialect, layout)
    if layout.decimal != ".":
        finding.set("decimal", layout.decimal)
    if layout.thousands:
        finding.set("thousands", layout.thousands)
    finding.seen.append(_spoken(file, dialect, layout))
    rows = [cells for _, cells in dialect.sample if len(cells) == len(dialect.names)]
    if not rows:
        raise DataError(_narrow_or_wide(file, dialect))
    columns = tuple(zip(*rows)) or ((),) * len(dialect.names)
    numeric = tuple(dialect.numeric(index, layout) for index in range(len(dialect.names)))
    return Head(dialect.names, columns, numeric)


def _narrow_or_wide(file: Path, dialect: Dialect) -> str:
    """Say that no row has as many cells as the first line."""
    line, cells = next((record for record in dialect.sample if record[1]), dialect.sample[0])
    return (
        f"{file}: the header (line {dialect.header}) has {count(len(dialect.names), 'cell')}, but line {line} has "
        f"{len(cells)}, and no row has as many as the header: remove titles above it, or give every column its name"
    )


def _spoken(file: Path, dialect: Dialect, layout: Layout) -> str:
    separator = {"\t": "tab"}.get(dialect.separator, dialect.separator)
    header = f"header in line {dialect.header}" if layout.header else "no header"
    marks = f'separator "{separator}", decimal mark "{layout.decimal}"'
    return f"{file}: {layout.encoding}, {marks}, {header}, {count(len(dialect.names), 'column')}"


def _encoding(file: Path) -> str:
    """Return the first encoding that reads the whole file."""
    with opened(file, "latin-1") as stream:
        if stream.read(2).encode("latin-1") in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        try:
            with opened(file, encoding) as stream:
                while stream.read(1 << 20):
                    pass
        except WrongEncoding:
            continue
        return encoding
    return "latin-1"


def _first_lines(file: Path, encoding: str) -> tuple[str | None, bool]:
    """Return the mark of comment lines and whether there is a header."""
    with opened(file, encoding) as stream:
        head = "".join(stream.readline(10_000) for _ in range(100))
    comment = next((mark for mark in ("#", "%", "//") if head.lstrip().startswith(mark)), None)
    if comment and _is_header(head, file):
        comment = None
    rows = head_records(head, file, comment, sniff(head, file, comment))
    first = next((cells for _, cells in rows if cells), [])
    return comment, not looks_like_data(first)


def _is_header(head: str, file: Path) -> bool:
    """Tell a header such as `#date,y` from a comment: it has as many cells as the lines below it."""
    separator = sniff(head, file, None)
    widths = [len(cells) for _, cells in head_records(head, file, None, separator) if cells]
    return len(widths) > 1 and widths[0] > 1 and len(set(widths)) == 1


def _parquet(file: Path, finding: Finding) -> Head:
    from pandas.api.types import is_numeric_dtype

    from rnnexp.data.tables.typed import first_rows

    rows = first_rows(file, 200)
    finding.seen.append(f"{file}: Parquet, {count(len(rows.columns), 'column')}")
    numeric = tuple(is_numeric_dtype(dtype) for dtype in rows.dtypes)
    return Head(tuple(map(str, rows.columns)), tuple(tuple(rows[name].astype("str")) for name in rows), numeric)


def _time(head: Head, finding: Finding) -> list[int]:
    """Find the columns that hold the date, by their cells and their names."""
    lower = [name.strip().lower() for name in head.names]
    parts = [lower.index(part) for part in PARTS if part in lower]
    if len(parts) > 1 and all(head.numeric[index] for index in parts):
        return _tell_time(parts, head, finding)
    if {"date", "time"} <= set(lower):
        both = [lower.index("date"), lower.index("time")]
        if _dated(head, both, finding.layout):
            return _tell_time(both, head, finding)
    for index, name in enumerate(head.names):
        named = bool(TIME.search(name))
        if (named or not head.numeric[index]) and _settle_format(head, index, named, finding):
            return _tell_time([index], head, finding)
    finding.seen.append("no dates: rows are taken as evenly spaced")
    return []


def _tell_time(columns: list[int], head: Head, finding: Finding) -> list[int]:
    keys: list[Any] = columns if "header" in finding.settings else [head.names[index] for index in columns]
    time_format = finding.settings.pop("time_format", None)
    finding.set("time", keys[0] if len(keys) == 1 else keys)
    if time_format:
        finding.set("time_format", time_format)
    return columns


def _settle_format(head: Head, index: int, named: bool, finding: Finding) -> bool:
    """Tell whether a column holds dates; where only a format says how, choose it with a reason."""
    if _dated(head, [index], finding.layout):
        return True
    cells = head.cells[index]
    choices = ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y"]
    if named and cells and cells[0].strip().lstrip("-").isdigit():
        choices = [unit for unit, digits in EPOCHS.items() if abs(len(cells[0].strip()) - digits) <= 1]
    for form in choices:
        if _dated(head, [index], replace(finding.layout, time_format=form)):
            reason = "" if form in EPOCHS else "the day or the month first? a guess: check it"
            finding.set("time_format", form, reason)
            finding.layout = replace(finding.layout, time_format=form)
            return True
    return False


def _dated(head: Head, columns: list[int], layout: Layout) -> bool:
    import numpy as np
    import pandas as pd

    texts = [pd.Series(head.cells[index][:50], dtype="str").str.strip() for index in columns]
    rows = len(texts[0])
    places = Places(("",), np.zeros(rows, dtype=int), np.arange(rows))
    try:
        Dates(texts, ["x"] * len(columns), places, layout).read()
    except DifferentZones:
        return True
    except DataError:
        return False
    return rows > 0


def _target(head: Head, target: str | None, stamps: list[int], finding: Finding, file: Path) -> int:
    """Take the column asked for, or one with a usual name, or the last column of numbers."""
    numbers = [i for i, numeric in enumerate(head.numeric) if numeric and i not in stamps]
    if not numbers:
        raise DataError(f"{file}: no column of numbers to forecast (columns: {listed(head.names)})")
    usual = [index for index in numbers if head.names[index].strip().lower() in TARGET]
    chosen = (usual or numbers)[-1]
    if target is not None:
        wanted = int(target) if "header" in finding.settings and target.isdigit() else target
        chosen = position(head.names, wanted, "--target", str(file))
    others = [head.names[index] for index in numbers if index != chosen]
    reason = f"other columns of numbers: {listed(others)}" if others else ""
    finding.set("target", chosen if "header" in finding.settings else head.names[chosen], reason)
    return chosen


def _markers(file: Path, head: Head, chosen: int, finding: Finding) -> None:
    """Look for marks such as `-` or `?` among the cells of the target."""
    if kind(file) == "parquet":
        return
    layout = finding.layout
    separator = examine(file, layout).separator
    with opened(file, layout.encoding) as stream:
        rows = records(Lines(stream, file, layout.comment), separator)
        cells = {cells[chosen].strip() for _, cells in rows if chosen < len(cells)}
    found = [mark for mark in MARKERS if mark in cells]
    if found:
        finding.set("na", found, "cells that mean missing")
        finding.layout = replace(layout, na=tuple(found))
