"""How a column of dates is written: every form that all of its cells have, and what speaks against some of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from rnnexp.data.tables.clocks import split_clock
from rnnexp.data.tables.date_digits import NUMBER, read_calendar, read_counts
from rnnexp.data.tables.date_forms import SWAPPED, get_order, list_forms, read_form
from rnnexp.data.tables.date_readings import DateReading, add_clock, is_even, is_sorted, try_form
from rnnexp.data.tables.date_spellings import standardize_words
from rnnexp.data.tables.layout import Layout

SAID = {"week": "%V", "quarter": "%q", "yearday": "%j", "month": "%m"}  # by the name of a column
SEASON = r"(\d{2}|\d{4})[-/](\d{2})"
DAY = np.timedelta64(24, "h")


def list_readings(text: Any, role: str | None, layout: Layout, today: np.datetime64) -> tuple[list[DateReading], Any]:
    """List what all cells of a column may be, which is called a week or a quarter, and count its odd clocks."""
    import pandas as pd

    dates, clock, clocked = split_clock(text)
    codes, unique = pd.factorize(dates)
    unique = standardize_words(pd.Series(unique, dtype="str"))
    if unique.str.fullmatch(r"\d+").all():
        found = read_calendar(unique, layout.pivot_year, today)
    else:
        unique = _with_zeros(unique)
        tried = (try_form(unique, form, layout.pivot_year, today) for form in list_forms(unique, quarters=True))
        found = [reading for reading in tried if reading and _is_likely(reading, unique, role)]
    if not clocked.any() and unique.str.fullmatch(NUMBER).all():
        found += read_counts(unique, today, role)
    said = [reading for reading in found if SAID.get(role or "", "%?") in reading.settings["time_format"]]
    readings = [replace(reading, time=add_clock(reading.time[codes], clock)) for reading in said or found]
    return [reading for reading in readings if not np.isnat(reading.time).any()], count_odd_clocks(clock, clocked)


def _with_zeros(text: Any) -> Any:
    """Write October as 2018.10 where a spreadsheet has left 2018.1 of it, as 2018.01 shows."""
    if text.str.fullmatch(r"\d{4}\.\d{1,2}").all() and text.str.contains(r"\.0\d$").any():
        return text.where(~text.str.fullmatch(r"\d{4}\.1"), text + "0")
    return text


def _is_likely(reading: DateReading, text: Any, role: str | None) -> bool:
    """Doubt a short year that may be a day (05-Jan), and a week that nothing calls so."""
    form = reading.settings["time_format"]
    if get_order(form) in ("yb", "by"):
        forward = is_sorted(reading.time) and reading.time[0] <= reading.time[-1]
        return forward and len(set(reading.time.astype("datetime64[M]").astype(int) % 12)) > 1
    if get_order(form) == "Yq" and not text.str.contains("[A-Za-z]").any():
        return role == "quarter" or is_even(reading.time)
    if get_order(form) == "GV" and role != "week" and not text.str.contains("[^0-9./ -]").any():
        return is_even(reading.time) and np.diff(reading.time[:2]).max(initial=0) <= 28 * DAY
    return True


def count_odd_clocks(clock: np.ndarray, clocked: np.ndarray) -> dict[str, int]:
    """Count what is told of the clocks: that there is none, at midnight, or that one shows 24:00."""
    bare = int((~clocked).sum()) if clocked.any() else 0
    return {
        "without a clock read as midnight": bare,
        "at 24:00 read as 00:00 of the next day": int((clock == DAY).sum()),
    }


def find_swapped(text: Any, reading: DateReading) -> np.ndarray:
    """Tell the dates (rows,) in which a program has swapped day and month, as it did wherever both could be either."""
    form, time = reading.settings["time_format"], reading.time
    other = form.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    none = np.zeros(len(time), dtype=bool)
    if get_order(form) not in SWAPPED or "%y" in form or len(time) < 3 or is_even(time):
        return none
    swapped = read_form(split_clock(text)[0], other)
    days = time.astype("datetime64[D]")
    mixed = np.where(np.isnat(swapped), days, swapped.astype("datetime64[D]")) + (time - days)
    return (mixed != time) if is_even(mixed) else none


def is_season(text: Any) -> bool:
    """Tell years that end in the next one: 2018/19, 2019/20, which are no months."""
    if len(text) < 3 or not re.fullmatch(SEASON, text.iloc[0]) or not text.str.fullmatch(SEASON).all():
        return False
    years = text.str.extract(SEASON).astype("int64")
    return bool(((years[0] + 1) % 100 == years[1]).all())


def try_forms(text: Any) -> dict[str, np.ndarray]:
    """Read a column in every form that its commonest cells may have, NaT where a cell has another."""
    dates, clock, _ = split_clock(text)
    dates = standardize_words(dates)
    return {form: add_clock(read_form(dates, form), clock) for form in list_forms(dates)}
