"""Dates as they are written, to datetime64[ns] without a zone; what can be read in two ways is refused."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnexp.data.tables.clocks import convert_zone, find_zones, parse_offset, split_clock, split_zone, take_beginnings
from rnnexp.data.tables.date_advice import explain_form, explain_forms, explain_unreadable
from rnnexp.data.tables.date_columns import find_role, join_columns, write_text
from rnnexp.data.tables.date_digits import NUMBER, UNITS, convert_counts, is_counted
from rnnexp.data.tables.date_forms import SWAPPED, get_order, get_width, read_form, restore_zero
from rnnexp.data.tables.date_readings import DateReading, add_clock, choose_pivot, choose_reading, is_beyond, is_future
from rnnexp.data.tables.date_recognition import count_odd_clocks, find_swapped, is_season, list_readings, try_forms
from rnnexp.data.tables.date_spellings import standardize_stamps, standardize_words
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.errors import ConfigError, DataError, count

ISO = re.compile(r"\d{4}(-\d{2,}|\D\d{1,2}\D)")  # 2018/01 may be a week, 2018-1 a quarter
SWAPPED_ADVICE = "With day and month the other way round here, the dates go on in even steps. Write all alike"
NO_MONTHS = ("week", "quarter", "yearday")  # names of columns
SEASON_ADVICE = "Is 2018/19 a year that ends in the next? Then write the first alone; months: data.time_format"


class UnreadableDates(DataError):
    """Cells of a column are no dates, those of `rows`, on these lines of the only file."""

    rows: np.ndarray
    lines: tuple[int, ...] = ()


class Dates:
    """The date cells of a table on their way to datetime64[ns], and where each of them comes from.

    settings: those of `data` that say what the dates themselves had to tell, by their even steps
    """

    def __init__(
        self,
        columns: Sequence[Any],
        names: Sequence[str],
        places: Places,
        layout: Layout,
        today: np.datetime64 | None = None,
    ) -> None:
        self.columns, self.names, self.places, self.layout = columns, names, places, layout
        self.today = np.datetime64("today") if today is None else today
        self.label = " + ".join(f'"{name}"' for name in names)
        self.notes: list[str] = []
        self.settings: dict[str, Any] = {}
        self.clocks: Mapping[str, int] = {}

    def read(self) -> np.ndarray:
        """Return (rows,) datetime64[ns]; raise DataError for missing, ambiguous or unreadable dates."""
        import pandas as pd

        first = self.columns[0]
        if isinstance(first.dtype, pd.PeriodDtype):
            first = first.dt.to_timestamp()
        if len(self.columns) == 1 and pd.api.types.is_datetime64_any_dtype(first.dtype):
            return self._finish(self._bare(first), first)
        texts = [self._take_beginnings(write_text(column)) for column in self.columns]
        for text in texts:
            self._fail(text.isna() | (text == ""), text, "empty", "Every row needs its date", error=UnreadableDates)
        shown = texts[0].str.cat(texts[1:], sep=" ") if len(texts) > 1 else texts[0]
        text, form = (shown, self.layout.time_format) if self.layout.time_format else self._joined(texts, shown)
        text, zones = split_zone(standardize_stamps(text))
        time = self._given(text, shown, form) if form else self._found(text, shown)
        self._check_bounds(time, shown)
        return self._finish(self._placed(time, zones, shown), shown)

    def _take_beginnings(self, text: Any) -> Any:
        beginnings = take_beginnings(text) if len(text) else None
        if beginnings is None:
            return text
        self.notes.append("ranges of time read as their beginnings")
        return beginnings

    def _fail(
        self, wrong: Any, text: Any, what: str, mend: str, remedies: Sequence[Remedy] = (), error: Any = DataError
    ) -> None:
        """Raise DataError if any row is `wrong`: its date is `what`, and `mend` says what can be done."""
        rows = np.flatnonzero(np.asarray(wrong, dtype=bool))
        if len(rows) == 0:
            return
        shown = f', the first is "{text.iloc[rows[0]]}"' if what != "empty" else ""
        where = f"{self.places.cite(rows)}{shown}"
        message = f"{self.places.name}: column {self.label}: {count(len(rows), f'{what} date')} ({where}). {mend}"
        raised = Refused(message, *remedies) if remedies else error(message)
        if isinstance(raised, UnreadableDates):
            raised.rows = rows
            if self.places.unit == "line" and len(self.places.files) == 1:
                raised.lines = tuple(map(int, self.places.number[rows]))
        raise raised

    def _joined(self, texts: list[Any], shown: Any) -> tuple[Any, str | None]:
        if len(texts) == 1:
            return shown, None
        joined = join_columns(texts, self.names)
        if joined is None:
            order = "year, month, day, hour, minute, second"
            raise DataError(f"{self.places.name}: data.time: give the columns of {self.label} in the order {order}")
        return joined

    def _found(self, text: Any, shown: Any) -> np.ndarray:
        """Find out how the dates are written, from all of them, and read them."""
        self._fail(np.full(len(text), is_season(text)), shown, "two-year", SEASON_ADVICE)
        role = find_role(self.names[0]) if len(self.names) == 1 else None
        if ISO.match(text.iloc[0]) and not (role in NO_MONTHS and text.str.fullmatch(r"\d{4}-\d\d\d?").all()):
            time = self._parse(text, "ISO8601")
            if not np.isnat(time).any():
                return time
        readings, self.clocks = list_readings(text, role, self.layout, self.today)
        for reading in readings:
            self._check_bounds(reading.time, shown)
        left = choose_reading(readings)
        if len(left) == 1 and not left[0].told:
            self._fail(find_swapped(text, left[0]), shown, "reversed", SWAPPED_ADVICE)
            self._say(left[0], readings)
            return left[0].time
        if left:
            self._refuse(left, shown)
        return self._guessed(text, shown)

    def _say(self, reading: DateReading, readings: Sequence[DateReading]) -> None:
        """Note what was concluded; keep it as a setting if other dates of the same kind might not show it."""
        form = reading.settings["time_format"]
        if len(readings) > 1 and not reading.usual:
            self.notes.append(f"dates read as {form}: only so they go on in even steps")
            self.settings = {"time_format": form}
        elif get_order(form) in SWAPPED and not form.replace("%", "").isalpha():
            self.notes.append(f"dates read as {form}: a number over 12 shows where the day is")
        if "%y" in form:
            first, last = (str(date)[:4] for date in (reading.time.min(), reading.time.max()))
            self.notes.append(f"years of two digits read as {first} to {last} (data.pivot_year)")

    def _refuse(self, readings: list[DateReading], shown: Any) -> None:
        """Refuse dates of several readings, or of one that only the user can confirm."""
        every = np.ones(len(shown), dtype=bool)
        remedies = [reading.remedy for reading in readings]
        if all(reading.settings.get("time_format") in UNITS for reading in readings):
            what, mend = "purely numeric", "They look like epoch time"
        elif shown.str.fullmatch(NUMBER).all():
            what, mend = "purely numeric", "They may count days or be digits of a calendar"
        elif len(readings) > 1:
            what, mend = "ambiguous", "They can be read in more than one way"
        else:
            what, mend = "short-yeared", "Years of two digits, read as usual, lie in the future"
        self._fail(every, shown, what, mend, remedies)

    def _guessed(self, text: Any, shown: Any) -> np.ndarray:
        """Read what only a general parser knows; else say in which form the most cells are dates, and which are not."""
        import pandas as pd

        tried = try_forms(text)
        if doubted := [form for form, time in tried.items() if not np.isnat(time).any()]:
            mend = f"If they are {doubted[0]}, say so with data.time_format; if it is the day, write the year as well"
            self._fail(np.ones(len(text)), shown, "doubtful", mend)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a guess that is checked below
            guess = pd.tseries.api.guess_datetime_format(text.iloc[0]) or ""
        guess = "ISO8601" if ISO.match(text.iloc[0]) else guess
        if guess == "ISO8601" or ("%Y" in guess and not re.search("%d.*%m|%m.*%d", guess)):
            tried[guess] = self._parse(text, guess)
        wrong = {form: np.isnat(time) for form, time in tried.items()}
        best = min(wrong, key=lambda form: wrong[form].sum(), default=None)
        if best is None or wrong[best].all():
            self._refuse_strange(text, shown)
            raise AssertionError
        other = best.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
        if wrong[best].any() and not (wrong[best] & wrong.get(other, wrong[best])).any():
            self._fail(wrong[best], shown, "reversed", "All the others have day and month the other way round")
        self._fail_unreadable(wrong[best], text, shown, best)
        return tried[best]

    def _refuse_strange(self, text: Any, shown: Any) -> None:
        """Say that these are no dates; numbers in even steps count rows."""
        numbers = text.str.fullmatch(rf"-?{NUMBER}")
        if not numbers.all():
            if 2 * numbers.sum() > len(text):
                self._fail(~numbers, shown, "unreadable", "The others are numbers", error=UnreadableDates)
            self._fail(np.arange(len(text)) == 0, shown, "unreadable", explain_unreadable(text))
        steps = np.diff(text.astype("float64").unique())
        even = len(steps) > 0 and (steps == steps[0]).all()
        remedies = [Remedy({"time": None}, "they only count rows")] if even else []
        mend = "They are no dates" if even else "If they only count rows, leave them out: data.time=null"
        self._fail(np.ones(len(text)), shown, "purely numeric", mend, remedies)

    def _fail_unreadable(self, wrong: np.ndarray, text: Any, shown: Any, form: str) -> None:
        rest = text[wrong] if not wrong.all() else text[:0]
        mend = explain_forms(rest, form, self.names[0]) or explain_form(form, bool(self.layout.time_format))
        self._fail(wrong, shown, "unreadable", mend, error=UnreadableDates)

    def _given(self, text: Any, shown: Any, form: str) -> np.ndarray:
        """Read dates in a form that is known; a clock that it leaves out is found, and midnight may have none."""
        if is_counted(form):
            number = r"-?\d+" if form in ("ms", "us", "ns", "D") else rf"-?{NUMBER}"
            self._fail(~text.str.fullmatch(number), shown, "fractional", f"data.time_format={form} counts time")
            return convert_counts(text, form)
        own = self._strict(text, form)
        self._fail_unreadable(np.isnat(own), text, shown, form)
        if "%y" in form and self.layout.pivot_year is None and is_future(own, self.today):
            pivot = choose_pivot(self.today)
            time = self._own(restore_zero(text, form), form, pivot)
            self._refuse([DateReading({"pivot_year": pivot}, own if time is None else time)], shown)
        return own

    def _strict(self, text: Any, form: str) -> np.ndarray:
        """Read dates in a form as pandas does, or in the way of `_own` if that reads more of them."""
        text = restore_zero(text, form)
        try:
            strict = self._parse(text, form) if "%y" not in form else None
        except ConfigError:
            if self._own(text, form, None) is None:
                raise
            strict = None
        if strict is not None and not np.isnat(strict).any():
            return strict
        own = self._own(text, form, self.layout.pivot_year)
        if own is None or (strict is not None and np.isnat(strict).sum() <= np.isnat(own).sum()):
            return self._parse(text, form) if strict is None else strict
        return own

    def _own(self, text: Any, form: str, pivot_year: int | None) -> np.ndarray | None:
        """Read the date in its form, and the clock in any; None if the form has what only strptime knows."""
        date_form = form if get_width(form) else re.split(r"[\sT,]*%[HIM]", form)[0]
        dates, clock, clocked = split_clock(text)
        self.clocks = count_odd_clocks(clock, clocked)
        try:
            days = read_form(standardize_words(dates), date_form, pivot_year) if date_form else None
        except ValueError:
            return None
        return None if days is None else add_clock(days, clock)

    def _parse(self, text: Any, form: str) -> np.ndarray:
        """Read dates with the parser of pandas, NaT where it fails."""
        import pandas as pd

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # formats without a year or a day: the result is checked by the caller
                whole = pd.to_datetime(text, format=form, errors="coerce")
        except ValueError as error:
            if form == "ISO8601":  # zones that are none, as in the hours 13-14
                return np.full(len(text), np.datetime64("NaT", "ns"))
            raise ConfigError(f"data.time_format: `{form}` is not a date format ({error})") from None
        return self._bare(whole)

    def _bare(self, whole: Any) -> np.ndarray:
        """Convert dates that know their zone; others are as they are."""
        if getattr(whole.dtype, "tz", None) is not None:
            whole = convert_zone(whole, self.layout.time_zone or "UTC")
            self.notes.append(f"dates converted to {self.layout.time_zone or 'UTC'}")
        return np.asarray(whole)

    def _placed(self, wall: np.ndarray, zones: Any, shown: Any) -> np.ndarray:
        """Keep the clock of the only zone; convert others to `time_zone`."""
        import pandas as pd

        if zones is None:
            if self.layout.time_zone:
                message = f"data.time_zone is given, but the dates in {self.label} have no zone"
                raise DataError(f"{self.places.name}: {message}")
            return wall
        self._fail(zones.isna(), shown, "zoneless", "All the others have a time zone")
        codes, names = pd.factorize(zones)
        offsets = [parse_offset(name) for name in names]
        unknown = np.array([found is None for found in offsets])[codes]
        self._fail(unknown, shown, "strangely zoned", "Write zones as +01:00: such a name may be one of several zones")
        shifts = np.array(offsets, dtype="timedelta64[ns]")[codes]
        if self.layout.time_zone:
            self.notes.append(f"dates converted to {self.layout.time_zone}")
            return np.asarray(convert_zone(pd.Series(wall - shifts).dt.tz_localize("UTC"), self.layout.time_zone))
        if (shifts == shifts[0]).all():
            return wall
        usual = zones.mode()[0]
        readings = [DateReading({"time_zone": "UTC"}, wall - shifts)]
        readings += [DateReading({"time_zone": zone}, wall) for zone in find_zones(wall, shifts)]
        remedies = [reading.remedy for reading in choose_reading(readings)]
        self._fail(zones != usual, shown, "differently zoned", f"Most are {usual}", remedies)
        raise AssertionError

    def _finish(self, time: np.ndarray, shown: Any) -> np.ndarray:
        self._fail(np.isnat(time), shown, "missing or impossible", "Every row needs its date")
        self._check_bounds(time, shown)
        self.notes += [f"{count(number, 'date')} {what}" for what, number in self.clocks.items() if number]
        return time.astype("datetime64[ns]")

    def _check_bounds(self, time: np.ndarray, shown: Any) -> None:
        self._fail(is_beyond(time), shown, "too distant", "Dates must lie between 1678 and 2262")
