"""All the ways in which people write dates: one or several columns of text for the same time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

Columns = list[tuple[str, list[str]]]
ZONES = {"Europe/Berlin": "+01", "America/New_York": "-05"}


class Stamps(NamedTuple):
    """Columns of dates as text.

    time: what they say, by the clock of the file;  instants: in UTC where they have a zone
    asks: why a question is right, if it is;         kind: a name for reports
    """

    columns: Columns
    kind: str
    time: np.ndarray
    instants: np.ndarray | None = None
    asks: str = ""


DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%-d.%-m.%Y", "%-m/%-d/%Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y"),
    *("%B %d, %Y", "%d %B %Y"),
)
MONTHS = (
    *("%Y-%m", "%Y%m", "%b-%y", "%b %Y", "%b-%Y", "%B %Y", "%YM%m", "%m/%Y", "%m.%Y", "%Y/%m", "%Y-%m-%d", "%d.%m.%Y"),
    *("%m/%d/%Y", "%d/%m/%Y", "%d/%m/%y", "%m/%d/%y", "%Y%m%d"),
)
CLOCKED = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%y", "%m/%d/%y", "%d-%b-%Y")
CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%-H:%M", "%I:%M%p", "%-I:%M %p")
QUARTERS = ("{y}Q{q}", "{y}-Q{q}", "{y} Q{q}", "Q{q} {y}", "Q{q}/{y}", "Q{q}-{y}", "{y}q{q}", "{q}Q{y}")
NAMES = ("date", "Date", "ds", "time", "timestamp", "Datum", "Fecha", "day", "DATE", "TIME")


def write(times: pd.DatetimeIndex, form: str) -> list[str]:
    return [stamp.strftime(form) for stamp in times]


def _asks(times: pd.DatetimeIndex, form: str) -> str:
    """Tell why two readings of a format exist."""
    numeric = {"%d/%m", "%m/%d", "%d.%m", "%d-%m", "%m-%d", "%-d.%-m", "%-m/%-d"}
    if "%y" in form:
        return "century"
    if form[: 5 if form.startswith(("%d", "%m")) else 7] in numeric and (times.day <= 12).all():
        return "day or month first"
    return "a clock or seconds" if form == "%Y%m%d%H" else ""


def by_format(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    """Write dates by one format; finer ones with a clock."""
    if step in ("h", "15min"):
        day = dice.choice(CLOCKED)
        form = day + dice.choice((" ", " ", " ", "T" if day.startswith("%Y-") else " ")) + dice.choice(CLOCKS)
    elif step in ("MS", "ME"):
        form = dice.choice(MONTHS if step == "MS" else DAYS)
    elif step == "YS":
        form = dice.choice(("%Y", "%Y", "%Y-%m-%d", "%d.%m.%Y"))
    else:
        form = dice.choice(DAYS)
    return Stamps([(dice.choice(NAMES), write(times, form))], f"date {form}", times.to_numpy(), asks=_asks(times, form))


def in_digits(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    forms = {"h": ("%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S"), "15min": ("%Y%m%d%H%M", "%Y%m%d%H%M%S")}
    months = ("%Y%m", "%Y%m%d") if step == "MS" else ("%Y%m%d", "%Y%m%d", "%y%m%d")
    form = dice.choice(forms.get(step, months))
    return Stamps([(dice.choice(NAMES), write(times, form))], f"date {form}", times.to_numpy(), asks=_asks(times, form))


def since_1970(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    unit, power = dice.choice((("s", 10**9), ("ms", 10**6)))
    cells = [str(int(stamp) // power) for stamp in times.to_numpy().astype("datetime64[ns]").astype("int64")]
    return Stamps([(dice.choice(NAMES), cells)], f"epoch {unit}", times.to_numpy(), asks="what it counts")


def quarters(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    form = dice.choice(QUARTERS)
    cells = [form.format(y=stamp.year, q=stamp.quarter) for stamp in times]
    return Stamps([(dice.choice(("quarter", *NAMES)), cells)], f"quarter {form}", times.to_numpy())


def weeks(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    mondays = pd.DatetimeIndex([stamp - pd.Timedelta(days=stamp.weekday()) for stamp in times])
    form = dice.choice(("%G-W%V", "%GW%V", "%G-W%V-1"))
    return Stamps([(dice.choice(("week", *NAMES)), write(mondays, form))], f"week {form}", mondays.to_numpy())


def serial_days(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    """Count days as Excel does."""
    days = (times - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1)
    cells = [f"{day:.6f}".rstrip("0").rstrip(".") for day in days]
    return Stamps([(dice.choice(NAMES), cells)], "Excel serial days", times.to_numpy(), asks="what it counts")


def zoned(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    """Write the same zone behind every date."""
    mark = dice.choice(("Z", ".000Z", "+01", "+01:00", "+0100", "-05", "-05:00"))
    hours = 0 if "Z" in mark else int(mark[:3])
    form = dice.choice(("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", *["%Y-%m-%d %H:%M"] * (mark != ".000Z")))
    cells = [cell + mark for cell in write(times, form)]
    instants = times.to_numpy() - np.timedelta64(hours, "h")
    return Stamps([(dice.choice(NAMES), cells)], f"zone {mark}", times.to_numpy(), instants)


def changing_zones(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    """Write the zone of a place, through a change of its clocks."""
    place = dice.choice(list(ZONES))
    start = pd.Timestamp(f"{times[0].year}-{dice.choice(('03', '10'))}-{dice.choice(('24', '27'))} 00:00", tz="UTC")
    freq = {"15min": "15min", "h": "h"}.get(step, "h")
    instants = pd.date_range(start, periods=max(len(times), 1), freq=freq)
    short = dice.random() < 0.5
    cells = []
    for stamp in instants.tz_convert(place):
        zone = stamp.strftime("%z")
        cells.append(stamp.strftime("%Y-%m-%d %H:%M:%S") + (zone[:3] if short else f"{zone[:3]}:{zone[3:]}"))
    changing = len({cell[19:] for cell in cells}) > 1
    utc = instants.tz_localize(None).to_numpy()
    wall = instants.tz_convert(place).tz_localize(None).to_numpy()
    kind = f"zones that change, {'+01' if short else '+01:00'}" if changing else "zone of a place"
    return Stamps([(dice.choice(NAMES), cells)], kind, wall, utc, asks="zone" if changing else "")


def hour_24(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    """Write midnight as 24:00 of the day before, in one column or two."""
    form = dice.choice(("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y"))
    midnight = times == times.normalize()
    days = write(pd.DatetimeIndex(np.where(midnight, times - pd.Timedelta(days=1), times)), form)
    clocks = [f"{24 if late else stamp.hour:02d}:{stamp.minute:02d}" for late, stamp in zip(midnight, times)]
    asks = _asks(times, form)
    if dice.random() < 0.5:
        both = [f"{day} {clock}" for day, clock in zip(days, clocks)]
        return Stamps([(dice.choice(NAMES), both)], "24:00 in one column", times.to_numpy(), asks=asks)
    return Stamps([("date", days), ("time", clocks)], "24:00 in two columns", times.to_numpy(), asks=asks)


def bare_midnight(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    form = dice.choice(("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"))
    cells = [stamp.strftime(form if stamp == stamp.normalize() else f"{form} %H:%M") for stamp in times]
    return Stamps([(dice.choice(NAMES), cells)], "midnight without a clock", times.to_numpy(), asks=_asks(times, form))


def date_and_clock(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    form, clock = dice.choice(CLOCKED), dice.choice(CLOCKS)
    names = dice.choice((("date", "time"), ("Datum", "Uhrzeit"), ("Date", "Time"), ("Day", "Clock"), ("Fecha", "Hora")))
    columns = list(zip(names, (write(times, form), write(times, clock))))
    return Stamps(columns, f"two columns: {form}, {clock}", times.to_numpy(), asks=_asks(times, form))


def date_and_hour(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    form = dice.choice(("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%m/%d/%Y"))
    names = dice.choice((("date", "hour"), ("Date", "Hour"), ("Datum", "Stunde"), ("day", "hr")))
    if dice.random() < 0.3:  # midnight is the 24th hour of the day before
        midnight = times == times.normalize()
        days = pd.DatetimeIndex(np.where(midnight, times - pd.Timedelta(days=1), times))
        hours = [str(stamp.hour or 24) for stamp in times]
        kind = "two columns: date and hour 1 to 24"
        return Stamps(list(zip(names, (write(days, form), hours))), kind, times.to_numpy(), asks="what it counts")
    columns = list(zip(names, (write(times, form), write(times, dice.choice(("%-H", "%H"))))))
    return Stamps(columns, "two columns: date and hour", times.to_numpy(), asks=_asks(times, form))


def in_parts(dice: random.Random, times: pd.DatetimeIndex, step: str) -> Stamps:
    """Write year, month, day, hour in columns of their own; years with weeks or quarters, too."""
    if step == "W-MON":
        times = pd.DatetimeIndex([stamp - pd.Timedelta(days=stamp.weekday()) for stamp in times])
        parts = [("year", "%G"), ("week", "%V")]
    elif step == "QS":
        cells = [str(stamp.quarter) for stamp in times]
        return Stamps([("year", write(times, "%Y")), ("quarter", cells)], "year and quarter", times.to_numpy())
    else:
        every = [("year", "%Y"), ("month", "%-m"), ("day", "%-d"), ("hour", "%-H"), ("minute", "%-M")]
        parts = every[: {"YS": 1, "MS": 2, "ME": 3, "D": 3, "h": 4}.get(step, 5)]
    upper = dice.random() < 0.5
    columns = [(name.title() if upper else name, write(times, form)) for name, form in parts]
    return Stamps(columns, " and ".join(name for name, _ in parts), times.to_numpy())


Form = Callable[[random.Random, pd.DatetimeIndex, str], Stamps]
FORMS: dict[str, tuple[Form, ...]] = {
    "15min": (by_format, by_format, in_digits, since_1970, hour_24, bare_midnight, date_and_clock, in_parts, zoned),
    "h": (
        *(by_format, by_format, in_digits, since_1970, serial_days, zoned, changing_zones, hour_24, bare_midnight),
        *(date_and_clock, date_and_hour, in_parts),
    ),
    "D": (by_format, by_format, by_format, in_digits, serial_days, in_parts, since_1970),
    "B": (by_format, in_digits, serial_days),
    "W-MON": (by_format, weeks, weeks, in_parts),
    "W-THU": (by_format,),
    "MS": (by_format, by_format, by_format, in_digits, in_parts),
    "ME": (by_format, in_parts, serial_days),
    "BME": (by_format,),
    "QS": (quarters, quarters, in_parts, by_format),
    "YS": (by_format, in_parts),
}
