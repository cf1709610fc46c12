"""Which columns hold the dates, and how these are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.date_columns import CLOCK, PARTS, find_role
from rnnexp.data.tables.date_readings import is_sorted
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.remedy import Refused
from rnnexp.data.tables.times import Dates, UnreadableDates
from rnnexp.errors import DataError

if TYPE_CHECKING:
    import numpy as np

TIME = re.compile(
    r"(^|[^a-z])(date|time|ds|day|month|year|quarter|week|period|datum|zeit|fecha|dato|ts$|data$)|日期|日付|時間|дата",
    re.IGNORECASE,
)
NAMED = re.compile(r"(date|time|ds|day|month|year|datum|fecha)", re.IGNORECASE)  # weekly_sales only looks like it
TIME_OF_DAY = re.compile(r"(^|[^a-z])(time|hhmm|clock|uhrzeit|zeit|heure|hora|ora|tid|kl)([^a-z]|$)", re.IGNORECASE)
PARTS_OF_DAYS = (("month", "day"), ("month",), ("week",), ("quarter",), ("yearday",))
MOSTLY = 0.5  # share of the cells that must be dates, so that the others are flaws
LONGEST = 50  # letters of a date, on average
CERTAIN = r"\d{4}-\d\d-\d\d(\D|$)"  # what 101, which may be of 2001, is not
MAX_TRIED = 30  # columns that are looked at


def find_dates(head: Head, finding: Finding) -> list[int]:
    """Find the columns that hold the date, by all of their cells and their names."""
    named = [bool(TIME.search(name) or TIME_OF_DAY.search(name) or find_role(name)) for name in head.names]
    short = [sum(map(len, cells[:100])) <= LONGEST * len(cells[:100]) for cells in head.cells]
    likely = [index for index, numeric in enumerate(head.numeric) if short[index] and (named[index] or not numeric)]
    columns = _DateColumns(head, likely[:MAX_TRIED], finding.layout)
    for choice in columns.choices():
        dates = columns.read(choice)
        if dates is not None:
            return _tell_time(choice, head, finding, dates)
    finding.seen.append("no dates: rows are taken as evenly spaced")
    return []


def _tell_time(choice: list[int], head: Head, finding: Finding, dates: Dates) -> list[int]:
    keys: list[Any] = choice if "header" in finding.settings else [head.names[index] for index in choice]
    finding.set("time", keys[0] if len(keys) == 1 else keys)
    for key, value in dates.settings.items():
        finding.set(key, value, "; ".join(dates.notes))
    return choice


class _DateColumns:
    """The columns that may hold dates, as text."""

    def __init__(self, head: Head, likely: list[int], layout: Layout) -> None:
        import pandas as pd

        self.head, self.layout = head, layout
        self.cells: dict[int, Any] = {index: pd.Series(head.cells[index], dtype="str").str.strip() for index in likely}

    def choices(self) -> Iterator[list[int]]:
        """List the columns, one or several, that may make up a date; the likeliest first."""
        roles = {index: find_role(self.head.names[index]) for index in self.cells}
        numeric = [index for index in self.cells if self.head.numeric[index]]
        named = [index for index in self.cells if TIME.search(self.head.names[index])]
        part = {index for index in numeric if roles[index] and self.cells[index].str.len().max() <= 4}
        whole = [index for index in self.cells if index not in part]
        sure = {index for index in whole if self.cells[index].str.match(CERTAIN).all()}
        for index in sorted(whole, key=lambda index: (index not in sure, index not in named)):
            if index in named or index not in numeric:
                yield from self._with_clock(index, roles)
                yield [index]
        yield from _parts({part: index for index, part in reversed(roles.items()) if part})
        yield from ([index] for index in named if index not in whole)

    def _with_clock(self, date: int, roles: dict[int, str | None]) -> Iterator[list[int]]:
        """Put the time of day, in a column of its own, beside a date that is repeated for it."""
        hours = [index for part in PARTS[3:] for index, own in roles.items() if own == part and index != date]
        clocks = [[index] for index in self.cells if index != date and self._is_clock(index)]
        for clock in [hours, *clocks] if hours and roles[hours[0]] == "hour" else clocks:
            both = self.cells[date].str.cat([self.cells[index] for index in clock], sep=" ")
            if both.nunique() >= 2 * self.cells[date].nunique() or self.head.names[date].strip().lower() == "date":
                yield [date, *clock]

    def _is_clock(self, index: int) -> bool:
        named = bool(TIME_OF_DAY.search(self.head.names[index])) and self.head.numeric[index]
        return named or bool(self.cells[index].str.fullmatch(CLOCK).all())

    def read(self, choice: list[int]) -> Dates | None:
        """Read columns as dates, so far as no setting is needed for it; None if most of the cells are none."""
        import numpy as np

        there = np.all([(self.cells[index] != "").to_numpy() for index in choice], axis=0)
        few = (1 - MOSTLY) * len(there)
        while there.size and (~there).sum() <= few:
            rows = np.flatnonzero(there)
            dates = self._dates(choice, rows)
            try:
                return dates if self._is_meant(choice, dates.read()) else None
            except Refused as refused:
                return None if any("time" in remedy.settings for remedy in refused.remedies) else dates
            except UnreadableDates as error:
                there[rows[error.rows]] = False  # titles, units and totals, which the reader refuses
            except DataError:
                break
        return None

    def _dates(self, choice: list[int], rows: np.ndarray) -> Dates:
        cells = [self.cells[index].iloc[rows].reset_index(drop=True) for index in choice]
        names = [self.head.names[index] for index in choice]
        return Dates(cells, names, Places(("",), 0 * rows, rows), self.layout)

    def _is_meant(self, choice: list[int], time: np.ndarray) -> bool:
        """Tell dates from numbers that could be some."""
        alone = len(choice) == 1 and self.head.numeric[choice[0]]
        return not alone or bool(NAMED.fullmatch(self.head.names[choice[0]])) or is_sorted(time)


def _parts(roles: dict[str, int]) -> Iterator[list[int]]:
    """Choose among the columns of a year and parts of it those that make up a date."""
    clock = [roles[part] for part in PARTS[3:] if part in roles]
    for days in PARTS_OF_DAYS:
        if "year" in roles and all(part in roles for part in days):
            yield [roles["year"], *(roles[part] for part in days), *clock]
