"""Dates that count time since another date than 1970, written as the CF conventions do: `days since 1960-01-01`.

SAS and Stata count from 1960, Julian days from 4714 BC, MATLAB and Python's ordinals from the year 0, LabVIEW from
1904, NTP from 1900, Apple from 2001, Windows from 1601 and .NET from the year 1, both in steps of 100 ns.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

SINCE = re.compile(
    r"(100ns|microseconds|milliseconds|seconds|minutes|hours|days|months|quarters|years) since "
    r"(-?\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d)?)"
)
NANOSECONDS = {
    "100ns": 100,
    "microseconds": 10**3,
    "milliseconds": 10**6,
    "seconds": 10**9,
    "minutes": 60 * 10**9,
    "hours": 3600 * 10**9,
    "days": 86_400 * 10**9,
}
PERIODS = {"months": 1, "quarters": 3, "years": 12}  # in months
# What numbers may be, and the first date that is likely; before it, others are.
ORIGINS = {
    "days since 1960-01-01": "1980",
    "days since 1858-11-17": "1987",
    "days since -4713-11-24 12:00": "1900",
    "days since 0000-12-31": "1950",
    "days since -0001-12-31": "1950",
    "seconds since 1960-01-01": "2018",
    "seconds since 1904-01-01": "1990",
    "seconds since 1900-01-01": "1990",
    "seconds since 2001-01-01": "2004",
    "microseconds since 1601-01-01": "1980",
    "100ns since 1601-01-01": "1980",
    "100ns since 0001-01-01": "1980",
}
NAMED = {"month": "months since 1960-01-01", "quarter": "quarters since 1960-01-01"}  # by the names of columns
FULL = 10**18  # ns on both sides of 1970 that are looked at, some more than datetime64[ns] has


def list_origins(role: str | None, today: np.datetime64) -> dict[str, tuple[float, float]]:
    """Return forms with the numbers that are likely dates in them: up to a year ahead."""
    last = today + np.timedelta64(366, "D")
    bounds = {
        form: (count_since(form, np.datetime64(first)), count_since(form, last)) for form, first in ORIGINS.items()
    }
    if role in NAMED:
        bounds[NAMED[role]] = (count_since(NAMED[role], np.datetime64("1980")), count_since(NAMED[role], last))
    return bounds


def count_since(form: str, date: np.datetime64) -> float:
    """Return the number that a date has in a form."""
    unit, origin = _split(form)
    if unit in PERIODS:
        return float((date.astype("datetime64[M]") - origin.astype("datetime64[M]")).astype(int) / PERIODS[unit])
    return int((date.astype("datetime64[s]") - origin).astype(int)) * 10**9 / NANOSECONDS[unit]


def convert_since(text: Any, form: str) -> np.ndarray:
    """Return (rows,) datetime64 of numbers in a form; those that no date has lie beyond all bounds."""
    unit, origin = _split(form)
    if unit in PERIODS:
        periods = text.astype("float64").to_numpy()
        return origin.astype("datetime64[M]") + np.floor(periods).astype(np.int64) * PERIODS[unit]
    start, step = int(origin.astype(int)) * 10**9, NANOSECONDS[unit]
    if text.str.fullmatch(r"-?\d+").all():
        instants = [start + int(cell) * step for cell in text]
    else:
        error = 0.51 * 10.0 ** -int(text.str.extract(r"\.(\d+)$")[0].str.len().max()) * step
        instants = _round([start + round(float(cell) * step) for cell in text], max(error, 10.0**6))
    seconds = np.array([max(-(10**11), min(one // 10**9, 10**11)) for one in instants], dtype="datetime64[s]")
    if (np.abs(seconds.astype(np.int64)) * 10**9 > 9 * FULL).any():
        return seconds
    return np.array(instants, dtype=np.int64).astype("datetime64[ns]")


def _split(form: str) -> tuple[str, np.datetime64]:
    unit, _, origin = form.partition(" since ")
    return unit, np.datetime64(origin.replace(" ", "T"), "s")


def _round(instants: list[int], error: float) -> list[int]:
    """Return full minutes or seconds if digits that were left out leave that open."""
    for unit in (60 * 10**9, 10**9):
        full = [(one + unit // 2) // unit * unit for one in instants]
        if all(abs(one - other) <= error for one, other in zip(instants, full)):
            return full
    return instants
