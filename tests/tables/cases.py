"""A valid table of every number: what it says, and the bytes that say it."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from tests.tables import content, marks, stamps
from tests.tables.content import Content, Numbers
from tests.tables.marks import Marks
from tests.tables.sheets import AROUND, BIG_ENDIAN, Sheet
from tests.tables.stamps import FORMS, Stamps

FOREIGN = {  # encoding -> names of a column of dates, of two columns of numbers, and of the series
    "gbk": ("日期", "销量", "价格", "门店"),
    "big5": ("日期", "銷量", "價格", "門市"),
    "shift_jis": ("日付", "売上", "価格", "店舗"),
    "cp1252": ("Datum", "Wärme", "Größe", "Gebäude"),
    "utf-8": ("дата", "спрос", "цена", "магазин"),
}
# Of the first rows: few, so that a case takes little time; of years and quarters as many as people have.
ROWS = {"YS": 45, "QS": 48, "W-MON": 70, "W-THU": 70, "ME": 60, "BME": 60, "MS": 96}
SLOW = ("MS", "ME", "BME", "QS", "YS")
DECADES = ((1949, 1960), (1975, 1979), (1990, 1999), (2000, 2009), (2012, 2019))
SIZES = ((20, 1), (20, 3), (350, 0), (5_000, 0), (5_000, 2), (1_234_567, 0), (80_000, 1))  # about, and decimals
NAMES = (
    *(("y", "x1", "x2"), ("temp", "rh", "wind"), ("sales", "price", "stock"), ("Wert", "Last", "Netz")),
    ("Temp (°C)", "Load, MW", "Wind speed"),
)
SERIES = ("store", "unique_id", "series", "item", "Filiale")
LABELS = (("north", "south", "east", "west", "mid"), ("101", "102", "205", "7", "44"), ("A1", "B2", "C", "D4", "E"))
FAMILIES = ("dates", "numbers", "rows", "structure", "bytes", "series", "columns")


@dataclass(frozen=True)
class Case:
    """A file, and what it says.

    name:    of the file;  words: what is added to `rnnexp init FILE`
    named:   settings that say which columns are meant
    instants: (rows,) in UTC where dates have a zone
    kinds:   what is unusual about it;  asks: for which of its kinds a question is a right answer
    sentinel: the number that stands for none
    """

    name: str
    bytes: bytes
    content: Content
    named: dict[str, Any]
    words: tuple[str, ...]
    instants: np.ndarray | None
    kinds: tuple[str, ...]
    asks: tuple[str, ...]
    sentinel: float | None = None


def case(seed: int, number: int) -> Case:
    """Return the case of a number; the same one for a seed."""
    dice = random.Random(f"valid/{seed}/{number}")
    unusual = set(dice.sample(FAMILIES, dice.choice((1, 1, 2, 2, 3))))
    said = _content(dice, unusual)
    if dice.random() < 0.06:
        return _parquet(dice, said)
    return _text(dice, said, unusual)


def _content(dice: random.Random, unusual: set[str]) -> Content:
    step = dice.choice(list(content.STEPS)) if "dates" in unusual else dice.choice(("h", "D", "MS"))
    rows = ROWS.get(step) or dice.choice((60, 120, 240))
    years = dice.choice(DECADES) if step in SLOW else (2001, 2021)
    several = dice.choice((2, 3, 5)) if "series" in unusual else 1
    width = dice.choice((2, 3)) if "columns" in unusual else 1
    parts = _series(dice, content.dates(dice, step, rows, years), _labels(dice, several))
    time = np.concatenate([times for times, _ in parts])
    label = None if several == 1 else tuple(name for times, name in parts for _ in times)
    said = Content(_columns(dice, len(time), width), time, step, label, dice.choice(SERIES))
    if several > 1:
        said = said.told(f"long, {several} series")
        if dice.random() < 0.5:
            said = said.take(sorted(range(len(said)), key=lambda row: time[row])).told("interleaved")
    if width > 1:
        said = said.told(f"{width} columns of numbers")
    if "columns" in unusual and dice.random() < 0.5:
        said = _with_words(dice, said)
    return dice.choice(content.FLAWS)(dice, said) if "rows" in unusual else said


def _columns(dice: random.Random, rows: int, width: int) -> tuple[Numbers, ...]:
    """Make columns of numbers of one size; those of the first may be negative."""
    level, decimals = dice.choice(SIZES)
    names = dice.choice(NAMES)
    signed = dice.random() < 0.4
    first, *others = [content.numbers(dice, name, rows, level, decimals) for name in names[:width]]
    if signed:
        middle = round(np.mean([unit or 0 for unit in first.units]))
        first = replace(first, units=tuple((unit or 0) - middle for unit in first.units))
    return (first, *others)


def _labels(dice: random.Random, number: int) -> list[str]:
    return list(dice.choice(LABELS)[:number])


def _series(dice: random.Random, dates: np.ndarray, names: list[str]) -> list[tuple[np.ndarray, str]]:
    """Give every series most of the dates: they begin and end at different ones."""
    if len(names) == 1:
        return [(dates, names[0])]
    return [(dates[dice.choice((0, 0, 5)) : len(dates) - dice.choice((0, 0, 7))], name) for name in names]


def _with_words(dice: random.Random, said: Content) -> Content:
    """Add a column that is no number: the same word everywhere, a remark now and then, or a count of the rows."""
    kind = dice.choice(("station", "remark", "record", "flag", "lines", "empty"))
    rows = len(said)
    cells = {
        "station": ["Bremen"] * rows,
        "remark": [dice.choice(("", "", "", "holiday, closed", "rain")) for _ in range(rows)],
        "record": [str(row) for row in range(rows)],
        "lines": [dice.choice(("", "", 'first\nand "second"', "one")) for _ in range(rows)],
        "empty": [""] * rows,
        "flag": [dice.choice(("ok", "ok", "bad")) for _ in range(rows)],
    }[kind]
    return replace(said, words={kind: tuple(cells)}).told(f"column of a {kind}")


def _stamps(dice: random.Random, said: Content, unusual: set[str]) -> tuple[Stamps, np.ndarray]:
    """Write the dates of the rows; some forms move them to the periods that they can say."""
    every = pd.DatetimeIndex(np.unique(said.time))
    if "dates" in unusual:
        written = dice.choice(FORMS[said.step])(dice, every, said.step)
    else:
        form = "%Y-%m-%d %H:%M" if said.step in ("h", "15min") else "%Y-%m-%d"
        written = Stamps([(dice.choice(stamps.NAMES), stamps.write(every, form))], "", every.to_numpy())
    return written, np.searchsorted(every.to_numpy(), said.time)


def _text(dice: random.Random, said: Content, unusual: set[str]) -> Case:
    """Write a table as text."""
    written, row = _stamps(dice, said, unusual)
    said = replace(said, time=written.time.astype("datetime64[ns]")[row])
    how, missing = _marks(dice, said, unusual)
    columns = [[cells[one] for one in row] for _, cells in written.columns]
    values = [how.column(column) for column in said.columns]
    names = [name for name, _ in written.columns]
    encoding = dice.choice(list(FOREIGN)) if "bytes" in unusual and dice.random() < 0.5 else None
    if encoding:
        names, said = _renamed(names, said, FOREIGN[encoding])
    header, rows = _laid_out(dice, names, columns, said, values)
    sheet = Sheet(header, rows, _separator(dice, how, "bytes" in unusual or "numbers" in unusual))
    sheet = _decorated(dice, sheet, unusual, encoding)
    kinds = [*said.kinds, *how.kinds, *([f"missing {missing or 'empty'}"] if missing is not None else [])]
    kinds += [*([written.kind] if written.kind else []), *sheet.kinds]
    doubtful = any(marks.two_readings([cell for cell in cells if cell != missing]) for cells in values)
    asks = {
        written.asks: bool(written.asks),
        "thousands or decimals": doubtful,
        "sentinel": missing in marks.SENTINELS,
        "header": any(kind in kinds for kind in ("header too wide", "header without row numbers")),
        "rows": any(map(_needs_a_policy, kinds)),
    }
    stem = dice.choice(("data", "table", "My file 2021", "sales"))
    suffix = dice.choice((".csv", ".csv", ".csv", ".txt", ".tsv")) + (".gz" if sheet.packed else "")
    named = _named(names, said, header if "no header" in sheet.kinds else None)
    guessed = len(said.columns) == 1 and not said.words and written.kind != "epoch s"
    words = ("--target", str(named["target"])) if not guessed or dice.random() < 0.3 else ()
    instants = None if written.instants is None else written.instants.astype("datetime64[ns]")[row]
    rightly = tuple(ask for ask, reason in asks.items() if reason)
    sentinel = float(missing) if missing in marks.SENTINELS else None
    return Case(stem + suffix, sheet.content, said, named, words, instants, tuple(kinds), rightly, sentinel)


def _marks(dice: random.Random, said: Content, unusual: set[str]) -> tuple[Marks, str | None]:
    """Choose how numbers are written, and what stands where there is none, if that is unusual."""
    if "numbers" not in unusual:
        return Marks(), None
    how = marks.choose(dice)
    if all(unit is not None for unit in said.columns[0].units):
        return how, None
    missing = dice.choice((*marks.MISSING, *marks.SENTINELS))
    return replace(how, missing=missing), missing


def _named(names: list[str], said: Content, header: list[str] | None) -> dict[str, Any]:
    """Name the columns as somebody does who knows the file: by their places if `header` is not in it."""
    found: dict[str, Any] = {"target": said.columns[0].name, "time": names}
    if said.label is not None:
        found["series"] = said.label_name
    if header is not None:
        places = {name: place for place, name in enumerate(header)}
        return {key: [places[one] for one in own] if key == "time" else places[own] for key, own in found.items()}
    return found


def _needs_a_policy(kind: str) -> bool:
    """Tell whether more rows are flawed than are mended without a question."""
    return kind.startswith(("gaps", "holes", "hole", "duplicate", "newest", "target ends"))


def _renamed(names: list[str], said: Content, words: tuple[str, ...]) -> tuple[list[str], Content]:
    others = [replace(column, name=name) for column, name in zip(said.columns, words[1:3])]
    names = [words[0], *names[1:]] if len(names) == 1 else names
    return names, replace(said, columns=(*others, *said.columns[2:]), label_name=words[3])


def _laid_out(
    dice: random.Random, names: list[str], times: list[list[str]], said: Content, values: list[list[str]]
) -> tuple[list[str], list[list[str]]]:
    """Put the columns in an order: dates first, or names of series."""
    left = list(zip(names, times))
    if said.label is not None:
        place = dice.choice((0, len(left)))
        left.insert(place, (said.label_name, list(said.label)))
    right = [(column.name, cells) for column, cells in zip(said.columns, values)]
    words = [(name, list(cells)) for name, cells in said.words.items()]
    columns = [*left, *words, *right] if dice.random() < 0.5 else [*left, *right, *words]
    return [name for name, _ in columns], [list(cells) for cells in zip(*(cells for _, cells in columns))]


def _separator(dice: random.Random, how: Marks, unusual: bool) -> str:
    if not unusual:
        return ","
    return dice.choice(";;\t|") if "," in (how.decimal, how.thousands) and dice.random() < 0.7 else dice.choice(",;\t|")


def _decorated(dice: random.Random, sheet: Sheet, unusual: set[str], encoding: str | None) -> Sheet:
    if sheet.separator != ",":
        sheet = sheet.told({"\t": "tab"}.get(sheet.separator, f"separator {sheet.separator}"))
    if "structure" in unusual:
        sheet = dice.choice(AROUND)(dice, sheet)
        if dice.random() < 0.2:
            other = dice.choice(AROUND)(dice, sheet)
            sheet = other if other.header is not None else sheet
    if "bytes" in unusual:
        sheet = _as_bytes(dice, sheet, encoding)
    return sheet if _encodable(sheet) else replace(sheet, encoding="utf-8").told("utf-8")


def _as_bytes(dice: random.Random, sheet: Sheet, encoding: str | None) -> Sheet:
    if encoding and encoding != "utf-8":
        sheet = replace(sheet, encoding=encoding).told(encoding)
    else:
        ways = (("utf-8-sig", "BOM"), ("utf-16", "UTF-16"), (BIG_ENDIAN, "UTF-16, big end first"), ("utf-8", ""))
        name, kind = dice.choice((*ways, ("utf-8", "")))
        sheet = replace(sheet, encoding=name).told(*([kind] if kind else []), *(["foreign names"] if encoding else []))
    if dice.random() < 0.4:
        end, name = dice.choice((("\r\n", "CRLF"), ("\r\n", "CRLF"), ("\r\n", "CRLF"), ("\r", "CR")))
        sheet = replace(sheet, end=end).told(name)
    if dice.random() < 0.3:
        sheet = replace(sheet, quoting=csv.QUOTE_ALL).told("all quoted")
    return replace(sheet, packed=True).told("gzip") if dice.random() < 0.2 else sheet


def _encodable(sheet: Sheet) -> bool:
    try:
        sheet.text.encode(sheet.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _parquet(dice: random.Random, said: Content) -> Case:
    frame = pd.DataFrame({column.name: column.values for column in said.columns})
    kind = dice.choice(("index", "column", "text"))
    name = dice.choice(stamps.NAMES)
    if said.label is not None:
        frame.insert(0, said.label_name, list(said.label))
    for word, cells in said.words.items():
        frame[word] = list(cells)
    time = pd.DatetimeIndex(said.time)
    if kind == "index":
        frame.index = time.rename(dice.choice((name, None)))
    else:
        frame.insert(0, name, time if kind == "column" else stamps.write(time, "%Y-%m-%d %H:%M"))
    out = io.BytesIO()
    frame.to_parquet(out)
    kinds = (*said.kinds, f"Parquet, dates as {kind}")
    target = said.columns[0].name
    words = ("--target", target) if len(said.columns) > 1 or said.words else ()
    asks = ("rows",) if any(map(_needs_a_policy, kinds)) else ()
    return Case("data.parquet", out.getvalue(), said, _named([name], said, None), words, None, kinds, asks)
