"""Dates that are numbers: digits of a calendar (2021010100), and counts of seconds or days since a date."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnnexp.data.tables.date_forms import get_width, restore_zero
from rnnexp.data.tables.date_origins import SINCE, convert_since, list_origins
from rnnexp.data.tables.date_readings import FEW, DateReading, is_even, is_sorted, try_form

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # per second
COUNTED = (*UNITS, "D", "excel", "decimal_year")
EARLY = np.datetime64("1997")  # seconds since 1970 that end before may be others
NUMBER = r"\d+(?:\.\d*)?"
FIRST_EPOCH = 10**8  # seconds: smaller numbers, of 1970 to 1973, may count anything
FIRST_SERIAL = 7305  # days: 1920 in a spreadsheet, 1990 since 1970
EXCEL_START, EXCEL_DAYS = np.datetime64("1899-12-30", "ms"), 25569  # days from there to 1970
USUAL = ("%Y", "%Y%m", "%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S")
OTHERS = (
    *("%G%V", "%Y%q", "%Y%j", "%d%m%Y", "%m%d%Y", "%d%m%Y%H%M", "%d%m%Y%H%M%S"),
    *("%y%m", "%y%j", "%y%m%d", "%d%m%y", "%m%d%y", "%y%m%d%H%M", "%y%m%d%H%M%S"),
)
YEARS = (np.datetime64("1800"), np.datetime64("2101"))  # of forms that other numbers have, too


def read_calendar(text: Any, pivot_year: int | None, today: np.datetime64) -> list[DateReading]:
    """Read digits in the forms that all cells have; where the day or a short year is first, its zero may be lost."""
    lengths = set(text.str.len().unique())
    found = []
    for form in (*USUAL, *OTHERS):
        width = get_width(form)
        if lengths == {width} or (lengths <= {width - 1, width} and form[1] not in "YG"):
            reading = try_form(restore_zero(text, form), form, pivot_year, today)
            if reading and (form in USUAL[:3] or ((YEARS[0] <= reading.time) & (reading.time < YEARS[1])).all()):
                found.append(replace(reading, usual=form in USUAL, told=pivot_year is None and "%y" in form))
    return found


def is_counted(form: str) -> bool:
    """Tell a form of numbers that count time."""
    return form in COUNTED or SINCE.fullmatch(form) is not None


def read_counts(text: Any, today: np.datetime64, role: str | None = None) -> list[DateReading]:
    """Read numbers as time since 1970 or another date, as days of a spreadsheet or as years, if that was before now."""
    values = text.astype("float64").to_numpy()
    next_year = int(today.astype("datetime64[D]").astype(np.int64)) + 366
    bounds = {unit: (FIRST_EPOCH * many, next_year * 86400 * many) for unit, many in UNITS.items()}
    bounds |= {"D": (FIRST_SERIAL, next_year), "excel": (FIRST_SERIAL, next_year + EXCEL_DAYS)}
    forms = [form for form, (low, high) in bounds.items() if ((values >= low) & (values <= high)).all()]
    if not text.str.fullmatch(r"\d+").all():
        years = ((values >= 1678) & (values < 2262)).all()
        forms = ["decimal_year"] if years else [form for form in forms if form in ("s", "excel")]
    origins = list_origins(role, today).items()
    forms += [form for form, (low, high) in origins if ((values >= low) & (values <= high)).all()]
    if "seconds since 2001-01-01" in forms and (values[-1:] > _seconds(EARLY)).any():
        forms.remove("seconds since 2001-01-01")
    found = [DateReading({"time_format": form}, convert_counts(text, form), told=True) for form in forms]
    return [reading for reading in found if _is_count(reading)]


def _seconds(date: np.datetime64) -> int:
    return int(date.astype("datetime64[s]").astype(int))


def _is_count(reading: DateReading) -> bool:
    """Doubt numbers that are like others but for their order."""
    form = reading.settings["time_format"]
    return form in UNITS or (is_even(reading.time) if form == "decimal_year" else is_sorted(reading.time, FEW))


def convert_counts(text: Any, form: str) -> np.ndarray:
    """Return (rows,) datetime64 of numbers that count time, in units that hold any."""
    if SINCE.fullmatch(form):
        return convert_since(text, form)
    if form == "s" and text.str.contains(".", regex=False).any():
        return np.round(text.astype("float64").to_numpy() * 1e6).astype("datetime64[us]")
    if form in UNITS or form == "D":
        most = 2**63 - 1  # far beyond all dates
        return np.array([max(-most, min(int(cell), most)) for cell in text]).astype(f"datetime64[{form}]")
    values = text.astype("float64").to_numpy()
    decimals = text.str.extract(r"\.(\d+)$")[0].str.len().max()
    error = 0.51 * 10.0 ** -min(decimals, 9) if decimals > 0 else 0.0  # of the digits that were left out
    if form == "decimal_year":
        return _by_year(values, error)
    return EXCEL_START + _rounded(values * 86400, max(error * 86400, 1e-3))


def _rounded(seconds: np.ndarray, error: float) -> np.ndarray:
    """Return timedelta64[ms], of full minutes or seconds if the numbers leave that open."""
    for unit in (60.0, 1.0):
        full = np.round(seconds / unit) * unit
        if (np.abs(seconds - full) <= error).all():
            seconds = full
            break
    return np.round(seconds * 1e3).astype("timedelta64[ms]")


def _by_year(values: np.ndarray, error: float) -> np.ndarray:
    """Return the months that begin (1958.167) or are in their middle (1958.208) all at these years, else the days."""
    year = np.floor(values)
    part = values - year
    start = (year.astype(np.int64) - 1970).astype("datetime64[Y]")
    for middle in (0.0, 0.5):
        month = np.round(part * 12 - middle)
        if (np.abs(part - (month + middle) / 12) <= error + 1e-9).all():
            return start.astype("datetime64[M]") + month.astype(np.int64)
    first = start.astype("datetime64[D]")
    days = ((start + 1).astype("datetime64[D]") - first).astype(np.int64)
    return first + np.floor((part + error) * days).astype(np.int64)
