"""Which column is meant: by exact name or by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnexp.data.tables.layout import Column, Wanted
from rnnexp.data.tables.places import Counts, Places
from rnnexp.errors import DataError, did_you_mean


class NamedTwice(DataError):
    """A name means several columns."""


@dataclass(frozen=True)
class Selection:
    """The positions of the wanted columns in one file; `values` are the targets, then the others."""

    names: tuple[str, ...]
    time: tuple[int, ...]
    series: int | None
    values: tuple[int, ...]

    @property
    def texts(self) -> tuple[int, ...]:
        """The columns that are kept as they are written."""
        return self.time if self.series is None else (*self.time, self.series)


@dataclass(frozen=True)
class Table:
    """The wanted columns of one file or of several.

    values: (rows, columns) float64, NaN where a cell is missing
    time:   one pandas Series (rows,) per column of dates: text, numbers or datetimes
    series: pandas Series (rows,) of text, or None
    """

    names: tuple[str, ...]
    values: np.ndarray
    time: tuple[Any, ...]
    series: Any
    places: Places
    notes: tuple[str, ...] = field(default=())
    counts: Counts = field(default=Counts())


def select(names: Sequence[str], numeric: Sequence[int], wanted: Wanted, file: str) -> Selection:
    """Find every wanted column of a file, or say which of them is not there."""
    time = tuple(position(names, column, wanted.time_key, file) for column in wanted.time)
    series = None if wanted.series is None else position(names, wanted.series, "data.series", file)
    others = [position(names, column, "data.features, data.known or data.weight", file) for column in wanted.others]
    if wanted.targets is None:
        targets = [_only({*time, series, *others}, names, numeric, file)]
    else:
        targets = [position(names, column, wanted.targets_key, file) for column in wanted.targets]
    values = (*targets, *others)
    for index in values:
        if index in time or index == series or values.count(index) > 1:
            message = (
                f'column "{names[index]}" is named twice among data.time, series, target, features, known and weight'
            )
            raise DataError(f"{file}: {message}")
    return Selection(tuple(names), time, series, values)


def _only(taken: set[int | None], names: Sequence[str], numeric: Sequence[int], file: str) -> int:
    """Return the only column of numbers that is not taken; one of plain numbers comes first."""
    free = [index for index in range(len(names)) if numeric[index] and index not in taken]
    choices = [index for index in free if numeric[index] == max(numeric[one] for one in free)]
    if len(choices) == 1:
        return choices[0]
    if not choices:
        raise DataError(f"{file}: data.target: no column of numbers to forecast (columns: {listed(names)})")
    shown = listed([names[index] for index in choices])
    raise DataError(f"{file}: data.target: which of {len(choices)} columns of numbers is to be forecast? {shown}")


def position(names: Sequence[str], column: Column, key: str, file: str) -> int:
    """Return the position of `column` from 0; negative positions count from the end."""
    if isinstance(column, int):
        if not -len(names) <= column < len(names):
            last = len(names) - 1
            raise DataError(f"{file}: {key}: there is no column {column}; positions run from 0 to {last}")
        column = names[column]
    found = [index for index, name in enumerate(names) if name == column]
    if len(found) > 1:
        where = ", ".join(map(str, found))
        raise NamedTwice(f'{file}: {key}: {len(found)} columns are called "{column}" (positions {where})')
    if not found:
        raise DataError(
            f'{file}: {key}: there is no column "{column}"{_near(column, names)} (columns: {listed(names)})'
        )
    return found[0]


def _near(column: str, names: Sequence[str]) -> str:
    """Find a column that differs in case, blanks or spelling only."""
    if names and names[0].startswith("#"):
        return '; if the first line is a comment: data.comment: "#"'
    for name in names:
        if "".join(name.lower().split()) == "".join(column.lower().split()):
            return f'; did you mean "{name}"?'
    return did_you_mean(column, names)


def listed(names: Sequence[str]) -> str:
    """Name up to twelve columns."""
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(f'"{name if len(name) <= 60 else name[:59] + "…"}"' for name in names[:12]) + more
