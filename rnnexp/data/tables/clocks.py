"""Times of day and zones at the end of a cell: taken off, so that the date remains."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from rnnexp.data.tables.date_forms import make_clock
from rnnexp.errors import ConfigError

# A clock is known by a colon, an h, or AM and PM ...
CLOCK = r"""(?xi)^(?P<date>.*?)(?:^|(?<=\d)T|(?<=[^\s,])(?:,?\s+|[,_]|:(?=\d\d:)))
    (?=\d{1,2}(?: :\d\d|\s?(?:h|uhr|[ap]\.?m\.?)))
    (?P<hour>\d{1,2}) (?: (?::|\s?h\s?) (?P<minute>\d\d)? (?: [:m]\s?(?P<second>\d\d)(?P<fraction>[.,]\d{1,9})? )? )?
    \s? (?P<half>[ap]\.?m\.?)? \s? (?:s|m|h|hrs?|uhr)?$"""
# ... or by its place behind a whole date: 1.5.2020 13.30, 2020-05-01 1330, 20200501T13; 13-14 are two hours.
BARE_CLOCK = r"""(?x)^(?P<date>\d{1,4}[^\w:]+\w+[^\w:]+\d{1,4}|\d{8})(?:,?\s+|[T_]|(?<=\d{8}):)(?!\d\d?-\d\d?$)
    (?P<hour>\d{1,2}) (?: [.-]?(?P<minute>\d\d) (?: [.-]?(?P<second>\d\d))? )?$"""
RANGE = re.compile(r"(.*\d.{0,4}?)(?:\s+(?:-|to|bis)\s+|/)(\d.*)")
CLOCK_FIRST = r"(\d{1,2}:\d\d(?::\d\d)?(?: ?[AaPp][Mm])?),? (.*\d.*)"
# What may be a zone stands behind a clock: the -01 in 2020-01 is none.
ZONE = (
    r"^(?P<rest>.*(?::\d{2}(?:[.,]\d+)?|\dT\d{2}|\dT\d{4}|\dT\d{6}|[APap]\.?[Mm]\.?|-\d{2}-\d{2}))\s?"
    r"(?P<zone>Z|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?|[A-Z]{3,5})(?:\[.*\])?$"
)
MAY_BE_ZONED = (
    r"(?:[A-Z\]]|(?:[:T.,]\d+|[Mm.]|UTC|GMT) ?[+-]\d\d?(?::?\d\d)?|-\d\d[+-]\d\d:\d\d)$"  # without \s, for speed
)
HOURS = {"Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3}
SHORTEST = 8  # letters of a date that may begin a range: 2018/19 is none
USUAL_ZONES = (
    *("Europe/London", "Europe/Berlin", "Europe/Helsinki", "America/New_York", "America/Chicago", "America/Denver"),
    *("America/Los_Angeles", "America/Halifax", "America/St_Johns", "America/Santiago", "America/Sao_Paulo"),
    *("Australia/Sydney", "Australia/Adelaide", "Pacific/Auckland", "Asia/Jerusalem", "Europe/Moscow"),
)


def take_beginnings(text: Any) -> Any:
    """Return where ranges of time begin, such as `01.03.2023 00:00 - 01:00`; None if cells are none."""
    if not RANGE.fullmatch(text.iloc[0]):  # quick
        return None
    halves = text.str.extract(f"^{RANGE.pattern}$")
    words = halves.replace(r"[^\W\d]+", "a", regex=True)
    first, last = (words[place].str.replace(r"\d+", "0", regex=True) for place in words)
    alike = (first == last) | ((last == "0:0") & first.str.contains("0:0"))
    return halves[0] if (alike & (halves[0].str.len() >= SHORTEST)).all() else None


def split_clock(text: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return the dates as text, times of day (rows,) timedelta64[ns], NaT if impossible, and which rows have one."""
    import pandas as pd

    if not text.str.contains("[ T,_:hH]").any():
        return text, np.zeros(len(text), dtype="timedelta64[ns]"), np.zeros(len(text), dtype=bool)
    for pieces in (text.str.partition(" "), text.str.rpartition(" ")):  # fast: there are fewer clocks than rows
        codes, clocks = pd.factorize(pieces[2])
        fields = pd.Series(clocks, dtype="str").str.extract(CLOCK)
        if fields["hour"].notna().all() and (fields["date"] == "").all():
            return pieces[0].str.rstrip(" ,"), _measure(fields)[codes], np.ones(len(text), dtype=bool)
    if text.str.fullmatch(CLOCK_FIRST).all():
        return split_clock(text.str.replace(CLOCK_FIRST, r"\2 \1", regex=True))
    fields = text.str.extract(CLOCK)
    if fields["hour"].isna().all():
        fields = text.str.extract(BARE_CLOCK).assign(half=None, fraction=None)
    there = fields["hour"].notna().to_numpy()
    return fields["date"].where(there, text), _measure(fields), there


