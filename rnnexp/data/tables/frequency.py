"""The step between two rows: a pandas alias, found by votes so that a few gaps do not hide it."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.data import calendar
from rnnexp.data.periods import MONTHS, WEEKDAYS, Lengths, Periods, find_periods, find_weekday, parse

COMMON = re.compile(r"[1-9]\d{0,4}(h|D|W|MS|ME|min|s|YS|YE|QS|QE)|(h|D|B|W|MS|ME|min|s|YS|YE|QS|QE)")
RENAMED = {
    "M": "ME",
    "BM": "BME",
    "CBM": "CBME",
    "SM": "SME",
    "Q": "QE",
    "BQ": "BQE",
    "A": "YE",
    "Y": "YE",
    "BA": "BYE",
    "BY": "BYE",
    "AS": "YS",
    "BAS": "BYS",
    "H": "h",
    "BH": "bh",
    "CBH": "cbh",
    "T": "min",
    "S": "s",
    "L": "ms",
    "U": "us",
    "N": "ns",
}
WORDS = {
    "D": ("d", "day", "days", "daily"),
    "B": ("b",),
    "W": ("w", "week", "weeks", "weekly"),
    "MS": ("month", "months", "monthly"),
    "ME": ("me", "eom"),
    "QS": ("qs", "quarter", "quarters", "quarterly"),
    "QE": ("q", "qe"),
    "YS": ("ys", "year", "years", "yearly", "annual", "annually"),
    "YE": ("y", "a", "ye"),
    "BME": ("bme",),
    "BMS": ("bms",),
    "h": ("hour", "hours", "hourly"),
    "min": ("t", "mins", "minute", "minutes", "minutely"),
    "s": ("sec", "second", "seconds", "secondly"),
}
FARTHEST = 100_000  # steps of a rare calendar in one
MOST_ROWS = 100  # a grid has at most so many times the rows that are there
FAR = np.array(["2262-01-01"], dtype="datetime64[ns]")  # from every date
HALF, MOST = 0.5, 0.75  # shares of dates; those near the end of a month may be trading days
ROOMY = "datetime64[us]"
MARGIN = 40  # days before and after dates in which a rare calendar is listed
FEWEST_DAYS = 28  # after which a weekday without a row is one that never has any
MOST_SHUT = 0.1  # holidays to a row, at most
NEAR = 5  # days from the end of a month to its last trading day, at most
VOTERS = 50
WINDOW = 10


def mistake(frequency: str) -> str | None:
    """Say what is wrong with a step given by hand; None if pandas knows it. Imports pandas only for rare ones."""
    if COMMON.fullmatch(frequency):
        return None
    parts = re.fullmatch(r"([A-Za-z]+)(-.+)?", frequency.lstrip("-0123456789"))
    if parts and parts[1] in RENAMED and _is_step(renamed := _translate(frequency, RENAMED)):
        return f"`{frequency}` is an alias of older versions of pandas; write {renamed}"
    if _is_step(frequency):
        return None
    if _known(frequency) is not None:
        return f"`{frequency}` does not lead forward, or too far; give a step of at least one"
    renamed = _translate(frequency, RENAMED | {word: alias for alias, words in WORDS.items() for word in words})
    if renamed != frequency and _is_step(renamed):
        return f"`{frequency}` is not a step of dates; write {renamed}"
    choices = "h, D, B (Monday to Friday), C-MON-TUE-WED-THU-FRI-SAT (no Sundays), W, MS, ME (month's end), 15min, …"
    return f"`{frequency}` is not a step of dates; write {choices}"


def _known(frequency: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return parse(frequency)
    except (ValueError, TypeError, KeyError, OverflowError, Warning):
        return None


def _is_step(frequency: str) -> bool:
    """Tell whether pandas, or we, know a step by this name, and it leads forward, but not beyond all dates."""
    offset = _known(frequency)
    every = getattr(offset, "n", 0) or getattr(offset, "step", 0)
    try:
        return every > 0 and (find_periods(frequency) is not None or every < FARTHEST)
    except OverflowError:
        return False


def _translate(frequency: str, words: Mapping[str, str]) -> str:
    """Write each part of a step with today's alias: 2ME for 2M, 1h30min for 1H30T, QE-MAR for Q-MAR, D for daily."""
    step, dash, anchor = frequency.partition("-") if frequency.count("-") == 1 else (frequency, "", "")
    units = re.sub(r"[A-Za-z]+", lambda match: words.get(match[0], words.get(match[0].lower(), match[0])), step)
    return f"{units}{dash}{anchor.upper()}"


