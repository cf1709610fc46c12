"""Which columns hold the dates, and how these are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from rnnexp.data.inspect.finding import Finding, Head, name_column
from rnnexp.data.inspect.unread_dates import A_YEAR, MOSTLY, TIME, ask_about_unread, name_unread
from rnnexp.data.tables.date_columns import CLOCK, PARTS, find_role, find_roles
from rnnexp.data.tables.date_readings import FEW, is_even, is_monthly, is_sorted
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.data.tables.times import Dates, UnreadableDates
from rnnexp.errors import DataError

NAMED = re.compile(r"(date|time|ds|day|month|year|datum|fecha|дата|日期|日付)", re.I)  # weekly_sales looks like it
TIME_OF_DAY = re.compile(r"(^|[^a-z])(time|hhmm|clock|uhrzeit|zeit|heure|hora|ora|tid|kl)([^a-z]|$)", re.IGNORECASE)
PARTS_OF_DAYS = (("month", "day"), ("month",), ("week",), ("quarter",), ("yearday",))
LONGEST = 70  # letters of a date, on average
CERTAIN = r"\d{4}-\d\d-\d\d(\D|$)"  # what 101, which may be of 2001, is not
DIGITS_OF_DAYS, DIGITS_OF_MONTHS = 8, 6
UNEVEN = 0.25  # share of steps, from hour to hour of a trading day for example, that may be others than the usual one
WHOLE_PARTS = ("year", "month", "quarter", "week")  # whose cells may say the year, too
LETTERED = r"[MQWSTHmqw]\d{1,2}"  # what stands beside a year: M01, Q3
MAX_TRIED = 30  # columns that are looked at
NAMELESS_PARTS = {"": "months", "%G %V": "weeks", "%Y %q": "quarters"}  # what may stand behind a year: forms of both


def find_dates(head: Head, finding: Finding) -> list[int]:
    """Find the columns that hold the date, by all of their cells and their names."""
    columns = _DateColumns(head, finding.layout)
    for choice in columns.nameless_choices() if columns.nameless else columns.choices():
        dates = columns.read(choice)
        if dates is not None:
            return _tell_time(choice, head, finding, dates)
    ask_about_unread(head, columns.cells, columns.build_dates, columns.nameless)
    unread = name_unread(head, columns.cells)
    finding.seen.append(f"no dates: rows are taken as evenly spaced{unread}")
    return []


def _tell_time(choice: list[int], head: Head, finding: Finding, dates: Dates) -> list[int]:
    keys = [name_column(head, index, finding) for index in choice]
    finding.set("time", keys[0] if len(keys) == 1 else keys)
    for key, value in dates.settings.items():
        finding.set(key, value, "; ".join(dates.notes))
    return choice


class _DateColumns:
    """The columns that may hold dates, as text."""

    def __init__(self, head: Head, layout: Layout) -> None:
        import pandas as pd

        self.head, self.layout = head, layout
        self.nameless = not (layout.header or layout.names)
        likely = [index for index in range(len(head.names)) if self._is_likely(index)][:MAX_TRIED]
        self.cells: dict[int, Any] = {index: pd.Series(head.cells[index], dtype="str").str.strip() for index in likely}

    def _is_likely(self, index: int) -> bool:
        name, some = self.head.names[index], self.head.cells[index][:100]
        named = TIME.search(name) or TIME_OF_DAY.search(name) or find_role(name)
        short = sum(map(len, some)) <= LONGEST * len(some)
        return short and bool(self.nameless or named or not self.head.numeric[index])

    def choices(self) -> Iterator[list[int]]:
        """List the columns, one or several, that may make up a date; the likeliest first."""
        roles = dict(zip(self.cells, find_roles([self.head.names[index] for index in self.cells])))
        numeric = [index for index in self.cells if self.head.numeric[index]]
        named = [index for index in self.cells if TIME.search(self.head.names[index]) or roles[index] in WHOLE_PARTS]
        part = {index for index in numeric if roles[index] and self.cells[index].str.len().max() <= 4}
        whole = [index for index in self.cells if index not in part]
        sure = {index for index in whole if self.cells[index].str.match(CERTAIN).all()}
        for index in sorted(whole, key=lambda index: (index not in sure, index not in named)):
            if index in named or index not in numeric:
                yield from self._with_clock(index, roles)
                yield [index]
        parts = {part: index for index, part in reversed(roles.items()) if part}
        lettered = [index for index in self.cells if self.cells[index].str.fullmatch(LETTERED).all()]
        yield from ([parts["year"], index] for index in lettered if "year" in parts)
        yield from _parts(parts)
        yield from ([index] for index in named if index not in whole)

    def nameless_choices(self) -> Iterator[list[int]]:
        """List a column and those behind it that tell its rows apart, as a month tells those of a year; all first."""
        for index in self._nameless_firsts():
            if self._is_year(index):
                yield from self._behind_its_parts(index)
            choice, text = [index], self.cells[index]
            while (after := self.cells.get(choice[-1] + 1)) is not None and len(choice) < len(PARTS):
                both = text.str.cat(after, sep=" ")
                if both.nunique() < 2 * text.nunique() or not self._goes_on([*choice, choice[-1] + 1]):
                    break
                choice, text = [*choice, choice[-1] + 1], both
            if len(choice) == 2 and after is not None:  # one day in each month
                yield [*choice, choice[-1] + 1]
            yield from (choice[:many] for many in range(len(choice), 0, -1))

    def _nameless_firsts(self) -> list[int]:
        """Return the columns that are dates by themselves: numbers last, and ids like 101 behind those that go on."""
        able = [index for index in self.cells if self.read([index]) is not None]
        many = {index: self.cells[index].nunique() for index in able}
        most = max(many.values(), default=0)
        whole = any(many[i] == most and self._is_whole(i) for i in able)
        fewer = [index for index in able if 2 * many[index] <= most]
        finest = [index for index in able if many[index] == most and self._is_even(index)] if fewer else []
        goes_on = bool(finest)
        if (years := [*filter(self._is_year, finest)]) and not whole:
            self._ask_about_years([*(i for i in fewer if self._is_year(i) and self._is_even(i)), *years])
        ids = {i for i in fewer if whole or not self._is_year(i) or (goes_on and not self._is_even(i))}
        return sorted(able, key=lambda index: (self.head.numeric[index], index in ids))

    def _is_whole(self, index: int) -> bool:
        """Tell dates of days and finer, and of months in even steps, from years and ids."""
        shortest = self.cells[index].str.len().min()
        return bool(shortest >= DIGITS_OF_DAYS or (shortest >= DIGITS_OF_MONTHS and self._is_even(index)))

    def _ask_about_years(self, years: list[int]) -> None:
        """Ask which of several columns of years are the dates, if there are several; the others are ids like 2001."""
        spans = {index: self.cells[index].sort_values(ignore_index=True) for index in years}
        own = [Remedy({"time": i}, f"years from {cells.iloc[0]} to {cells.iloc[-1]}") for i, cells in spans.items()]
        if len(own) > 1:
            raise Undecided(Refused("several columns may be the years", *own))

    def _is_year(self, index: int) -> bool:
        return bool(self.cells[index].str.fullmatch(A_YEAR).all())

    def _is_even(self, index: int) -> bool:
        dates = self.read([index])
        try:
            return dates is not None and is_even(dates.read())
        except DataError:  # a question
            return False

    def _read_all(self, choice: list[int]) -> Dates | None:
        """Read columns as dates, if they are in all rows in which the first is: of 7 and 44 the second is no hour."""
        first, dates = self.read(choice[:1]), self.read(choice)
        return dates if first and dates and len(dates.columns[0]) == len(first.columns[0]) else None

    def _goes_on(self, choice: list[int]) -> bool:
        """Tell hours and months from ids like 101 and 102, which as clocks leave a long step behind every few short.

        What is read only together with further columns is left to these.
        """
        try:
            if self.read(choice) is None:
                return True
        except Undecided:
            return True
        dates = self._read_all(choice)
        if dates is None:
            return False
        try:
            steps = np.diff(np.unique(dates.read())).astype(np.int64)
        except DataError:  # a question
            return True
        usual = np.median(steps) if len(steps) else 0.0
        return bool(len(steps) < 2 or np.mean((steps > 1.5 * usual) | (1.5 * steps < usual)) < UNEVEN)

    def _behind_its_parts(self, year: int) -> Iterator[list[int]]:
        """List a year with the columns before it, where these are its days and months, and with an hour behind it."""
        for before in ([year - 1, year - 2], [year - 2, year - 1], [year - 1]):
            if all(index in self.cells and self.head.numeric[index] for index in before):
                for choice in ([year, *before, year + 1], [year, *before]):
                    dates = self._read_all(choice) if choice[-1] in self.cells else None
                    if dates is not None and (is_even(time := dates.read()) or (len(before) == 2 and is_sorted(time))):
                        yield choice

    def _with_clock(self, date: int, roles: dict[int, str | None]) -> Iterator[list[int]]:
        """Put the time of day, in a column of its own, beside a date that is repeated for it."""
        hours = [index for part in PARTS[3:] for index, own in roles.items() if own == part and index != date]
        clocks = [[index] for index in self.cells if index != date and self._is_clock(index)]
        for clock in [hours, *clocks] if hours and roles[hours[0]] == "hour" else clocks:
            both = self.cells[date].str.cat([self.cells[index] for index in clock], sep=" ")
            repeated = both.nunique() >= 2 * self.cells[date].nunique()
            if repeated or self.head.names[date].strip().lower() == "date":
                sure = repeated and (clock is hours or not self.head.numeric[clock[0]])
                if sure or self._tells_clock(date, clock, repeated):
                    yield [date, *clock]

    def _tells_clock(self, date: int, clock: list[int], repeated: bool) -> bool:
        """Tell a time of day from a duration, or the hour of a sunrise, which makes even dates uneven."""
        if repeated or not self._is_even(date):
            numbers = any(self.head.numeric[index] for index in clock)
            return not numbers or (self._read_all([date, *clock]) is not None and self._goes_on([date, *clock]))
        dates = self._read_all([date, *clock])
        try:
            return dates is not None and is_even(dates.read())
        except DataError:  # a question
            return True

    def _is_clock(self, index: int) -> bool:
        named = bool(TIME_OF_DAY.search(self.head.names[index])) and self.head.numeric[index]
        return named or bool(self.cells[index].str.fullmatch(CLOCK).all())

    def read(self, choice: list[int]) -> Dates | None:
        """Read columns as dates, so far as no setting is needed for it; None if most of the cells are none."""
        form = self._find_form(choice) if self.nameless else ""
        there = np.all([(self.cells[index] != "").to_numpy() for index in choice], axis=0)
        few = (1 - MOSTLY) * len(there)
        while there.size and (~there).sum() <= few:
            rows = np.flatnonzero(there)
            dates = self.build_dates(choice, rows, form)
            try:
                return dates if self._is_meant(choice, dates.read()) else None
            except Refused as refused:
                return dates if self._is_asked(choice, refused) else None
            except UnreadableDates as error:
                there[rows[error.rows]] = False  # titles, units and totals, which the reader refuses
            except DataError:
                break
        return None

    def _find_form(self, choice: list[int]) -> str:
        """Return how the numbers behind years say weeks or quarters, "" if they are months; even steps tell."""
        first = self.cells[choice[0]]
        if len(choice) != 2 or not self.head.numeric[choice[1]] or not first.str.fullmatch(r"\d{4}").all():
            return ""
        readings: dict[str, np.ndarray] = {}
        for form in NAMELESS_PARTS:
            with suppress(DataError):
                readings[form] = self.build_dates(choice, np.arange(len(first)), form).read()
        even = [form for form, time in readings.items() if is_even(time)]
        if len(even) > 1:
            own = [{"time": choice} | ({"time_format": form} if form else {}) for form in even]
            remedies = [Remedy(settings, NAMELESS_PARTS[form]) for settings, form in zip(own, even)]
            raise Undecided(Refused("the numbers beside the years have several readings", *remedies))
        return (even or [*readings, ""])[0]

    def build_dates(self, choice: list[int], rows: np.ndarray, form: str = "") -> Dates:
        cells = [self.cells[index].iloc[rows].reset_index(drop=True) for index in choice]
        names = [self.head.names[index] for index in choice]
        layout = replace(self.layout, time_format=form or self.layout.time_format)
        dates = Dates(cells, names, self.head.places.take(rows), layout)
        dates.settings |= {"time_format": form} if form else {}
        return dates

    def _is_meant(self, choice: list[int], time: np.ndarray) -> bool:
        """Tell dates from numbers that could be some."""
        if (
            self.nameless
            and len(choice) == 3
            and len(np.unique(time)) < 2 * len(np.unique(time.astype("datetime64[M]")))
        ):
            return is_monthly(time)
        alone = len(choice) == 1 or self.nameless
        numbers = alone and all(self.head.numeric[index] for index in choice)
        return not numbers or bool(NAMED.fullmatch(self.head.names[choice[0]])) or is_sorted(time, FEW)

    def _is_asked(self, choice: list[int], refused: Refused) -> bool:
        """Tell whether it is only open which dates they are; numbers of no name must be in order."""
        import pandas as pd

        if any("time" in remedy.settings for remedy in refused.remedies):
            return False
        order = pd.to_numeric(self.cells[choice[0]], errors="coerce").rank(method="dense")
        return (
            not self.nameless or not self.head.numeric[choice[0]] or is_sorted(order.fillna(0).to_numpy(dtype=int), FEW)
        )


def _parts(roles: dict[str, int]) -> Iterator[list[int]]:
    """Choose among the columns of a year and parts of it those that make up a date."""
    clock = [roles[part] for part in PARTS[3:] if part in roles]
    for days in PARTS_OF_DAYS:
        if "year" in roles and all(part in roles for part in days):
            yield [roles["year"], *(roles[part] for part in days), *clock]
