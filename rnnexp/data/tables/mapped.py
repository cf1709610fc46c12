"""Parquet files of many rows, by row groups into a file in the cache that is mapped: the rows take no memory.

Only what needs no mending is read so: numbers without a missing cell, one series, dates of a type of their own that go
up by one step. Of anything else `read_mapped` returns None, and the files are read in memory, with all their policies
and messages; where they do not fit, it says so.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rnnexp.data.large import PIECE, is_large, list_pieces
from rnnexp.data.series import Series, Tally
from rnnexp.data.tables import frequency as steps
from rnnexp.data.tables.columns import Selection
from rnnexp.data.tables.date_readings import is_beyond
from rnnexp.data.tables.files import kind, unchanged
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.mapped_files import ENDING, keep
from rnnexp.data.tables.numbers import EXACT, LARGEST
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.typed import open_parquet, select_parquet
from rnnexp.disk import describe_size
from rnnexp.errors import ResourceError
from rnnexp.runtime import machine
from rnnexp.runtime.digests import hash_file

FORMAT = "rnnexp-table-1"  # of the files in the cache: values (rows, columns) float64, then dates int64 (rows,), ns
COPIES = 6  # of the numbers of a table, or the signs of a text, that are in memory at once while it is read whole
PACKED = 4  # times as long is a text as when it is compressed
NOWHERE = np.zeros(0, dtype=np.int64)

log = logging.getLogger("rnnexp")


class NotPlain(Exception):
    """Something in the files needs mending, or a policy; says what."""


@dataclass(frozen=True)
class Sources:
    """Files of one series, in the order of their dates; columns `values` and, with dates, `time`."""

    files: tuple[Path, ...]
    selection: Selection
    rows: int

    @property
    def values(self) -> list[str]:
        return [self.selection.names[place] for place in self.selection.values]

    @property
    def time(self) -> str | None:
        return self.selection.names[self.selection.time[0]] if self.selection.time else None

    @property
    def size(self) -> int:
        return 8 * self.rows * (len(self.values) + (self.time is not None))


def read_mapped(files: Sequence[Path], layout: Layout, wanted: Wanted, frequency: str | None) -> Series | None:
    """Return a series whose rows lie in a mapped file; None where the files are few rows, or must be read in memory.

    The file in the cache is named by the digest of all that is in the files: it is made once, appears whole or not at
    all, and is never written to again. Raises ResourceError where neither way has room.
    """
    kinds = {kind(file, is_table=True) for file in files}
    if kinds != {"parquet"}:
        size = sum(file.stat().st_size for file in files) * (PACKED if "gzip" in kinds else 1)
        _warn_of_memory(files[0], COPIES * size, "text is read whole; Parquet files are read piece by piece")
        return None
    if not is_large(sum(open_parquet(file).metadata.num_rows for file in files)):
        return None
    try:
        sources = _find(files, layout, wanted)
        cache = machine.make_cache_folder()
        if cache is None:
            raise NotPlain("there is no cache folder that can be written")
        values, time = _map(_keep(cache / "tables", sources), sources)
        named = Places(tuple(map(str, files)), NOWHERE, NOWHERE, "row").name
        return _make_series(sources, values, time, frequency, named)
    except NotPlain as reason:
        _require_memory(files, wanted, str(reason))
        return None


def _require_memory(files: Sequence[Path], wanted: Wanted, reason: str) -> None:
    rows = sum(open_parquet(file).metadata.num_rows for file in files)
    columns = len(wanted.targets or (None,)) + len(wanted.others) + len(wanted.time)
    needed, there = COPIES * 8 * rows * columns, machine.measure_memory()
    if needed > there:
        raise ResourceError(
            f"{files[0]}: {rows:,} rows take about {describe_size(needed)} of memory where {reason}, and "
            f"{describe_size(there)} is free; write the files without it, then they are read piece by piece"
        )
    _warn_of_memory(files[0], needed, f"{rows:,} rows are read whole where {reason}")


def _warn_of_memory(file: Path, needed: int, reason: str) -> None:
    """Say how much memory reading takes, where that is much of what is free."""
    free = machine.measure_free_memory()
    if needed > free / 2:
        sizes = describe_size(needed), describe_size(free)
        log.warning("%s: reading takes about %s of memory, %s is free: %s", file, *sizes, reason)


def _find(files: Sequence[Path], layout: Layout, wanted: Wanted) -> Sources:
    if wanted.series is not None or len(wanted.time) > 1:
        raise NotPlain(
            "data.series names several series" if wanted.series is not None else "dates are in several columns"
        )
    if layout.na or layout.time_format or layout.time_zone or layout.pivot_year:
        raise NotPlain("data.na, data.time_format, data.time_zone or data.pivot_year asks for it")
    selections = [select_parquet(file, wanted) for file in files]
    first = selections[0]
    names = [[one.names[place] for place in (*one.values, *one.time)] for one in selections]
    if any(one != names[0] for one in names):
        raise NotPlain("the files have different columns")
    for file in files:
        _require_types(file, names[0], len(first.values))
    if first.time:
        at = first.names[first.time[0]]
        files = sorted(files, key=lambda file: _first_date(file, at))
    return Sources(tuple(files), first, sum(open_parquet(file).metadata.num_rows for file in files))


def _require_types(file: Path, names: Sequence[str], values: int) -> None:
    import pyarrow.types as types

    schema = open_parquet(file).schema_arrow
    for place, name in enumerate(names):
        found = schema.field(name).type
        if place < values and not (types.is_integer(found) or types.is_floating(found)):
            raise NotPlain(f"column `{name}` is {found}, not of numbers")
        if place >= values and not (types.is_timestamp(found) and found.tz is None):
            raise NotPlain(f"column `{name}` is {found}, not of dates without a zone")


def _first_date(file: Path, name: str) -> int:
    first = next(open_parquet(file).iter_batches(1, columns=[name]), None)
    return np.iinfo(np.int64).min if first is None else int(_to_dates(first.column(0))[0])


def _keep(folder: Path, sources: Sources) -> BinaryIO:
    """Return the file of the cache, made if it is not there yet."""
    sha = hashlib.sha256("\0".join([FORMAT, *sources.values, sources.time or ""]).encode())
    for file in sources.files:
        sha.update(hash_file(file).encode())
    path = folder / f"{sha.hexdigest()[:32]}{ENDING}"
    return keep(path, sources.size, lambda new: _write(new, sources))


def _write(new: Path, sources: Sources) -> None:
    with new.open("xb") as file:
        done = 0
        for rows in _read(sources):
            done += _put(file, rows, done, sources)
        file.flush()
        os.fsync(file.fileno())


def _put(file: BinaryIO, batch: Any, done: int, sources: Sources) -> int:
    """Write a piece of the table where it belongs; return its rows."""
    columns = len(sources.values)
    values = np.stack([_to_numbers(batch.column(name), name) for name in sources.values], axis=1)
    file.seek(8 * done * columns)
    file.write(values.tobytes())
    if sources.time is not None:
        file.seek(8 * (sources.rows * columns + done))
        file.write(_to_dates(batch.column(sources.time)).tobytes())
    return len(values)


def _read(sources: Sources) -> Iterator[Any]:
    """Yield the rows of all files, some at a time; a row group is what is in memory at most."""
    names = [*sources.values, *([sources.time] if sources.time else [])]
    for file in sources.files:
        with unchanged(file):
            source = open_parquet(file)
            for group in range(source.metadata.num_row_groups):
                yield from source.iter_batches(PIECE, row_groups=[group], columns=names, use_threads=False)


def _to_numbers(column: Any, name: str) -> np.ndarray:
    """Return float64 of a column of numbers, all of which can be held."""
    if column.null_count:
        raise NotPlain(f"column `{name}` has missing cells")
    values = column.to_numpy(zero_copy_only=False)
    largest = EXACT if values.dtype.kind in "iu" else LARGEST
    found = values.astype(np.float64)
    if not (np.abs(found) <= largest).all():  # false for NaN, too
        raise NotPlain(f"column `{name}` has cells that are missing or too large")
    return found


def _to_dates(column: Any) -> np.ndarray:
    """Return nanoseconds since 1970, (rows,) int64."""
    if column.null_count:
        raise NotPlain("dates are missing")
    dates = column.to_numpy(zero_copy_only=False)
    if is_beyond(dates).any():
        raise NotPlain("dates are too distant")
    return dates.astype("datetime64[ns]").view(np.int64)


def _map(file: BinaryIO, sources: Sources) -> tuple[np.ndarray, np.ndarray | None]:
    rows, columns = sources.rows, len(sources.values)
    with file:  # each mapping has its own hold on the file
        values = np.asarray(np.memmap(file, np.float64, "r", shape=(rows, columns)))
        if sources.time is None:
            return values, None
        return values, np.asarray(np.memmap(file, "datetime64[ns]", "r", offset=8 * rows * columns, shape=(rows,)))


def _make_series(
    sources: Sources, values: np.ndarray, time: np.ndarray | None, frequency: str | None, named: str
) -> Series:
    low, high = values.min(axis=0), values.max(axis=0)
    same = [f'column "{name}" is constant ({low[i]:g})' for i, name in enumerate(sources.values) if low[i] == high[i]]
    if time is not None:
        _require_even(time)
        frequency = frequency or steps.infer(time[:PIECE])
        if frequency is None or steps.lay(time[:PIECE], frequency).off.any():
            raise NotPlain("dates do not go up by the steps of data.frequency")
    return Series(
        values=values,
        columns=tuple(sources.values),
        offsets=np.array([0, sources.rows]),
        time=time,
        frequency=frequency,
        source=named,
        notes=tuple(same),
        tally=Tally(sources.rows),
    )


def _require_even(time: np.ndarray) -> None:
    """Raise NotPlain unless each date is as long after the one before as the second is after the first."""
    step = time[1] - time[0]
    for piece in list_pieces(len(time) - 1):
        if step <= np.timedelta64(0) or not (np.diff(time[piece.start : piece.stop + 1]) == step).all():
            raise NotPlain("dates have gaps, go back or occur twice")