def _measure(fields: Any) -> np.ndarray:
    """Return timedelta64[ns] since midnight, 0 where there is no clock, NaT where it shows an impossible time."""
    hour, minute, second = (_whole(fields[part]) for part in ("hour", "minute", "second"))
    clock, runs = make_clock(hour, minute, second)
    clock = clock.astype("timedelta64[ns]") + _whole(fields["fraction"].str[1:].str.ljust(9, "0"))
    if fields["half"].notna().any():
        half = fields["half"].str[0].str.upper()
        hours = np.where(half == "P", 12, 0) - np.where(half.notna() & (hour == 12), 12, 0)
        clock += hours.astype("timedelta64[h]")
        runs &= half.isna().to_numpy() | ((hour >= 1) & (hour <= 12))
    clock[~runs] = np.timedelta64("NaT")
    return clock


def _whole(column: Any) -> np.ndarray:
    import pandas as pd

    return np.asarray(pd.to_numeric(column).fillna(0)).astype(np.int64)


def split_zone(text: Any) -> tuple[Any, Any]:
    """Return the cells without their zones, and the zones, missing where there is none."""
    if not text.str.contains(MAY_BE_ZONED).any():
        return text, None
    fields = text.str.extract(ZONE)
    zoned = fields["zone"].notna()
    return (fields["rest"].where(zoned, text), fields["zone"]) if zoned.any() else (text, None)


def parse_offset(zone: str) -> np.timedelta64 | None:
    """Return how far a zone is from Greenwich; None for a name that more than one zone has."""
    bare = re.sub(r"^(UTC|GMT)(?=.)", "", zone)
    if bare in HOURS:
        return np.timedelta64(60 * HOURS[bare], "m")
    parts = re.fullmatch(r"([+-])(\d{1,2}):?(\d{2})?", bare)
    if parts is None:
        return None
    minutes = 60 * int(parts[2]) + int(parts[3] or 0)
    return np.timedelta64(-minutes if parts[1] == "-" else minutes, "m")


def find_zones(wall: np.ndarray, offsets: np.ndarray) -> list[str]:
    """Name a usual zone whose clocks show these times (rows,) with these offsets."""
    import pandas as pd

    instants = pd.DatetimeIndex(wall - offsets)
    shown = {zone: instants.tz_localize("UTC").tz_convert(zone).tz_localize(None) for zone in USUAL_ZONES}
    return [zone for zone in USUAL_ZONES if (shown[zone] == wall).all()][:1]


def convert_zone(whole: Any, zone: str) -> Any:
    """Return dates with a zone as the clocks of another show them; ConfigError for a zone that is unknown."""
    try:
        return whole.dt.tz_convert(zone).dt.tz_localize(None)
    except (KeyError, ValueError):
        raise ConfigError(f"data.time_zone: `{zone}` is unknown; examples: UTC, Europe/Berlin") from None