def infer(time: np.ndarray) -> str | None:
    """Return the alias ("MS", "h", "15min", ...) that most stretches of sorted dates agree on, or None."""
    if len(time) < 3:
        return None
    if alias := _alias(time):
        return _last_weekday(time, alias)
    found = _voted(time, (WINDOW,)) or _by_day(time) or _voted(time, (5, 3)) or _by_trading_day(time)
    return _by_open_days(time) or found if found in (None, "D", "B") else found


def _voted(time: np.ndarray, lengths: Sequence[int]) -> str | None:
    for length in lengths:
        alias, share = _vote(time, length)
        if alias is not None and share > 0.5:
            return _last_weekday(time, alias)
    return None


def _vote(time: np.ndarray, length: int) -> tuple[str | None, float]:
    """Return the commonest alias of up to 50 stretches, and its share of those that have one."""
    starts = np.unique(np.linspace(0, max(len(time) - length, 0), VOTERS).astype(int))
    votes = Counter(_alias(time[start : start + length]) for start in starts)
    votes.pop(None, None)
    if not votes:
        return None, 0.0
    alias, times = votes.most_common(1)[0]
    return alias, times / votes.total()


def _alias(time: np.ndarray) -> str | None:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas 4 returns an offset here instead of a string
        found: Any = pd.infer_freq(pd.DatetimeIndex(time))
    return None if found is None else str(getattr(found, "freqstr", found))


def _last_weekday(time: np.ndarray, alias: str) -> str:
    """Tell the last Friday of a month from the fourth, which pandas does not."""
    last = re.sub(r"WOM-4", "LWOM-", alias)
    return last if last != alias and lay(time, last).off.sum() < lay(time, alias).off.sum() else alias


def _by_day(time: np.ndarray) -> str | None:
    """Recognize months dated on one day, which pandas has no alias for, and half months."""
    step, months, days = _in_months(time)
    if step == 0:
        fitting = [alias for alias in ("SME", "SMS") if lay(time, alias).off.mean() < 0.1]
        return fitting[0] if fitting else None
    if step < 0:
        return None
    usual = int(np.bincount(days).argmax())
    ends = time.astype("datetime64[D]") + 1 == (months + 1).astype("datetime64[D]")
    day = "" if not usual else f"+{usual}D"
    alias = _of_months("", step, "E" if ends.mean() > MOST else "S", months[0]) + ("" if ends.mean() > MOST else day)
    grid = lay(time, alias)
    exact = (~grid.off & ~grid.moved).mean()
    return alias if exact > (HALF if NEAR < usual < 28 - NEAR else MOST) else None


def _by_trading_day(time: np.ndarray) -> str | None:
    """Recognize months dated about their last trading day, or about their first."""
    step, months, days = _in_months(time)
    if step < 1:
        return None
    after = ((months + 1).astype("datetime64[D]") - 1 - time.astype("datetime64[D]")).astype(np.int64)
    if (after <= NEAR).mean() > 0.9:
        return _of_months("B", step, "E", months[0])
    return _of_months("B", step, "S", months[0]) if (days <= NEAR).mean() > 0.9 else None


def _by_open_days(time: np.ndarray) -> str | None:
    """Recognize days some of which never have a row, such as Sundays, for at least four weeks."""
    days = time.astype("datetime64[D]")
    shut = np.bincount(find_weekday(days), minlength=7) == 0
    if not 0 < shut.sum() < 6 or days[-1] - days[0] < np.timedelta64(FEWEST_DAYS, "D"):
        return None
    week = [day for day, closed in zip(WEEKDAYS, shut) if not closed]
    alias = "B" if week == list(WEEKDAYS[:5]) else "-".join(["C", *week])
    grid = lay(time, alias)
    return alias if not grid.off.any() and grid.absent <= MOST_SHUT * len(time) else None


