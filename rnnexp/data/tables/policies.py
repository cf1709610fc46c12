"""Unsorted, duplicated and missing rows of one series, each refused or mended as its policy says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnexp.data.calendar import describe_clock_changes, season_of, write_dates
from rnnexp.data.tables.flawed import Flaw, Flawed
from rnnexp.data.tables.frequency import infer, lay
from rnnexp.data.tables.rows import Done, Rows
from rnnexp.errors import DataError, count

SHORT = 24  # rows on end that may be filled without a word, where no season is longer


def in_order(rows: Rows, policy: str, done: Done) -> Rows:
    """Put rows in the order of time."""
    if rows.time is None:
        return rows
    early = np.flatnonzero(rows.time[1:] < rows.time[:-1]) + 1
    if len(early) == 0:
        return rows
    if policy == "fail":
        raise _unsorted(rows, rows.time, early)
    done.add(len(_out_of_place(rows.time)), "changed", "row", "sorted in that went back in time (unsorted=sort)")
    return rows.take(np.argsort(rows.time, kind="stable"))


def _out_of_place(time: np.ndarray) -> np.ndarray:
    """Find the rows to be moved: those before an earlier one, or those after a later one, whichever are fewer."""
    late = time < np.maximum.accumulate(time)
    early = time > np.minimum.accumulate(time[::-1])[::-1]
    return np.flatnonzero(late if late.sum() <= early.sum() else early)


def _unsorted(rows: Rows, time: np.ndarray, early: np.ndarray) -> Flawed:
    """Refuse rows out of order. They have one order, unless a date is likely wrong."""
    moved = _out_of_place(time)
    times = "once" if len(early) == 1 else f"{len(early):,} times"
    wrong = _wrong_date(time, moved) if not _is_copy(rows, time, moved) else ""
    where = f". {wrong} ({rows.places.cite(moved)})" if wrong else describe_clock_changes(time[early], time)
    flaw = Flaw(
        "unsorted",
        "row out of the order of time",
        len(moved),
        len(time),
        {"sort": len(moved)},
        sure="" if wrong or len(np.unique(time)) < len(time) else "sort",
        doubt=wrong,
        skip=rows.removable(moved) if wrong else (),
    )
    return Flawed(f"{rows.at}: time goes back {times}: {rows.places.cite(early)}{where}", flaw)


def _is_copy(rows: Rows, time: np.ndarray, moved: np.ndarray) -> bool:
    """Tell whether the same row, date and values, is there a second time."""
    same = (time == time[moved[0]]) & (rows.values == rows.values[moved[0]]).all(axis=1)
    return bool(same.sum() > 1)


def _wrong_date(time: np.ndarray, moved: np.ndarray) -> str:
    """Say which date is likely meant by a lone row out of order; nothing if it belongs elsewhere."""
    row, rest = int(moved[0]), np.delete(time, moved)
    frequency = infer(rest) if len(moved) == 1 and (rest[1:] > rest[:-1]).all() else None
    if frequency is None:
        return ""
    grid, sorted_in = lay(rest, frequency), lay(np.sort(time), frequency)
    if grid.off.any() or (not sorted_in.off.any() and sorted_in.absent <= grid.absent):
        return ""
    before = int(grid.index[row - 1]) if row else -2
    after = int(grid.index[row]) if row < len(rest) else before + 2
    if after - before < 2:
        return ""
    found, fitting = write_dates(np.append(time[moved], grid.dates(np.array([before + 1]))), rest)
    return f"{found} is likely a wrong date, {fitting} would fit there"


def without_duplicates(rows: Rows, policy: str, done: Done) -> Rows:
    """Leave one row per date; rows must be sorted."""
    if rows.time is None:
        return rows
    again = np.flatnonzero(rows.time[1:] == rows.time[:-1]) + 1
    if len(again) == 0:
        return rows
    if policy == "fail":
        raise _duplicates(rows, rows.time, again)
    done.add(len(again), "merged", "row", f"merged with another of the same date (duplicates={policy})")
    if policy == "last":
        return rows.take(np.setdiff1d(np.arange(len(rows.values)), again - 1))
    first = np.setdiff1d(np.arange(len(rows.values)), again)
    kept = rows.take(first)
    return kept if policy == "first" else replace(kept, values=_means(rows.values, first))


def _duplicates(rows: Rows, time: np.ndarray, again: np.ndarray) -> Flawed:
    have = "1 row has" if len(again) == 1 else f"{len(again):,} rows have"
    (stamp,) = write_dates(time[again[:1]], time)
    flaw = Flaw(
        "duplicates",
        "row with the date of another",
        len(again),
        len(time),
        dict.fromkeys(("first", "last", "mean"), len(again)),
    )
    changes = describe_clock_changes(time[again], time)
    series = changes or "; if these are several series, name their column with data.series"
    where = f"{rows.places.cite(again)} ({stamp} first){series}"
    return Flawed(f"{rows.at}: {have} the same date as another: {where}", flaw)


def _means(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Average groups of rows that begin at `first`; a cell that is missing in one of them is missing in the mean."""
    return np.add.reduceat(values, first, axis=0) / np.diff(first, append=len(values))[:, None]


