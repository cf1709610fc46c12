"""Rows of one series, and what is done to them: counted for the notes and the sums."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from rnnexp.data.calendar import write_dates
from rnnexp.data.tables.frequency import lay
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.remedy import Advised
from rnnexp.errors import count


@dataclass
class Done:
    """What was done to rows and cells: how many, by ("left out", "row", "dropped because ..."), and what to remark."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)

    def add(self, total: int, kind: str, what: str, how: str) -> None:
        if total:
            self.counts[kind, what, how] += total

    def plus(self, other: Done) -> Done:
        return Done(self.counts + other.counts, [*self.remarks, *other.remarks])

    def notes(self) -> list[str]:
        return [*(f"{count(total, what)} {how}" for (_, what, how), total in self.counts.items()), *self.remarks]

    def by_reason(self, kind: str) -> dict[str, int]:
        return {how: total for (own, _, how), total in self.counts.items() if own == kind}


@dataclass(frozen=True)
class Rows:
    """One series. values: (rows, columns) with NaN where missing; time: (rows,) datetime64[ns] or None.

    added: (rows,) bool, rows that fill gaps; None if there are none
    called: what messages call it
    """

    names: tuple[str, ...]
    values: np.ndarray
    time: np.ndarray | None
    places: Places
    label: str = ""
    added: np.ndarray | None = None
    called: str = "series"

    def take(self, rows: np.ndarray) -> Rows:
        time = None if self.time is None else self.time[rows]
        return replace(self, values=self.values[rows], time=time, places=self.places.take(rows))

    def cut(self, row: int) -> tuple[Rows, Rows]:
        """Return the rows before `row`, and the others."""
        every = np.arange(len(self.values))
        return self.take(every[:row]), self.take(every[row:])

    def followed(self, ahead: Rows, frequency: str | None) -> Rows:
        """Put rows that are to be forecast after these; with a frequency their dates must go on in even steps."""
        if not len(ahead.values):
            return self
        if self.time is not None and ahead.time is not None and frequency is not None:
            self._refuse_leap(ahead, ahead.time, frequency)
        return self._before(ahead)

    def _before(self, ahead: Rows) -> Rows:
        time = None if self.time is None or ahead.time is None else np.concatenate([self.time, ahead.time])
        places = self.places.then(ahead.places)
        return replace(self, values=np.concatenate([self.values, ahead.values]), time=time, places=places)

    def _refuse_leap(self, ahead: Rows, dates: np.ndarray, frequency: str) -> None:
        index = lay(np.concatenate([self.time[-1:], dates]), frequency).index[1:]  # type: ignore[index]
        leaps = np.flatnonzero(index != np.arange(1, len(dates) + 1))
        if len(leaps):
            found = write_dates(dates[leaps[:1]], dates)[0]
            raise Advised(
                f'{self.at}: rows without targets must follow the last observed one in steps of "{frequency}": '
                f"{ahead.places.cite(leaps[:1])} ({found})",
                ". Take them as they come with data.gaps=ignore",
            )

    def removable(self, rows: np.ndarray) -> tuple[int, ...]:
        """Return the lines of rows if they can be left out by line: of one text file."""
        lines = self.places.unit == "line" and len(self.places.files) == 1
        return tuple(map(int, self.places.number[rows])) if lines else ()

    @property
    def at(self) -> str:
        return f'{self.places.name}, {self.called} "{self.label}"' if self.label else self.places.name


def cut_observed(rows: Rows, targets: int) -> tuple[Rows, Rows, int]:
    """Cut off rows without any target at both ends: those between, those after them, and how many were before.

    Of a series without any target one row is kept, so that this is told.
    """
    there = np.flatnonzero(~np.isnan(rows.values[:, :targets]).all(axis=1))
    if len(there) == 0:
        return *rows.cut(1), 0
    past, ahead = rows.cut(int(there[-1]) + 1)
    return past.cut(int(there[0]))[1], ahead, int(there[0])
