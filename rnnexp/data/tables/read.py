"""From tables to `Series`: put rows in order, mend what the policies allow, and say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from rnnexp.data.series import Series, Tally
from rnnexp.data.short import named
from rnnexp.data.tables import frequency as steps
from rnnexp.data.tables.columns import Table
from rnnexp.data.tables.flawed import Flawed, join_flaws
from rnnexp.data.tables.gaps import most_rows, without_gaps
from rnnexp.data.tables.joining import join_tables
from rnnexp.data.tables.layout import Layout, Policies, Wanted
from rnnexp.data.tables.policies import in_order, without_duplicates, without_missing
from rnnexp.data.tables.rows import Done, Rows, cut_observed
from rnnexp.errors import DataError, count

SMALLEST = float(np.finfo(np.float32).tiny)
NO_TARGET = "without a target at the {}, left out of training and scoring"


@dataclass(frozen=True)
class Mended:
    """One series as far as the policies mend it.

    ahead: rows after the last with a target;  records: how many rows it had in the tables
    most:  rows that it can have at the end, whatever is done about what is still wrong with it
    error: why it cannot be read, if it cannot
    """

    rows: Rows
    ahead: Rows
    done: Done
    records: int
    most: int = 0
    error: DataError | None = None


def make_series(
    tables: list[Table],
    layout: Layout,
    wanted: Wanted,
    policies: Policies,
    frequency: str | None = None,
    fewest: Callable[[str | None], int] | None = None,
) -> Series:
    """Make one or many series of tables with the same columns; any flaw without a policy is a DataError.

    Rows before the first and after the last with a target are left out. `fewest` says, by the frequency, how many rows
    a series must have: of many, shorter ones are left out, flawed or not, before anything is concluded from them.
    """
    found = _read(tables, layout, wanted, policies, frequency, fewest)
    for one in found.kept:
        one.done.add(len(one.ahead.values), "left out", "row", NO_TARGET.format("end"))
    many = [one.rows for one in found.kept]
    done = _sum(found.kept)
    series = _series(many, found.frequency, (*found.notes, *done.notes(), *_judge_spread(many)))
    return replace(series, left_out=found.left_out, tally=_tally(found, done))


def open_tables(
    tables: list[Table],
    layout: Layout,
    wanted: Wanted,
    policies: Policies,
    frequency: str | None,
    fewest: Callable[[str | None], int] | None = None,
) -> tuple[list[Rows], list[str]]:
    """Make series that may end with rows whose targets are all empty: those that are to be forecast.

    Returns the rows of each series, of the empty ones what is there, and what was done to them. The rows to be forecast
    must follow the observed ones in even steps, unless `gaps` are ignored. `fewest` is as in `make_series`, of observed
    rows.
    """
    found = _read(tables, layout, wanted, policies, frequency, fewest)
    step = found.frequency if policies.gaps != "ignore" else None
    whole = [one.rows.followed(one.ahead, step) for one in found.kept]
    notes = found.notes
    if fewest is not None and found.left_out:
        short = f"{len(found.left_out)} of {found.series} series have fewer than {fewest(found.frequency)}"
        notes = [*notes, f"{short} observed rows; they are left out (data.on_short=skip): {named(found.left_out)}"]
    return whole, [*notes, *_sum(found.kept).notes()]


@dataclass(frozen=True)
class MendedTables:
    """What was found in tables: the series that are kept, of how many, and of how many rows.

    left_out: labels of series that are too short;  empty: records without a value, which are no rows
    """

    kept: list[Mended]
    frequency: str | None
    left_out: tuple[str, ...]
    series: int
    rows: int
    empty: int
    notes: list[str]


def _read(
    tables: list[Table],
    layout: Layout,
    wanted: Wanted,
    policies: Policies,
    frequency: str | None,
    fewest: Callable[[str | None], int] | None,
) -> MendedTables:
    """Cut tables into series, and mend these; raise the first error of one that is long enough."""
    table, time, notes = join_tables(tables, layout, wanted, policies)
    cut = [_mended(rows, policies, len(wanted.targets or (None,))) for rows in _split(table, time)]
    kept, frequency, left_out = _long_enough(cut, policies, frequency, fewest)
    errors = [one.error for one in kept if one.error is not None]
    flawed = [error for error in errors if isinstance(error, Flawed)]
    if len(errors) > len(flawed):
        raise next(error for error in errors if not isinstance(error, Flawed))
    if flawed:
        raise join_flaws(flawed, len(table.values))
    return MendedTables(kept, frequency, left_out, len(cut), len(table.values), table.counts.empty, notes)


def _long_enough(
    many: list[Mended], policies: Policies, frequency: str | None, fewest: Callable[[str | None], int] | None
) -> tuple[list[Mended], str | None, tuple[str, ...]]:
    """Make steps even; return the series that are long enough, the frequency that these have, and who was left out.

    If none is long enough, all are returned.
    """
    step = frequency or _frequency([one.rows for one in many if one.error is None])
    evened = [_evened(one, policies, step) for one in many]
    long = np.array([fewest is None or one.most >= fewest(step) for one in evened])
    if long.all() or not long.any():
        return evened, step, ()
    kept, step, later = _long_enough([many[i] for i in np.flatnonzero(long)], policies, frequency, fewest)
    gone = {many[i].rows.label for i in np.flatnonzero(~long)} | set(later)
    return kept, step, tuple(one.rows.label for one in many if one.rows.label in gone)


def _mended(rows: Rows, policies: Policies, targets: int) -> Mended:
    """Put a series in order, one row per date and no value missing between its first and its last target."""
    done, records = Done(), len(rows.values)
    ahead = rows.cut(records)[1]
    try:
        ordered = without_duplicates(in_order(rows, policies.unsorted, done), policies.duplicates, done)
        rows, ahead, before = cut_observed(ordered, targets)
        done.add(before, "left out", "row", NO_TARGET.format("beginning"))
        return Mended(without_missing(rows, policies.missing, done), ahead, done, records)
    except DataError as error:
        return Mended(rows, ahead, done, records, error=error)


def _evened(one: Mended, policies: Policies, frequency: str | None) -> Mended:
    """Make the steps of a series even, unless something else is wrong with it."""
    error, done = one.error, one.done.plus(Done())
    if error is None:
        try:
            rows = without_gaps(one.rows, policies.gaps, frequency, done)
            return replace(one, rows=rows, done=done, most=len(rows.values))
        except DataError as found:
            error = found
    return replace(one, done=done, most=most_rows(one.rows, policies, frequency), error=error)


def _sum(many: list[Mended]) -> Done:
    total = Done()
    for one in many:
        total = total.plus(one.done)
    return total


def _tally(found: MendedTables, done: Done) -> Tally:
    """Say where the rows come from."""
    short = found.rows - sum(one.records for one in found.kept)
    left_out = {"of empty cells only": found.empty, "in series that are too short": short, **done.by_reason("left out")}
    left_out = {why: total for why, total in left_out.items() if total}
    return Tally(found.rows + found.empty, left_out, done.by_reason("merged"), done.by_reason("filled"))


def _split(table: Table, time: np.ndarray | None) -> list[Rows]:
    """Cut a long table into its series, in the order in which their names first appear."""
    import pandas as pd

    whole = Rows(table.names, table.values, time, table.places)
    if table.series is None:
        return [whole]
    nameless = np.flatnonzero((table.series.isna() | (table.series == "")).to_numpy())
    if len(nameless):
        where = table.places.cite(nameless)
        raise DataError(f"{whole.at}: {count(len(nameless), 'row')} without a series name: {where}")
    codes, labels = pd.factorize(table.series)
    order = np.argsort(codes, kind="stable")
    pieces = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    return [replace(whole.take(piece), label=str(label)) for piece, label in zip(pieces, labels)]


def _frequency(many: list[Rows]) -> str | None:
    longest = max(many, key=lambda rows: len(rows.values), default=None)
    return None if longest is None or longest.time is None else steps.infer(longest.time)


def _judge_spread(many: list[Rows]) -> list[str]:
    """Remark on columns that never change: nothing can be learned from or about them. Tiny numbers are refused."""
    low = np.min([rows.values.min(axis=0) for rows in many], axis=0)
    high = np.max([rows.values.max(axis=0) for rows in many], axis=0)
    for name, most in zip(many[0].names, np.maximum(high, -low)):
        if 0 < most < SMALLEST:
            too_small = f"no value is further from 0 than {most:g}, too small for float32 (under 1.2e-38)"
            raise DataError(f'{many[0].at}: column "{name}": {too_small}: use a smaller unit')
    names = many[0].names if sum(len(rows.values) for rows in many) > 1 else ()
    return [f'column "{name}" is constant ({low[i]:g})' for i, name in enumerate(names) if low[i] == high[i]]


def _added(many: list[Rows]) -> np.ndarray | None:
    if all(rows.added is None for rows in many):
        return None
    return np.concatenate([np.zeros(len(rows.values), bool) if rows.added is None else rows.added for rows in many])


def _series(many: list[Rows], frequency: str | None, notes: tuple[str, ...]) -> Series:
    times = [rows.time for rows in many if rows.time is not None]
    return Series(
        values=np.concatenate([rows.values for rows in many]),
        columns=many[0].names,
        offsets=np.cumsum([0, *(len(rows.values) for rows in many)]),
        ids=tuple(rows.label or "series" for rows in many),
        time=np.concatenate(times) if times else None,
        added=_added(many),
        frequency=frequency,
        source=many[0].places.name,
        notes=notes,
    )
