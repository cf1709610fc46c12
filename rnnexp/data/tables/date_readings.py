"""Several readings of one column of dates: which of them goes on in even steps, and which lie in the future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.data.tables.date_forms import read_form
from rnnexp.data.tables.remedy import Remedy

FEW = 0.05  # share of the dates of a long table that may be before those above them
BOUNDS = np.datetime64("1677-09-22"), np.datetime64("2262-04-10")  # whole days of datetime64[ns]


@dataclass(frozen=True)
class DateReading:
    """What all dates of a column are under some settings of `data`: (rows,) datetime64.

    usual: the one that is meant where nothing speaks for another;  told: it is not read until the settings are given
    """

    settings: Mapping[str, Any]
    time: np.ndarray
    usual: bool = False
    told: bool = False

    def is_same(self, other: DateReading) -> bool:
        return np.array_equal(self.time, other.time)

    @property
    def remedy(self) -> Remedy:
        return Remedy(self.settings, f"from {_spoken(self.time[0])} to {_spoken(self.time[-1])}")


def _spoken(date: np.datetime64) -> str:
    minute = str(date.astype("datetime64[m]")).replace("T", " ")
    return minute.removesuffix(" 00:00")


def try_form(text: Any, form: str, pivot_year: int | None, today: np.datetime64) -> DateReading | None:
    """Read all cells in one form, or return None; short years that would lie ahead are of the century before."""
    time = read_form(text, form, pivot_year)
    if np.isnat(time).any():
        return None
    if "%y" not in form or pivot_year is not None or not is_future(time, today):
        return DateReading({"time_format": form}, time)
    pivot = choose_pivot(today)
    time = read_form(text, form, pivot)
    return None if np.isnat(time).any() else DateReading({"time_format": form, "pivot_year": pivot}, time, told=True)


def choose_pivot(today: np.datetime64) -> int:
    """Return the pivot year of which all hundred years have begun by the next year."""
    return int(str(today)[:4]) + 1 - 99


def choose_reading(readings: Sequence[DateReading]) -> list[DateReading]:
    """Keep one reading where it alone goes on in even steps, or is the usual one and as even as the others.

    One that needs another century is kept where it alone has even steps, or no other is left.
    """
    readings = [one for place, one in enumerate(readings) if not any(map(one.is_same, readings[:place]))]
    if len(readings) < 2:
        return readings
    usual = [reading for reading in readings if reading.usual]
    even = [reading for reading in readings if is_even(reading.time)]
    if len(usual) == 1 and (not even or usual[0] in even):
        return usual
    if len(even) == 1 and not usual:
        return even
    return [one for one in readings if "pivot_year" not in one.settings] or readings


def is_sorted(time: np.ndarray, few: float = 0.0) -> bool:
    """Tell dates in order, forward or back; where they are repeated, in a long table, each is looked at once.

    A share of `few` may be out of order: where a series begins before those above it.
    """
    steps = np.diff(_unique(time))
    back = int((steps < np.timedelta64(0)).sum())
    return min(back, len(steps) - back) <= int(few * len(steps))


def _unique(time: np.ndarray) -> np.ndarray:
    """Return the dates as they first appear; the newest last if it is the first."""
    import pandas as pd

    dates = np.asarray(pd.unique(time.astype("datetime64[ns]")))
    return dates[::-1] if len(dates) and dates[0] > dates[-1] else dates


def is_even(time: np.ndarray) -> bool:
    """Tell dates that go on in even steps; where they are repeated, each is looked at once."""
    dates = _unique(time)
    steps = np.diff(dates)
    if (steps <= np.timedelta64(0)).any():
        return False
    return len(dates) < 3 or bool((steps == steps[0]).all()) or _by_calendar(dates)


def _by_calendar(dates: np.ndarray) -> bool:
    """Tell even steps of months, and those that leave out weekends."""
    import pandas as pd

    months = dates.astype("datetime64[M]")
    if len(set(np.diff(months).tolist())) == 1 and is_monthly(dates):
        return True
    return pd.infer_freq(pd.DatetimeIndex(dates)) is not None


def is_monthly(dates: np.ndarray) -> bool:
    """Tell dates on one day of the month, or on the last."""
    months, days = dates.astype("datetime64[M]"), dates.astype("datetime64[D]")
    place, last = days - months.astype("datetime64[D]"), days + 1 == (months + 1).astype("datetime64[D]")
    return bool(((place == place.max()) | last).all())


def is_future(time: np.ndarray, today: np.datetime64) -> bool:
    """Tell whether a date lies more than a year ahead: nobody has measured it."""
    return bool((time > today + np.timedelta64(366, "D")).any())


def is_beyond(dates: np.ndarray) -> np.ndarray:
    """Tell which dates (rows,) nanoseconds since 1970 cannot hold."""
    days = dates.astype("datetime64[D]")
    return (days < BOUNDS[0]) | (days > BOUNDS[1])


def add_clock(dates: np.ndarray, clock: np.ndarray) -> np.ndarray:
    """Return dates with their times of day, or as they are where the sum would wrap around: nobody takes those."""
    return dates if is_beyond(dates).any() else dates + clock
