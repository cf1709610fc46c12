"""Flawed rows: unsorted, duplicated, missing or absent ones, each refused or mended as the policies say.

Rows of one series at a time, in the order of the file; what is done is counted for the notes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from rnnexp.data.tables.frequency import grid, too_fine
from rnnexp.data.tables.layout import Policies
from rnnexp.data.tables.places import Places
from rnnexp.errors import DataError, count

Done = Counter[tuple[str, str]]
"""What was mended: ("row", "dropped because ...") and how many times."""


@dataclass(frozen=True)
class Rows:
    """One series. values: (rows, columns) with NaN where missing; time: (rows,) datetime64[ns] or None."""

    names: tuple[str, ...]
    values: np.ndarray
    time: np.ndarray | None
    places: Places
    label: str = ""

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
        time = None if self.time is None or ahead.time is None else np.concatenate([self.time, ahead.time])
        places = self.places.then(ahead.places)
        return replace(self, values=np.concatenate([self.values, ahead.values]), time=time, places=places)

    def _refuse_leap(self, ahead: Rows, dates: np.ndarray, frequency: str) -> None:
        last = self.time[-1]  # type: ignore[index]
        step = grid(last, dates[-1], frequency)[1:]
        for row, date in enumerate(dates):
            if row >= len(step) or step[row] != date:
                found = str(date)[:19].replace("T", " ")
                raise DataError(
                    f'{self.at}: rows without targets must follow the last observed one in steps of "{frequency}": '
                    f"{ahead.places.cite(np.array([row]))} ({found}). Take them as they come with data.gaps=ignore"
                )

    @property
    def at(self) -> str:
        return f'{self.places.name}, series "{self.label}"' if self.label else self.places.name


def in_order(rows: Rows, policy: str, done: Done) -> Rows:
    """Put rows in the order of time."""
    if rows.time is None:
        return rows
    early = np.flatnonzero(rows.time[1:] < rows.time[:-1]) + 1
    if len(early) == 0:
        return rows
    if policy == "fail":
        where = rows.places.cite(early)
        times = "once" if len(early) == 1 else f"{len(early):,} times"
        raise DataError(f"{rows.at}: time goes back {times}: {where}. Allow it with data.unsorted=sort")
    done["row", "sorted in that went back in time (unsorted=sort)"] += _out_of_place(rows.time)
    return rows.take(np.argsort(rows.time, kind="stable"))


def _out_of_place(time: np.ndarray) -> int:
    """Count the rows to be moved: those before an earlier one, or those after a later one, whichever are fewer."""
    late = time < np.maximum.accumulate(time)
    early = time > np.minimum.accumulate(time[::-1])[::-1]
    return int(min(late.sum(), early.sum()))


def without_duplicates(rows: Rows, policy: str, done: Done) -> Rows:
    """Leave one row per date; rows must be sorted."""
    if rows.time is None:
        return rows
    again = np.flatnonzero(rows.time[1:] == rows.time[:-1]) + 1
    if len(again) == 0:
        return rows
    if policy == "fail":
        where, stamp = (rows.places.cite(again), str(rows.time[again[0]].astype("datetime64[s]")).replace("T", " "))
        have = "1 row has" if len(again) == 1 else f"{len(again):,} rows have"
        raise DataError(
            f"{rows.at}: {have} the same date as another: {where} ({stamp} first). "
            "Allow it with data.duplicates=first, last or mean; if these are several series, name their "
            "column with data.series"
        )
    done["row", f"merged with another of the same date (duplicates={policy})"] += len(again)
    if policy == "last":
        return rows.take(np.setdiff1d(np.arange(len(rows.values)), again - 1))
    first = np.setdiff1d(np.arange(len(rows.values)), again)
    kept = rows.take(first)
    return kept if policy == "first" else replace(kept, values=_means(rows.values, first))


def _means(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Average groups of rows that begin at `first`; a cell that is missing in one of them is missing in the mean."""
    return np.add.reduceat(values, first, axis=0) / np.diff(first, append=len(values))[:, None]


def without_missing(rows: Rows, policy: str, done: Done) -> Rows:
    """Leave no NaN."""
    gone = np.isnan(rows.values)
    if not gone.any():
        return rows
    if policy == "fail":
        raise DataError("\n".join(f"{rows.at}: {line}" for line in _missing(rows, gone)))
    if policy == "drop":
        kept = np.flatnonzero(~gone.any(axis=1))
        done["row", "dropped for missing values (missing=drop)"] += len(rows.values) - len(kept)
        if len(kept) == 0:
            raise DataError(f"{rows.at}: 0 usable rows: every row has a missing value")
        return rows.take(kept)
    values = filled(rows, policy, "data.missing")
    for name, total in zip(rows.names, gone.sum(axis=0)):
        if total:
            done["missing value", f'in column "{name}" filled (missing={policy})'] += int(total)
    return replace(rows, values=values)


def _missing(rows: Rows, gone: np.ndarray) -> list[str]:
    lines = []
    for name, column in zip(rows.names, gone.T):
        if column.all():
            lines.append(f'column "{name}" has no values at all')
        elif column.any():
            cells = f"{count(int(column.sum()), 'missing value')} ({rows.places.cite(np.flatnonzero(column))})"
            lines.append(f'column "{name}": {cells}. Allow it with data.missing=drop, ffill or interpolate')
    return lines


