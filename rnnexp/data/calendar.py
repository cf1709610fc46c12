"""Dates: parts of them as sine and cosine, the rows that follow a series, and the length of a season."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from rnnexp.data.large import list_pieces
from rnnexp.data.periods import DAY, BusinessDays, Lengths, find_periods, find_weekday, parse
from rnnexp.errors import DataError

# Number of values a part of the date runs through, and its first one.
CYCLES = {
    "month": (12, 1),
    "quarter": (4, 1),
    "week": (53, 1),
    "dayofyear": (366, 1),
    "dayofmonth": (31, 1),
    "dayofweek": (7, 0),
    "hour": (24, 0),
    "minute": (60, 0),
}
ATTRIBUTES = {"dayofmonth": "day", "dayofweek": "day_of_week", "dayofyear": "day_of_year"}
SEASONS = {"M": 12, "Q": 4, "h": 24, "D": 7, "B": 5, "W": 52, "min": 60, "SME": 24, "SMS": 24}
LONGEST = 40  # characters of a frequency
END = np.datetime64("2262-04-11")  # of datetime64[ns]
ALIASES = {"H": "h", "T": "min", "WOM": "M", "LWOM": "M"} | {
    f"{business}{unit}{side}": unit for business in ("", "B") for unit in "MQY" for side in "SE"
}
UNITS = {
    "Y": "year",
    "Q": "quarter",
    "M": "month",
    "W": "week",
    "D": "day",
    "B": "business day",
    "C": "business day",
    "h": "hour",
    "min": "minute",
    "s": "second",
}
DAYS = ("Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun")
CHANGES = (2, 3, 4, 9, 10, 11)  # months in which clocks are changed, somewhere, in a night to a Sunday


def columns(parts: Sequence[str]) -> tuple[str, ...]:
    """Name the columns that `encode` makes."""
    return tuple(f"{part}_{wave}" for part in parts for wave in ("sin", "cos"))


def encode(time: np.ndarray, parts: Sequence[str]) -> np.ndarray:
    """Encode parts of the date on a circle, so that December lies beside January: (rows, 2 * parts)."""
    import pandas

    index = pandas.DatetimeIndex(time)
    waves = [_angle(index, part) for part in parts]
    pairs = [wave for angle in waves for wave in (np.sin(angle), np.cos(angle))]
    return np.stack(pairs, axis=1) if pairs else np.empty((len(time), 0))


def _angle(index: object, part: str) -> np.ndarray:
    cycle, first = CYCLES[part]
    if part == "week":
        number = index.isocalendar().week.to_numpy()  # type: ignore[attr-defined]
    else:
        number = np.asarray(getattr(index, ATTRIBUTES.get(part, part)))
    return 2 * np.pi * (number.astype(np.float64) - first) / cycle


def following(last: np.datetime64, frequency: str | None, rows: int) -> np.ndarray:
    """Return the dates of the next `rows` rows, (rows,) datetime64[ns]."""
    if frequency is None:
        raise DataError("the dates after the end of the series are unknown: they have no frequency")
    try:
        return _after(np.asarray([last], dtype="datetime64[ns]"), frequency, rows)
    except (ValueError, OverflowError):  # beyond the year 2262
        raise DataError(f'the dates after {str(last)[:10]} cannot be written, in steps of "{frequency}"') from None


def _after(last: np.ndarray, frequency: str, rows: int) -> np.ndarray:
    periods = find_periods(frequency)
    if periods is None:
        import pandas

        step = pandas.tseries.frequencies.to_offset(frequency)
        listed = pandas.date_range(pandas.Timestamp(last[0]) + step, periods=rows, freq=step)
        return listed.to_numpy().astype("datetime64[ns]")
    number = int(periods.numbers(last)[0])
    dates = periods.dates(np.array([number + periods.step * (i + 1) for i in range(rows)], dtype=np.int64))
    if rows and dates.max() >= END:
        raise OverflowError
    return add_clock(dates, last)


def add_clock(dates: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return dates as datetime64[ns]; days get the time of day of the first of `first`."""
    if dates.dtype != "datetime64[D]":
        return dates
    return dates.astype("datetime64[ns]") + (first[0] - first[0].astype("datetime64[D]"))


