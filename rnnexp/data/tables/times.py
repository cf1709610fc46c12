"""Dates as they are written, to datetime64[ns] without a zone; what can be read in two ways is refused."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.places import Places
from rnnexp.errors import ConfigError, DataError, count

EPOCHS = {"s": 10, "ms": 13, "us": 16, "ns": 19}
PARTS = ("year", "month", "day", "hour", "minute", "second")
DIGITS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d"}
SLASHED = r"^(\d{1,2})([/.-])(\d{1,2})[/.-](\d{4}|\d{2})(?!\d)"
QUARTER = r"^\d{4}-?[Qq][1-4]$"
ZONED = r"\d(?:Z|[+-]\d{2}:?\d{2})$"


class DifferentZones(DataError):
    """Dates are far from Greenwich by different hours."""


class Dates:
    """The date cells of a table on their way to datetime64[ns], and where each of them comes from."""

    def __init__(self, columns: Sequence[Any], names: Sequence[str], places: Places, layout: Layout) -> None:
        self.columns, self.places, self.layout = columns, places, layout
        self.label = " + ".join(f'"{name}"' for name in names)
        self.notes: list[str] = []

    def read(self) -> np.ndarray:
        """Return (rows,) datetime64[ns]; raise DataError for missing, ambiguous or unreadable dates."""
        import pandas as pd

        if len(self.columns) == 1 and pd.api.types.is_datetime64_any_dtype(self.columns[0].dtype):
            return self._finish(self.columns[0], self.columns[0])
        texts = [_as_text(column) for column in self.columns]
        for text in texts:
            self._fail(text.isna() | (text == ""), text, "empty", "Every row needs its date")
        if len(texts) > 1 and all(text.str.fullmatch(r"\d+").all() for text in texts):
            return self._parts(texts)
        joined = texts[0].str.cat(texts[1:], sep=" ") if len(texts) > 1 else texts[0]
        return self._text(joined)

    def _fail(self, wrong: Any, text: Any, what: str, mend: str, error: type[DataError] = DataError) -> None:
        """Raise DataError if any row is `wrong`: its date is `what`, and `mend` says what can be done."""
        rows = np.flatnonzero(np.asarray(wrong, dtype=bool))
        if len(rows) == 0:
            return
        shown = f', the first is "{text.iloc[rows[0]]}"' if what != "empty" else ""
        where = f"{self.places.cite(rows)}{shown}"
        raise error(f"{self.places.name}: column {self.label}: {count(len(rows), f'{what} date')} ({where}). {mend}")

    def _parts(self, texts: list[Any]) -> np.ndarray:
        """Put together year, month, day, hour, minute, second: in this order, whatever they are called."""
        import pandas as pd

        if len(texts) > len(PARTS) or not texts[0].str.len().eq(4).all():
            order = ", ".join(PARTS)
            raise DataError(f"{self.places.name}: data.time: give the columns of {self.label} in the order {order}")
        fields = {part: text.astype("int64") for part, text in zip(PARTS, texts)}
        frame = pd.DataFrame({"day": 1, "month": 1, **fields})
        whole = pd.to_datetime(frame, errors="coerce")
        joined = texts[0].str.cat(texts[1:], sep=" ")
        clock = frame.reindex(columns=PARTS[3:], fill_value=0)  # pandas lets hour 24 run into the next day
        wrong = whole.isna() | clock.gt(pd.Series([23, 59, 59], index=PARTS[3:])).any(axis=1)
        self._fail(wrong, joined, "impossible", "Months run from 1, hours from 0 to 23")
        return self._finish(whole, joined)

    def _text(self, text: Any) -> np.ndarray:
        import pandas as pd

        form: Any = self.layout.time_format or self._recognize(text)
        if form in EPOCHS:
            self._fail(~text.str.fullmatch(r"-?\d+"), text, "fractional", f"data.time_format={form} counts time")
            return self._finish(pd.to_datetime(text.astype("int64"), unit=form, errors="coerce"), text)
        if form == "quarter":
            return self._finish(pd.PeriodIndex(text.str.replace("-", ""), freq="Q").to_timestamp().to_series(), text)
        zoned = text.str.contains(ZONED) & ~text.str.fullmatch(r"[\d-]+")
        self._check_zones(text, zoned)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # formats without a year or a day: the result is checked below
                whole = pd.to_datetime(text, format=form, errors="coerce", utc=bool(zoned.any()))
        except ValueError as error:
            raise ConfigError(f"data.time_format: `{form}` is not a date format ({error})") from None
        example = "" if self.layout.time_format else ', for example data.time_format: "%d.%m.%Y %H:%M"'
        mend = f"Read as {_spoken(form)}; say how dates are written with data.time_format{example}"
        self._fail(whole.isna(), text, "unreadable", mend)
        return self._finish(self._localize(whole, text, zoned), text)

    def _recognize(self, text: Any) -> str:
        """Find out how the dates are written, from all of them."""
        import pandas as pd

        first = text.iloc[0]
        if text.str.fullmatch(r"-?\d+").all():
            return self._number_form(text)
        if text.str.fullmatch(QUARTER).all():
            return "quarter"
        if text.str.match(SLASHED).all():
            return self._slashed_form(text)
        if re.match(r"\d{4}\D", first):
            return "ISO8601"
        guess = pd.tseries.api.guess_datetime_format(first) or _month_form(first)
        if guess is None or "%Y" not in guess:
            self._fail(np.arange(len(text)) == 0, text, "unreadable", 'Say how: data.time_format: "%d.%m.%Y"')
        return str(guess)

    def _number_form(self, text: Any) -> str:
        lengths = text.str.len().unique()
        values = text.astype("float64")
        if len(lengths) == 1 and lengths[0] in DIGITS and values.iloc[0] >= 10 ** (lengths[0] - 1):
            return DIGITS[lengths[0]]
        unit = next((unit for unit, digits in EPOCHS.items() if abs(len(text.iloc[0]) - digits) <= 1), None)
        if unit is not None:
            mend = f"They look like epoch time: data.time_format={unit} (s, ms, us or ns since 1970)"
        else:
            mend = "If they only count rows, leave them out: data.time=null"
        self._fail(np.ones(len(text), dtype=bool), text, "purely numeric", mend)
        raise AssertionError

    def _slashed_form(self, text: Any) -> str:
        """Tell day first from month first by a number over 12; if there is none, refuse to guess."""
        parts = text.str.extract(SLASHED)
        first, second = parts[0].astype("int64"), parts[2].astype("int64")
        mark, year = parts[1].iloc[0], "%Y" if len(parts[3].iloc[0]) == 4 else "%y"
        day_first, month_first = f"%d{mark}%m{mark}{year}", f"%m{mark}%d{mark}{year}"
        if first.max() <= 12 and second.max() <= 12:
            mend = f'Is the day or the month first? data.time_format: "{day_first}" or "{month_first}"'
            self._fail(np.ones(len(text), dtype=bool), text, "ambiguous", mend)
        if first.max() > 12 and second.max() > 12:
            few = (first > 12) if (first > 12).sum() <= (second > 12).sum() else (second > 12)
            self._fail(few, text, "reversed", "All the others have day and month the other way round")
        form = day_first if first.max() > 12 else month_first
        self.notes.append(f"dates read as {form}: a number over 12 shows where the day is")
        return form + _clock(text.iloc[0])

    def _check_zones(self, text: Any, zoned: Any) -> None:
        if zoned.any() and not zoned.all():
            self._fail(~zoned, text, "zoneless", "All the others have a time zone")
        if self.layout.time_zone and not zoned.any():
            raise DataError(f"{self.places.name}: data.time_zone is given, but the dates in {self.label} have no zone")

    def _localize(self, whole: Any, text: Any, zoned: Any) -> Any:
        """Drop the zone if all rows agree on it, otherwise only after conversion to `time_zone`."""
        import pandas as pd

        if not zoned.any():
            return whole
        if self.layout.time_zone:
            self.notes.append(f"dates converted to {self.layout.time_zone}")
            return _convert(whole, self.layout.time_zone)
        offsets = text.str.extract(r"(Z|[+-]\d{2}:?\d{2})$")[0].str.replace(":", "").replace({"Z": "+0000"})
        few = offsets != offsets.mode()[0]
        usual = offsets.mode()[0]
        mend = f"Most are {usual}; data.time_zone=UTC (or Europe/Berlin, ...) converts all of them"
        self._fail(few, text, "differently zoned", mend, DifferentZones)
        shift = pd.Timedelta(f"{offsets.iloc[0][:3]}:{offsets.iloc[0][3:]}:00")
        return whole.dt.tz_localize(None) + shift

    def _finish(self, whole: Any, text: Any) -> np.ndarray:
        from pandas.errors import OutOfBoundsDatetime

        self._fail(whole.isna(), text, "missing or impossible", "Every row needs its date")
        if getattr(whole.dtype, "tz", None) is not None:
            whole = _convert(whole, self.layout.time_zone or "UTC")
            self.notes.append(f"dates converted to {self.layout.time_zone or 'UTC'}")
        try:
            return np.asarray(whole.astype("datetime64[ns]"))
        except OutOfBoundsDatetime:
            raise DataError(f"{self.places.name}: column {self.label}: dates must lie between 1678 and 2262") from None


def _as_text(column: Any) -> Any:
    """Write numbers of a Parquet file without a decimal point, and dates as ISO."""
    if column.dtype.kind == "f":
        column = column.astype("Int64")
    return column.astype("str").str.strip()


def _convert(whole: Any, zone: str) -> Any:
    try:
        return whole.dt.tz_convert(zone).dt.tz_localize(None)
    except (KeyError, ValueError):
        raise ConfigError(f"data.time_zone: `{zone}` is unknown; examples: UTC, Europe/Berlin") from None


def _clock(text: str) -> str:
    """Describe the time of day behind a date."""
    rest = re.sub(SLASHED, "", text)
    if not rest:
        return ""
    seconds = rest.count(":")
    fraction = ".%f" if "." in rest else ""
    noon = "%I" if rest.upper().endswith("M") else "%H"
    form = noon + "".join([":%M", ":%S"][:seconds]) + fraction
    gap = rest[: len(rest) - len(rest.lstrip(" T,"))]
    return gap + form + (" %p" if rest.upper().endswith((" AM", " PM")) else "%p" if noon == "%I" else "")


def _month_form(text: str) -> str | None:
    """Recognize a month and a year in words, which pandas does not guess."""
    from datetime import datetime

    for form in ("%b %Y", "%B %Y", "%b-%Y", "%B-%Y", "%Y %b", "%m/%Y", "%m-%Y", "%m.%Y"):
        try:
            datetime.strptime(text, form)
        except ValueError:
            continue
        return form
    return None


def _spoken(form: str) -> str:
    return "year-month-day (ISO 8601)" if form == "ISO8601" else f"`{form}`"