def _in_months(time: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the commonest step in months, -1 if most are others; the months, and the days since they began."""
    months = time.astype("datetime64[M]")
    steps, times = np.unique(np.diff(months.astype(np.int64)), return_counts=True)
    step = int(steps[times.argmax()]) if 2 * times.max() > len(time) - 1 or steps[times.argmax()] == 0 else -1
    return step, months, (time.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)


def _of_months(business: str, step: int, side: str, month: np.datetime64) -> str:
    unit, letter = next((months, letter) for letter, months in (("Y", 12), ("Q", 3), ("M", 1)) if step % months == 0)
    anchor = "" if unit == 1 else f"-{MONTHS[int(month.astype(np.int64)) % 12]}"
    return f"{step // unit if step > unit else ''}{business}{letter}{side}{anchor}"


@dataclass(frozen=True)
class EvenSteps:
    """Dates of rows on even steps.

    index: (rows,) int64 steps from the first row, -1 beside the steps
    moved: (rows,) bool, dated otherwise than usual in their period
    start: the period of the first row;  clock: (1,) a date at the usual time of day
    """

    index: np.ndarray
    moved: np.ndarray
    periods: Periods
    start: int
    clock: np.ndarray

    @property
    def off(self) -> np.ndarray:
        return self.index < 0

    @property
    def absent(self) -> int:
        """Steps between the first and the last row that have no row."""
        return int(self.index.max()) + 1 - int((~self.off).sum())

    def dates(self, index: np.ndarray) -> np.ndarray:
        """Return the usual dates of these steps, datetime64[ns]."""
        return calendar.add_clock(self.periods.dates(self.start + index * self.periods.step), self.clock)


def lay(time: np.ndarray, frequency: str) -> EvenSteps:
    """Lay sorted dates on steps of `frequency`; a period has one row at most."""
    periods = find_periods(frequency) or _Listed(time, frequency)
    numbers, calendric = periods.numbers(time), not isinstance(periods, Lengths)
    usual = _commonest(numbers % periods.step)
    if calendric:
        usual &= _commonest(time - time.astype("datetime64[D]"))
    first = int(usual.argmax())
    index, rest = np.divmod(numbers - numbers[first], periods.step)
    clock = time[first : first + 1]
    # In microseconds, in which the first and the last period of datetime64[ns] have room.
    dates = periods.dates(numbers[first] + index * periods.step).astype(ROOMY)
    dates += (clock - clock.astype("datetime64[D]")).astype("timedelta64[us]") if calendric else np.timedelta64(0)
    away = np.abs(time.astype(ROOMY) - dates)
    off = (rest != 0) | (away > np.timedelta64(periods.slack, "D"))
    off[1:] |= index[1:] == index[:-1]
    before = int(index[~off].min()) if not off.all() else 0
    moved = (away > np.timedelta64(0)) & ~off
    start = int(numbers[first]) + before * periods.step
    return EvenSteps(np.where(off, -1, index - before), moved, periods, start, clock)


def _commonest(values: np.ndarray) -> np.ndarray:
    """Tell which values are the commonest one."""
    if (values == values[0]).all():
        return np.ones(len(values), dtype=bool)
    different, times = np.unique(values, return_counts=True)
    return np.asarray(values == different[times.argmax()])


class _Listed:
    """The dates of a rare calendar of pandas, around a first and a last one; a number is the place in the list."""

    step, slack = 1, 0

    def __init__(self, time: np.ndarray, frequency: str) -> None:
        import pandas as pd

        first, last = pd.Timestamp(time[0]), pd.Timestamp(time[-1])
        self.listed = FAR
        for margin in (pd.Timedelta(days=MARGIN), pd.Timedelta(0)):
            with contextlib.suppress(OverflowError, pd.errors.OutOfBoundsDatetime):  # at the end of pandas' time
                dates = pd.date_range(first - margin, last + margin, freq=frequency)
                self.listed = np.asarray(dates.astype("datetime64[ns]")) if len(dates) else FAR
                return

    def numbers(self, time: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.listed, time)

    def dates(self, numbers: np.ndarray) -> np.ndarray:
        return self.listed[np.minimum(numbers, len(self.listed) - 1)]


def too_fine(time: np.ndarray, frequency: str) -> bool:
    """Tell whether a step given by hand is a hundred times shorter than most that there are."""
    periods = find_periods(frequency)
    if periods is None or len(time) < 2:
        return False
    return bool(np.median(np.diff(periods.numbers(time))) > MOST_ROWS * periods.step)