def name_unit(frequency: str) -> str:
    """Return what one step is: `hour`, `month`; `row` where it is several of them."""
    alias = re.split(r"[-+]", frequency)[0]
    return UNITS.get(ALIASES.get(alias, alias), "row")


def describe_step(frequency: str | None) -> str:
    """Write a step for people: `MS`, `C-TUE-WED-THU-FRI-SAT-SUN (no rows on Mondays)`."""
    if frequency is None or not isinstance(periods := find_periods(frequency), BusinessDays):
        return frequency or "none"
    shut = [f"{name}days" for name, counts in zip(DAYS, periods.week) if counts == "0"]
    return f"{frequency} (no rows on {', '.join(shut[:-1])}{' and ' if shut[1:] else ''}{shut[-1]})"


def has_hours(frequency: str | None) -> bool:
    """Tell whether steps are shorter than a day, or no whole days: then every date is written with its hour."""
    periods = None if frequency is None else find_periods(frequency)
    return isinstance(periods, Lengths) and periods.step % DAY != 0


def write_dates(dates: np.ndarray, among: np.ndarray | None = None) -> list[str]:
    """Write dates with the clock, as long as it must be, unless they are among days: then all of them without."""
    all_of = dates if among is None else among
    unit = next(unit for unit in ("D", "m", "s", "ns") if _is_whole(all_of, unit))
    return [text.replace("T", " ") for text in np.datetime_as_string(dates.astype(f"datetime64[{unit}]"))]


def _is_whole(dates: np.ndarray, unit: str) -> bool:
    """Tell whether dates have nothing finer than a unit; the first piece of many that has some ends the search."""
    pieces = (dates[piece] for piece in list_pieces(len(dates)))
    return all((own == own.astype(f"datetime64[{unit}]")).all() for own in pieces)


def describe_clock_changes(stamps: np.ndarray, among: np.ndarray) -> str:
    """Say that hours which are absent, or there twice, are those of a change of clocks, if most of them are."""
    hours = (stamps - stamps.astype("datetime64[D]")).astype("timedelta64[h]").astype(int)
    months = stamps.astype("datetime64[M]").astype(int) % 12 + 1
    changed = (find_weekday(stamps) == 6) & (hours < 4) & np.isin(months, CHANGES)
    if 2 * changed.sum() <= len(stamps) or (among == among.astype("datetime64[D]")).all():
        return ""
    shown = ", ".join(write_dates(stamps[changed][:3], among))
    return f"; {shown}: clocks are changed in that night, and the dates have no zone"


def is_frequency(frequency: str | None) -> bool:
    """Tell whether pandas knows a step by this name."""
    if frequency is None:
        return True
    try:
        return bool(parse(frequency[:LONGEST]))
    except (ValueError, OverflowError):
        return False


def season_of(frequency: str | None) -> int | None:
    """Return the rows per season: a year of months, quarters or weeks, a week of days, a day of hours.

    Minutes repeat after an hour, several minutes after a day. None where there is no usual season.
    """
    match = re.fullmatch(r"(\d*)([A-Za-z]+)((?:-[A-Z0-9]+)*)(?:\+\d+D)?", frequency or "")
    if match is None:
        return None
    every, unit = int(match[1] or 1), ALIASES.get(match[2], match[2])
    rows = 1440 if unit == "min" and every > 1 else match[3].count("-") if unit == "C" else SEASONS.get(unit, 0)
    return rows // every if rows % every == 0 and rows // every > 1 else None


def season(given: int | None, frequency: str | None, training_rows: int) -> int | None:
    """Return the season given, 1 being none, or the usual one of the frequency if the training part holds two."""
    if given is not None:
        return given if given > 1 else None
    usual = season_of(frequency)
    return usual if usual is not None and training_rows >= 2 * usual else None
