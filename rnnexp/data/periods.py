"""Steps of dates as arithmetic: which period each date lies in, and how a period is dated.

A series of months may be dated on their last trading day: then the day differs, and only the period goes on evenly.
Aliases are those of pandas, and two more: "MS+14D" are months dated on the 15th, "C-MON-TUE-WED-THU-FRI-SAT" all days
but Sundays, which pandas calls custom business days and has no alias for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
UNITS = {"M": 1, "Q": 3, "Y": 12}
FIRST_MONDAY = np.datetime64("1600-01-03")  # before all dates: NumPy counts backward otherwise than forward
DAY = 86_400 * 10**9  # ns

BY_MONTH = re.compile(r"(\d{0,5})(B?)([MQY])([SE])(?:-([A-Z]{3}))?(?:\+(\d{1,2})D)?")
BY_WEEKDAY = re.compile(r"(\d{0,5})(L?)WOM-([1-4]?)([A-Z]{3})")
BY_WEEK = re.compile(r"(\d{0,5})W(?:-([A-Z]{3}))?")
BY_OPEN_DAYS = re.compile(r"(\d{0,5})(?:B|C-([A-Z]{3}(?:-[A-Z]{3}){0,6}))")


class Periods(Protocol):
    """Periods of equal standing, each with a number; from one row to the next it grows by `step`.

    slack: days by which a date may differ from the usual one of its period: holidays move the last trading day
    """

    @property
    def step(self) -> int: ...
    @property
    def slack(self) -> int: ...
    def numbers(self, time: np.ndarray) -> np.ndarray:
        """Return the period of each date, (rows,) int64."""

    def dates(self, numbers: np.ndarray) -> np.ndarray:
        """Return the usual date of each period, (rows,) datetime64[D], of instants datetime64[ns]."""


@dataclass(frozen=True)
class Months:
    """Periods of one or more months; a number is the month, from January 1970, in which the period is dated.

    step:  months from row to row;  unit: months of a period, 3 for a quarter
    month: one of those in which periods are dated;  end: it is the last of its period, not the first
    day:   "first", "last", either of business days, or a weekday
    plus:  days after the first of the month;  week: which of the weekdays, from 1; 0 for the last
    """

    step: int
    unit: int = 1
    month: int = 0
    end: bool = False
    day: str = "first"
    plus: int = 0
    week: int = 0

    @property
    def slack(self) -> int:
        return 0 if self.day in ("first", "last") and not self.plus else 5

    def numbers(self, time: np.ndarray) -> np.ndarray:
        months = time.astype("datetime64[M]").astype(np.int64)
        return months + (self.month - months) % self.unit if self.end else months - (months - self.month) % self.unit

    def dates(self, numbers: np.ndarray) -> np.ndarray:
        first = numbers.astype("datetime64[M]").astype("datetime64[D]")
        last = (numbers + 1).astype("datetime64[M]").astype("datetime64[D]") - 1
        if self.day in WEEKDAYS:
            return self._weekday(first, last)
        if self.day == "last":
            return last
        if self.day.startswith("business"):
            forward = self.day == "business first"
            return np.busday_offset(first if forward else last, 0, roll="forward" if forward else "backward")
        return np.minimum(first + self.plus, last)

    def _weekday(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        wanted = WEEKDAYS.index(self.day)
        if self.week:
            return first + (wanted - find_weekday(first)) % 7 + 7 * (self.week - 1)
        return last - (find_weekday(last) - wanted) % 7


@dataclass(frozen=True)
class Weeks:
    """Weeks dated by one of their days; a number is that day, from 1970. Others belong to the nearest."""

    step: int
    day: int
    slack: int = 3

    def numbers(self, time: np.ndarray) -> np.ndarray:
        days = time.astype("datetime64[D]").astype(np.int64) + 3
        return days - (find_weekday(days) - self.day) % 7

    def dates(self, numbers: np.ndarray) -> np.ndarray:
        return numbers.astype("datetime64[D]")


@dataclass(frozen=True)
class BusinessDays:
    """Some days of each week; a number counts them, and other days belong to the one before: a weekend to its Friday.

    week: a digit for each day from Monday on, 1 for those that count
    """

    step: int
    week: str
    slack: int = 0

    def numbers(self, time: np.ndarray) -> np.ndarray:
        days = time.astype("datetime64[D]") + 1
        return np.busday_count(FIRST_MONDAY, days, weekmask=self.week).astype(np.int64) - 1

    def dates(self, numbers: np.ndarray) -> np.ndarray:
        return np.busday_offset(FIRST_MONDAY, numbers, roll="forward", weekmask=self.week)


@dataclass(frozen=True)
class Lengths:
    """Equal lengths of time, in ns; a number is an instant."""

    step: int
    slack: int = 0

    def numbers(self, time: np.ndarray) -> np.ndarray:
        return time.astype("datetime64[ns]").astype(np.int64)

    def dates(self, numbers: np.ndarray) -> np.ndarray:
        return numbers.astype("datetime64[ns]")


def find_weekday(days: np.ndarray) -> np.ndarray:
    """Return 0 for Monday to 6 for Sunday."""
    return (days.astype("datetime64[D]").astype(np.int64) + 3) % 7


def parse(frequency: str) -> Any:
    """Return the pandas offset of an alias, or the `Periods` of one that pandas does not know.

    Raises ValueError, TypeError, KeyError or OverflowError for what is neither.
    """
    import pandas as pd

    own = _calendar(frequency) if "+" in frequency or "C-" in frequency else None
    return own or pd.tseries.frequencies.to_offset(frequency)


def find_periods(frequency: str) -> Periods | None:
    """Return the periods that an alias counts; None for a rare calendar, which only pandas knows."""
    if (found := _calendar(frequency)) is not None:
        return found
    import pandas as pd

    try:
        offset: Any = pd.tseries.frequencies.to_offset(frequency)
        return Lengths(int(pd.Timedelta(offset).value))
    except ValueError:
        return None


def _calendar(frequency: str) -> Periods | None:
    if match := BY_MONTH.fullmatch(frequency):
        return _by_month(match)
    if match := BY_WEEKDAY.fullmatch(frequency):
        every, last, week, day = match.groups()
        if day in WEEKDAYS and bool(last) != bool(week):
            return Months(int(every or 1), day=day, week=int(week or 0))
        return None
    if (match := BY_WEEK.fullmatch(frequency)) and (match[2] or "SUN") in WEEKDAYS:
        return Weeks(7 * int(match[1] or 1), WEEKDAYS.index(match[2] or "SUN"))
    match = BY_OPEN_DAYS.fullmatch(frequency)
    return _by_open_days(match) if match else None


def _by_open_days(match: re.Match[str]) -> Periods | None:
    named = match[2].split("-") if match[2] else WEEKDAYS[:5]
    week = "".join("1" if day in named else "0" for day in WEEKDAYS)
    return BusinessDays(int(match[1] or 1), week) if week.count("1") == len(named) else None


def _by_month(match: re.Match[str]) -> Periods | None:
    every, business, letter, side, anchor, plus = match.groups()
    end, unit = side == "E", UNITS[letter]
    if (anchor and (unit == 1 or anchor not in MONTHS)) or (plus and (end or business or int(plus) > 30)):
        return None
    month = MONTHS.index(anchor) if anchor else (11 if end else 0)
    day = ("business " if business else "") + ("last" if end else "first")
    return Months(int(every or 1) * unit, unit, month, end, day, int(plus or 0))
