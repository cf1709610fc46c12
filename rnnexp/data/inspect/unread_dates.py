"""Columns that are called dates, or look like some, and are not read: asked about, not passed over."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from rnnexp.cells import is_number
from rnnexp.data.inspect.finding import Head
from rnnexp.data.tables.date_advice import EXPONENT
from rnnexp.data.tables.date_columns import CLOCK
from rnnexp.data.tables.date_readings import is_sorted
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.data.tables.times import Dates
from rnnexp.errors import DataError

TIME = re.compile(
    r"(^|[^a-z])(date|time|ds|day|month|year|quarter|week|period|datum|zeit|fecha|dato|m?jd$|yyyymm|ts$|data$)|日期|日付|時間|дата",
    re.IGNORECASE,
)
# A date and hardly anything else, which a period of the day or elapsed time may be.
DATE_ONLY = re.compile(
    r".*(date|time ?stamp|datum|fecha|zeitpunkt|zeitstempel|yyyymm|日期|日付|年|月|날짜|дата).*|time|ts|ds|"
    r"day|month|monat|week|period|quarter",
    re.IGNORECASE,
)
MOSTLY = 0.5  # share of the cells that must be dates, so that the others are flaws
LOOKS_DATED = (
    r"(?<!\d)(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|(?:\d{1,2}[-/.]\d{1,2}[-/.]|\d{1,2}\W{0,2}[^\W\d]{3,}\W{0,2})\d{4})(?!\d)|"
    r"[^\W\d]{3,}\W{1,2}\d{1,2}\W{1,2}\d{4}(?!\d)"
)
A_YEAR = r"(?:1[6-9]|20)\d\d"  # which months and days may stand beside, so that it is often repeated
LARGE = 1e5  # which rows that are counted, and seconds since a start, seldom reach

Build = Callable[..., Dates]  # of columns, rows, and perhaps a form


def ask_about_unread(head: Head, columns: Mapping[int, Any], build: Build, nameless: bool) -> None:
    """Ask about cells that look like dates or are called so, if none are found."""
    for index, cells in columns.items():
        called = not nameless and bool(DATE_ONLY.fullmatch(head.names[index].strip()))
        if _is_unread(cells, head.numeric[index], called):
            rows, ignored = np.arange(len(cells)), Remedy({"time": None}, "rows are taken as evenly spaced")
            try:
                build([index], rows).read()
            except DataError as error:
                raise Undecided(Refused(str(error), *_read_around_years(index, cells, build), ignored)) from None


def _is_unread(cells: Any, numeric: bool, called: bool) -> bool:
    """Tell dates in words, and cells of a column that is called a date: large numbers, or digits hardly repeated."""
    if not numeric and (cells.str.contains(LOOKS_DATED).mean() > MOSTLY or _has_years_in_order(cells)):
        return True
    filled = cells[cells != ""]
    if not called or not len(filled):
        return False
    if filled.str.fullmatch(rf"#+|{EXPONENT}").mean() > MOSTLY:
        return True
    if numeric:
        numbers = filled[filled.map(is_number)].astype("float64")
        return 2 * len(numbers) > len(cells) and numbers.nunique() > 1 and bool(numbers.min() >= LARGE)
    told_apart = 2 * filled.nunique() > len(filled) and not filled.str.fullmatch(CLOCK).all()
    return bool(told_apart and filled.str.contains(r"\d").mean() > MOSTLY)


def _read_around_years(index: int, cells: Any, build: Build) -> list[Remedy]:
    """Read a year among letters that all cells have: FY2001."""
    form = re.sub(rf"(?<!\d){A_YEAR}(?!\d)", "%Y", cells.iloc[0], count=1)
    if "%Y" not in form:
        return []
    with suppress(DataError):
        first, *_, last = build([index], np.arange(len(cells)), form).read().astype("datetime64[D]")
        return [Remedy({"time": index, "time_format": form}, f"from {first} to {last}")]
    return []


def name_unread(head: Head, columns: Mapping[int, Any]) -> str:
    """Name the columns of words that are called like dates: they are left out."""
    named = {index: head.names[index] for index in columns if not head.numeric[index]}
    told = (f'"{name}" ("{columns[index].iloc[0]}")' for index, name in named.items() if TIME.search(name))
    return "".join(f"; column {one} holds none" for one in told)


def _has_years_in_order(cells: Any) -> bool:
    """Tell words and a year, such as FY2001, 2001/02 or a month in another language, that go on from row to row."""
    years = cells.str.extract(rf"(?<!\d)({A_YEAR})(?!\d)")[0].dropna()
    time = (years.astype("int64").to_numpy() - 1970).astype("datetime64[Y]")
    return len(years) > MOSTLY * len(cells) and years.nunique() > 1 and is_sorted(time)