def without_missing(rows: Rows, policy: str, done: Done) -> Rows:
    """Leave no NaN."""
    gone = np.isnan(rows.values)
    if not gone.any():
        return rows
    if policy == "fail":
        raise _missing(rows, gone)
    if policy == "drop":
        kept = np.flatnonzero(~gone.any(axis=1))
        if len(kept) == 0:
            raise DataError(f"{rows.at}: 0 usable rows: every row has a missing value")
        done.add(len(gone) - len(kept), "left out", "row", "dropped for missing values (missing=drop)")
        return rows.take(kept)
    values = filled(rows, policy, "data.missing")
    for name, column in zip(rows.names, gone.T):
        if column.any():
            total = int(column.sum())
            done.add(total, "changed", "missing value", f'in column "{name}" filled (missing={policy})')
            done.remarks += describe_stretch(rows, column, f'column "{name}"', f"missing={policy}")
    return replace(rows, values=values)


def describe_stretch(rows: Rows, added: np.ndarray, what: str, policy: str) -> list[str]:
    """Remark on the longest stretch that is filled, if it is long."""
    start, length = find_longest(added)
    if length <= find_usual_stretch(rows.time):
        return []
    where = f"after {rows.places.cite(np.array([start - 1]))}"
    flat = ", all like the one before them" if policy.endswith("ffill") else ""
    return [
        f"{what}: {count(length, 'row')} on end {where} are filled{flat} ({policy}): {write_share(length, len(added))}"
    ]


def _missing(rows: Rows, gone: np.ndarray) -> DataError:
    lines = []
    for name, column in zip(rows.names, gone.T):
        if column.all():
            return DataError(f'{rows.at}: column "{name}" has no values at all')
        if column.any():
            total, (_, length) = int(column.sum()), find_longest(column)
            on_end = f", {length:,} of them on end" if 1 < length < total else ""
            where = f"{rows.places.cite(np.flatnonzero(column))}{on_end}"
            lines.append(f'{rows.at}: column "{name}": {count(total, "missing value")} ({where})')
    without = np.asarray(gone.any(axis=1))
    rows_gone, cells = int(without.sum()), int(gone.sum())
    effects = {"drop": rows_gone} if rows_gone < len(gone) else {}
    if not gone[0].any():
        effects |= {"ffill": cells} | ({} if gone[-1].any() else {"interpolate": cells})
    _, length = find_longest(without)
    doubt = f"{length:,} rows on end" if length > find_usual_stretch(rows.time) else ""
    return Flawed("\n".join(lines), Flaw("missing", "missing value", cells, len(gone), effects, doubt=doubt))


def find_longest(chosen: np.ndarray) -> tuple[int, int]:
    """Return where the longest stretch of True begins, and how long it is."""
    edges = np.flatnonzero(np.diff(chosen.astype(np.int8), prepend=0, append=0))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    place = int(lengths.argmax()) if len(lengths) else 0
    return (int(starts[place]), int(lengths[place])) if len(lengths) else (0, 0)


def find_usual_stretch(time: np.ndarray | None, frequency: str | None = None) -> int:
    """Return how many rows on end may be filled without a word: a season, or a day of hours."""
    frequency = frequency or (None if time is None else infer(time))
    return max(SHORT, season_of(frequency) or 0)


def write_share(part: int, whole: int) -> str:
    """Say which share of the rows it is."""
    percent = 100 * part / whole
    return f"{percent:.0f} % of the rows" if percent >= 1 else f"{percent:.1g} % of the rows"


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