def filled(rows: Rows, policy: str, key: str) -> np.ndarray:
    """Fill NaN from the row before ("ffill") or on a straight line between its neighbors ("interpolate")."""
    values = rows.values.copy()
    clock = np.arange(len(values)) if rows.time is None else rows.time.astype(np.int64)
    for column, name in zip(values.T, rows.names):
        known = np.flatnonzero(~np.isnan(column))
        if len(known) == 0:
            raise DataError(f'{rows.at}: column "{name}" has no values at all')
        _check_ends(rows, name, known, policy, key)
        if policy == "ffill":
            column[:] = column[known[np.searchsorted(known, np.arange(len(column)), side="right") - 1]]
        else:
            gone = np.isnan(column)
            column[gone] = np.interp(clock[gone], clock[known], column[known])
    return values


def _check_ends(rows: Rows, name: str, known: np.ndarray, policy: str, key: str) -> None:
    ends = []
    if known[0] > 0:
        ends.append((np.arange(known[0]), "before"))
    if policy == "interpolate" and known[-1] < len(rows.values) - 1:
        ends.append((np.arange(known[-1] + 1, len(rows.values)), "after"))
    for empty, side in ends:
        cells = f"{count(len(empty), 'missing value')} ({rows.places.cite(empty)})"
        raise DataError(
            f'{rows.at}: column "{name}": {cells} with no value {side} to fill from; '
            f"{key}={policy} cannot do it. Remove these rows, or data.missing=drop"
        )


def without_gaps(rows: Rows, policy: str, frequency: str | None, done: Done) -> Rows:
    """Make the steps even: every date of the grid has its row. Rows must be sorted and free of duplicates."""
    if rows.time is None or policy == "ignore" or len(rows.time) < (3 if frequency is None else 2):
        return rows
    if frequency is None or _mostly_absent(rows.time):
        raise DataError(f"{rows.at}: {_uneven(rows.time)}. Take the rows as they come with data.gaps=ignore")
    if too_fine(rows.time, frequency):
        raise DataError(
            f'{rows.at}: steps of "{frequency}" would make over a hundred times the {len(rows.time):,} rows that there '
            "are; give a longer data.frequency, or leave it out"
        )
    whole = grid(rows.time[0], rows.time[-1], frequency)
    if len(whole) == len(rows.time) and (whole == rows.time).all():
        return rows
    off = np.flatnonzero(~np.isin(rows.time, whole))
    if len(off):
        where = rows.places.cite(off)
        raise DataError(
            f'{rows.at}: {count(len(off), "date")} beside the even steps of "{frequency}": {where}. '
            "Take the rows as they come with data.gaps=ignore, or give data.frequency"
        )
    index = np.searchsorted(whole, rows.time)
    if policy == "fail":
        raise DataError(f"{rows.at}: {_gaps(rows, index, whole, frequency)}")
    done["absent row", f"added (gaps={policy})"] += len(whole) - len(index)
    return _on_grid(rows, index, whole, policy)


def most_rows(rows: Rows, policies: Policies, frequency: str | None) -> int:
    """Return how many rows a flawed series can have once its flaws are mended, if they are."""
    there = ~np.isnan(rows.values).any(axis=1) if policies.missing == "drop" else np.full(len(rows.values), True)
    if rows.time is None or not there.any():
        return int(there.sum())
    dates = np.unique(rows.time[there])
    if frequency is None or policies.gaps in ("fail", "ignore") or len(dates) < 2 or _mostly_absent(dates):
        return len(dates)
    return len(grid(dates[0], dates[-1], frequency))


def _mostly_absent(time: np.ndarray) -> bool:
    """Tell whether an even grid would be over a hundred times as long: a wrong date, or no series at all."""
    step = np.median(np.diff(time).astype(np.int64))
    return bool((time[-1] - time[0]).astype(np.int64) > 100 * step * len(time))


def _uneven(time: np.ndarray) -> str:
    import pandas as pd

    steps = np.diff(time)
    return f"dates have no even step (from {pd.Timedelta(steps.min())} to {pd.Timedelta(steps.max())})"


def _gaps(rows: Rows, index: np.ndarray, whole: np.ndarray, frequency: str) -> str:
    before = np.flatnonzero(np.diff(index) > 1)
    absent = len(whole) - len(index)
    are = "1 row is" if absent == 1 else f"{absent:,} rows are"
    return (
        f'{are} absent between {len(index):,} rows in steps of "{frequency}", in '
        f"{count(len(before), 'gap')}: after {rows.places.cite(before)}. "
        "Allow it with data.gaps=ffill or interpolate (adds the rows) or ignore (takes rows as they come)"
    )


def _on_grid(rows: Rows, index: np.ndarray, whole: np.ndarray, policy: str) -> Rows:
    before = np.searchsorted(index, np.arange(len(whole)), side="right") - 1
    values = np.full((len(whole), rows.values.shape[1]), np.nan)
    values[index] = rows.values
    return replace(
        rows,
        values=filled(replace(rows, values=values, time=whole), policy, "data.gaps"),
        time=whole,
        places=rows.places.take(before),
    )
