"""Which columns hold the dates, and how these are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.date_columns import CLOCK, PARTS, find_role
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.remedy import Refused
from rnnexp.data.tables.table import read_table
from rnnexp.data.tables.times import Dates, UnreadableDates
from rnnexp.errors import DataError

TIME = re.compile(r"(^|[^a-z])(date|time|ds|day|month|year|quarter|week|period|datum|zeit|fecha|ts$)", re.IGNORECASE)
TIME_OF_DAY = re.compile(r"(^|[^a-z])(time|hhmm|clock|uhrzeit|zeit|heure|hora|ora|tid|kl)([^a-z]|$)", re.IGNORECASE)
PARTS_OF_DAYS = (("month", "day"), ("month",), ("week",), ("quarter",), ("yearday",))
MOSTLY = 0.5  # share of the cells that must be dates if the others are to be called flaws
MAX_TRIED = 30  # columns that are looked at


def find_dates(head: Head, finding: Finding, file: Path) -> list[int]:
    """Find the columns that hold the date, by all of their cells and their names."""
    likely = [i for i, name in enumerate(head.names) if TIME.search(name) or find_role(name) or not head.numeric[i]]
    columns = _DateColumns(head, likely[:MAX_TRIED], finding.layout, file)
    for choice in columns.choices():
        layout, reasons = columns.layout_of(choice)
        if layout is not None:
            return _tell_time(choice, head, finding, layout, reasons)
    finding.seen.append("no dates: rows are taken as evenly spaced")
    return []


def _tell_time(choice: list[int], head: Head, finding: Finding, layout: Layout, reasons: dict[str, str]) -> list[int]:
    keys: list[Any] = choice if "header" in finding.settings else [head.names[index] for index in choice]
    finding.set("time", keys[0] if len(keys) == 1 else keys)
    for key, reason in reasons.items():
        finding.set(key, getattr(layout, key), reason)
    finding.layout = layout
    return choice


class _DateColumns:
    """The columns that may hold dates, whole if the file can be read so far, else their first cells."""

    def __init__(self, head: Head, likely: list[int], layout: Layout, file: Path) -> None:
        import numpy as np
        import pandas as pd

        self.head, self.layout = head, layout
        try:
            table = read_table(file, layout, Wanted(time=tuple(likely), targets=()))
            columns, self.places = table.time, table.places
        except DataError:
            columns = tuple(pd.Series(head.cells[index], dtype="str").str.strip() for index in likely)
            rows = len(columns[0]) if columns else 0
            self.places = Places((str(file),), np.zeros(rows, dtype=int), np.arange(1, rows + 1))
        self.cells = dict(zip(likely, columns))

    def choices(self) -> Iterator[list[int]]:
        """List the columns, one or several, that may make up a date; the likeliest first."""
        roles = {index: find_role(self.head.names[index]) for index in self.cells}
        numeric = [index for index in self.cells if self.head.numeric[index]]
        named = [index for index in self.cells if TIME.search(self.head.names[index])]
        whole = [index for index in self.cells if not (roles[index] and index in numeric)]
        for index in sorted(whole, key=lambda index: index not in named):
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
            both = self._text(date).str.cat([self._text(index) for index in clock], sep=" ")
            if both.nunique() >= 2 * self._text(date).nunique() or self.head.names[date].strip().lower() == "date":
                yield [date, *clock]

    def _text(self, index: int) -> Any:
        return self.cells[index].astype("str")

    def _is_clock(self, index: int) -> bool:
        named = bool(TIME_OF_DAY.search(self.head.names[index])) and self.head.numeric[index]
        return named or bool(self._text(index).str.fullmatch(CLOCK).all())

    def layout_of(self, choice: list[int]) -> tuple[Layout | None, dict[str, str]]:
        """Return the layout that reads these columns as dates, as far as one is known; None if they are none."""
        layout, reasons = self.layout, dict[str, str]()
        for _ in range(3):  # a form, a pivot year and a zone
            dates = Dates([self.cells[i] for i in choice], [self.head.names[i] for i in choice], self.places, layout)
            try:
                dates.read()
            except Refused as refused:
                if any("time" in remedy.settings for remedy in refused.remedies):
                    return None, {}
                if len(refused.remedies) > 1:
                    return layout, reasons
                layout = replace(layout, **refused.remedies[0].settings)
                reasons |= dict.fromkeys(refused.remedies[0].settings, refused.remedies[0].meaning)
            except UnreadableDates as error:
                return (layout, reasons) if error.share > MOSTLY else (None, {})
            except DataError:
                return None, {}
            else:
                reasons |= dict.fromkeys(dates.settings, "; ".join(dates.notes))
                return replace(layout, **dates.settings), reasons
        return layout, reasons


def _parts(roles: dict[str, int]) -> Iterator[list[int]]:
    """Choose among the columns of a year and parts of it those that make up a date."""
    clock = [roles[part] for part in PARTS[3:] if part in roles]
    for days in PARTS_OF_DAYS:
        if "year" in roles and all(part in roles for part in days):
            yield [roles["year"], *(roles[part] for part in days), *clock]
