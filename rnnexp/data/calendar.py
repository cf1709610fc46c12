"""Dates: parts of them as sine and cosine, the rows that follow a series, and the length of a season."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

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
SEASONS = {"M": 12, "Q": 4, "h": 24, "D": 7, "B": 5, "W": 52, "min": 60}
LONGEST = 40  # characters of a frequency
ALIASES = {"ME": "M", "MS": "M", "BMS": "M", "BME": "M", "QE": "Q", "QS": "Q", "H": "h", "T": "min"}


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
    import pandas

    if frequency is None:
        raise DataError("the dates after the end of the series are unknown: they have no frequency")
    step = pandas.tseries.frequencies.to_offset(frequency)
    try:
        dates = pandas.date_range(pandas.Timestamp(last) + step, periods=rows, freq=step)
    except (ValueError, OverflowError):  # beyond the year 2262
        raise DataError(f'the dates after {str(last)[:10]} cannot be written, in steps of "{frequency}"') from None
    return dates.to_numpy().astype("datetime64[ns]")


def is_frequency(frequency: str | None) -> bool:
    """Tell whether pandas knows a step by this name."""
    if frequency is None:
        return True
    import pandas

    try:
        return bool(pandas.tseries.frequencies.to_offset(frequency[:LONGEST]))
    except (ValueError, OverflowError):
        return False


def season_of(frequency: str | None) -> int | None:
    """Return the rows per season: a year of months, quarters or weeks, a week of days, a day of hours.

    Minutes repeat after an hour, several minutes after a day. None where there is no usual season.
    """
    match = re.fullmatch(r"(\d*)([A-Za-z]+)(?:-[A-Z]+)?", frequency or "")
    if match is None:
        return None
    every, unit = int(match[1] or 1), ALIASES.get(match[2], match[2])
    rows = 1440 if unit == "min" and every > 1 else SEASONS.get(unit, 0)
    return rows // every if rows % every == 0 and rows // every > 1 else None


def season(given: int | None, frequency: str | None, training_rows: int) -> int | None:
    """Return the season given, 1 being none, or the usual one of the frequency if the training part holds two."""
    if given is not None:
        return given if given > 1 else None
    usual = season_of(frequency)
    return usual if usual is not None and training_rows >= 2 * usual else None
