"""Absent rows of one series: told by length and share, taken as they are, or filled where the policy says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnexp.data.calendar import describe_clock_changes, name_unit, write_dates
from rnnexp.data.periods import BusinessDays
from rnnexp.data.tables.flawed import Flaw, Flawed
from rnnexp.data.tables.frequency import MOST_ROWS, EvenSteps, lay, too_fine
from rnnexp.data.tables.layout import Policies
from rnnexp.data.tables.policies import describe_stretch, filled, find_usual_stretch, write_share
from rnnexp.data.tables.rows import Done, Rows
from rnnexp.errors import count

HOLIDAYS = 10  # business days on end without trading, at most
HOUR = np.timedelta64(1, "h")


def without_gaps(rows: Rows, policy: str, frequency: str | None, done: Done) -> Rows:
    """Make the steps even: every period has its row. Rows must be sorted and free of duplicates."""
    if rows.time is None or policy == "ignore" or len(rows.time) < (3 if frequency is None else 2):
        return rows
    if frequency is None:
        raise Flawed(f"{rows.at}: {_uneven(rows.time)}", _uneven_flaw(rows.time))
    if too_fine(rows.time, frequency):
        fine = f'steps of "{frequency}" would make over a hundred times the {len(rows.time):,} rows that there are'
        raise Flawed(f"{rows.at}: {fine}; give a longer data.frequency, or leave it out", _uneven_flaw(rows.time))
    grid = lay(rows.time, frequency)
    if grid.off.any():
        raise _beside(rows, rows.time, grid, frequency)
    if grid.moved.any():
        done.remarks.append(_moved(rows.time, grid, frequency))
    if grid.absent == 0:
        return rows
    if policy == "fail" or _too_many(grid):
        raise _absent(rows, rows.time, grid, frequency)
    done.add(grid.absent, "filled", "absent row", f"added (gaps={policy})")
    return _on_grid(rows, rows.time, grid, policy, done)


def most_rows(rows: Rows, policies: Policies, frequency: str | None) -> int:
    """Return how many rows a flawed series can have once its flaws are mended, if they are."""
    there = ~np.isnan(rows.values).any(axis=1) if policies.missing == "drop" else np.full(len(rows.values), True)
    if rows.time is None or not there.any():
        return int(there.sum())
    dates = np.unique(rows.time[there])
    if frequency is None or policies.gaps in ("fail", "ignore") or len(dates) < 2:
        return len(dates)
    grid = lay(dates, frequency)
    return len(dates) if _too_many(grid) else len(dates) + max(0, grid.absent)


def _too_many(grid: EvenSteps) -> bool:
    """Tell whether even steps would make over a hundred times as many rows: of a wrong date, most likely."""
    return grid.absent > MOST_ROWS * len(grid.index)


def _uneven_flaw(time: np.ndarray) -> Flaw:
    return Flaw("gaps", "uneven date", len(time), len(time), {"ignore": len(time)}, sure="ignore")


def _uneven(time: np.ndarray) -> str:
    import pandas as pd

    steps = np.diff(time)
    return f"dates have no even step (from {pd.Timedelta(steps.min())} to {pd.Timedelta(steps.max())})"


def _beside(rows: Rows, time: np.ndarray, grid: EvenSteps, frequency: str) -> Flawed:
    off = np.flatnonzero(grid.off)
    wrong = _wrong_date(time, int(off[0]), frequency) if len(off) == 1 else ""
    text = f'{rows.at}: {count(len(off), "date")} beside the even steps of "{frequency}": {rows.places.cite(off)}'
    flaw = Flaw("gaps", "date beside the even steps", len(off), len(time), {"ignore": len(time)})
    if not wrong:
        return Flawed(f"{text}; or give data.frequency", replace(flaw, sure="ignore"))
    return Flawed(f"{text}; {wrong} ({rows.places.cite(off)})", replace(flaw, doubt=wrong, skip=rows.removable(off)))


def _wrong_date(time: np.ndarray, row: int, frequency: str) -> str:
    """Say which date is likely meant by a row without which the steps are even, or would be with that date."""
    rest = np.delete(time, row)
    grid = lay(rest, frequency)
    if grid.off.any() or grid.absent > 1:
        return ""
    hole = np.flatnonzero(np.diff(grid.index) > 1)
    fitting = int(grid.index[hole[0]]) + 1 if len(hole) else (-1 if row == 0 else int(grid.index[-1]) + 1)
    found, fits = write_dates(np.append(time[row], grid.dates(np.array([fitting]))), rest)
    return f"{found} is likely a wrong date, {fits} would fit: without this row the steps are even"


def _moved(time: np.ndarray, grid: EvenSteps, frequency: str) -> str:
    moved = np.flatnonzero(grid.moved)
    dates = ", ".join(write_dates(time[moved[:3]], time))
    more = ", …" if len(moved) > 3 else ""
    return (
        f'{count(len(moved), "date")} ({dates}{more}) not on the usual day of "{frequency}": taken as they are, for '
        f"each is the only one of its {name_unit(frequency)}"
    )


def _absent(rows: Rows, time: np.ndarray, grid: EvenSteps, frequency: str) -> Flawed:
    before = np.flatnonzero(np.diff(grid.index) > 1)
    lengths = np.diff(grid.index)[before] - 1
    long = lengths > find_usual_stretch(None, frequency)
    doubt = _length(grid, int(lengths.max()), frequency) if long.any() else ""
    ends = {0: 0, len(time) - 2: len(time) - 1}  # a row at an end, by the row before the gap
    end = ends.get(int(before[lengths.argmax()]))
    wrong = _wrong_date(time, end, frequency) if long.any() and end is not None else ""
    holidays = isinstance(grid.periods, BusinessDays) and lengths.max() <= HOLIDAYS
    many = _too_many(grid)
    flaw = Flaw(
        "gaps",
        "absent row",
        grid.absent,
        len(time),
        {**({} if many else dict.fromkeys(("ffill", "interpolate"), grid.absent)), "ignore": len(time)},
        sure="ignore" if holidays else "",
        doubt=wrong or doubt,
        skip=rows.removable(np.array([end])) if wrong else (),
    )
    are = "1 row is" if grid.absent == 1 else f"{grid.absent:,} rows are"
    text = f'{rows.at}: {are} absent between {len(time):,} rows in steps of "{frequency}"'
    if long.any():
        text += ": " + _long_gaps(rows, time, grid, (before, lengths, long), frequency)
    else:
        text += f", in {count(len(before), 'gap')}: after {rows.places.cite(before)}"
    hours = before[np.diff(time)[before] - HOUR == (time[before] - time[before - 1])] if len(before) else before
    changes = "; without trading, on holidays?" if holidays else describe_clock_changes(time[hours] + HOUR, time)
    return Flawed(text + (f". {wrong} ({rows.places.cite(np.array([end]))})" if wrong else changes), flaw)


def _length(grid: EvenSteps, length: int, frequency: str) -> str:
    """Say how long a gap is: `1 gap of 7,386 hours (31 % of the rows)`."""
    return f"1 gap of {count(length, name_unit(frequency))} ({write_share(length, len(grid.index) + grid.absent)})"


def _long_gaps(
    rows: Rows, time: np.ndarray, grid: EvenSteps, gaps: tuple[np.ndarray, np.ndarray, np.ndarray], frequency: str
) -> str:
    before, lengths, long = gaps
    told = []
    for row, length in list(zip(before[long], lengths[long]))[:3]:
        ends = write_dates(time[[row, row + 1]], time)
        lines = [rows.places.cite(np.array([one])) for one in (row, row + 1)]
        length = _length(grid, int(length), frequency)
        told.append(f"{length}: after {lines[0]} ({ends[0]}), up to {lines[1]} ({ends[1]})")
    others = len(before) - len(told)
    return "; ".join([*told, f"{count(others, 'other gap')}"] if others else told)


def _on_grid(rows: Rows, time: np.ndarray, grid: EvenSteps, policy: str, done: Done) -> Rows:
    size = int(grid.index[-1]) + 1
    whole = grid.dates(np.arange(size))
    whole[grid.index] = time
    before = np.searchsorted(grid.index, np.arange(size), side="right") - 1
    values = np.full((size, rows.values.shape[1]), np.nan)
    values[grid.index] = rows.values
    even = replace(rows, values=values, time=whole, places=rows.places.take(before))
    added = np.full(size, True)
    added[grid.index] = False
    done.remarks += describe_stretch(even, added, "the longest gap", f"gaps={policy}")
    return replace(even, values=filled(even, policy, "data.gaps"), added=added)
